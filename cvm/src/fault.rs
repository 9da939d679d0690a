//! A guest program's fault: what went wrong, where, and the state of the machine.
//!
//! A fault is a value. It holds numbers only; [`crate::report`] turns it into text or JSON with names and source
//! lines from the module.

use cvm_spec::fault::FaultCode;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, Tag};
use cvm_spec::wasm::{Raised, Trap};

use crate::memory::{AccessKind, Memory, Violation};

/// The machine's registers when the fault was raised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Text offset of the faulting instruction.
    pub ip: u32,
    /// Depth of the current function's operand stack in cells, before the instruction.
    pub osp: u32,
    /// Top of the addressable call stack in bytes.
    pub csp: u64,
    /// Base of the current frame in the addressable call stack, in bytes.
    pub fp: u64,
}

/// A frame of the backtrace, innermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Index of the function.
    pub function: u32,
    /// Text offset: the faulting instruction in the innermost frame, the call instruction in the others.
    pub ip: u32,
    /// The C function that this frame called, and that called the next inner frame back.
    pub foreign: Option<Callee>,
}

/// A C function in a backtrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// An import, by its index.
    Import(u32),
    /// What a C function pointer named: index in [`Fault::symbols`].
    Symbol(u32),
}

/// Where code of C lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSymbol {
    /// The symbol, if the dynamic linker knows one.
    pub name: Option<String>,
    /// The library's file name, if the address lies in one.
    pub library: Option<String>,
}

/// A block of C memory that the machine keeps a record of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Its first byte.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
    /// The C function that gave it.
    pub function: String,
    /// Text offset of the call that gave it.
    pub allocated_at: u32,
    /// Text offset of the call that freed it, if one did.
    pub freed_at: Option<u32>,
}

/// The memory access, jump or call that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedAccess {
    /// First byte of the access, or the target of the jump or call.
    pub pointer: Pointer,
    /// Bytes; 0 for jumps and calls.
    pub width: u64,
    /// Size in bytes of the segment that the pointer names, at the time of the fault.
    pub segment_size: u64,
    /// What was tried.
    pub tried: Tried,
}

/// What a refused access tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// To load.
    Read,
    /// To store.
    Write,
    /// To jump.
    Jump,
    /// To call.
    Call,
}

impl From<AccessKind> for Tried {
    fn from(kind: AccessKind) -> Tried {
        match kind {
            AccessKind::Read => Tried::Read,
            AccessKind::Write => Tried::Write,
        }
    }
}

/// A fault of the guest program.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Which fault.
    pub code: FaultCode,
    /// The faulting instruction's opcode, if it decodes.
    pub opcode: Option<Opcode>,
    /// The registers.
    pub registers: Registers,
    /// The refused access, for faults of memory, jumps and indirect calls.
    pub access: Option<RefusedAccess>,
    /// For `q_read l:buf` and the like: frame offset of the object that the operand names.
    pub local_object: Option<u32>,
    /// The instruction's operands with the names that the instruction table gives them, deepest first, where known.
    pub operands: Vec<(&'static str, u64)>,
    /// Innermost frame first; at most [`BACKTRACE_MAX`] frames, the outermost ones kept at the end.
    pub backtrace: Vec<Frame>,
    /// Frames that the backtrace leaves out between its innermost and outermost parts: (position, count).
    pub omitted: Option<(usize, u64)>,
    /// The code of `abort`.
    pub abort_code: Option<u16>,
    /// For `call-type-mismatch`: the wanted and the found type as (args, results, brand).
    pub types: Option<[(u16, u16, u32); 2]>,
    /// Import index, for faults raised while a host function ran.
    pub import: Option<u32>,
    /// Index of the module initialiser that ran, if the entry had not begun.
    pub initialiser: Option<u32>,
    /// A host function's own message, or more about the argument of a foreign function.
    pub message: Option<String>,
    /// C functions of the backtrace that only a pointer named.
    pub symbols: Vec<CSymbol>,
    /// Blocks of C memory that the fault is about (`--check-foreign`).
    pub allocations: Vec<Allocation>,
}

/// The most frames that a backtrace lists.
pub const BACKTRACE_MAX: usize = 64;

impl Fault {
    /// What WebAssembly calls it, if the program was translated from WebAssembly and it is a trap there.
    pub fn trap(&self) -> Option<Trap> {
        let value = self.operands.last().map_or(0, |(_, value)| *value);
        let is_nan = match self.opcode.map(Opcode::mnemonic) {
            Some(mnemonic) if mnemonic.starts_with("s_") => f32::from_bits(value as u32).is_nan(),
            _ => f64::from_bits(value).is_nan(),
        };
        let raised = Raised {
            segment: self.access.map(|access| access.pointer.tag()),
            abort_code: self.abort_code,
            is_nan,
        };
        Trap::of(self.code, raised)
    }

    /// A fault that is not yet located.
    pub(crate) fn new(code: FaultCode) -> Fault {
        Fault {
            code,
            opcode: None,
            registers: Registers::default(),
            access: None,
            local_object: None,
            operands: Vec::new(),
            backtrace: Vec::new(),
            omitted: None,
            abort_code: None,
            types: None,
            import: None,
            initialiser: None,
            message: None,
            symbols: Vec::new(),
            allocations: Vec::new(),
        }
    }

    /// A refused access that is not yet located.
    pub(crate) fn from_violation(violation: Violation, segment_size: u64) -> Fault {
        Fault {
            access: Some(RefusedAccess {
                pointer: violation.pointer,
                width: violation.width,
                segment_size,
                tried: violation.kind.into(),
            }),
            ..Fault::new(violation.code)
        }
    }

    /// A fault of an instruction with one or two operands.
    ///
    /// The operands that this and the functions below note are values by position or role; [`crate::locate`] gives
    /// them the names of the instruction table.
    pub(crate) fn of_operands(code: FaultCode, x: u64, y: u64) -> Fault {
        Fault {
            operands: vec![("", x), ("", y)],
            ..Fault::new(code)
        }
    }

    /// A refused load or store at `base + offset`; `value` is what would have been stored.
    pub(crate) fn of_access(
        memory: &Memory,
        (base, offset, value): (u64, u64, u64),
        width: u64,
        kind: AccessKind,
    ) -> Fault {
        let violation = memory.refusal(base, offset, width, kind);
        let operands = vec![("base", base), ("offset", offset), ("v", value)];
        Fault::of_violation(memory, violation, operands)
    }

    /// An access outside the local object that the operand names; `address` is the object's offset in the `l:`
    /// segment.
    pub(crate) fn of_object(
        memory: &Memory,
        (address, offset, value): (u64, u64, u64),
        width: u64,
        kind: AccessKind,
    ) -> Fault {
        let violation = Violation {
            code: match kind {
                AccessKind::Read => FaultCode::ReadOutsideObject,
                AccessKind::Write => FaultCode::WriteOutsideObject,
            },
            pointer: Pointer::new(Tag::Local, address.wrapping_add(offset)),
            width,
            kind,
        };
        let operands = vec![("base", address), ("offset", offset), ("v", value)];
        Fault::of_violation(memory, violation, operands)
    }

    /// A violation, with the instruction's operands.
    pub(crate) fn of_violation(
        memory: &Memory,
        violation: Violation,
        operands: Vec<(&'static str, u64)>,
    ) -> Fault {
        let size = memory.segment_size(violation.pointer.tag());
        Fault {
            operands,
            allocations: memory.allocation(violation.pointer).into_iter().collect(),
            ..Fault::from_violation(violation, size)
        }
    }

    /// A refused jump or indirect call.
    pub(crate) fn of_target(memory: &Memory, code: FaultCode, target: u64) -> Fault {
        let pointer = Pointer(target);
        let tried = match code {
            FaultCode::JumpToNonText | FaultCode::JumpToNonLand => Tried::Jump,
            _ => Tried::Call,
        };
        Fault {
            access: Some(RefusedAccess {
                pointer,
                width: 0,
                segment_size: memory.segment_size(pointer.tag()),
                tried,
            }),
            operands: vec![("target", target)],
            ..Fault::new(code)
        }
    }

    /// Exit status of `cvm run` for this fault.
    pub fn exit_status(&self) -> u8 {
        self.code.class().exit_status()
    }
}
