//! Putting the image together.

use cvm_spec::image::{
    Export, ExportKind, Extent, Function, Image, Import, ImportKind, Note, StringRef,
};
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};
use cvm_spec::wasm::{self, export_name};
use wasmparser::ExternalKind;

use crate::constant::Constant;
use crate::error::TranslateError;
use crate::layout::CELL;
use crate::module::{FunctionImport, Global, Placement, START};
use crate::names;
use crate::program::{Extra, Program};
use crate::relocate::{self, PointerCell};
use crate::types::is_narrow;

/// Longest name of an import or export, in bytes.
const NAME_MAX: usize = 4096;
/// Longest name of a module, in bytes.
const MODULE_MAX: usize = 1024;

/// Adds what the functions need, and makes the image.
pub(crate) fn finish(mut program: Program<'_, '_>) -> Result<Image, TranslateError> {
    let mut image = Image::default();
    exports(&mut program, &mut image)?;
    let entry = entry(&mut program);
    let initialiser = program
        .needs_instantiation()
        .then(|| program.extra(Extra::Instantiate));
    image.initialisers.extend(initialiser);
    imports(&mut program, &mut image)?;
    // Functions whose addresses are in tables or segments may be imported ones.
    let cells = final_cells(program.initial_cells());
    for (_, value) in &cells {
        if let Constant::Function(function) = value {
            program.function(*function);
        }
    }
    let mut pointed: Vec<u32> = Vec::new();
    for element in &program.module.elements {
        if matches!(element.placement, Placement::Passive) {
            pointed.extend(element.items.iter().filter_map(|item| match item {
                Constant::Function(function) => Some(*function),
                Constant::Number(_) => None,
            }));
        }
    }
    pointed.extend(program.text.function_pointers.iter().map(|(_, f)| *f));
    for function in pointed {
        program.function(function);
    }
    program.write_extras()?;

    let places = std::mem::take(&mut program.text.function_pointers);
    for (at, function) in places {
        let start = function_start(&mut program, function);
        let pointer = ShortPointer::new(Tag::Text, start).map_or(0, |pointer| pointer.0);
        let at = at as usize;
        program.text.bytes[at..at + 4].copy_from_slice(&pointer.to_le_bytes());
    }
    let pointers = match program.module.is_linkable {
        true => pointer_cells(&mut program, &cells),
        false => Vec::new(),
    };
    image.bss_init = extents(cells, |constant| cell(&mut program, constant));
    image.data = data(&mut program);
    image.bss_size = program.layout.bss_size;
    if program
        .module
        .memory
        .is_some_and(|memory| !memory.is_imported)
    {
        image.owns_heap = true;
        image.heap_first = program.layout.heap_first;
        image.heap_largest = program.layout.heap_largest;
    }
    image.entry = entry.map(|function| program.functions[function as usize].start);
    image.functions = std::mem::take(&mut program.functions);
    image.text = std::mem::take(&mut program.text.bytes);
    let note = Note {
        name: image.add_string(wasm::NOTE),
        value: image.add_string(wasm::NOTE_VALUE),
    };
    image.notes.push(note);
    if !program.options.strip {
        names::add(&program, &mut image);
        if let Some(lines) = program.lines.take() {
            lines.finish(&mut image);
        }
    }
    if program.module.is_linkable {
        relocate::add(&mut image, &pointers);
    }
    program.types.finish(&mut image);
    Ok(image)
}

/// Text offset of a function of the module, which has been written.
fn function_start(program: &mut Program<'_, '_>, function: u32) -> u32 {
    let number = program.function(function) as usize;
    let found: Option<&Function> = program.functions.get(number);
    found.map_or(0, |function| function.start)
}

/// The cell of a constant.
fn cell(program: &mut Program<'_, '_>, constant: Constant) -> u64 {
    match constant {
        Constant::Number(value) => value,
        Constant::Function(function) => {
            let start = function_start(program, function);
            Pointer::new(Tag::Text, u64::from(start)).0
        }
    }
}

/// Cells in ascending order, each once: the last value counts.
fn final_cells(mut cells: Vec<(u32, Constant)>) -> Vec<(u32, Constant)> {
    // The order among equal offsets stays.
    cells.sort_by_key(|(offset, _)| *offset);
    let groups = cells.chunk_by(|a, b| a.0 == b.0);
    groups.filter_map(|group| group.last().copied()).collect()
}

/// The cells of `d:` and `b:` that hold pointers to functions, in ascending order.
fn pointer_cells(program: &mut Program<'_, '_>, bss: &[(u32, Constant)]) -> Vec<PointerCell> {
    let module = program.module;
    let mut cells = Vec::new();
    let mut add = |segment, offset, constant| {
        if let Constant::Function(function) = constant {
            let function = program.function(function);
            cells.push(PointerCell {
                segment,
                offset,
                function,
            });
        }
    };
    let mut offset = 0;
    for element in &module.elements {
        if matches!(element.placement, Placement::Passive) {
            for item in &element.items {
                add(Tag::Data, offset, *item);
                offset += CELL as u32;
            }
        }
    }
    for (offset, constant) in bss {
        add(Tag::Bss, *offset, *constant);
    }
    cells
}

/// Initial contents of `b:` as the image has them: without zeros, neighbours together.
fn extents(cells: Vec<(u32, Constant)>, mut value_of: impl FnMut(Constant) -> u64) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    for (offset, constant) in cells {
        let value = value_of(constant);
        if value == 0 {
            continue;
        }
        let bytes = value.to_le_bytes();
        match extents.last_mut() {
            Some(last) if last.offset + last.bytes.len() as u32 == offset => {
                last.bytes.extend_from_slice(&bytes);
            }
            _ => extents.push(Extent {
                offset,
                bytes: bytes.to_vec(),
            }),
        }
    }
    extents
}

/// The data segment: passive table entries, then the segments of memory.
fn data(program: &mut Program<'_, '_>) -> Vec<u8> {
    let module = program.module;
    let mut bytes = Vec::with_capacity(program.layout.data_size as usize);
    for element in &module.elements {
        if matches!(element.placement, Placement::Passive) {
            for item in &element.items {
                bytes.extend_from_slice(&cell(program, *item).to_le_bytes());
            }
        }
    }
    for segment in &module.data {
        bytes.extend_from_slice(segment.bytes);
    }
    bytes
}

/// The function where the program begins: the export `_start`, or, if there is a start function, one that does nothing
/// more.
fn entry(program: &mut Program<'_, '_>) -> Option<u32> {
    let module = program.module;
    match module.exported(START) {
        Some(start) => {
            let found = module.function_type(start);
            let fits = found.params().is_empty() && found.results().len() <= 1;
            fits.then(|| program.function(start))
        }
        None => module.start.map(|_| program.extra(Extra::Entry)),
    }
}

fn exports(program: &mut Program<'_, '_>, image: &mut Image) -> Result<(), TranslateError> {
    let module = program.module;
    for export in &module.exports {
        let (kind, value, size) = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let params = module.function_type(export.index).params();
                let function = match params.iter().any(|value| is_narrow(*value)) {
                    true => program.extra(Extra::Export(export.index)),
                    false => program.function(export.index),
                };
                (ExportKind::Function, function, 0)
            }
            // What is another module's is exported there.
            ExternalKind::Global
                if matches!(
                    module.globals[export.index as usize],
                    Global::Imported { .. }
                ) =>
            {
                continue;
            }
            ExternalKind::Global => {
                let pointer = ShortPointer::new(Tag::Bss, export.index * CELL as u32);
                let pointer = pointer.map_or(0, |pointer| pointer.0);
                (ExportKind::Object, pointer, CELL as u32)
            }
            // The memory is the program's heap, which everything linked to it sees; tables are its own.
            ExternalKind::Memory | ExternalKind::Table | ExternalKind::Tag => continue,
        };
        let name = export_name(export.name);
        if name.len() > NAME_MAX {
            return Err(TranslateError::Name {
                what: "the export",
                reason: format!("is longer than {NAME_MAX} bytes"),
                name: name.chars().take(60).collect(),
            });
        }
        let name = image.add_string(&name);
        image.exports.push(Export {
            kind,
            value,
            size,
            name,
        });
    }
    Ok(())
}

fn imports(program: &mut Program<'_, '_>, image: &mut Image) -> Result<(), TranslateError> {
    let module = program.module;
    for import in &module.imports {
        let kind = match program.options.is_host(import.module) {
            true => ImportKind::Host,
            false => ImportKind::Module,
        };
        let found = &module.types[import.type_index as usize];
        let (args, results) = (found.params().len() as u16, found.results().len() as u16);
        let type_index = program.types.of_counts(args, results);
        let (module, name) = import_names(import, image)?;
        image.imports.push(Import {
            kind,
            flags: 0,
            type_index,
            module,
            name,
        });
    }
    for global in &module.imported_globals {
        let import = FunctionImport {
            module: global.module,
            name: global.name,
            type_index: 0,
            offset: global.offset,
        };
        let (module, name) = import_names(&import, image)?;
        image.imports.push(Import {
            kind: ImportKind::ModuleData,
            flags: 0,
            // Calling it pushes the address.
            type_index: program.types.of_counts(0, 1),
            module,
            name,
        });
    }
    Ok(())
}

fn import_names(
    import: &FunctionImport<'_>,
    image: &mut Image,
) -> Result<(StringRef, StringRef), TranslateError> {
    let refused = |reason: String| TranslateError::Import {
        kind: "function",
        module: import.module.escape_debug().take(60).collect(),
        name: import.name.escape_debug().take(60).collect(),
        reason,
        offset: import.offset,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-/".contains(&byte);
    let leads_out = |part: &str| matches!(part, "" | "." | "..");
    let module = import.module;
    let is_module = module.len() <= MODULE_MAX
        && module.bytes().all(plain)
        && !module.split('/').any(leads_out);
    if !is_module {
        let rules = "parts of letters, digits and `_ . + -`, joined by `/`";
        return Err(refused(format!(
            "a module's name is {rules}, of at most {MODULE_MAX} bytes"
        )));
    }
    let name = export_name(import.name);
    if name.len() > NAME_MAX {
        return Err(refused(format!("its name is longer than {NAME_MAX} bytes")));
    }
    Ok((image.add_string(module), image.add_string(&name)))
}
