//! Pointers in text, data and bss: remembered for relocations, for debug information, and to check their bounds.

use cvm_spec::codec::Operand;
use cvm_spec::codec::decode;
use cvm_spec::image::{Relocation, RelocationKind, Symbol, SymbolKind};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::expression::{Base, Value};
use super::names::{Definition, Name};
use super::place::Place;

/// A pointer that stands in the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    /// The segment that it stands in.
    pub(super) segment: Tag,
    /// Its tag.
    pub(super) tag: Tag,
    /// Where: text offset of the operand, offset in data, index in the bytes of bss.
    pub(super) at: u32,
    /// The global name that it is counted from.
    pub(super) name: Option<Name>,
    /// Its offset.
    pub(super) target: u32,
    /// Where it was written.
    pub(super) place: Place,
}

/// An argument or local, for debug information.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalSymbol {
    pub(super) function: u32,
    pub(super) name: Name,
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) argument: bool,
}

/// The symbol that a pointer is relative to, and by how much.
type Target = (u32, u32);

impl Assembler<'_> {
    /// Remembers a pointer into text, data or bss.
    #[inline]
    pub(super) fn reference(
        &mut self,
        segment: Tag,
        at: u32,
        tag: Tag,
        value: Value,
        place: Place,
    ) {
        if !matches!(tag, Tag::Text | Tag::Data | Tag::Bss) {
            return;
        }
        let name = match value.base {
            Base::Name(_, name) => Some(name),
            _ => None,
        };
        self.references.push(Reference {
            segment,
            tag,
            at,
            name,
            target: value.number as u32,
            place,
        });
    }

    /// Reports operands that lie outside their segment, as the verifier would.
    pub(super) fn check_references(&mut self) {
        let references = std::mem::take(&mut self.references);
        for reference in &references {
            if reference.segment != Tag::Text {
                continue;
            }
            let opcode = (reference.at as usize)
                .checked_sub(1)
                .and_then(|at| self.text.get(at))
                .and_then(|byte| Opcode::from_byte(*byte));
            let width = match opcode.and_then(Opcode::access) {
                Some(access) if !access.indexed => u64::from(access.width),
                _ => 0,
            };
            let end = u64::from(reference.target) + width;
            let size = self.segment_size(reference.tag);
            if end > size {
                self.outside_segment(reference, width, size);
            }
        }
        self.references = references;
    }

    fn segment_size(&self, tag: Tag) -> u64 {
        match tag {
            Tag::Text => self.text.len() as u64,
            Tag::Data => self.data.len() as u64,
            _ => self.bss.size(),
        }
    }

    #[cold]
    fn outside_segment(&mut self, reference: &Reference, width: u64, size: u64) {
        let name = reference.tag.name();
        let target = reference.target;
        let message = if width > 0 {
            format!("{width} bytes at offset {target} reach past the {name} segment's {size} bytes")
        } else {
            format!("offset {target} lies past the {name} segment's {size} bytes")
        };
        let span = self.place_span(reference.place);
        let mut diagnostic = Diagnostic::new(Code::OutsideObject, span, message);
        if let Some(name) = reference.name {
            let entry = self.names.entry(name);
            let first = self.place_span(entry.place);
            if let Definition::Label(index) = entry.definition {
                let object = &self.objects[index as usize];
                let bytes = object.end.saturating_sub(object.offset);
                let text = self.names.text(name);
                diagnostic = diagnostic.also(first, format!("`{text}` has {bytes} bytes"));
            }
        }
        self.report_in(reference.place.expansion, diagnostic);
    }

    /// The symbol of a reference: that of its name if the pointer lies in it, else one that holds the place.
    fn reference_target(&self, reference: &Reference, symbols: &[Option<u32>]) -> Option<Target> {
        let target = reference.target;
        let within = |start: u32, size: u32| {
            let addend = target.checked_sub(start)?;
            (addend <= size).then_some(addend)
        };
        if let Some(name) = reference.name {
            let named = match self.names.entry(name).definition {
                Definition::Function(index) => {
                    let function = &self.functions[index as usize];
                    within(function.start, function.size).map(|addend| (index, addend))
                }
                Definition::Label(index) => {
                    let object = &self.objects[index as usize];
                    let symbol = symbols.get(index as usize).copied().flatten();
                    symbol.zip(within(
                        object.offset,
                        object.end.saturating_sub(object.offset),
                    ))
                }
                _ => None,
            };
            if named.is_some() {
                return named;
            }
        }
        if reference.tag == Tag::Text {
            let after = self.functions.partition_point(|f| f.start <= target);
            let index = after.checked_sub(1)?;
            let function = &self.functions[index];
            return within(function.start, function.size).map(|addend| (index as u32, addend));
        }
        let in_segment = self.by_segment(reference.tag);
        let after =
            in_segment.partition_point(|index| self.objects[*index as usize].offset <= target);
        let index = *in_segment.get(after.checked_sub(1)?)?;
        let object = &self.objects[index as usize];
        let symbol = symbols.get(index as usize).copied().flatten();
        symbol.zip(within(
            object.offset,
            object.end.saturating_sub(object.offset),
        ))
    }

    fn by_segment(&self, tag: Tag) -> &[u32] {
        match tag {
            Tag::Data => &self.objects_in_data,
            _ => &self.objects_in_bss,
        }
    }

    /// Lists the objects of each segment in order of their offsets.
    pub(super) fn index_objects(&mut self) {
        for (index, object) in self.objects.iter().enumerate() {
            match object.segment {
                Tag::Data => self.objects_in_data.push(index as u32),
                Tag::Bss => self.objects_in_bss.push(index as u32),
                _ => {}
            }
        }
    }

    /// The reference symbols of operands, for debug information.
    pub(super) fn reference_symbols(&self, symbols: &[Option<u32>], into: &mut Vec<Symbol>) {
        for reference in &self.references {
            let Some(instruction) = reference.at.checked_sub(1) else {
                continue;
            };
            if reference.segment != Tag::Text || reference.name.is_none() {
                continue;
            }
            if let Some((a, b)) = self.reference_target(reference, symbols) {
                into.push(Symbol {
                    kind: SymbolKind::Reference,
                    value: instruction,
                    size: 0,
                    name: cvm_spec::image::StringRef::default(),
                    a,
                    b,
                });
            }
        }
    }

    /// The relocations of the image, in order of their places.
    pub(super) fn relocations(&mut self, symbols: &[Option<u32>]) -> Vec<Relocation> {
        let mut relocations = Vec::new();
        let references = std::mem::take(&mut self.references);
        for reference in &references {
            let Some((target, addend)) = self.reference_target(reference, symbols) else {
                let span = self.place_span(reference.place);
                let message = "the pointer lies in no object, so a linker cannot move it";
                let diagnostic = Diagnostic::new(Code::OutsideObject, span, message)
                    .help("put a label in front of what it points to, and name that");
                self.report_in(reference.place.expansion, diagnostic);
                continue;
            };
            let whole = match reference.segment {
                Tag::Text => {
                    let opcode = self.text.get(reference.at as usize - 1);
                    opcode == Some(&Opcode::PushQ.byte())
                }
                _ => true,
            };
            relocations.push(Relocation {
                kind: if whole {
                    RelocationKind::Pointer
                } else {
                    RelocationKind::ShortPointer
                },
                segment: reference.segment,
                offset: match reference.segment {
                    Tag::Bss => self.bss.offset_of(reference.at as usize) as u32,
                    _ => reference.at,
                },
                target,
                addend,
            });
        }
        self.references = references;
        self.index_relocations(&mut relocations);
        relocations.sort_by_key(|relocation| (relocation.segment, relocation.offset));
        relocations
    }

    /// Adds the relocations of indices in the text: calls, imports, types.
    fn index_relocations(&self, relocations: &mut Vec<Relocation>) {
        let mut at = 0;
        while let Ok((instruction, next)) = decode(&self.text, at) {
            let kind = match instruction.opcode.operand() {
                OperandKind::Function => Some(RelocationKind::Call),
                OperandKind::Import => Some(RelocationKind::Import),
                OperandKind::Type => Some(RelocationKind::Type),
                _ => None,
            };
            if let (Some(kind), Operand::Index(target)) = (kind, instruction.operand) {
                relocations.push(Relocation {
                    kind,
                    segment: Tag::Text,
                    offset: at as u32 + 1,
                    target,
                    addend: 0,
                });
            }
            at = next;
        }
    }
}
