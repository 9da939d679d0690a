//! The shape of a function's loops, as the text shows them, and the jumps to a loop's test that are replaced by a copy
//! of the test: then each round of the loop has one branch instead of two jumps.

use std::collections::{HashMap, HashSet};

use cvm_spec::isa::{Flow, Opcode};

use crate::verify::blocks::Leader;
use crate::verify::body::Body;
use crate::verify::flow::{Depths, UNREACHED};

/// In a function with more loops nothing is changed, so that looking for them takes no time worth mentioning.
const LOOPS_MAX: usize = 500;
/// A test of more instructions is not copied.
const TEST_MAX: usize = 12;

/// What the text says about a function's jumps.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Loops: first instruction, and the last one that jumps back to it.
    loops: Vec<(usize, usize)>,
    /// Jumps that become a copy of the test they lead to: the test's first instruction and its branch, by the jump's.
    copies: HashMap<usize, (usize, usize)>,
    /// Instructions that a test which is copied further down leads to.
    late: HashSet<usize>,
}

impl Shape {
    /// Finds loops and tests. Instructions behind a copied test's branch become targets.
    pub(super) fn find(body: &Body<'_>, depths: &Depths, leaders: &mut [Leader]) -> Shape {
        let loops = loops(body, depths);
        let (mut copies, mut late) = (HashMap::new(), HashSet::new());
        let loops = if loops.len() > LOOPS_MAX {
            Vec::new()
        } else {
            loops
        };
        for (number, (_, instruction)) in body.instructions.iter().enumerate() {
            if instruction.opcode != Opcode::Jmp || depths.before[number] == UNREACHED {
                continue;
            }
            let Some(first) = target_of(body, number) else {
                continue;
            };
            let goes_back = first <= number;
            let enters = loops.iter().any(|(head, last)| {
                let inside = *head..=*last;
                inside.contains(&first) && !inside.contains(&number)
            });
            if loops.is_empty() || !goes_back && !enters {
                continue;
            }
            if let Some(branch) = test_at(body, first) {
                copies.insert(number, (first, branch));
                leaders[branch + 1].target = true;
                let reached = [Some(branch + 1), target_of(body, branch)];
                late.extend(
                    reached
                        .into_iter()
                        .flatten()
                        .filter(|place| *place <= number),
                );
            }
        }
        Shape {
            loops,
            copies,
            late,
        }
    }

    /// If a jump becomes a copy of a test: the test's first instruction and its branch.
    pub(super) fn copy(&self, jump: usize) -> Option<(usize, usize)> {
        self.copies.get(&jump).copied()
    }

    /// Whether a copy of a test that leads to an instruction stands behind it.
    pub(super) fn is_reached_from_behind(&self, number: usize) -> bool {
        self.late.contains(&number)
    }

    /// Whether the instruction behind a branch is outside the innermost loop that the branch is in, but `target`
    /// inside.
    pub(super) fn stays(&self, branch: usize, target: usize) -> bool {
        let holds = |(first, last): &&(usize, usize)| (*first..=*last).contains(&branch);
        let innermost = self.loops.iter().rev().find(holds);
        innermost.is_some_and(|(first, last)| {
            let inside = *first..=*last;
            inside.contains(&target) && !inside.contains(&(branch + 1))
        })
    }
}

/// Where a jump or branch leads.
fn target_of(body: &Body<'_>, number: usize) -> Option<usize> {
    let mut target = None;
    let Ok(()) = body.for_each_distance(number, |distance| {
        target = body.target(number, distance);
        Ok::<(), std::convert::Infallible>(())
    });
    target
}

/// The conditional branch that ends a short test.
fn test_at(body: &Body<'_>, first: usize) -> Option<usize> {
    let rest = body.instructions.iter().enumerate().skip(first);
    for (number, (_, instruction)) in rest.take(TEST_MAX) {
        match instruction.opcode.flow() {
            Flow::Branch => return (number + 1 < body.instructions.len()).then_some(number),
            // `declare` is counted in text order, so it is not copied.
            Flow::Next if instruction.opcode != Opcode::Declare => {}
            _ => return None,
        }
    }
    None
}

fn loops(body: &Body<'_>, depths: &Depths) -> Vec<(usize, usize)> {
    let mut last = HashMap::new();
    for number in 0..body.instructions.len() {
        if depths.before[number] == UNREACHED {
            continue;
        }
        let Ok(()) = body.for_each_distance(number, |distance| {
            if let Some(target) = body.target(number, distance)
                && target <= number
            {
                last.insert(target, number);
            }
            Ok::<(), std::convert::Infallible>(())
        });
    }
    let mut loops: Vec<_> = last.into_iter().collect();
    loops.sort_unstable();
    loops
}
