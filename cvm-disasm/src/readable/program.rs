//! The directives around the segments: imports and types in front, exports and initialisers behind.

use std::collections::{HashMap, HashSet};

use cvm_spec::image::{ExportKind, IMPORT_LEAF, Image, Import, ImportKind, Type};
use cvm_spec::pointer::ShortPointer;

use super::Program;
use super::namer::{Name, Namer, is_plain};
use crate::DisassembleError;
use crate::describe::shown;
use crate::names::string;
use crate::output::Text;

/// The names by which the program calls its imports. That of a host function is its own; others can have an alias.
pub(super) fn import_names(
    image: &Image,
    namer: &mut Namer,
) -> Result<Vec<Name>, DisassembleError> {
    let mut hosts: HashMap<Vec<u8>, (Name, u32)> = HashMap::new();
    for import in image
        .imports
        .iter()
        .filter(|import| import.kind == ImportKind::Host)
    {
        let name = host_name(image, import);
        let refuse = |why: &str| {
            let what = format!("host function `{}` {why}", shown(&name));
            Err(DisassembleError::Image { what })
        };
        if let Some((_, type_index)) = hosts.get(&name) {
            if *type_index != import.type_index {
                return refuse("is imported with two types");
            }
            continue;
        }
        if !is_plain(&name) {
            return refuse("has a name that assembly cannot write");
        }
        match namer.reserve(&name) {
            Some(given) => hosts.insert(name, (given, import.type_index)),
            None => return refuse("has a name that is a word of the language"),
        };
    }
    for import in &image.imports {
        if let Some(why) = unspeakable(image, import) {
            let name = shown(string(image, import.name));
            let what = format!("import `{name}` {why}");
            return Err(DisassembleError::Image { what });
        }
    }
    let mut names = Vec::with_capacity(image.imports.len());
    for (index, import) in image.imports.iter().enumerate() {
        let host = match import.kind {
            ImportKind::Host => hosts.get(&host_name(image, import)),
            _ => None,
        };
        names.push(match host {
            Some((name, _)) => *name,
            None => namer.name(string(image, import.name), "import_", index),
        });
    }
    Ok(names)
}

/// Why assembly cannot declare an import, apart from host functions.
fn unspeakable(image: &Image, import: &Import) -> Option<&'static str> {
    let ty = image.types.get(import.type_index as usize);
    match import.kind {
        ImportKind::ModuleData if !is_plain(string(image, import.name)) => {
            Some("has a name that assembly cannot write")
        }
        ImportKind::ForeignData | ImportKind::ModuleData
            if ty.is_none_or(|ty| ty.arity() != (0, 1))
                || matches!(ty, Some(Type::Function(ty)) if ty.brand != 0) =>
        {
            Some("has a type that no object has in assembly")
        }
        ImportKind::Module if !is_plain(string(image, import.name)) => {
            Some("has a name that assembly cannot write")
        }
        ImportKind::Module if matches!(ty, Some(Type::Function(ty)) if ty.brand != 0) => {
            Some("has a type with a brand, which assembly cannot give to an import")
        }
        _ => None,
    }
}

/// A host function's name with its namespace.
fn host_name(image: &Image, import: &Import) -> Vec<u8> {
    [
        string(image, import.module),
        b".",
        string(image, import.name),
    ]
    .concat()
}

/// Prints what stands in front of the segments.
pub(super) fn head(out: &mut Text<'_>, program: &Program<'_>) {
    let image = program.image;
    if let Some(index) = image
        .entry
        .and_then(|entry| image.function_starting_at(entry))
    {
        out.bytes(b".entry ")
            .bytes(program.function_name(index as usize))
            .end();
    }
    if image.owns_heap {
        out.str(".heap ").number(image.heap_first);
        out.str(", ").number(image.heap_largest).end();
    }
    let mut declared = HashSet::new();
    for (index, name) in program.imports.iter().enumerate() {
        // A host function that is imported twice is declared once.
        if declared.insert(*name) {
            import(out, program, index);
        }
    }
    types(out, program);
    constants(out, program);
}

fn import(out: &mut Text<'_>, program: &Program<'_>, index: usize) {
    let image = program.image;
    let import = &image.imports[index];
    let name = program.import_name(index);
    let own = string(image, import.name);
    match import.kind {
        ImportKind::Host => {
            out.bytes(b".host ").bytes(name).byte(b' ');
        }
        ImportKind::Module | ImportKind::ModuleData => {
            out.bytes(b".import ")
                .quoted(string(image, import.module))
                .byte(b' ');
            out.bytes(own).byte(b' ');
            if import.kind == ImportKind::ModuleData {
                return data(out, own, name);
            }
        }
        ImportKind::Foreign | ImportKind::ForeignData => {
            out.bytes(b".foreign ")
                .quoted(string(image, import.module))
                .byte(b' ');
            match is_plain(own) {
                true => out.bytes(own).byte(b' '),
                false => out.quoted(own).byte(b' '),
            };
            if import.kind == ImportKind::ForeignData {
                return data(out, own, name);
            }
        }
    }
    match image.types.get(import.type_index as usize) {
        Some(Type::Foreign { signature, .. }) => {
            out.bytes(string(image, *signature));
        }
        Some(ty) => arity(out, ty.arity()),
        None => {}
    }
    if own != name && import.kind != ImportKind::Host {
        out.bytes(b" as ").bytes(name);
    }
    if import.flags & IMPORT_LEAF != 0 {
        out.str(" leaf");
    }
    out.end();
}

/// The end of an object's declaration.
fn data(out: &mut Text<'_>, own: &[u8], name: &[u8]) {
    out.str("data");
    if own != name {
        out.bytes(b" as ").bytes(name);
    }
    out.end();
}

fn arity(out: &mut Text<'_>, (args, results): (u16, u16)) {
    out.byte(b'(').number(args).byte(b')');
    if results > 0 {
        out.str(" -> ").number(results);
    }
}

/// Types in their order, if an indirect call names one: the assembler numbers types as it meets them.
fn types(out: &mut Text<'_>, program: &Program<'_>) {
    let image = program.image;
    for (index, ty) in image.types.iter().enumerate().take(program.types.len()) {
        out.str(".type ").bytes(program.type_name(index)).byte(b' ');
        match ty {
            Type::Function(function) => {
                arity(out, ty.arity());
                if function.brand != 0 {
                    out.str(", brand ").number(function.brand);
                }
            }
            Type::Foreign { signature, .. } => {
                let signature = string(image, *signature);
                out.bytes(signature);
                if signature == b"()" {
                    // Else it would be the type of a CVM function.
                    out.str(" -> void");
                }
            }
        }
        out.end();
    }
}

/// Named constants, for people: nothing below refers to them.
fn constants(out: &mut Text<'_>, program: &Program<'_>) {
    for (symbol, name) in &program.constants {
        let value = u64::from(symbol.value) | u64::from(symbol.a) << 32;
        out.str(".equ ").bytes(program.namer.text(*name)).str(", ");
        super::number::integer(out, value);
        out.end();
    }
}

/// Prints what stands behind the segments.
pub(super) fn tail(out: &mut Text<'_>, program: &Program<'_>) {
    let image = program.image;
    if !image.exports.is_empty() || !image.initialisers.is_empty() {
        out.end();
    }
    for export in &image.exports {
        let name = match export.kind {
            ExportKind::Function => program.function_name(export.value as usize),
            ExportKind::Object => {
                let pointer = ShortPointer(export.value);
                let label = program.objects.at(pointer.tag(), pointer.offset());
                label.map_or(&b"?"[..], |name| program.namer.text(name))
            }
        };
        let own = string(image, export.name);
        out.str(".export ").bytes(name);
        if own != name {
            out.str(" as ").quoted(own);
        }
        out.end();
    }
    for index in &image.initialisers {
        out.str(".init ")
            .bytes(program.function_name(*index as usize))
            .end();
    }
}
