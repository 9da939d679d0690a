//! The records of the tables, one a line.

use cvm_spec::image::{
    Export, ExportKind, Function, FunctionType, Import, ImportKind, Line, Note, Relocation,
    RelocationKind, SectionKind, Symbol, SymbolKind, Type,
};
use cvm_spec::pointer::{SHORT_OFFSET_MAX, ShortPointer};

use super::Assembler;
use super::cursor::{Cursor, Parsed};

impl Assembler<'_> {
    /// A record of a section; the cursor stands behind its directive.
    pub(super) fn record(&mut self, kind: SectionKind, word: &[u8]) -> Parsed<()> {
        let directive = match kind {
            SectionKind::Types => ".type",
            SectionKind::Functions => ".function",
            SectionKind::Imports => ".import",
            SectionKind::Exports => ".export",
            SectionKind::Initialisers => ".initialiser",
            SectionKind::Relocations => ".relocation",
            SectionKind::Symbols => ".symbol",
            SectionKind::Lines => ".line",
            SectionKind::Sources => ".source",
            SectionKind::Notes => ".note",
            SectionKind::BssInit | SectionKind::Data | SectionKind::Text | SectionKind::Strings => {
                return self.byte_directive(word);
            }
        };
        let cursor = &mut self.cursor;
        if word != directive.as_bytes() {
            return Err(cursor.unknown_directive(&format!("{directive} or .section")));
        }
        let image = &mut self.image;
        match kind {
            SectionKind::Types => image.types.push(cursor.type_record()?),
            SectionKind::Functions => image.functions.push(cursor.function_record()?),
            SectionKind::Imports => image.imports.push(cursor.import_record()?),
            SectionKind::Exports => image.exports.push(cursor.export_record()?),
            SectionKind::Initialisers => image.initialisers.push(cursor.u32("a function's index")?),
            SectionKind::Relocations => image.relocations.push(cursor.relocation_record()?),
            SectionKind::Symbols => image.symbols.push(cursor.symbol_record()?),
            SectionKind::Lines => image.lines.push(cursor.line_record()?),
            SectionKind::Sources => image.sources.push(cursor.reference()?),
            _ => {
                let name = cursor.reference()?;
                cursor.comma()?;
                let value = cursor.reference()?;
                image.notes.push(Note { name, value });
            }
        }
        Ok(())
    }
}

impl Cursor<'_> {
    /// A word out of a table, then a comma.
    fn choice<T: Copy>(&mut self, choices: &[(&str, T)], expected: &str) -> Parsed<T> {
        let word = self.keyword();
        let found = choices.iter().find(|(name, _)| name.as_bytes() == word);
        let Some((_, value)) = found else {
            return Err(self.unexpected_word(expected));
        };
        self.comma()?;
        Ok(*value)
    }

    /// A number and a comma.
    fn field(&mut self, expected: &str) -> Parsed<u32> {
        let value = self.u32(expected)?;
        self.comma()?;
        Ok(value)
    }

    /// A number or a short pointer's bits, and a comma.
    fn value(&mut self) -> Parsed<u32> {
        let value = if self.at_pointer() {
            let (tag, offset) = self.pointer(u64::from(SHORT_OFFSET_MAX))?;
            let pointer = ShortPointer::new(tag, offset as u32);
            pointer.expect("the offset is in range").0
        } else {
            self.u32("a number or pointer")?
        };
        self.comma()?;
        Ok(value)
    }

    fn type_record(&mut self) -> Parsed<Type> {
        let choices = [("function", false), ("foreign", true)];
        let foreign = self.choice(&choices, "`function` or `foreign`")?;
        let args = self.u16("a count of arguments")?;
        self.comma()?;
        let results = self.u16("a count of results")?;
        self.comma()?;
        Ok(if foreign {
            Type::Foreign {
                args,
                results,
                signature: self.reference()?,
            }
        } else {
            Type::Function(FunctionType {
                args,
                results,
                brand: self.u32("a brand")?,
            })
        })
    }

    fn function_record(&mut self) -> Parsed<Function> {
        Ok(Function {
            start: self.field("a text offset")?,
            size: self.field("a size in bytes")?,
            type_index: self.u32("a type's index")?,
        })
    }

    fn import_record(&mut self) -> Parsed<Import> {
        let choices = [
            ("host", ImportKind::Host),
            ("foreign", ImportKind::Foreign),
            ("module", ImportKind::Module),
            ("foreign-data", ImportKind::ForeignData),
            ("module-data", ImportKind::ModuleData),
        ];
        let expected = "`host`, `foreign`, `module`, `foreign-data` or `module-data`";
        let kind = self.choice(&choices, expected)?;
        let flags = self.field("flags")?;
        let type_index = self.field("a type's index")?;
        let module = self.reference()?;
        self.comma()?;
        Ok(Import {
            kind,
            flags,
            type_index,
            module,
            name: self.reference()?,
        })
    }

    fn export_record(&mut self) -> Parsed<Export> {
        let choices = [
            ("function", ExportKind::Function),
            ("object", ExportKind::Object),
        ];
        Ok(Export {
            kind: self.choice(&choices, "`function` or `object`")?,
            value: self.value()?,
            size: self.field("a size in bytes")?,
            name: self.reference()?,
        })
    }

    fn relocation_record(&mut self) -> Parsed<Relocation> {
        let choices = [
            ("short-pointer", RelocationKind::ShortPointer),
            ("pointer", RelocationKind::Pointer),
            ("call", RelocationKind::Call),
            ("import", RelocationKind::Import),
            ("type", RelocationKind::Type),
        ];
        let expected = "`short-pointer`, `pointer`, `call`, `import` or `type`";
        let kind = self.choice(&choices, expected)?;
        let (segment, offset) = self.pointer(u64::from(u32::MAX))?;
        self.comma()?;
        Ok(Relocation {
            kind,
            segment,
            offset: offset as u32,
            target: self.field("the target's index")?,
            addend: self.u32("an addend")?,
        })
    }

    fn symbol_record(&mut self) -> Parsed<Symbol> {
        let choices = [
            ("function", SymbolKind::Function),
            ("object", SymbolKind::Object),
            ("label", SymbolKind::Label),
            ("argument", SymbolKind::Argument),
            ("local", SymbolKind::Local),
            ("reference", SymbolKind::Reference),
            ("constant", SymbolKind::Constant),
        ];
        let kind = self.choice(&choices, "a symbol's kind, for example `function`")?;
        let value = self.value()?;
        let size = self.field("a size in bytes")?;
        let name = self.reference()?;
        self.comma()?;
        Ok(Symbol {
            kind,
            value,
            size,
            name,
            a: self.field("a number")?,
            b: self.u32("a number")?,
        })
    }

    fn line_record(&mut self) -> Parsed<Line> {
        let text = self.field("a text offset")?;
        let source = self.u16("a source's index")?;
        self.comma()?;
        let line = self.field("a line")?;
        Ok(Line {
            text,
            line,
            source,
            column: self.u16("a column")?,
        })
    }
}
