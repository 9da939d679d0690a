//! Evaluation of compiled expressions, and what can be wrong with them.

use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::expression::{Base, Binary, Op, Stored, Unary, Value};
use super::names::{Definition, Name};
use super::place::Place;
use super::report::Reported;
use super::symbols::{ConstantValue, UNPLACED};

/// How often a constant that was not known when it was defined is tried again where it is used.
const ATTEMPTS: u8 = 32;

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A name is not known yet.
    Unknown { name: Name, position: u32 },
    /// A name is not defined anywhere.
    Undefined { name: Name, position: u32 },
    /// A local label is not defined.
    UndefinedLabel { label: u32, position: u32 },
    /// A name in an `l:` operand is no argument or local.
    UndefinedLocal { name: Name, position: u32 },
    /// A name that has no value: an import, a type.
    NoValue { name: Name, position: u32 },
    /// The size of something that has none.
    NoSize { name: Name, position: u32 },
    /// Division by zero.
    DivisionByZero { position: u32 },
    /// A difference of labels that lie in different segments.
    MixedSegments { position: u32 },
    /// Reported already.
    Poisoned,
}

/// The outcome of an evaluation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evaluated {
    Known(Value),
    Problem(Problem),
}

type Cell = Result<Value, Problem>;

impl Assembler<'_> {
    /// Evaluates a kept expression for the last time, or until `last` of its function.
    pub(super) fn evaluate_stored(&self, stored: Stored, last: bool) -> Evaluated {
        let range = stored.start as usize..(stored.start + stored.length) as usize;
        self.evaluate(&self.ops[range], last)
    }

    /// Evaluates a compiled expression. Before `last`, names without a definition may get one later.
    pub(super) fn evaluate(&self, ops: &[Op], last: bool) -> Evaluated {
        if let [op] = ops {
            return match self.leaf(*op, last) {
                Ok(value) => Evaluated::Known(value),
                Err(problem) => Evaluated::Problem(problem),
            };
        }
        let mut stack: Vec<Cell> = Vec::with_capacity(8);
        for op in ops {
            let cell = match *op {
                Op::Unary(operator) => stack.pop().map(|a| unary(operator, a)),
                Op::Binary(operator, position) => {
                    let right = stack.pop();
                    let left = stack.pop();
                    left.zip(right)
                        .map(|(a, b)| binary(operator, position, a, b))
                }
                Op::Choose => {
                    let other = stack.pop();
                    let then = stack.pop();
                    let condition = stack.pop();
                    let cells = condition.zip(then).zip(other);
                    cells.map(|((condition, then), other)| match condition {
                        Ok(value) if value.number != 0 => then,
                        Ok(_) => other,
                        Err(problem) => Err(problem),
                    })
                }
                leaf => Some(self.leaf(leaf, last)),
            };
            stack.push(cell.unwrap_or(Err(Problem::Poisoned)));
        }
        match stack.pop() {
            Some(Ok(value)) => Evaluated::Known(value),
            Some(Err(problem)) => Evaluated::Problem(problem),
            None => Evaluated::Problem(Problem::Poisoned),
        }
    }

    #[inline]
    fn leaf(&self, op: Op, last: bool) -> Cell {
        match op {
            Op::Value(value) => Ok(value),
            Op::Name(name, position) => self.name_value(name, position, last),
            Op::Label(label, position) => {
                let record = &self.labels[label as usize];
                if record.offset != UNPLACED {
                    Ok(Value {
                        number: u64::from(record.offset),
                        base: Base::Segment(record.segment),
                    })
                } else if last {
                    Err(Problem::UndefinedLabel { label, position })
                } else {
                    let name = record.name;
                    Err(Problem::Unknown { name, position })
                }
            }
            Op::Frame(name, position) => match self.local_named(name) {
                Some(index) => Ok(self.frame_value(index)),
                None if self.names.entry(name).definition != Definition::Undefined => {
                    self.name_value(name, position, last)
                }
                None if last => Err(Problem::UndefinedLocal { name, position }),
                None => Err(Problem::Unknown { name, position }),
            },
            Op::SizeOf(name, position) => self.size_of(name, position, last),
            Op::Unary(_) | Op::Binary(..) | Op::Choose => Err(Problem::Poisoned),
        }
    }

    fn name_value(&self, name: Name, position: u32, last: bool) -> Cell {
        match self.names.entry(name).definition {
            Definition::Label(index) => {
                let label = &self.objects[index as usize];
                Ok(Value {
                    number: u64::from(label.offset),
                    base: Base::Name(label.segment, name),
                })
            }
            Definition::Constant(index) => match self.constants[index as usize].value {
                ConstantValue::Known(value) => Ok(value),
                ConstantValue::Poisoned => Err(Problem::Poisoned),
                ConstantValue::Later(_) if last => Err(Problem::Poisoned),
                ConstantValue::Later(_) => Err(Problem::Unknown { name, position }),
            },
            Definition::Function(index) => match self.functions.get(index as usize) {
                Some(function) => Ok(Value {
                    number: u64::from(function.start),
                    base: Base::Name(Tag::Text, name),
                }),
                // Its own header is being read.
                None => Err(Problem::Unknown { name, position }),
            },
            Definition::Import(_) | Definition::Type(_) | Definition::Structure(_) => {
                Err(Problem::NoValue { name, position })
            }
            Definition::Poisoned => Err(Problem::Poisoned),
            Definition::Undefined if !last => Err(Problem::Unknown { name, position }),
            Definition::Undefined => match self.dotted_label(name) {
                Some(label) => {
                    let record = &self.labels[label as usize];
                    Ok(Value {
                        number: u64::from(record.offset),
                        base: Base::Segment(record.segment),
                    })
                }
                None => Err(Problem::Undefined { name, position }),
            },
        }
    }

    fn size_of(&self, name: Name, position: u32, last: bool) -> Cell {
        let size = match self.names.entry(name).definition {
            Definition::Structure(index) => u64::from(self.structures[index as usize].size),
            // A field of a structure: a constant with a size.
            Definition::Constant(_) => match self.field_sizes.get(&name) {
                Some(size) => u64::from(*size),
                None => return Err(Problem::NoSize { name, position }),
            },
            Definition::Poisoned => return Err(Problem::Poisoned),
            Definition::Label(_) | Definition::Function(_) | Definition::Undefined if !last => {
                return Err(Problem::Unknown { name, position });
            }
            Definition::Undefined => return Err(Problem::Undefined { name, position }),
            Definition::Label(index) => {
                let label = &self.objects[index as usize];
                u64::from(label.end.saturating_sub(label.offset))
            }
            Definition::Function(index) => u64::from(self.functions[index as usize].size),
            Definition::Import(_) | Definition::Type(_) => {
                return Err(Problem::NoSize { name, position });
            }
        };
        Ok(Value::plain(size))
    }

    /// Tries to settle a constant whose value was not known when it was defined.
    #[inline]
    pub(super) fn retry(&mut self, name: Name) {
        if let Definition::Constant(index) = self.names.entry(name).definition
            && matches!(
                self.constants[index as usize].value,
                ConstantValue::Later(_)
            )
        {
            self.retry_constant(index);
        }
    }

    #[cold]
    fn retry_constant(&mut self, index: u32) {
        let constant = &mut self.constants[index as usize];
        let ConstantValue::Later(stored) = constant.value else {
            return;
        };
        if constant.attempts >= ATTEMPTS {
            return;
        }
        constant.attempts += 1;
        if let Evaluated::Known(value) = self.evaluate_stored(stored, false) {
            self.constants[index as usize].value = ConstantValue::Known(value);
        }
    }

    /// Reports why an expression has no value. Undefined names are reported once, where they are used first.
    #[cold]
    pub(super) fn problem(&mut self, problem: Problem, expansion: u32) -> Reported {
        let place = |position| Place {
            position,
            expansion,
        };
        match problem {
            Problem::Poisoned => Reported,
            Problem::Unknown { name, position } | Problem::Undefined { name, position } => {
                self.undefined(name, place(position))
            }
            Problem::UndefinedLabel { label, position } => {
                self.undefined_label(label, place(position))
            }
            Problem::UndefinedLocal { name, position } => {
                self.undefined_local(name, place(position))
            }
            Problem::NoValue { name, position } => {
                let what = self.kind_of(name);
                let text = self.names.text(name);
                let message = format!("`{text}` is {what} and has no value");
                let span = self.files.token(position);
                let first = self.place_span(self.names.entry(name).place);
                let diagnostic = Diagnostic::new(Code::WrongKind, span, message);
                self.report_in(expansion, diagnostic.also(first, "defined here"))
            }
            Problem::NoSize { name, position } => {
                let what = self.kind_of(name);
                let text = self.names.text(name);
                let message = format!("`{text}` is {what} and has no size");
                let span = self.files.token(position);
                let diagnostic = Diagnostic::new(Code::WrongKind, span, message);
                self.report_in(expansion, diagnostic)
            }
            Problem::DivisionByZero { position } => {
                let span = self.files.token(position);
                let message = "the expression divides by zero";
                let diagnostic = Diagnostic::new(Code::DivisionByZero, span, message);
                self.report_in(expansion, diagnostic.at("its right side is 0"))
            }
            Problem::MixedSegments { position } => {
                let span = self.files.token(position);
                let message = "the difference of labels in different segments means nothing";
                let diagnostic = Diagnostic::new(Code::WrongSegment, span, message);
                self.report_in(expansion, diagnostic)
            }
        }
    }
}

fn unary(operator: Unary, a: Cell) -> Cell {
    let number = a?.number;
    Ok(Value::plain(match operator {
        Unary::Negate => number.wrapping_neg(),
        Unary::Complement => !number,
        Unary::Not => u64::from(number == 0),
    }))
}

fn binary(operator: Binary, position: u32, left: Cell, right: Cell) -> Cell {
    // The side that does not count may be without a value.
    match (operator, left) {
        (Binary::Both, Ok(value)) if value.number == 0 => return Ok(Value::plain(0)),
        (Binary::Either, Ok(value)) if value.number != 0 => return Ok(Value::plain(1)),
        _ => {}
    }
    let (a, b) = (left?, right?);
    let (x, y) = (a.number, b.number);
    let signed = (x as i64, y as i64);
    let number = match operator {
        Binary::Add => {
            let base = match (a.base, b.base) {
                (base, Base::None) | (Base::None, base) => base,
                _ => Base::None,
            };
            let number = x.wrapping_add(y);
            return Ok(Value { number, base });
        }
        Binary::Subtract => {
            let base = match (a.base.segment(), b.base.segment()) {
                (_, None) => a.base,
                (Some(left), Some(right)) if left != right => {
                    return Err(Problem::MixedSegments { position });
                }
                _ => Base::None,
            };
            let number = x.wrapping_sub(y);
            return Ok(Value { number, base });
        }
        Binary::Multiply => x.wrapping_mul(y),
        Binary::Divide | Binary::Remainder if y == 0 => {
            return Err(Problem::DivisionByZero { position });
        }
        Binary::Divide => signed.0.wrapping_div(signed.1) as u64,
        Binary::Remainder => signed.0.wrapping_rem(signed.1) as u64,
        Binary::ShiftLeft => x.wrapping_shl(y as u32),
        Binary::ShiftRight => signed.0.wrapping_shr(y as u32) as u64,
        Binary::ShiftRightUnsigned => x.wrapping_shr(y as u32),
        Binary::And => x & y,
        Binary::Or => x | y,
        Binary::Xor => x ^ y,
        Binary::Equal => u64::from(x == y),
        Binary::Differs => u64::from(x != y),
        Binary::Less => u64::from(signed.0 < signed.1),
        Binary::LessOrEqual => u64::from(signed.0 <= signed.1),
        Binary::Greater => u64::from(signed.0 > signed.1),
        Binary::GreaterOrEqual => u64::from(signed.0 >= signed.1),
        Binary::Both => u64::from(x != 0 && y != 0),
        Binary::Either => u64::from(x != 0 || y != 0),
    };
    Ok(Value::plain(number))
}
