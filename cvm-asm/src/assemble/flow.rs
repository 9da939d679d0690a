//! Warnings about what instructions do together: code that no path reaches, writes through data pointers.
//!
//! Data pointers are followed through the operand stack of one stretch of code without labels, one bit a cell.

use cvm_spec::isa::Opcode;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::cursor::Cursor;
use super::place::Place;
use super::stack::UNKNOWN;

impl Assembler<'_> {
    /// Takes note of an instruction that was encoded.
    #[inline]
    pub(super) fn flow(&mut self, opcode: Opcode, place: Place) {
        if let Some((pops, pushes)) = opcode.fixed_effect() {
            self.stack(opcode, u32::from(pops), u32::from(pushes), place);
        }
        let function = &mut self.function;
        function.last = place;
        if !opcode.flow().falls_through() {
            function.reachable = false;
            function.warned = false;
            function.data_cells = 0;
            function.depth = UNKNOWN;
        } else if function.data_cells != 0 {
            self.follow(opcode, place);
        }
    }

    /// A data pointer was pushed.
    pub(super) fn data_pushed(&mut self, place: Place) {
        self.function.data_cells = self.function.data_cells << 1 | 1;
        self.function.data_push = place;
    }

    #[inline(never)]
    fn follow(&mut self, opcode: Opcode, place: Place) {
        let cells = self.function.data_cells;
        let bit = |depth: u32| cells >> depth & 1;
        let written = match opcode {
            Opcode::BWrite | Opcode::WWrite | Opcode::DWrite | Opcode::QWrite => bit(2),
            Opcode::IWrite | Opcode::FWrite => bit(1),
            Opcode::MemCopy | Opcode::MemFill => bit(2),
            _ => 0,
        };
        if written == 1 {
            let pushed = (cells.count_ones() == 1).then_some(self.function.data_push);
            self.write_to_data(opcode, place, pushed);
        }
        self.function.data_cells = match opcode {
            Opcode::Dup => cells << 1 | bit(0),
            Opcode::Over => cells << 1 | bit(1),
            Opcode::Swap => cells & !3 | bit(0) << 1 | bit(1),
            Opcode::Rot => cells & !7 | bit(2) | bit(0) << 1 | bit(1) << 2,
            Opcode::IAdd => cells >> 2 << 1 | bit(0) | bit(1),
            Opcode::ISub => cells >> 2 << 1 | bit(1),
            Opcode::Select => cells >> 3 << 1 | bit(1) & bit(2),
            _ => match opcode.fixed_effect() {
                Some((pops, pushes)) => cells >> pops << pushes,
                None => 0,
            },
        };
    }

    /// Warns of a write into the data segment.
    #[cold]
    pub(super) fn write_to_data(&mut self, opcode: Opcode, place: Place, pushed: Option<Place>) {
        let mnemonic = opcode.mnemonic();
        let span = self.place_span(place);
        let message = format!("`{mnemonic}` writes into the data segment, which is read-only");
        let mut diagnostic = Diagnostic::new(Code::WriteToData, span, message)
            .at("this write faults when it runs")
            .help("put the object into .bss; it may have initial contents there");
        if let Some(pushed) = pushed {
            let pushed = self.place_span(pushed);
            diagnostic = diagnostic.also(pushed, "the pointer is pushed here");
        }
        self.report_in(place.expansion, diagnostic);
    }

    /// Warns of an instruction that cannot be reached, once for each stretch of code.
    #[cold]
    pub(super) fn unreachable(&mut self, c: &Cursor<'_>, opcode: Opcode, start: usize) {
        if opcode == Opcode::Land {
            self.function.reachable = true;
            self.function.reached_by.clear();
            self.function.depth = 0;
            return;
        }
        if self.function.warned || opcode == Opcode::Declare {
            return;
        }
        self.function.warned = true;
        let span = self.files.token(c.position(start));
        let diagnostic = Diagnostic::new(
            Code::UnreachableCode,
            span,
            "no path reaches this instruction",
        )
        .at("never runs")
        .help("remove it, or put a label that is jumped to in front of it");
        self.report(diagnostic);
    }
}
