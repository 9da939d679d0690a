//! Whether the relocations of a module are what its text and tables say: after this, each may be applied blindly.
//!
//! An image of a reader has relocations in order, in its segments, with targets that exist. What the reader cannot see
//! is whether the place is an operand, whether every operand that must move has a relocation, and whether what stands
//! there is what the symbol says.

use super::{Input, LinkCode, LinkError};
use crate::codec::{DecodeError, Operand, decode};
use crate::image::{Image, Relocation, RelocationKind, SymbolKind};
use crate::isa::{Opcode, OperandKind};
use crate::pointer::{Pointer, ShortPointer, Tag};

/// What a pointer's relocation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointee {
    /// A byte of a function: its index, and the bytes from its start.
    Code(u32, u32),
    /// A byte of data or bss.
    Object(Tag, u32),
}

impl Pointee {
    /// The pointer before linking.
    fn pointer(self, image: &Image) -> Option<(Tag, u32)> {
        match self {
            Pointee::Code(function, inside) => {
                let function = image.functions.get(function as usize)?;
                Some((Tag::Text, function.start.checked_add(inside)?))
            }
            Pointee::Object(tag, offset) => Some((tag, offset)),
        }
    }
}

/// What a relocation of a pointer points to.
pub(super) fn pointee(image: &Image, relocation: &Relocation) -> Option<Pointee> {
    let symbol = image.symbols.get(relocation.target as usize)?;
    let short = ShortPointer(symbol.value);
    match symbol.kind {
        SymbolKind::Function => {
            image.functions.get(symbol.value as usize)?;
            Some(Pointee::Code(symbol.value, relocation.addend))
        }
        SymbolKind::Object => {
            let offset = short.offset().checked_add(relocation.addend)?;
            Some(Pointee::Object(short.tag(), offset))
        }
        SymbolKind::Label if relocation.addend == 0 => {
            let function = image.function_at(short.offset())?;
            let start = image.functions.get(function as usize)?.start;
            Some(Pointee::Code(function, short.offset() - start))
        }
        _ => None,
    }
}

/// The function that a relocation of a call names.
pub(super) fn callee(image: &Image, relocation: &Relocation) -> Option<u32> {
    let symbol = image.symbols.get(relocation.target as usize)?;
    (symbol.kind == SymbolKind::Function).then_some(symbol.value)
}

/// How many of the relocations stand in the text; they come first.
pub(super) fn in_text(image: &Image) -> usize {
    image
        .relocations
        .partition_point(|relocation| relocation.segment <= Tag::Text)
}

/// Checks the relocations of an input.
pub(super) fn check(input: &Input<'_>) -> Result<(), Box<LinkError>> {
    let image = input.image;
    let (text, other) = image.relocations.split_at(in_text(image));
    check_text(input, text)?;
    let mut extents = image.bss_init.iter().peekable();
    for relocation in other {
        let bytes = match relocation.segment {
            Tag::Data => image.data.get(relocation.offset as usize..),
            _ => {
                let end = |offset: u32, length: usize| u64::from(offset) + length as u64;
                while extents
                    .next_if(|e| end(e.offset, e.bytes.len()) <= relocation.offset.into())
                    .is_some()
                {}
                extents.peek().and_then(|extent| {
                    let inside = relocation.offset.checked_sub(extent.offset)?;
                    extent.bytes.get(inside as usize..)
                })
            }
        };
        let size = relocation.kind.place_size() as usize;
        let Some(place) = bytes.and_then(|bytes| bytes.get(..size)) else {
            return misplaced(input, relocation, "its place is outside of the contents");
        };
        check_pointer(input, relocation, place)?;
    }
    Ok(())
}

fn check_text(input: &Input<'_>, relocations: &[Relocation]) -> Result<(), Box<LinkError>> {
    let image = input.image;
    let mut left = relocations.iter().peekable();
    for function in &image.functions {
        let Some(text) = image.text.get(..function.end() as usize) else {
            break;
        };
        let mut at = function.start as usize;
        while at < text.len() {
            let (instruction, next) =
                decode(text, at).or_else(|error| undecodable(input, at as u32, &error))?;
            let place = at as u32 + 1;
            let wanted = wanted(instruction.opcode, instruction.operand);
            let here = left.next_if(|relocation| (relocation.offset as usize) < next);
            match (wanted, here) {
                (Wanted::None, None) | (Wanted::Perhaps(_), None) => {}
                (Wanted::Always(kind) | Wanted::Perhaps(kind), Some(relocation))
                    if relocation.kind == kind && relocation.offset == place =>
                {
                    check_operand(input, relocation, &text[place as usize..next])?;
                }
                (_, Some(relocation)) => {
                    let mnemonic = instruction.opcode.mnemonic();
                    let what = format!("it does not fit the operand of `{mnemonic}` at t:{at:#x}");
                    return misplaced(input, relocation, &what);
                }
                (Wanted::Always(_), None) => {
                    let message = format!(
                        "the operand of `{}` has no relocation",
                        instruction.opcode.mnemonic()
                    );
                    return LinkError::new(LinkCode::MissingRelocation, input.name, message)
                        .at(Some(input.place(Tag::Text, at as u32)))
                        .boxed();
                }
            }
            at = next;
        }
    }
    match left.next() {
        Some(relocation) => misplaced(input, relocation, "no function holds its place"),
        None => Ok(()),
    }
}

/// Whether an operand has a relocation, and of which kind.
enum Wanted {
    None,
    Always(RelocationKind),
    /// A number that may be a pointer.
    Perhaps(RelocationKind),
}

fn wanted(opcode: Opcode, operand: Operand<'_>) -> Wanted {
    match (opcode.operand(), operand) {
        (OperandKind::Function, _) => Wanted::Always(RelocationKind::Call),
        (OperandKind::Import, _) => Wanted::Always(RelocationKind::Import),
        (OperandKind::Type, _) => Wanted::Always(RelocationKind::Type),
        (_, Operand::Pointer(pointer)) => match pointer.tag() {
            Tag::Text | Tag::Data | Tag::Bss => Wanted::Always(RelocationKind::ShortPointer),
            _ => Wanted::None,
        },
        (OperandKind::U64, _) => Wanted::Perhaps(RelocationKind::Pointer),
        _ => Wanted::None,
    }
}

fn check_operand(
    input: &Input<'_>,
    relocation: &Relocation,
    operand: &[u8],
) -> Result<(), Box<LinkError>> {
    let expected = match relocation.kind {
        RelocationKind::ShortPointer | RelocationKind::Pointer => {
            return check_pointer(input, relocation, operand);
        }
        RelocationKind::Call => callee(input.image, relocation),
        RelocationKind::Import | RelocationKind::Type => Some(relocation.target),
    };
    let found = number(operand);
    match expected.map(u64::from) == found {
        true => Ok(()),
        false => disagrees(input, relocation, found, expected.map(u64::from)),
    }
}

fn check_pointer(
    input: &Input<'_>,
    relocation: &Relocation,
    place: &[u8],
) -> Result<(), Box<LinkError>> {
    let target = pointee(input.image, relocation).and_then(|to| to.pointer(input.image));
    let expected = target.and_then(|(tag, offset)| match relocation.kind {
        RelocationKind::Pointer => Some(Pointer::new(tag, offset.into()).0),
        _ => ShortPointer::new(tag, offset).map(|short| short.0.into()),
    });
    let found = number(place);
    match expected.is_some() && expected == found {
        true => Ok(()),
        false => disagrees(input, relocation, found, expected),
    }
}

/// A little-endian number of 4 or 8 bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    match bytes.len() {
        4 => Some(u32::from_le_bytes(bytes.try_into().ok()?).into()),
        8 => Some(u64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

fn undecodable<T>(input: &Input<'_>, at: u32, error: &DecodeError) -> Result<T, Box<LinkError>> {
    LinkError::new(LinkCode::UndecodableText, input.name, error.to_string())
        .at(Some(input.place(Tag::Text, at)))
        .boxed()
}

fn misplaced<T>(
    input: &Input<'_>,
    relocation: &Relocation,
    what: &str,
) -> Result<T, Box<LinkError>> {
    let message = format!(
        "a relocation of kind {} is out of place: {what}",
        relocation.kind as u32
    );
    LinkError::new(LinkCode::MisplacedRelocation, input.name, message)
        .at(Some(input.place(relocation.segment, relocation.offset)))
        .boxed()
}

fn disagrees<T>(
    input: &Input<'_>,
    relocation: &Relocation,
    found: Option<u64>,
    expected: Option<u64>,
) -> Result<T, Box<LinkError>> {
    let shown = |value: Option<u64>| value.map_or("nothing".into(), |value| format!("{value:#x}"));
    let message = format!(
        "{} stands where the relocation's target is {}",
        shown(found),
        shown(expected)
    );
    LinkError::new(LinkCode::SymbolDisagrees, input.name, message)
        .at(Some(input.place(relocation.segment, relocation.offset)))
        .boxed()
}
