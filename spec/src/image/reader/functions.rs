//! Functions, the entry, and initialisers.

use super::layout::{Layout, at};
use super::{Checked, ReadCode, broken};
use crate::image::{Function, FunctionType, Image, SectionKind, Type};

pub(super) fn read(layout: &Layout<'_>, image: &Image) -> Checked<Vec<Function>> {
    let section = layout.section(SectionKind::Functions);
    let text = layout.section(SectionKind::Text);
    let text_size = text.bytes.len() as u64;
    match (section.bytes.is_empty(), text.bytes.is_empty()) {
        (true, false) => {
            let expected = "a functions section beside the text";
            return broken(ReadCode::MissingSection, text.offset, expected, "none");
        }
        (false, true) => {
            let expected = "a text section beside the functions";
            return broken(ReadCode::MissingSection, section.offset, expected, "none");
        }
        _ => {}
    }
    let mut end = 0;
    let functions = section.parse(SectionKind::Functions, |record| {
        let function = Function {
            start: record.u32(0),
            size: record.u32(4),
            type_index: record.u32(8),
        };
        if function.size == 0 {
            let expected = "a function of at least 1 byte";
            return broken(ReadCode::FunctionEmpty, record.field(4), expected, 0);
        }
        if u64::from(function.start) != end {
            let expected = format!("a function at text offset {end}");
            return broken(
                ReadCode::FunctionTiling,
                record.offset,
                expected,
                function.start,
            );
        }
        end += u64::from(function.size);
        if end > text_size {
            return broken(
                ReadCode::FunctionOutsideText,
                record.field(4),
                format!("a function that ends inside the {text_size} bytes of text"),
                format!("one that ends at {end}"),
            );
        }
        function_type(image, function.type_index, record.field(8))?;
        Ok(function)
    })?;
    if end != text_size {
        return broken(
            ReadCode::FunctionTiling,
            section.offset + section.bytes.len() as u64,
            format!("a function at text offset {end}"),
            format!("{} bytes of text that belong to none", text_size - end),
        );
    }
    Ok(functions)
}

/// The type of an index that stands at `offset` of the file.
pub(super) fn type_at(image: &Image, index: u32, offset: u64) -> Checked<Type> {
    match image.types.get(index as usize) {
        Some(found) => Ok(*found),
        None => broken(
            ReadCode::TypeIndex,
            offset,
            format!("a type index below {}", image.types.len()),
            index,
        ),
    }
}

/// The function type of an index that stands at `offset` of the file.
pub(super) fn function_type(image: &Image, index: u32, offset: u64) -> Checked<FunctionType> {
    match type_at(image, index, offset)? {
        Type::Function(found) => Ok(found),
        Type::Foreign { .. } => broken(
            ReadCode::TypeKindMismatch,
            offset,
            "a function type",
            format!("type {index}, a foreign type"),
        ),
    }
}

/// Checks the header's entry.
pub(super) fn check_entry(image: &Image) -> Checked<()> {
    let Some(entry) = image.entry else {
        return Ok(());
    };
    if entry as usize >= image.text.len() {
        return broken(
            ReadCode::EntryOutsideText,
            at::ENTRY,
            format!("an entry inside the {} bytes of text", image.text.len()),
            entry,
        );
    }
    let Some(index) = image.function_starting_at(entry) else {
        let expected = "the text offset of a function";
        return broken(ReadCode::EntryNotFunction, at::ENTRY, expected, entry);
    };
    let function = &image.functions[index as usize];
    let ty = image.function_type(function).unwrap_or_default();
    if ty.args != 0 || ty.results > 1 {
        return broken(
            ReadCode::EntryType,
            at::ENTRY,
            "an entry function without arguments and with at most 1 result",
            format!("{} arguments and {} results", ty.args, ty.results),
        );
    }
    Ok(())
}

pub(super) fn initialisers(layout: &Layout<'_>, image: &Image) -> Checked<Vec<u32>> {
    let section = layout.section(SectionKind::Initialisers);
    section.parse(SectionKind::Initialisers, |record| {
        let index = record.u32(0);
        let Some(function) = image.functions.get(index as usize) else {
            let expected = format!("a function index below {}", image.functions.len());
            return broken(ReadCode::InitialiserIndex, record.offset, expected, index);
        };
        let ty = image.function_type(function).unwrap_or_default();
        if (ty.args, ty.results) != (0, 0) {
            return broken(
                ReadCode::InitialiserType,
                record.offset,
                "a function without arguments and results",
                format!("{} arguments and {} results", ty.args, ty.results),
            );
        }
        Ok(index)
    })
}
