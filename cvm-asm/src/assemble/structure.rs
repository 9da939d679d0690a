//! `.struct NAME … .end`: field offsets and sizes as constants.

use crate::diagnostic::{DiagnosticCode as Code, Span};

use super::cursor::Cursor;
use super::expression::Value;
use super::names::{Definition, Name};
use super::place::Place;
use super::report::Reported;
use super::symbols::{ConstantValue, Structure};
use super::{Assembler, Section};

/// The structure that is being laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct StructureState {
    name: Option<Name>,
    index: Option<u32>,
    size: u32,
    /// The field whose size grows.
    field: Option<(Name, u32)>,
    opened: Span,
    /// The section to go back to.
    outside: Section,
}

impl Default for StructureState {
    fn default() -> Self {
        Self {
            name: None,
            index: None,
            size: 0,
            field: None,
            opened: Span::default(),
            outside: Section::Text,
        }
    }
}

impl Assembler<'_> {
    /// `.struct NAME`.
    pub(super) fn structure(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        let opened = self.span_from(c, start);
        if self.section == Section::Structure {
            let message = "structures do not nest; reserve sizeof(NAME) bytes for a field instead";
            self.error(Code::MisplacedStatement, opened, message);
            self.end_structure();
        }
        let outside = self.section;
        self.section = Section::Structure;
        self.structure = StructureState {
            opened,
            outside,
            ..StructureState::default()
        };
        let (name, place) = self.name_operand(c, "the structure's name")?;
        self.structure.name = Some(name);
        let index = self.structures.len() as u32;
        self.define(name, Definition::Structure(index), place)?;
        self.structures.push(Structure { size: 0 });
        self.structure.index = Some(index);
        Ok(())
    }

    /// Where the next field begins.
    pub(super) fn structure_offset(&self) -> u64 {
        u64::from(self.structure.size)
    }

    /// A field begins: `NAME.field` is its offset.
    pub(super) fn field(&mut self, field: Name, place: Place) {
        self.end_field();
        let Some(structure) = self.structure.name else {
            return;
        };
        let mut full = self.names.bytes(structure).to_vec();
        if !self.names.bytes(field).starts_with(b".") {
            full.push(b'.');
        }
        full.extend_from_slice(self.names.bytes(field));
        let name = self.names.intern(&full);
        let value = Value::plain(u64::from(self.structure.size));
        if self
            .define_constant(name, ConstantValue::Known(value), place)
            .is_ok()
        {
            self.structure.field = Some((name, self.structure.size));
        }
    }

    fn end_field(&mut self) {
        if let Some((name, start)) = self.structure.field.take() {
            self.field_sizes.insert(name, self.structure.size - start);
        }
    }

    /// Makes room in the structure.
    pub(super) fn grow_structure(&mut self, size: u64, span: Span) -> Result<(), Reported> {
        let total = u64::from(self.structure.size).saturating_add(size);
        match u32::try_from(total) {
            Ok(total) => {
                self.structure.size = total;
                Ok(())
            }
            Err(_) => Err(self.error(Code::TooLarge, span, "the structure is too large")),
        }
    }

    /// `.end` of a structure.
    pub(super) fn end_structure(&mut self) {
        self.end_field();
        if let Some(index) = self.structure.index {
            self.structures[index as usize].size = self.structure.size;
        }
        self.section = self.structure.outside;
    }

    /// Ends a structure that is still open at the end of a source.
    pub(super) fn unclosed_structure(&mut self) {
        let opened = self.structure.opened;
        self.unclosed(opened, ".struct", ".end");
        self.end_structure();
    }
}
