//! What can be said of a function before it runs: its objects, where its blocks begin and what they cost.

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::Image;
use cvm_spec::isa::{Flow, Opcode};
use cvm_spec::pointer::Tag;

/// Where an object of a frame is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Bytes from fp, if it has an address.
    pub(super) address: Option<u64>,
}

/// What is known of a function.
pub(super) struct Shape {
    pub(super) objects: Vec<Object>,
    pub(super) local_size: u64,
    pub(super) args: usize,
    pub(super) results: usize,
    /// Text offsets of the instructions, and of those that are `declare`.
    pub(super) starts: Vec<u32>,
    pub(super) declares: Vec<u32>,
    /// Cost of the block that begins at a byte of the text.
    pub(super) blocks: Vec<(u32, u64)>,
}

/// Text offsets of a function's instructions.
fn starts(image: &Image, function: usize) -> Vec<u32> {
    let function = &image.functions[function];
    let mut starts = Vec::new();
    let mut at = function.start as usize;
    while at < function.end() as usize {
        starts.push(at as u32);
        at = decode(&image.text, at).expect("decodes").1;
    }
    starts
}

impl Shape {
    pub(super) fn of(image: &Image, function: usize) -> Shape {
        let record = &image.functions[function];
        let (args, results) = image.types[record.type_index as usize].arity();
        let starts = starts(image, function);
        let instruction = |at: u32| decode(&image.text, at as usize).expect("decodes").0;
        let mut objects: Vec<Object> = (0..u64::from(args))
            .map(|k| Object {
                offset: 8 * k,
                size: 8,
                address: None,
            })
            .collect();
        let mut offset = u64::from(args) * 8;
        for at in &starts {
            if let Operand::Cells(cells) = instruction(*at).operand {
                let size = u64::from(cells) * 8;
                objects.push(Object {
                    offset,
                    size,
                    address: None,
                });
                offset += size;
            }
        }
        let mut local_size = 0;
        for object in &mut objects {
            let addressed = starts.iter().any(|at| {
                let found = instruction(*at);
                matches!(found.operand, Operand::Pointer(p) if p.tag() == Tag::Local && u64::from(p.offset()) == object.offset)
                    && (found.opcode == Opcode::PushA || found.opcode.access().is_some_and(|a| a.indexed))
            });
            if addressed || object.size > 8 {
                object.address = Some(local_size);
                local_size += object.size;
            }
        }
        Shape {
            objects,
            local_size,
            args: usize::from(args),
            results: usize::from(results),
            blocks: blocks(image, record.start, &starts),
            declares: starts
                .iter()
                .copied()
                .filter(|at| image.text[*at as usize] == Opcode::Declare.byte())
                .collect(),
            starts,
        }
    }
}

/// Where blocks begin, and the number of instructions in each.
fn blocks(image: &Image, entry: u32, starts: &[u32]) -> Vec<(u32, u64)> {
    let mut reached = std::collections::BTreeSet::new();
    let mut leaders = std::collections::BTreeSet::from([entry]);
    let mut work = vec![entry];
    for at in starts {
        if image.text[*at as usize] == Opcode::Land.byte() {
            leaders.insert(*at);
            work.push(*at);
        }
    }
    while let Some(at) = work.pop() {
        if !reached.insert(at) {
            continue;
        }
        let (found, next) = decode(&image.text, at as usize).expect("decodes");
        let next = next as u32;
        let mut targets = Vec::new();
        match found.operand {
            Operand::Jump(distance) => targets.push(next.wrapping_add_signed(distance)),
            Operand::Table(table) => {
                targets.extend(table.distances().map(|d| next.wrapping_add_signed(d)))
            }
            _ => {}
        }
        leaders.extend(&targets);
        work.extend(targets);
        if found.opcode.flow().falls_through() {
            work.push(next);
            if found.opcode.flow() == Flow::Branch {
                leaders.insert(next);
            }
        }
    }
    leaders
        .iter()
        .filter(|leader| reached.contains(leader))
        .map(|leader| {
            let mut cost = 0;
            for at in starts.iter().filter(|at| *at >= leader) {
                if at != leader && leaders.contains(at) || !reached.contains(at) {
                    break;
                }
                cost += 1;
                let (found, _) = decode(&image.text, *at as usize).expect("decodes");
                if !found.opcode.flow().falls_through() {
                    break;
                }
            }
            (*leader, cost)
        })
        .collect()
}
