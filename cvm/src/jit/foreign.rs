//! Calls of C, as compiled code makes them.
//!
//! | import | how |
//! |---|---|
//! | numbers only, in registers, and `leaf` | straight to the symbol, on the native stack |
//! | numbers only, in registers | through a stub that switches to the host's stack, because C may call back |
//! | anything else, or with `errno` or records of allocations | the machine's function, as in the interpreter |
//!
//! Around each call the code looks at one word ([`crate::ffi::Attention`]): whether output of host functions has to be
//! let out before, and whether a callback ended the run.

#![allow(unsafe_code)]

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, Signature, StackSlotData, StackSlotKind, Type, Value,
};
use cranelift_codegen::isa::CallConv;
use cvm_spec::foreign::Scalar;
use cvm_spec::image::{IMPORT_LEAF, Import, ImportKind};

use crate::bulk;
use crate::fault::Fault;
use crate::ffi::{Foreign, call_fault, plain_signature};
use crate::memory::{AccessKind, Descriptor, Memory};

use super::context::{Answer, CallOut, State, Stop, offset};
use super::function::{Lowering, PlainTypes};
use super::machine::{GO_ON, STOP, native, parts, stop, stop_at_call};
use super::stubs;
use super::value::{self, Cell};

impl Lowering<'_, '_> {
    /// `call_x` of a foreign import.
    pub(super) fn call_foreign_import(&mut self, index: u32) {
        let import = self.shared.image.imports[index as usize];
        if import.kind == ImportKind::ForeignData {
            let address = self.foreign_address(index);
            return self.push_value(address);
        }
        match self.plain(&import) {
            Some(plain) => self.call_directly(index, &import, plain),
            None => {
                let number = self.constant(u64::from(index));
                self.call_by_machine(CallOut::Foreign, import.type_index, [number, number]);
            }
        }
    }

    /// `call_xi` with foreign access.
    pub(super) fn call_foreign_pointer(&mut self, type_index: u32) {
        let target = self.pop_cell();
        let number = self.constant(u64::from(type_index));
        self.call_by_machine(CallOut::ForeignPointer, type_index, [number, target]);
    }

    /// `ptr_to_host` and `ptr_from_host` with foreign access.
    pub(super) fn translate_pointer(&mut self, function: CallOut, x: Value, y: Value) {
        let result = self.call_machine(function, [x, y, y, y]);
        self.push_value(result);
    }

    /// The types of an import that is called directly.
    fn plain(&self, import: &Import) -> Option<PlainTypes> {
        if self.shared.options.checked || self.shared.uses_errno {
            return None;
        }
        let mut known = self.shared.plain.borrow_mut();
        known
            .entry(import.type_index)
            .or_insert_with(|| plain_signature(self.shared.image, import.type_index))
            .clone()
    }

    /// Address of a C function or object.
    fn foreign_address(&mut self, index: u32) -> Value {
        let addresses = self.load_fixed(self.table, offset::ADDRESSES);
        self.load_fixed(addresses, 8 * index as i32)
    }

    fn call_directly(&mut self, index: u32, import: &Import, (args, result): PlainTypes) {
        let is_leaf = import.flags & IMPORT_LEAF != 0;
        let cells = self.stack.take(&mut self.b, args.len());
        self.attend(index, 0);
        let mut signature = Signature::new(CallConv::SystemV);
        let mut values = Vec::with_capacity(args.len() + 2);
        let (mut integers, mut floats) = (0, false);
        for (scalar, cell) in args.iter().zip(cells) {
            let (ty, value) = self.argument_of(*scalar, cell);
            match ty {
                I64 => integers += 1,
                _ => floats = true,
            }
            signature.params.push(AbiParam::new(ty));
            values.push(value);
        }
        signature
            .returns
            .extend(result.map(|result| AbiParam::new(c_type(result))));
        let target = self.foreign_address(index);
        let stub = match is_leaf {
            true => None,
            false => stubs::call_c(integers, floats),
        };
        let callee = match stub {
            None => {
                let at = self.constant(u64::from(self.at));
                self.store_field(at, offset::LEAF);
                let frame = self.b.ins().get_frame_pointer(I64);
                self.store_field(frame, offset::LEAF + 8);
                self.note_arguments(&values);
                target
            }
            Some(stub) => {
                signature.params.extend([AbiParam::new(I64); 2]);
                values.extend([self.table, target]);
                self.constant(stub as u64)
            }
        };
        let signature = self.import_signature(signature);
        let inst = self.b.ins().call_indirect(signature, callee, &values);
        let value = self.b.inst_results(inst).first().copied();
        if self.shared.options.polled {
            // C may have taken long.
            let one = self.constant(1);
            self.store_field(one, offset::POLLS);
        }
        self.attend(index, 1);
        if let (Some(scalar), Some(value)) = (result, value) {
            let cell = self.result_of(scalar, value);
            self.stack.push(cell);
        }
    }

    /// Keeps the arguments of a leaf function for the report of a crash in it.
    fn note_arguments(&mut self, values: &[Value]) {
        let (mut integer, mut float) = (offset::LEAF_INTEGERS, offset::LEAF_FLOATS);
        for value in values {
            let place = match self.b.func.dfg.value_type(*value) {
                I64 => &mut integer,
                _ => &mut float,
            };
            let at = *place;
            *place += 8;
            self.store_field(*value, at);
        }
    }

    /// Calls the machine if something has to be looked at before (0) or after (1) a call of C.
    fn attend(&mut self, import: u32, phase: u64) {
        let place = self.load_fixed(self.table, offset::ATTENTION);
        let flags = self.machine();
        let word = self.b.ins().load(I64, flags, place, 0);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(word, cold, &[], next, &[]);
        self.begin(cold);
        let import = self.constant(u64::from(import));
        let phase = self.constant(phase);
        self.call_machine(CallOut::Attend, [import, phase, phase, phase]);
        self.b.ins().jump(next, &[]);
        self.begin(next);
    }

    /// The C value of a cell, extended as its type says.
    fn argument_of(&mut self, scalar: Scalar, cell: Cell) -> (Type, Value) {
        match scalar {
            Scalar::F64 => return (F64, value::float(&mut self.b, cell, true)),
            Scalar::F32 => return (F32, value::single(&mut self.b, cell, true)),
            _ => {}
        }
        let word = self.cell(cell);
        (I64, self.extend_as(scalar, word))
    }

    /// The cell of a value that C gave.
    fn result_of(&mut self, scalar: Scalar, value: Value) -> Cell {
        match scalar {
            Scalar::F64 => value::Form::Float { value, lazy: false }.into(),
            Scalar::F32 => value::Form::Single { value, lazy: false }.into(),
            Scalar::Bool => {
                let low = self.b.ins().ireduce(I8, value);
                let truth = self.b.ins().icmp_imm_s(IntCC::NotEqual, low, 0);
                Cell::truth(truth)
            }
            _ => Cell::new(self.extend_as(scalar, value)),
        }
    }

    /// A number as its type says, extended to 64 bits.
    fn extend_as(&mut self, scalar: Scalar, word: Value) -> Value {
        let narrow = match scalar {
            Scalar::I8 | Scalar::U8 => I8,
            Scalar::I16 | Scalar::U16 => I16,
            Scalar::I32 | Scalar::U32 => I32,
            Scalar::Bool => {
                let truth = self.b.ins().icmp_imm_s(IntCC::NotEqual, word, 0);
                return self.b.ins().uextend(I64, truth);
            }
            _ => return word,
        };
        let low = self.b.ins().ireduce(narrow, word);
        match scalar {
            Scalar::I8 | Scalar::I16 | Scalar::I32 => self.b.ins().sextend(I64, low),
            _ => self.b.ins().uextend(I64, low),
        }
    }

    /// Calls C by a function of the machine, with its cells in memory.
    fn call_by_machine(&mut self, function: CallOut, type_index: u32, [x, y]: [Value; 2]) {
        let (args, results) = self.shared.image.types[type_index as usize].arity();
        let cells = self.stack.take(&mut self.b, usize::from(args));
        let size = u32::from(args.max(results)).max(1) * 8;
        let area = self.b.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            size,
            3,
        ));
        for (position, cell) in (0..).zip(cells) {
            let value = self.cell(cell);
            self.b.ins().stack_store(I64, value, area, position * 8);
        }
        let address = self.b.ins().stack_addr(I64, area, 0);
        self.call_machine(function, [x, address, y, y]);
        for position in 0..i32::from(results) {
            let value = self.b.ins().stack_load(I64, I64, area, position * 8);
            self.push_value(value);
        }
    }
}

fn c_type(scalar: Scalar) -> Type {
    match scalar {
        Scalar::F64 => F64,
        Scalar::F32 => F32,
        _ => I64,
    }
}

// ---- the machine's side

/// What the calls below need of the run. Nothing of it is borrowed while C runs, because C may call back.
struct Run {
    foreign: *const Foreign,
    memory: *mut Memory,
}

/// # Safety
/// The table is that of a run with foreign access.
unsafe fn run(table: *mut Descriptor) -> Run {
    // SAFETY: the caller's promise.
    unsafe {
        let (state, memory, _) = parts(table);
        Run {
            foreign: state.foreign,
            memory,
        }
    }
}

/// Lets output of host functions out before C runs.
///
/// # Safety
/// As for [`run`].
unsafe fn flush_host(table: *mut Descriptor) {
    // SAFETY: the caller's promise; nothing else refers to the host.
    unsafe {
        let (state, ..) = parts(table);
        let foreign = &*state.foreign;
        if foreign.host_ran() {
            foreign.set_host_ran(false);
            let _ = (*state.host).flush();
        }
    }
}

/// After a call that did not end well, or behind which a callback left something.
///
/// # Safety
/// As for [`run`]; `cells` are the arguments, or there are none.
unsafe fn failed(table: *mut Descriptor, import: Option<u32>, cells: *const u64) -> Answer {
    // SAFETY: the caller's promise.
    unsafe {
        let (state, memory, _): (&mut State, &mut Memory, _) = parts(table);
        match (*state.foreign).take_failure() {
            None => stop(state, Stop::Pending),
            Some(failure) => {
                let fault = call_fault(&*state.image, memory, failure, import, cells);
                stop_at_call(state, Box::new(fault))
            }
        }
    }
}

/// [`CallOut::Attend`]: import, phase.
pub(super) unsafe extern "C" fn attend(
    table: *mut Descriptor,
    import: u64,
    phase: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    unsafe {
        flush_host(table);
        if phase == 0 || (*run(table).foreign).goes_on() {
            return GO_ON;
        }
        failed(table, Some(import as u32), std::ptr::null())
    }
}

/// [`CallOut::Foreign`]: import, cells.
pub(super) unsafe extern "C" fn call_import(
    table: *mut Descriptor,
    import: u64,
    cells: u64,
    _: u64,
    _: u64,
) -> Answer {
    let (import, cells) = (import as u32, cells as *mut u64);
    // SAFETY: the table is the run's; compiled code made room for the cells.
    unsafe {
        flush_host(table);
        let Run { foreign, memory } = run(table);
        let goes_on = (*foreign).call_import(memory, import, cells);
        (*native(table)).polls = 1;
        match goes_on {
            true => GO_ON,
            false => failed(table, Some(import), cells),
        }
    }
}

/// [`CallOut::ForeignPointer`]: type, cells, target.
pub(super) unsafe extern "C" fn call_pointer(
    table: *mut Descriptor,
    type_index: u64,
    cells: u64,
    target: u64,
    _: u64,
) -> Answer {
    let cells = cells as *mut u64;
    // SAFETY: as for `call_import`.
    unsafe {
        flush_host(table);
        let Run { foreign, memory } = run(table);
        let goes_on = (*foreign).call_pointer(memory, type_index as u32, target, cells);
        (*native(table)).polls = 1;
        match goes_on {
            true => GO_ON,
            false => failed(table, None, cells),
        }
    }
}

fn answer(table: *mut Descriptor, result: Result<u64, Box<Fault>>) -> Answer {
    match result {
        Ok(value) => Answer { stops: 0, value },
        Err(fault) => {
            // SAFETY: the table is the run's.
            let (state, ..) = unsafe { parts(table) };
            stop_at_call(state, fault);
            STOP
        }
    }
}

/// [`CallOut::PtrToHost`]: pointer, length.
pub(super) unsafe extern "C" fn to_host(
    table: *mut Descriptor,
    pointer: u64,
    length: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (_, memory, _) = unsafe { parts(table) };
    answer(table, bulk::to_host(memory, pointer, length))
}

/// [`CallOut::PtrFromHost`]: the host's address.
pub(super) unsafe extern "C" fn from_host(
    table: *mut Descriptor,
    host: u64,
    _: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (_, memory, _) = unsafe { parts(table) };
    answer(table, Ok(memory.pointer_from_host(host)))
}

/// [`CallOut::LoadAbsolute`]: base, offset, logarithm of the width. The value is zero-extended.
pub(super) unsafe extern "C" fn load(
    table: *mut Descriptor,
    base: u64,
    offset: u64,
    log: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (_, memory, _) = unsafe {
        (*native(table)).refused = 0;
        parts(table)
    };
    let result = memory.load_absolute(base, offset, log as u32);
    let refused = |_| {
        let noted = (base, offset, 0);
        Box::new(Fault::of_access(memory, noted, 1 << log, AccessKind::Read))
    };
    answer(table, result.map_err(refused))
}

/// [`CallOut::StoreAbsolute`]: base, offset, value, logarithm of the width.
pub(super) unsafe extern "C" fn store(
    table: *mut Descriptor,
    base: u64,
    offset: u64,
    value: u64,
    log: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (_, memory, _) = unsafe { parts(table) };
    let result = memory.store_absolute(base, offset, value, log as u32);
    let refused = |_| {
        let noted = (base, offset, value);
        Box::new(Fault::of_access(memory, noted, 1 << log, AccessKind::Write))
    };
    answer(table, result.map(|()| 0).map_err(refused))
}
