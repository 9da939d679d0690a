//! Imports and exports: what ties an image to others.

use std::collections::HashSet;

use super::functions::{function_type, type_at};
use super::layout::Layout;
use super::names::{Pool, quote};
use super::record::Record;
use super::{Checked, ReadCode, broken};
use crate::image::{Export, ExportKind, IMPORT_LEAF, Image, Import, ImportKind, SectionKind, Type};
use crate::pointer::{ShortPointer, Tag};

pub(super) fn imports(layout: &Layout<'_>, image: &Image, pool: &Pool<'_>) -> Checked<Vec<Import>> {
    let section = layout.section(SectionKind::Imports);
    section.parse(SectionKind::Imports, |record| {
        read_import(record, image, pool)
    })
}

fn read_import(record: Record<'_>, image: &Image, pool: &Pool<'_>) -> Checked<Import> {
    let Some(kind) = ImportKind::from_number(record.u32(0)) else {
        let expected = "an import kind from 0 to 4";
        return broken(
            ReadCode::UnknownImportKind,
            record.offset,
            expected,
            record.u32(0),
        );
    };
    let flags = record.u32(4);
    let allowed = match kind {
        ImportKind::Foreign => IMPORT_LEAF,
        _ => 0,
    };
    if flags & !allowed != 0 {
        return broken(
            ReadCode::UnknownImportFlags,
            record.field(4),
            format!("no flags but {allowed:#x}"),
            format!("{flags:#x}"),
        );
    }
    let type_index = record.u32(8);
    check_import_type(image, kind, type_index, record.field(8))?;
    let (module, name) = (record.string(12), record.string(20));
    match kind {
        ImportKind::Host => pool.host(module, record.field(12))?,
        ImportKind::Foreign | ImportKind::ForeignData => pool.library(module, record.field(12))?,
        ImportKind::Module | ImportKind::ModuleData => pool.module(module, record.field(12))?,
    }
    pool.name(name, record.field(20), "an import's name")?;
    record.reserved(28)?;
    Ok(Import {
        kind,
        flags,
        type_index,
        module,
        name,
    })
}

fn check_import_type(image: &Image, kind: ImportKind, index: u32, offset: u64) -> Checked<()> {
    if kind == ImportKind::Foreign {
        return match type_at(image, index, offset)? {
            Type::Foreign { .. } => Ok(()),
            Type::Function(_) => broken(
                ReadCode::TypeKindMismatch,
                offset,
                "a foreign type for a C function",
                format!("type {index}, a function type"),
            ),
        };
    }
    let ty = function_type(image, index, offset)?;
    let is_object = matches!(kind, ImportKind::ForeignData | ImportKind::ModuleData);
    if is_object && (ty.args, ty.results) != (0, 1) {
        return broken(
            ReadCode::ImportType,
            offset,
            "a type without arguments and with 1 result for an object",
            format!("{} arguments and {} results", ty.args, ty.results),
        );
    }
    Ok(())
}

pub(super) fn exports(layout: &Layout<'_>, image: &Image, pool: &Pool<'_>) -> Checked<Vec<Export>> {
    let section = layout.section(SectionKind::Exports);
    let mut names = HashSet::new();
    let mut name_bytes = 0;
    section.parse(SectionKind::Exports, |record| {
        let export = read_export(record, image)?;
        let name = pool.name(export.name, record.field(12), "an export's name")?;
        // Without this bound, many long names that share bytes would take quadratic time to compare.
        name_bytes += name.len();
        if name_bytes > pool.section.bytes.len() {
            return broken(
                ReadCode::ExportNamesOverlap,
                record.field(12),
                format!("at most {} bytes of names", pool.section.bytes.len()),
                format!("{name_bytes} up to here"),
            );
        }
        if !names.insert(name) {
            let expected = "each name once";
            return broken(
                ReadCode::DuplicateExport,
                record.field(12),
                expected,
                quote(name),
            );
        }
        record.reserved(20)?;
        Ok(export)
    })
}

fn read_export(record: Record<'_>, image: &Image) -> Checked<Export> {
    let (value, size) = (record.u32(4), record.u32(8));
    let kind = match record.u32(0) {
        0 => ExportKind::Function,
        1 => ExportKind::Object,
        found => {
            let expected = "export kind 0 or 1";
            return broken(ReadCode::UnknownExportKind, record.offset, expected, found);
        }
    };
    match kind {
        ExportKind::Function => {
            if value as usize >= image.functions.len() {
                let expected = format!("a function index below {}", image.functions.len());
                return broken(ReadCode::ExportIndex, record.field(4), expected, value);
            }
            if size != 0 {
                let expected = "size 0 for a function";
                return broken(ReadCode::ExportSize, record.field(8), expected, size);
            }
        }
        ExportKind::Object => {
            let pointer = ShortPointer(value);
            let segment_size = match pointer.tag() {
                Tag::Data => image.data.len() as u64,
                Tag::Bss => u64::from(image.bss_size),
                _ => {
                    let expected = "a pointer into data or bss";
                    return broken(ReadCode::ExportSegment, record.field(4), expected, pointer);
                }
            };
            let end = u64::from(pointer.offset()) + u64::from(size);
            if end > segment_size {
                return broken(
                    ReadCode::ExportOutsideSegment,
                    record.field(4),
                    format!("an object inside the {segment_size} bytes of its segment"),
                    format!("{pointer} with {size} bytes"),
                );
            }
        }
    }
    Ok(Export {
        kind,
        value,
        size,
        name: record.string(12),
    })
}
