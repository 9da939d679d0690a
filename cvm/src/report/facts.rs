//! What a report says of a fault, before it is text or JSON.

use cvm_spec::fault::FaultCode;
use cvm_spec::isa::Opcode;
use cvm_spec::limits::HEAP_MAX;
use cvm_spec::pointer::{HEAP_PAGE, OFFSET_BITS, Pointer, Tag};
use cvm_spec::wasm::Trap;

use super::escape::escaped;
use super::names::{Names, Near, Place};
use crate::fault::{Callee, Fault, RefusedAccess, Tried};

/// Everything that is known of a fault, with names.
pub(super) struct Facts<'a> {
    pub(super) fault: &'a Fault,
    pub(super) place: Option<Place>,
    /// Name of the function.
    pub(super) function: Option<String>,
    /// The module that the function was linked in from; none for the program's own.
    pub(super) module: Option<String>,
    /// The module initialiser that ran.
    pub(super) initialiser: Option<String>,
    /// `main+0xc`.
    pub(super) code_place: Option<String>,
    /// The instruction as assembly.
    pub(super) instruction: Option<String>,
    pub(super) access: Option<Access>,
    pub(super) operands: Vec<Operand>,
    pub(super) frames: Vec<Frame>,
    /// Name of the import that ran.
    pub(super) import: Option<String>,
    /// Library of the import that ran, if it is a C function.
    pub(super) library: Option<String>,
    /// Blocks of C memory that the fault is about.
    pub(super) allocations: Vec<Allocation>,
    /// WebAssembly's name of the trap, if the program was translated from WebAssembly.
    pub(super) trap: Option<&'static str>,
    /// The image has no line table.
    pub(super) lacks_lines: bool,
}

/// The refused access.
pub(super) struct Access {
    pub(super) refused: RefusedAccess,
    /// The object that the address belongs to.
    pub(super) near: Option<Near>,
    /// Where the address is, in words; empty if there is nothing to say.
    pub(super) relation: String,
    /// The segment, in words.
    pub(super) segment: String,
}

/// An operand of the instruction.
pub(super) struct Operand {
    pub(super) name: &'static str,
    pub(super) value: u64,
    /// What a pointer points at, or a float's value.
    pub(super) note: Option<String>,
}

/// A frame of the backtrace.
pub(super) struct Frame {
    /// Frames between this one and the innermost.
    pub(super) depth: u64,
    pub(super) ip: u32,
    pub(super) function: u32,
    pub(super) name: String,
    pub(super) code_place: String,
    pub(super) place: Option<Place>,
    /// The C function that it called, and that called the next inner frame.
    pub(super) foreign: Option<ForeignFrame>,
}

/// A C function in a backtrace.
pub(super) struct ForeignFrame {
    pub(super) symbol: Option<String>,
    pub(super) library: Option<String>,
}

impl ForeignFrame {
    /// `qsort in libc.so.6`.
    pub(super) fn spell(&self) -> String {
        let symbol = self.symbol.as_deref().unwrap_or("an unnamed function");
        match &self.library {
            Some(library) => format!("{symbol} in {library}"),
            None => symbol.to_string(),
        }
    }
}

/// A block of C memory.
pub(super) struct Allocation {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) function: String,
    pub(super) allocated: CodePlace,
    pub(super) freed: Option<CodePlace>,
}

/// A place in the program.
pub(super) struct CodePlace {
    /// `main+0xc`.
    pub(super) code: String,
    pub(super) source: Option<Place>,
}

impl CodePlace {
    fn new(ip: u32, names: Names<'_>) -> CodePlace {
        CodePlace {
            code: names.code(ip).unwrap_or_else(|| format!("t:{ip:#x}")),
            source: names.place(ip),
        }
    }

    /// `main+0xc at file:12:5`.
    pub(super) fn spell(&self) -> String {
        match &self.source {
            Some(place) => format!("{} at {}", self.code, place.spell()),
            None => self.code.clone(),
        }
    }
}

/// `1 byte`, `2 bytes`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".into(),
        _ => format!("{count} bytes"),
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(fault: &'a Fault, names: Names<'_>) -> Facts<'a> {
        let ip = fault.registers.ip;
        Facts {
            fault,
            place: names.place(ip),
            function: names.function_around(ip),
            module: names.module_around(ip),
            initialiser: fault.initialiser.map(|function| names.function(function)),
            code_place: names.code(ip),
            instruction: names.instruction(ip),
            access: fault.access.map(|refused| access(refused, fault, names)),
            operands: operands(fault, names),
            frames: frames(fault, names),
            import: fault.import.and_then(|import| names.import(import)),
            library: fault.import.and_then(|import| names.import_library(import)),
            allocations: allocations(fault, names),
            trap: names
                .is_webassembly()
                .then(|| fault.trap().map(Trap::message))
                .flatten(),
            lacks_lines: !names.has_lines(),
        }
    }
}

fn allocations(fault: &Fault, names: Names<'_>) -> Vec<Allocation> {
    let allocations = fault.allocations.iter();
    allocations
        .map(|block| Allocation {
            address: block.address,
            size: block.size,
            function: escaped(&block.function),
            allocated: CodePlace::new(block.allocated_at, names),
            freed: block.freed_at.map(|ip| CodePlace::new(ip, names)),
        })
        .collect()
}

fn foreign_frame(callee: Callee, fault: &Fault, names: Names<'_>) -> ForeignFrame {
    match callee {
        Callee::Import(import) => ForeignFrame {
            symbol: names.import(import),
            library: names.import_library(import),
        },
        Callee::Symbol(number) => {
            let symbol = fault.symbols.get(number as usize);
            let text = |text: &Option<String>| text.as_deref().map(escaped);
            ForeignFrame {
                symbol: symbol.and_then(|symbol| text(&symbol.name)),
                library: symbol.and_then(|symbol| text(&symbol.library)),
            }
        }
    }
}

fn access(refused: RefusedAccess, fault: &Fault, names: Names<'_>) -> Access {
    let pointer = refused.pointer;
    let near = match pointer.tag() {
        Tag::Local => local_near(fault, pointer.offset(), names),
        Tag::Data | Tag::Bss if !is_before_start(pointer) => {
            names.object(pointer.tag(), pointer.offset())
        }
        _ => None,
    };
    Access {
        relation: relation(&refused, near.as_ref(), fault.allocations.first(), names),
        segment: segment(&refused, fault.code),
        refused,
        near,
    }
}

/// Whether the offset came about by going below 0.
fn is_before_start(pointer: Pointer) -> bool {
    pointer.offset() >> (OFFSET_BITS - 1) != 0
}

/// Bytes below offset 0 of an offset that wrapped around.
fn bytes_before_start(pointer: Pointer) -> u64 {
    (1 << OFFSET_BITS) - pointer.offset()
}

/// The local object that an `l:` offset belongs to.
fn local_near(fault: &Fault, offset: u64, names: Names<'_>) -> Option<Near> {
    let innermost = fault.backtrace.first()?;
    let fp = fault.registers.fp;
    if let Some(frame_offset) = fault.local_object {
        let object = names.local_object(innermost.function, innermost.ip, frame_offset)?;
        let start = fp.wrapping_add(object.address);
        // Offsets have 61 bits; shifting makes the difference a signed number of that many.
        let unused = 64 - OFFSET_BITS;
        let distance = (offset.wrapping_sub(start) << unused) as i64 >> unused;
        return Some(Near {
            name: object.name,
            size: object.size,
            distance,
        });
    }
    let known = fault.omitted.map_or(usize::MAX, |(position, _)| position);
    let (mut bottom, mut top) = (fp, fault.registers.csp);
    for (number, frame) in fault.backtrace.iter().take(known).enumerate() {
        if number > 0 {
            top = bottom;
            bottom = bottom.checked_sub(names.local_size(frame.function)?)?;
        }
        if (bottom..top).contains(&offset) {
            let object = names.local_at(frame.function, frame.ip, offset - bottom)?;
            let name = match number {
                0 => object.name,
                _ => format!("{} of {}", object.name, names.function(frame.function)),
            };
            return Some(Near {
                name,
                size: object.size,
                distance: i64::try_from(offset - bottom - object.address).ok()?,
            });
        }
    }
    None
}

/// Where the address of an access is.
fn relation(
    refused: &RefusedAccess,
    near: Option<&Near>,
    block: Option<&crate::fault::Allocation>,
    names: Names<'_>,
) -> String {
    let pointer = refused.pointer;
    if let Some(near) = near {
        return near.relation(refused.width);
    }
    if let Some(block) = block {
        return block_relation(refused, block);
    }
    match pointer.tag() {
        Tag::Text => code_relation(refused, names),
        Tag::Data | Tag::Bss | Tag::Heap | Tag::Local if is_before_start(pointer) => format!(
            "{} before the segment's first byte",
            bytes(bytes_before_start(pointer))
        ),
        _ => String::new(),
    }
}

/// Where an access is relative to a block of C memory.
fn block_relation(refused: &RefusedAccess, block: &crate::fault::Allocation) -> String {
    let near = Near {
        name: format!("the block of {}", escaped(&block.function)),
        size: block.size,
        distance: refused.pointer.0.wrapping_sub(block.address) as i64,
    };
    near.relation(refused.width).replace('`', "")
}

fn code_relation(refused: &RefusedAccess, names: Names<'_>) -> String {
    let Ok(offset) = u32::try_from(refused.pointer.offset()) else {
        return String::new();
    };
    let Some(place) = names.code(offset) else {
        return "behind the program's text".into();
    };
    match refused.tried {
        Tried::Call if names.is_entry(offset) => format!("the entry of `{place}`"),
        Tried::Call => format!("`{place}`, which is not a function's entry"),
        Tried::Jump => match names.instruction(offset) {
            Some(instruction) => format!("`{place}`, where there is `{instruction}`"),
            None => format!("`{place}`, inside an instruction"),
        },
        Tried::Read | Tried::Write => format!("`{place}`"),
    }
}

impl Near {
    /// Where an access of `width` bytes is relative to the object.
    fn relation(&self, width: u64) -> String {
        let Near {
            name,
            size,
            distance,
        } = self;
        let object = format!("`{name}` ({})", bytes(*size));
        let Ok(at) = u64::try_from(*distance) else {
            return format!("{} before {object}", bytes(distance.unsigned_abs()));
        };
        if at == *size {
            return format!("right behind {object}");
        }
        if at > *size {
            return format!("{} past the end of {object}", bytes(at - size));
        }
        let inside = match at {
            0 => format!("the start of {object}"),
            _ => format!("byte {at} of {object}"),
        };
        match width.saturating_sub(size - at) {
            0 => inside,
            over => format!("{inside}, reaching {} past its end", bytes(over)),
        }
    }
}

/// The segment of an access, its size, its policy, and what the access has to do with them.
fn segment(refused: &RefusedAccess, code: FaultCode) -> String {
    let RefusedAccess {
        pointer,
        width,
        segment_size: size,
        ..
    } = *refused;
    let tag = pointer.tag();
    let policy = tag.policy();
    let end = u128::from(pointer.offset()) + u128::from(width);
    let over = u64::try_from(end.saturating_sub(size.into())).unwrap_or(u64::MAX);
    match tag {
        Tag::Absolute if size == 0 => "absolute memory, which is not granted".into(),
        Tag::Absolute => "absolute memory, which is C's".into(),
        Tag::Reserved | Tag::Upper => format!("{}, which has no memory", tag.name()),
        Tag::Local if code == FaultCode::DanglingLocal && !is_before_start(pointer) => format!(
            "local, {} in use (csp), policy {policy}; the access ends {} above csp",
            bytes(size),
            bytes(over)
        ),
        _ => {
            let pages = match (tag, size / HEAP_PAGE) {
                (Tag::Heap, 1) => " (1 page)".into(),
                (Tag::Heap, pages) => format!(" ({pages} pages)"),
                _ => String::new(),
            };
            let whole = format!("{}, {}{pages}, policy {policy}", tag.name(), bytes(size));
            match over {
                0 => whole,
                _ if is_before_start(pointer) => whole,
                over => format!("{whole}; the access ends {} past its end", bytes(over)),
            }
        }
    }
}

/// Operands that hold pointers.
const POINTERS: [&str; 9] = [
    "base", "address", "target", "pointer", "to", "from", "buffer", "path", "name",
];

fn operands(fault: &Fault, names: Names<'_>) -> Vec<Operand> {
    let note = |name: &str, value: u64| {
        let is_compared = fault.opcode == Some(Opcode::MemCompare) && matches!(name, "a" | "b");
        if POINTERS.contains(&name) || is_compared || is_like_pointer(name, value) {
            return Some(pointer_note(Pointer(value), names));
        }
        if fault.code != FaultCode::InvalidConversion {
            return None;
        }
        let mnemonic = fault.opcode?.mnemonic();
        Some(match mnemonic.starts_with("s_") {
            true => format!("{:e}", f32::from_bits(value as u32)),
            false => format!("{:e}", f64::from_bits(value)),
        })
    };
    let operand = |&(name, value): &(&'static str, u64)| Operand {
        name,
        value,
        note: note(name, value),
    };
    fault.operands.iter().map(operand).collect()
}

/// Whether an argument of an embedder's host function, which has no name, can be a pointer into a segment.
fn is_like_pointer(name: &str, value: u64) -> bool {
    let pointer = Pointer(value);
    let has_segment = !matches!(pointer.tag(), Tag::Absolute | Tag::Reserved | Tag::Upper);
    name.starts_with("argument") && has_segment && pointer.offset() <= HEAP_MAX
}

/// `b:0x40, `table`+8`.
fn pointer_note(pointer: Pointer, names: Names<'_>) -> String {
    let object = match pointer.tag() {
        Tag::Text => u32::try_from(pointer.offset())
            .ok()
            .and_then(|offset| names.code(offset)),
        tag @ (Tag::Data | Tag::Bss) => names
            .object(tag, pointer.offset())
            .filter(|near| u64::try_from(near.distance).is_ok_and(|at| at <= near.size))
            .map(|near| match near.distance {
                0 => near.name,
                distance => format!("{}+{distance}", near.name),
            }),
        _ => None,
    };
    match object {
        Some(object) => format!("{pointer}, {object}"),
        None => pointer.to_string(),
    }
}

fn frames(fault: &Fault, names: Names<'_>) -> Vec<Frame> {
    let frame = |(position, frame): (usize, &crate::fault::Frame)| {
        let omitted = match fault.omitted {
            Some((from, count)) if position >= from => count,
            _ => 0,
        };
        Frame {
            depth: (position as u64).saturating_add(omitted),
            ip: frame.ip,
            function: frame.function,
            name: names.function(frame.function),
            code_place: names
                .code(frame.ip)
                .unwrap_or_else(|| format!("t:{:#x}", frame.ip)),
            place: names.place(frame.ip),
            foreign: frame
                .foreign
                .map(|callee| foreign_frame(callee, fault, names)),
        }
    };
    fault.backtrace.iter().enumerate().map(frame).collect()
}
