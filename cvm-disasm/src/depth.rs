//! Operand depth before each instruction of a function, as far as it can be told.
//!
//! This explains, it does not verify: where paths disagree the first one found counts, and where a path would
//! underflow it ends.

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::{Image, Type};
use cvm_spec::isa::{Flow, Opcode};

use crate::sweep::{Region, Step, step, target};

/// The operand depths of one function.
pub(crate) struct Depths {
    start: usize,
    /// Depth + 1 by offset in the function, 0 where no path leads.
    depth: Vec<u32>,
}

impl Depths {
    /// Follows all paths of a function, each instruction once.
    pub(crate) fn new(image: &Image, region: &Region) -> Self {
        let start = region.range.start;
        let mut depths = Depths {
            start,
            depth: vec![0; region.range.len()],
        };
        let mut work = vec![(start, 0)];
        let mut at = start;
        while at < region.range.end {
            at = match step(&image.text, at, region.range.end) {
                Step::Instruction(instruction, next) => {
                    if instruction.opcode == Opcode::Land {
                        work.push((at, 0));
                    }
                    next
                }
                Step::Bytes(next) => next,
            };
        }
        while let Some((at, depth)) = work.pop() {
            depths.follow(image, region, at, depth, &mut work);
        }
        depths
    }

    /// The depth before the instruction at a text offset.
    pub(crate) fn at(&self, offset: usize) -> Option<u32> {
        self.depth.get(offset - self.start)?.checked_sub(1)
    }

    /// Follows one path until it ends or meets one that is known.
    fn follow(
        &mut self,
        image: &Image,
        region: &Region,
        mut at: usize,
        mut depth: u32,
        work: &mut Vec<(usize, u32)>,
    ) {
        while region.range.contains(&at) && self.depth[at - self.start] == 0 {
            let Step::Instruction(instruction, next) = step(&image.text, at, region.range.end)
            else {
                return;
            };
            self.depth[at - self.start] = depth + 1;
            let Some(behind) = effect(image, &instruction).and_then(|(pops, pushes)| {
                let left = depth.checked_sub(pops)?;
                left.checked_add(pushes).filter(|depth| *depth < u32::MAX)
            }) else {
                return;
            };
            depth = behind;
            for offset in targets(&instruction, next) {
                work.push((offset, depth));
            }
            if !instruction.opcode.flow().falls_through() {
                return;
            }
            at = next;
        }
    }
}

/// The text offsets that an instruction may jump to, `jmp_i` apart.
pub(crate) fn targets<'a>(
    instruction: &Instruction<'a>,
    next: usize,
) -> impl Iterator<Item = usize> + 'a {
    let (jump, table) = match instruction.operand {
        Operand::Jump(distance) => (Some(distance), None),
        Operand::Table(table) => (None, Some(table)),
        _ => (None, None),
    };
    let table = table.into_iter().flat_map(|table| table.distances());
    jump.into_iter()
        .chain(table)
        .filter_map(move |distance| target(next, distance))
}

/// Cells that an instruction pops and pushes; nothing if its index leads nowhere.
fn effect(image: &Image, instruction: &Instruction<'_>) -> Option<(u32, u32)> {
    let opcode = instruction.opcode;
    if let Some((pops, pushes)) = opcode.fixed_effect() {
        return Some((u32::from(pops), u32::from(pushes)));
    }
    let arity = |ty: &Type| {
        let (args, results) = ty.arity();
        (u32::from(args), u32::from(results))
    };
    let type_arity = |index: u32| image.types.get(index as usize).map(arity);
    match instruction.operand {
        Operand::Index(index) => match opcode {
            Opcode::Call | Opcode::RetCall => {
                type_arity(image.functions.get(index as usize)?.type_index)
            }
            Opcode::CallX => type_arity(image.imports.get(index as usize)?.type_index),
            _ => type_arity(index).map(|(args, results)| (args + 1, results)),
        },
        Operand::Depth(_) => Some((0, 1)),
        Operand::Slide { dropped, kept } => {
            let (dropped, kept) = (u32::from(dropped), u32::from(kept));
            Some((dropped + kept, kept))
        }
        _ if opcode.flow() == Flow::Return => Some((0, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::regions;
    use cvm_spec::codec::encode;
    use cvm_spec::image::{Function, FunctionType};

    #[test]
    fn paths_meet_and_dead_code_has_no_depth() {
        let mut text = Vec::new();
        encode(&mut text, Opcode::PushB, 1); // 0: depth 0
        encode(&mut text, Opcode::Jz, 2); // 2: depth 1, to 9
        encode(&mut text, Opcode::PushB, 7); // 7: depth 0
        encode(&mut text, Opcode::Call, 0); // 9: depth 0 (the first path found wins), f has 2 results
        encode(&mut text, Opcode::Slide, 1 | 1 << 16); // 14: depth 2
        encode(&mut text, Opcode::Ret, 0); // 19: depth 1
        encode(&mut text, Opcode::Nop, 0); // 20: dead
        encode(&mut text, Opcode::Land, 0); // 21: a root
        encode(&mut text, Opcode::Drop, 0); // 22: depth 0, underflows
        encode(&mut text, Opcode::Ret, 0); // 23: nothing is known behind that
        let image = Image {
            types: vec![Type::Function(FunctionType {
                args: 0,
                results: 2,
                brand: 0,
            })],
            functions: vec![Function {
                start: 0,
                size: text.len() as u32,
                type_index: 0,
            }],
            text,
            ..Image::default()
        };
        let depths = Depths::new(&image, &regions(&image)[0]);
        let found = [0, 2, 7, 14, 19, 20, 21, 22, 23].map(|at| depths.at(at));
        let expected = [Some(0), Some(1), Some(0)];
        assert_eq!(found[..3], expected);
        assert_eq!(found[5..], [None, Some(0), Some(0), None]);
        assert_eq!(found[4], found[3].map(|depth| depth - 1));
    }
}
