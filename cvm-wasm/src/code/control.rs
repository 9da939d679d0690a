//! Blocks, branches and calls.

use cvm_spec::isa::Opcode;
use cvm_spec::limits::SWITCH_MAX;
use cvm_spec::wasm::Trap;
use wasmparser::{BlockType, BrTable, Operator};

use super::Body;
use crate::error::TranslateError;
use crate::text::Jump;

/// No jump.
const NONE: u32 = u32::MAX;

/// Jumps that wait for the ends of blocks, as linked lists.
#[derive(Default)]
pub(super) struct Jumps {
    entries: Vec<(Jump, u32)>,
}

impl Jumps {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A block that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    /// Depth of the operand stack below the block's parameters.
    height: u32,
    /// Values that a branch to the label takes along.
    arity: u32,
    /// Where a loop begins.
    start: Option<u32>,
    /// The jump to the `else` of an `if` that has not come to it.
    otherwise: Option<Jump>,
    /// First of the jumps to its end.
    waiting: u32,
}

impl Label {
    /// The label of a function's body.
    pub(super) fn of_function(results: u32) -> Label {
        Label {
            height: 0,
            arity: results,
            start: None,
            otherwise: None,
            waiting: NONE,
        }
    }
}

impl Body<'_, '_, '_> {
    /// Translates what changes the flow of control; whether it was such an instruction.
    pub(super) fn control(
        &mut self,
        operator: &Operator<'_>,
        offset: u64,
    ) -> Result<bool, TranslateError> {
        match operator {
            Operator::Block { blockty } => self.open(*blockty, self.height),
            Operator::Loop { blockty } => {
                self.open(*blockty, self.height);
                let start = self.program.text.here();
                let params = self.counts(*blockty).0;
                if let Some(label) = self.labels.last_mut() {
                    label.start = Some(start);
                    label.arity = params;
                }
            }
            Operator::If { blockty } => {
                self.open(*blockty, self.height - 1);
                let jump = self.program.text.jump(Opcode::Jz);
                if let Some(label) = self.labels.last_mut() {
                    label.otherwise = Some(jump);
                }
            }
            Operator::Else => self.otherwise(true),
            Operator::End => self.end(true),
            Operator::Unreachable => {
                self.program.text.trap(Trap::Unreachable);
                self.dead = Some(0);
            }
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth, self.height);
                self.dead = Some(0);
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrTable { targets } => self.branch_table(targets, offset)?,
            Operator::Return => {
                self.program.text.op(Opcode::Ret);
                self.dead = Some(0);
            }
            Operator::Call { function_index } => self.program.call(*function_index),
            Operator::ReturnCall { function_index } => {
                self.program.return_call(*function_index);
                self.dead = Some(0);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Follows blocks in code that no path reaches.
    pub(super) fn step_dead(&mut self, operator: &Operator<'_>, nested: u32) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.dead = Some(nested + 1);
            }
            Operator::Else if nested == 0 => self.otherwise(false),
            Operator::End if nested == 0 => self.end(false),
            Operator::End => self.dead = Some(nested - 1),
            _ => {}
        }
    }

    /// Numbers of parameters and results of a block.
    fn counts(&self, block_type: BlockType) -> (u32, u32) {
        match block_type {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let found = &self.program.module.types[index as usize];
                (found.params().len() as u32, found.results().len() as u32)
            }
        }
    }

    /// A block begins, with its parameters on a stack of this depth.
    fn open(&mut self, block_type: BlockType, height: u32) {
        let (params, results) = self.counts(block_type);
        self.labels.push(Label {
            height: height - params,
            ..Label::of_function(results)
        });
    }

    /// `else`, behind code that comes to it or not.
    fn otherwise(&mut self, is_reached: bool) {
        let last = self.labels.len() - 1;
        if is_reached {
            let jump = self.program.text.jump(Opcode::Jmp);
            self.wait(last, jump);
        }
        if let Some(jump) = self.labels[last].otherwise.take() {
            self.program.text.land(jump);
        }
        self.dead = None;
    }

    /// The end of a block, behind code that comes to it or not.
    fn end(&mut self, is_reached: bool) {
        let Some(label) = self.labels.pop() else {
            return;
        };
        let here = self.program.text.here();
        let mut is_target = false;
        if let Some(jump) = label.otherwise {
            self.program.text.resolve(jump, here);
            is_target = true;
        }
        let mut next = label.waiting;
        while let Some((jump, following)) = self.jumps.entries.get(next as usize) {
            self.program.text.resolve(*jump, here);
            is_target = true;
            next = *following;
        }
        let is_alive = is_reached || is_target;
        self.dead = (!is_alive).then_some(0);
        if is_alive && self.labels.is_empty() {
            self.program.text.op(Opcode::Ret);
        }
    }

    /// Lets a jump wait for the end of a block.
    fn wait(&mut self, label: usize, jump: Jump) {
        let label = &mut self.labels[label];
        self.jumps.entries.push((jump, label.waiting));
        label.waiting = self.jumps.entries.len() as u32 - 1;
    }

    /// Number of the label that a branch names. The validator has checked the depth.
    fn target(&self, depth: u32) -> usize {
        self.labels.len() - 1 - depth as usize
    }

    /// A jump to a label, which has the right operands on its stack.
    fn jump(&mut self, opcode: Opcode, label: usize) {
        match self.labels[label].start {
            Some(start) => self.program.text.jump_to(opcode, start),
            None => {
                let jump = self.program.text.jump(opcode);
                self.wait(label, jump);
            }
        }
    }

    /// Cells that a branch drops below those that it takes along, on a stack of this depth.
    fn dropped(&self, label: usize, height: u32) -> u32 {
        let label = &self.labels[label];
        height - label.arity - label.height
    }

    /// A branch, on a stack of this depth.
    fn branch(&mut self, depth: u32, height: u32) {
        let label = self.target(depth);
        if label == 0 {
            // What lies below the results is dropped by the return.
            self.program.text.op(Opcode::Ret);
            return;
        }
        let dropped = self.dropped(label, height);
        let kept = self.labels[label].arity;
        self.program.text.slide(dropped, kept);
        self.jump(Opcode::Jmp, label);
    }

    fn branch_if(&mut self, depth: u32) {
        let label = self.target(depth);
        let height = self.height - 1;
        if self.dropped(label, height) == 0 {
            self.jump(Opcode::Jnz, label);
            return;
        }
        let skip = self.program.text.jump(Opcode::Jz);
        self.branch(depth, height);
        self.program.text.land(skip);
    }

    fn branch_table(&mut self, targets: &BrTable<'_>, offset: u64) -> Result<(), TranslateError> {
        if targets.len() >= SWITCH_MAX {
            return Err(TranslateError::TooLarge {
                what: "targets of a branch",
                found: u64::from(targets.len()) + 1,
                limit: u64::from(SWITCH_MAX),
                offset,
            });
        }
        let height = self.height - 1;
        self.dead = Some(0);
        // The operator has been read as a whole, so its targets are numbers.
        let depths = targets.targets().map_while(Result::ok);
        let depths: Vec<u32> = depths.chain([targets.default()]).collect();
        let jumps: Vec<Jump> = self.program.text.switch(depths.len() as u32).collect();
        let mut pairs: Vec<(u32, Jump)> = depths.into_iter().zip(jumps).collect();
        pairs.sort_by_key(|(depth, _)| *depth);
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let depth = group[0].0;
            let label = self.target(depth);
            if self.dropped(label, height) == 0 {
                for (_, jump) in group {
                    match self.labels[label].start {
                        Some(start) => self.program.text.resolve(*jump, start),
                        None => self.wait(label, *jump),
                    }
                }
                continue;
            }
            let here = self.program.text.here();
            for (_, jump) in group {
                self.program.text.resolve(*jump, here);
            }
            self.branch(depth, height);
        }
        Ok(())
    }
}
