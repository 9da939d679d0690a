//! What is compiled together when something is hot.
//!
//! Calls inside a unit are direct, and small functions are inlined, so a unit takes what its functions can call along; but
//! the larger it is the longer the program waits for it. What is left out is called through the table of functions, or in
//! the interpreter as long as it has no code.

use std::collections::{BTreeSet, HashSet, VecDeque};

use cvm_spec::codec::Operand;
use cvm_spec::image::Image;
use cvm_spec::isa::Opcode;

use crate::interp::handover::Hot;
use crate::verify::body::Body;

use super::inline::{INLINE_BYTES_MAX, LEVELS_MAX};

/// What is compiled together.
#[derive(Clone, Debug, Default)]
pub(super) struct Unit {
    /// Functions, ascending.
    pub(super) functions: Vec<u32>,
    /// A function that is entered at a loop head, and the head's instruction number.
    pub(super) head: Option<(u32, usize)>,
    /// Small functions that are no part of it, because they have code, but may be inlined.
    pub(super) small: Vec<u32>,
}

/// Chooses functions.
pub(super) struct Chooser<'a> {
    pub(super) image: &'a Image,
    /// Numbers of the types, by index in the types section.
    pub(super) types: &'a [u32],
    /// Whether a function is left out whatever calls it: it has code, or cannot be compiled.
    pub(super) is_left_out: &'a dyn Fn(u32) -> bool,
}

/// The functions that one can call.
#[derive(Default)]
struct Called {
    /// By name, in the order of the calls.
    direct: Vec<u32>,
    /// Numbers of the types of pointers that are called.
    types: Vec<u32>,
}

impl Chooser<'_> {
    /// What is hot, and what it can call, as far as so many bytes of text reach: what is named first, then the functions
    /// of a type that pointers have, if there is room for all of them.
    ///
    /// A hot function is chosen whatever its size. A function with a hot loop is entered at the loop's head; it is compiled
    /// for its calls, too, if something chosen calls it.
    pub(super) fn choose(&self, hot: Hot, bytes: u32) -> Unit {
        let mut room = bytes.saturating_sub(self.size(hot.function));
        let mut functions = BTreeSet::new();
        let mut seen = HashSet::new();
        if hot.head.is_none() {
            functions.insert(hot.function);
            seen.insert(hot.function);
        }
        let mut body = Body::default();
        let mut work = VecDeque::from([hot.function]);
        let mut types: VecDeque<u32> = VecDeque::new();
        let mut seen_types = HashSet::new();
        loop {
            while let Some(next) = work.pop_front() {
                let called = self.called(&mut body, next);
                for callee in called.direct {
                    if !seen.insert(callee) || (self.is_left_out)(callee) {
                        continue;
                    }
                    let size = self.size(callee);
                    if size <= room {
                        room -= size;
                        functions.insert(callee);
                        work.push_back(callee);
                    }
                }
                types.extend(called.types.into_iter().filter(|t| seen_types.insert(*t)));
            }
            let Some(number) = types.pop_front() else {
                break;
            };
            let wanted = self.of_type(number);
            let wanted: Vec<u32> = wanted
                .filter(|callee| !functions.contains(callee) && !(self.is_left_out)(*callee))
                .collect();
            let sizes = wanted.iter().map(|callee| u64::from(self.size(*callee)));
            let size: u64 = sizes.sum();
            if size <= u64::from(room) {
                room -= size as u32;
                seen.extend(&wanted);
                functions.extend(&wanted);
                work.extend(wanted);
            }
        }
        let small = self.small(&mut body, hot.function, &functions);
        Unit {
            functions: functions.into_iter().collect(),
            head: self.head(&mut body, hot),
            small,
        }
    }

    /// Small functions that these call, as deep as calls are inlined.
    fn small<'a>(&'a self, body: &mut Body<'a>, hot: u32, functions: &BTreeSet<u32>) -> Vec<u32> {
        let mut found = BTreeSet::new();
        let mut work: Vec<u32> = functions.iter().copied().chain([hot]).collect();
        for _ in 0..LEVELS_MAX {
            let mut next = Vec::new();
            for function in work {
                for callee in self.called(body, function).direct {
                    let is_small = self.size(callee) <= INLINE_BYTES_MAX;
                    if is_small && !functions.contains(&callee) && found.insert(callee) {
                        next.push(callee);
                    }
                }
            }
            work = next;
        }
        found.into_iter().collect()
    }

    /// The number of the instruction at a loop's head.
    fn head<'a>(&'a self, body: &mut Body<'a>, hot: Hot) -> Option<(u32, usize)> {
        let offset = hot.head?;
        self.decode(body, hot.function);
        Some((hot.function, body.at(offset)?))
    }

    fn size(&self, function: u32) -> u32 {
        self.image.functions[function as usize].size
    }

    /// The functions whose type has this number.
    fn of_type(&self, number: u32) -> impl Iterator<Item = u32> {
        let functions = (0..).zip(&self.image.functions);
        functions
            .filter(move |(_, record)| self.types[record.type_index as usize] == number)
            .map(|(function, _)| function)
    }

    fn decode<'a>(&'a self, body: &mut Body<'a>, function: u32) {
        let record = &self.image.functions[function as usize];
        body.decode(&self.image.text, function, record)
            .expect("the module was verified");
    }

    fn called<'a>(&'a self, body: &mut Body<'a>, function: u32) -> Called {
        self.decode(body, function);
        let mut called = Called::default();
        for (_, instruction) in &body.instructions {
            match (instruction.opcode, instruction.operand) {
                (Opcode::Call | Opcode::RetCall, Operand::Index(callee)) => {
                    called.direct.push(callee);
                }
                (Opcode::CallI | Opcode::RetCallI, Operand::Index(index)) => {
                    called.types.push(self.types[index as usize]);
                }
                _ => {}
            }
        }
        called
    }
}
