//! Constants from outside, and constants whose value needs names that are defined later.

use crate::SourceFile;
use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::evaluate::Evaluated;
use super::expression::{Op, Stored};
use super::names::Definition;
use super::symbols::ConstantValue;

/// How far a constant is settled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// What it needs is being settled.
    Open,
    Done,
}

impl Assembler<'_> {
    /// Defines the constants of the options, as if a source of that name had them.
    pub(super) fn define_from_outside(&mut self) {
        if self.options.defines.is_empty() {
            return;
        }
        let mut text = Vec::new();
        for (name, value) in &self.options.defines {
            let value = if value.is_empty() { "1" } else { value };
            text.extend_from_slice(format!("{name} = {value}\n").as_bytes());
        }
        let arena = self.arena;
        let source = arena.alloc(SourceFile {
            name: "<command line>".to_owned(),
            text,
        });
        if let Some((file, base)) = self.files.add(source) {
            self.push_file(source, file, base);
            self.read_frames();
        }
        self.listing.clear();
    }

    /// Settles every constant; those that cannot be are errors and have no value.
    pub(super) fn settle_constants(&mut self) {
        let mut states = vec![State::New; self.constants.len()];
        let mut stack: Vec<u32> = Vec::new();
        for first in 0..self.constants.len() as u32 {
            stack.push(first);
            while let Some(&index) = stack.last() {
                let ConstantValue::Later(stored) = self.constants[index as usize].value else {
                    states[index as usize] = State::Done;
                    stack.pop();
                    continue;
                };
                match states[index as usize] {
                    State::Done => {
                        stack.pop();
                    }
                    State::New => {
                        states[index as usize] = State::Open;
                        self.need_constants(index, stored, &states, &mut stack);
                    }
                    State::Open => {
                        states[index as usize] = State::Done;
                        stack.pop();
                        self.settle(index, stored);
                    }
                }
            }
        }
    }

    /// Pushes the constants that one needs and that are not settled yet.
    fn need_constants(
        &mut self,
        index: u32,
        stored: Stored,
        states: &[State],
        stack: &mut Vec<u32>,
    ) {
        for at in stored.start..stored.start + stored.length {
            let Op::Name(name, position) = self.ops[at as usize] else {
                continue;
            };
            let Definition::Constant(needed) = self.names.entry(name).definition else {
                continue;
            };
            match states[needed as usize] {
                State::Done => {}
                State::New => stack.push(needed),
                State::Open => {
                    self.cyclic(needed, index, position);
                    self.constants[needed as usize].value = ConstantValue::Poisoned;
                }
            }
        }
    }

    #[cold]
    fn cyclic(&mut self, constant: u32, last: u32, position: u32) {
        if matches!(
            self.constants[constant as usize].value,
            ConstantValue::Poisoned
        ) {
            return;
        }
        let name = self.constants[constant as usize].name;
        let place = self.names.entry(name).place;
        let span = self.place_span(place);
        let text = self.names.text(name).to_owned();
        let message = format!("the constant `{text}` depends on itself");
        let mut diagnostic = Diagnostic::new(Code::CyclicDefinition, span, message);
        if last != constant {
            let needed = self.files.token(position);
            let last = self.names.text(self.constants[last as usize].name);
            diagnostic = diagnostic.also(needed, format!("`{last}` needs it here"));
        }
        self.report_in(place.expansion, diagnostic);
    }

    fn settle(&mut self, index: u32, stored: Stored) {
        let value = match self.evaluate_stored(stored, true) {
            Evaluated::Known(value) => ConstantValue::Known(value),
            Evaluated::Problem(problem) => {
                let name = self.constants[index as usize].name;
                let expansion = self.names.entry(name).place.expansion;
                self.problem(problem, expansion);
                ConstantValue::Poisoned
            }
        };
        self.constants[index as usize].value = value;
    }
}
