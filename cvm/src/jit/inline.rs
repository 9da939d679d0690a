//! Calls whose function is compiled in their place.
//!
//! Small functions without loops, objects in `l:`, tail calls and calls out are copied into their callers, recursive ones
//! a few levels deep. What a program can see does not change: fuel and polls are those of the calls, and every place in
//! inlined code knows the call that it was inlined for, so backtraces name all functions.

use std::collections::HashMap;

use cranelift_codegen::ir::types::{F32, F64, I8, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, SourceLoc};
use cvm_spec::image::FunctionType;
use cvm_spec::isa::{Flow, Opcode};

use crate::verify::flow::UNREACHED;

use super::function::Lowering;
use super::hints::Loaded;
use super::plan::Plan;
use super::value::{self, Cell, Form};

/// Functions of more instructions are called.
const INSTRUCTIONS_MAX: usize = 40;
/// Functions of more bytes are not looked at.
pub(super) const INLINE_BYTES_MAX: u32 = 256;
/// So many instructions are inlined into a function.
const TOTAL_MAX: usize = 240;
/// Calls in inlined functions are inlined so many levels deep.
pub(super) const LEVELS_MAX: usize = 2;

/// An inlined instruction's place: its text offset, and the place of the call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inlined {
    pub(super) ip: u32,
    pub(super) caller: u32,
}

/// A function that may be inlined.
pub(super) struct Inlinee<'a> {
    loaded: Loaded<'a>,
    plan: Plan,
    function_type: FunctionType,
}

/// By function number.
pub(super) type Inlinees<'a> = HashMap<u32, Inlinee<'a>>;

impl<'a> Inlinee<'a> {
    /// A function, if it may be inlined.
    pub(super) fn new(
        loaded: Loaded<'a>,
        plan: Plan,
        function_type: FunctionType,
    ) -> Option<Inlinee<'a>> {
        let body = &loaded.body;
        if body.instructions.len() > INSTRUCTIONS_MAX || loaded.frame.local_size != 0 {
            return None;
        }
        for (number, (_, instruction)) in body.instructions.iter().enumerate() {
            if loaded.depths.before[number] == UNREACHED {
                continue;
            }
            let is_plain = match instruction.opcode {
                Opcode::Call | Opcode::CallI | Opcode::Ret => true,
                Opcode::JmpI | Opcode::Land | Opcode::HeapGrow => false,
                Opcode::MemCopy | Opcode::MemFill | Opcode::MemCompare => false,
                Opcode::PtrToHost | Opcode::PtrFromHost => false,
                opcode => !matches!(opcode.flow(), Flow::Call | Flow::TailCall),
            };
            let mut goes_back = false;
            let Ok(()) = body.for_each_distance(number, |distance| {
                goes_back |= body
                    .target(number, distance)
                    .is_none_or(|target| target <= number);
                Ok::<(), std::convert::Infallible>(())
            });
            if !is_plain || goes_back {
                return None;
            }
        }
        Some(Inlinee {
            loaded,
            plan,
            function_type,
        })
    }
}

/// The function that is being inlined.
#[derive(Debug)]
pub(super) struct Scope {
    /// Place of the call.
    caller: u32,
    /// Where its returns lead.
    join: Block,
    /// The forms of the results there, once a return was compiled.
    results: Option<Vec<Form>>,
}

impl Scope {
    pub(super) fn caller(&self) -> u32 {
        self.caller
    }
}

impl<'l, 'a> Lowering<'l, 'a> {
    /// Compiles a function in place of a call, if that may be done.
    pub(super) fn inline_call(&mut self, index: u32) -> bool {
        let inlinees: &'l Inlinees<'a> = self.inlinees;
        let Some(inlinee) = inlinees.get(&index) else {
            return false;
        };
        let count = inlinee.loaded.body.instructions.len();
        if self.is_cold || self.levels == LEVELS_MAX || self.copied + count > TOTAL_MAX {
            return false;
        }
        self.copied += count;
        self.levels += 1;
        self.inline(inlinee);
        self.levels -= 1;
        true
    }

    fn inline(&mut self, inlinee: &'l Inlinee<'a>) {
        use std::mem::{replace, take};
        let args = usize::from(inlinee.function_type.args);
        let cells = self.stack.take(&mut self.b, args);
        let Inlinee {
            loaded,
            plan,
            function_type,
        } = inlinee;
        let scope = Scope {
            caller: self.place,
            join: self.b.create_block(),
            results: None,
        };
        let outer = (
            replace(&mut self.body, &loaded.body),
            replace(&mut self.frame, &loaded.frame),
            replace(&mut self.depths, &loaded.depths),
            replace(&mut self.leaders, &loaded.leaders),
            replace(&mut self.plan, plan),
            replace(&mut self.shape, &loaded.shape),
        );
        let function = replace(&mut self.function_type, *function_type);
        let local_frame = self.local_frame.take();
        let stack = take(&mut self.stack);
        let slots = take(&mut self.slots);
        let length = loaded.body.instructions.len();
        let blocks = replace(&mut self.blocks, vec![None; length]);
        let entries = replace(&mut self.entries, vec![None; length]);
        let position = (self.number, self.at, self.place);
        let (declared, fresh) = (
            replace(&mut self.declared, 0),
            replace(&mut self.fresh, true),
        );
        let region = take(&mut self.region);
        let floats = take(&mut self.floats);
        let scope = self.scope.replace(scope);

        self.make_blocks();
        for number in 0..self.frame.slots as usize {
            self.declare_slot(number);
            let cell = cells.get(number).copied().unwrap_or(Cell::constant(0));
            self.write_slot(number as u32, cell);
        }
        self.body(true);

        let inner = replace(&mut self.scope, scope).expect("a scope was entered");
        self.region = region;
        self.floats = floats;
        (self.declared, self.fresh) = (declared, fresh);
        (self.number, self.at, self.place) = position;
        self.b.set_srcloc(SourceLoc::new(self.place));
        (self.blocks, self.slots, self.stack) = (blocks, slots, stack);
        self.entries = entries;
        self.local_frame = local_frame;
        self.function_type = function;
        (
            self.body,
            self.frame,
            self.depths,
            self.leaders,
            self.plan,
            self.shape,
        ) = outer;
        self.is_ended = false;
        self.begin(inner.join);
        match inner.results {
            Some(forms) => {
                let params = self.b.block_params(inner.join).to_vec();
                for (form, param) in forms.into_iter().zip(params) {
                    self.stack.push(Cell::from(form).held_in(param));
                }
            }
            // It never returns.
            None => {
                for _ in 0..inlinee.function_type.results {
                    self.stack.push(Cell::constant(0));
                }
            }
        }
    }

    /// Returns from an inlined function; whether there is one.
    pub(super) fn return_inlined(&mut self) -> bool {
        let Some(mut scope) = self.scope.take() else {
            return false;
        };
        let results = usize::from(self.function_type.results);
        let cells = self.stack.take(&mut self.b, results);
        // Not lazy: another return may give a NaN with bits of its own.
        let forms = scope.results.get_or_insert_with(|| {
            let form_of = |cell: &Cell| {
                let (ty, form): (_, fn(_) -> Form) = match cell.form {
                    Form::Constant(_) | Form::Cell(_) => (I64, Form::Cell),
                    Form::Truth(_) => (I8, Form::Truth),
                    Form::Float { .. } => (F64, |value| Form::Float { value, lazy: false }),
                    Form::Single { .. } => (F32, |value| Form::Single { value, lazy: false }),
                };
                form(self.b.append_block_param(scope.join, ty))
            };
            cells.iter().map(form_of).collect()
        });
        let arguments: Vec<BlockArg> = forms
            .iter()
            .zip(cells)
            .map(|(form, cell)| value::in_form(&mut self.b, *form, cell).into())
            .collect();
        self.b.ins().jump(scope.join, &arguments);
        self.scope = Some(scope);
        true
    }
}
