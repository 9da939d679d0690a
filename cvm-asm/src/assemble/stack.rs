//! The depth of the operand stack, as far as it can be seen while the text is read.
//!
//! The verifier proves depths for the whole program. Here the same mistakes are reported where they are written:
//! the depth is followed from instruction to instruction and from jumps to labels. It is lost behind a call of a
//! function that is defined further down, and behind any error, so that one mistake is reported once.

use cvm_spec::isa::Opcode;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::fixup::{CallFixup, JumpTarget};
use super::place::Place;

/// The depth is not known.
pub(super) const UNKNOWN: i32 = -1;

/// A label at which two depths meet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mismatch {
    label: u32,
    /// The depth of the code before the label.
    depth: i32,
}

impl Assembler<'_> {
    /// Follows an instruction that pops and pushes so many cells.
    #[inline]
    pub(super) fn stack(&mut self, opcode: Opcode, pops: u32, pushes: u32, place: Place) {
        let depth = self.function.depth;
        if depth < 0 {
            return;
        }
        let left = depth - pops as i32;
        if left < 0 {
            self.underflow(opcode, pops, place);
            return;
        }
        self.function.depth = left + pushes as i32;
    }

    #[cold]
    fn underflow(&mut self, opcode: Opcode, pops: u32, place: Place) {
        let depth = self.function.depth;
        self.function.depth = UNKNOWN;
        self.underflow_at(opcode, pops, depth, place);
    }

    fn underflow_at(&mut self, opcode: Opcode, pops: u32, depth: i32, place: Place) {
        let mnemonic = opcode.mnemonic();
        let needs = match opcode {
            Opcode::Ret => format!("`ret` returns {}", cells(pops)),
            Opcode::Pick => format!("`pick` reaches for cell {pops} from the top"),
            _ => format!("`{mnemonic}` needs {}", cells(pops)),
        };
        let holds = match depth {
            0 => "the operand stack is empty".to_owned(),
            1 => "the operand stack holds 1 cell".to_owned(),
            depth => format!("the operand stack holds {depth} cells"),
        };
        let span = self.place_span(place);
        let message = format!("{needs}, but {holds} here");
        let diagnostic = Diagnostic::new(Code::StackUnderflow, span, message);
        self.report_in(place.expansion, diagnostic);
    }

    /// Nothing is known of the operand stack behind an error.
    pub(super) fn lose_track(&mut self) {
        self.function.depth = UNKNOWN;
        self.function.data_cells = 0;
        self.function.reachable = true;
        self.function.reached_by.clear();
    }

    /// A jump leads to a label from here; `popped` cells are gone by then.
    #[inline]
    pub(super) fn jumps_to(&mut self, target: JumpTarget, popped: i32, place: Place) {
        let depth = self.function.depth - popped;
        if depth < 0 {
            return;
        }
        let JumpTarget::Local(label) = target else {
            return;
        };
        let record = &mut self.labels[label as usize];
        if record.depth == UNKNOWN {
            record.depth = depth;
            record.from = place;
        } else if record.depth != depth {
            let (first, known) = (record.first, record.depth);
            // Reported once: further jumps say nothing new.
            record.depth = depth;
            match first {
                Some(first) => self.mismatch(label, known, depth, first, place),
                None => {
                    let other = record.from;
                    self.mismatch(label, depth, known, place, other);
                }
            }
        }
    }

    /// A local label stands here.
    pub(super) fn depth_at_label(&mut self, label: u32) {
        let function = &mut self.function;
        let record = &mut self.labels[label as usize];
        function.fresh.push(label);
        if !function.reachable || function.depth < 0 {
            function.depth = record.depth;
        } else if record.depth == UNKNOWN {
            record.depth = function.depth;
        } else if record.depth != function.depth {
            function.mismatch = Some(Mismatch {
                label,
                depth: function.depth,
            });
            function.depth = UNKNOWN;
        }
    }

    /// The first instruction behind labels: this is where their depths count.
    #[cold]
    pub(super) fn first_instruction(&mut self, place: Place) {
        for label in self.function.fresh.drain(..) {
            self.labels[label as usize].first = Some(place);
        }
        if let Some(Mismatch { label, depth }) = self.function.mismatch.take() {
            let record = &self.labels[label as usize];
            let (jumped, from) = (record.depth, record.from);
            self.mismatch(label, depth, jumped, place, from);
        }
    }

    #[cold]
    fn mismatch(&mut self, label: u32, here: i32, there: i32, place: Place, other: Place) {
        let record = &self.labels[label as usize];
        let text = self.names.text(record.name);
        let message =
            format!("two paths meet at `{text}` with different depths of the operand stack");
        let span = self.place_span(place);
        let other = self.place_span(other);
        let diagnostic = Diagnostic::new(Code::StackMismatch, span, message)
            .at(format!("{} on one path", cells(here as u32)))
            .also(other, format!("{} on this one", cells(there as u32)));
        self.report_in(place.expansion, diagnostic);
    }

    /// `land`: a place that `jmp_i` reaches with an empty operand stack.
    #[cold]
    pub(super) fn depth_at_land(&mut self, place: Place) {
        let depth = self.function.depth;
        if self.function.reachable && depth > 0 {
            let span = self.place_span(place);
            let message = format!(
                "the operand stack is empty at `land`, but holds {} here",
                cells(depth as u32)
            );
            let diagnostic = Diagnostic::new(Code::StackMismatch, span, message);
            self.report_in(place.expansion, diagnostic);
        }
        self.function.depth = 0;
        self.function.reached_by.clear();
    }

    /// `jmp_i`: the operand stack holds the target and nothing else.
    #[cold]
    pub(super) fn depth_at_jump_indirect(&mut self, place: Place) {
        let depth = self.function.depth;
        if depth > 1 {
            let span = self.place_span(place);
            let message = format!(
                "`jmp_i` needs the target alone on the operand stack, which holds {}",
                cells(depth as u32)
            );
            let diagnostic = Diagnostic::new(Code::StackMismatch, span, message);
            self.report_in(place.expansion, diagnostic);
        }
    }

    /// Checks a call whose function was defined further down.
    pub(super) fn check_later_call(&mut self, opcode: Opcode, pops: u32, call: &CallFixup) {
        if call.depth >= 0 && call.depth < pops as i32 {
            self.underflow_at(opcode, pops, call.depth, call.instruction);
        }
    }
}

/// A number of cells, in words.
fn cells(count: u32) -> String {
    match count {
        0 => "no cells".to_owned(),
        1 => "1 cell".to_owned(),
        count => format!("{count} cells"),
    }
}
