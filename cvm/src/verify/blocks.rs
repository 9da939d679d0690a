//! Blocks: where jumps lead, which of these places are loop heads, and what fuel the code between them costs
//! (`spec/machine.md`, "Fuel" and "Time limits and interrupts"). Every engine charges and polls by this.

use cvm_spec::isa::{Flow, Opcode};

use super::body::Body;
use super::flow::{Depths, UNREACHED};

/// What begins at an instruction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leader {
    /// A jump, or `land`, leads here.
    pub(crate) target: bool,
    /// A jump from here or from further down leads here, or it is a `land`.
    pub(crate) loop_head: bool,
    /// A block that is charged as a whole begins here.
    pub(crate) block: bool,
}

/// What begins at each instruction of a function, by instruction number.
pub(crate) fn leaders(body: &Body<'_>, depths: &Depths) -> Vec<Leader> {
    let mut leaders = vec![Leader::default(); body.instructions.len()];
    leaders[0].block = true;
    for (number, (_, instruction)) in body.instructions.iter().enumerate() {
        if depths.before[number] == UNREACHED {
            continue;
        }
        if instruction.opcode == Opcode::Land {
            leaders[number].target = true;
            leaders[number].loop_head = true;
            leaders[number].block = true;
        }
        let Ok(()) = body.for_each_distance(number, |distance| {
            if let Some(target) = body.target(number, distance) {
                leaders[target].target = true;
                leaders[target].block = true;
                leaders[target].loop_head |= target <= number;
            }
            Ok::<(), std::convert::Infallible>(())
        });
        if instruction.opcode.flow() == Flow::Branch && number + 1 < leaders.len() {
            leaders[number + 1].block = true;
        }
    }
    leaders
}

/// Fuel for the block that begins at an instruction: one unit for each of its instructions.
pub(crate) fn cost(body: &Body<'_>, depths: &Depths, leaders: &[Leader], first: usize) -> u32 {
    let mut cost = 0;
    for (number, leader) in leaders.iter().enumerate().skip(first) {
        let is_next_block = number > first && leader.block;
        if is_next_block || depths.before[number] == UNREACHED {
            break;
        }
        cost += 1;
        let (_, instruction) = &body.instructions[number];
        if !instruction.opcode.flow().falls_through() {
            break;
        }
    }
    cost
}
