//! Where a fault happened: instruction, registers, operand names, backtrace.

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::{FunctionType, Image};
use cvm_spec::isa::{Effect, Opcode};

use crate::fault::{BACKTRACE_MAX, CSymbol, Callee, Fault, Frame, Registers};
use crate::verify::body::Body;
use crate::verify::flow::{Depths, UNREACHED};
use crate::verify::frame::Frame as FrameShape;

/// Where an engine found a fault.
#[derive(Debug)]
pub(crate) struct Place {
    /// Text offset of the instruction, if it is known.
    pub(crate) ip: Option<u32>,
    /// csp at the fault.
    pub(crate) csp: u64,
    /// The frames that called the faulting one, innermost first. [`Callee::Symbol`] in them is an index in `targets`.
    pub(crate) callers: Vec<Frame>,
    /// Addresses of C functions that only a pointer named.
    pub(crate) targets: Vec<u64>,
}

/// Completes a fault that an engine raised.
pub(crate) fn locate(image: &Image, mut fault: Fault, place: Place) -> Fault {
    let Place {
        ip,
        csp,
        callers,
        targets,
    } = place;
    let Some(ip) = ip else {
        return fault;
    };
    let function = image.function_at(ip).unwrap_or(0);
    let shape = Shape::of(image, function);
    let is_entering = fault.code == cvm_spec::fault::FaultCode::CallStackOverflow
        && shape.start == ip
        && !decode(&image.text, ip as usize)
            .is_ok_and(|(instruction, _)| is_call(instruction.opcode));
    fault.registers = Registers {
        ip,
        osp: shape.depth_at(ip),
        csp,
        fp: if is_entering {
            csp
        } else {
            csp.saturating_sub(u64::from(shape.frame.local_size))
        },
    };
    if let Ok((instruction, _)) = decode(&image.text, ip as usize) {
        fault.opcode = Some(instruction.opcode);
        let is_foreign_pointer = instruction.opcode == Opcode::CallXi;
        fault.operands = name_operands(image, instruction.opcode, &instruction.operand, &fault);
        if let Operand::Pointer(pointer) = instruction.operand
            && matches!(
                fault.code,
                cvm_spec::fault::FaultCode::ReadOutsideObject
                    | cvm_spec::fault::FaultCode::WriteOutsideObject
            )
        {
            fault.local_object = Some(pointer.offset());
        }
        if let Opcode::Abort = instruction.opcode
            && let Operand::Code(code) = instruction.operand
        {
            fault.abort_code = Some(code);
        }
        if fault.code == cvm_spec::fault::FaultCode::CallTypeMismatch
            && fault.types.is_none()
            && !is_foreign_pointer
        {
            fault.types = mismatch(image, &instruction.operand, &fault);
        }
    }
    let innermost = Frame {
        function,
        ip,
        foreign: None,
    };
    backtrace(&mut fault, innermost, &callers);
    name_symbols(&mut fault, &targets);
    fault
}

fn is_call(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Call | Opcode::CallI | Opcode::RetCall | Opcode::RetCallI
    )
}

/// The shape of the faulting function, computed again: it is not kept.
struct Shape {
    start: u32,
    offsets: Vec<u32>,
    depths: Depths,
    frame: FrameShape,
}

impl Shape {
    fn of(image: &Image, function: u32) -> Shape {
        let mut shape = Shape {
            start: 0,
            offsets: Vec::new(),
            depths: Depths::default(),
            frame: FrameShape::default(),
        };
        let Some(record) = image.functions.get(function as usize) else {
            return shape;
        };
        let function_type = image.function_type(record).unwrap_or_default();
        let mut body = Body::default();
        shape.start = record.start;
        // The module was verified, so none of these fails; if one did, the report would only lack registers.
        let _ = body
            .decode(&image.text, function, record)
            .and_then(|()| shape.frame.lay_out(&body, function, function_type.args))
            .and_then(|()| {
                shape
                    .depths
                    .compute(image, &body, function, function_type, shape.frame.slots)
            });
        shape.offsets = body
            .instructions
            .iter()
            .map(|(offset, _)| *offset)
            .collect();
        shape
    }

    fn depth_at(&self, offset: u32) -> u32 {
        self.offsets
            .binary_search(&offset)
            .ok()
            .and_then(|number| self.depths.before.get(number).copied())
            .filter(|depth| *depth != UNREACHED)
            .unwrap_or(0)
    }
}

/// Gives the values that a handler noted the names that the instruction table has for them.
fn name_operands(
    image: &Image,
    opcode: Opcode,
    operand: &Operand<'_>,
    fault: &Fault,
) -> Vec<(&'static str, u64)> {
    use cvm_spec::fault::FaultCode::{CallStackOverflow, Interrupted, OutOfFuel, Timeout};
    if matches!(
        fault.code,
        OutOfFuel | Timeout | Interrupted | CallStackOverflow
    ) && fault.import.is_none()
    {
        // It struck before the instruction took any.
        return Vec::new();
    }
    let values = &fault.operands;
    if let Some(import) = fault.import {
        return name_import_operands(image, import, values);
    }
    let Effect::Fixed { pops, .. } = opcode.row().effect else {
        return values
            .iter()
            .filter(|(name, _)| !name.is_empty())
            .copied()
            .collect();
    };
    if opcode.access().is_some() {
        // A memory handler notes base, offset and value, whatever the form; an address is base plus offset.
        let find = |wanted: &str| {
            values
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, v)| *v)
        };
        return pops
            .iter()
            .filter_map(|name| {
                let noted = if *name == "address" { "base" } else { name };
                find(noted).map(|value| (*name, value))
            })
            .collect();
    }
    let _ = operand;
    pops.iter()
        .zip(values)
        .map(|(name, (_, value))| (*name, *value))
        .collect()
}

fn name_import_operands(
    image: &Image,
    import: u32,
    values: &[(&'static str, u64)],
) -> Vec<(&'static str, u64)> {
    let function = image
        .imports
        .get(import as usize)
        .filter(|import| image.string(import.module) == Some("sys"))
        .and_then(|import| image.string(import.name))
        .and_then(cvm_spec::host::host_function);
    const POSITIONS: [&str; 6] = [
        "argument 1",
        "argument 2",
        "argument 3",
        "argument 4",
        "argument 5",
        "argument 6",
    ];
    values
        .iter()
        .enumerate()
        .map(|(position, (_, value))| {
            let name = function
                .and_then(|function| function.args.get(position).copied())
                .or_else(|| POSITIONS.get(position).copied())
                .unwrap_or("argument");
            (name, *value)
        })
        .collect()
}

/// The type that an indirect call wanted, and the one of the function that it found.
fn mismatch(image: &Image, operand: &Operand<'_>, fault: &Fault) -> Option<[(u16, u16, u32); 2]> {
    let triple = |t: FunctionType| (t.args, t.results, t.brand);
    let Operand::Index(index) = operand else {
        return None;
    };
    let wanted = match image.types.get(*index as usize)? {
        cvm_spec::image::Type::Function(wanted) => *wanted,
        cvm_spec::image::Type::Foreign { .. } => return None,
    };
    let offset = u32::try_from(fault.access?.pointer.offset()).ok()?;
    let found = image.function_starting_at(offset)?;
    let found = image.function_type(&image.functions[found as usize])?;
    Some([triple(wanted), triple(found)])
}

/// Fills in the frames, innermost first; of a deep stack the middle is left out.
fn backtrace(fault: &mut Fault, innermost: Frame, callers: &[Frame]) {
    fault.backtrace.push(innermost);
    let room = BACKTRACE_MAX - 1;
    if callers.len() <= room {
        fault.backtrace.extend(callers);
        return;
    }
    let outer = room / 4;
    let inner = room - outer;
    fault.backtrace.extend(&callers[..inner]);
    let position = fault.backtrace.len();
    fault.omitted = Some((position, (callers.len() - room) as u64));
    fault.backtrace.extend(&callers[callers.len() - outer..]);
}

/// Finds out where the C functions of the backtrace lie that only a pointer named.
fn name_symbols(fault: &mut Fault, targets: &[u64]) {
    for frame in &mut fault.backtrace {
        if let Some(Callee::Symbol(number)) = &mut frame.foreign {
            let target = targets.get(*number as usize).copied();
            *number = fault.symbols.len() as u32;
            fault.symbols.push(symbol(target.unwrap_or(0)));
        }
    }
}

fn symbol(address: u64) -> CSymbol {
    #[cfg(feature = "ffi")]
    let (library, name) = crate::ffi::symbol_at(address);
    #[cfg(not(feature = "ffi"))]
    let (library, name) = {
        let _ = address;
        (None, None)
    };
    CSymbol { name, library }
}
