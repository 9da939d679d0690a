//! `cvm info`.

use std::fmt::Write as _;

use cvm_spec::image::{ExportKind, Image, Import, ImportKind, Type, VERSION};
use cvm_spec::pointer::ShortPointer;
use serde::Serialize;

use super::Failure;
use super::arguments::Info;
use super::console::Console;
use super::input::Input;

/// What there is to say of an image.
#[derive(Serialize)]
struct Description {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    file: String,
    file_size: usize,
    format_version: u16,
    entry: Option<Entry>,
    text_size: usize,
    data_size: usize,
    bss_size: u32,
    bss_initialised: usize,
    heap: Option<Heap>,
    functions: usize,
    types: usize,
    initialisers: usize,
    relocations: usize,
    imports: Vec<ImportLine>,
    exports: Vec<ExportLine>,
    symbols: usize,
    lines: usize,
    sources: Vec<String>,
    notes: Vec<Note>,
    permissions: Vec<Permission>,
}

#[derive(Serialize)]
struct Entry {
    function: String,
    offset: u32,
}

#[derive(Serialize)]
struct Heap {
    first: u64,
    largest: u64,
}

#[derive(Serialize)]
struct ImportLine {
    kind: &'static str,
    module: String,
    name: String,
    #[serde(rename = "signature")]
    text: String,
}

#[derive(Serialize)]
struct ExportLine {
    kind: &'static str,
    name: String,
    #[serde(rename = "signature")]
    text: String,
}

#[derive(Serialize)]
struct Note {
    name: String,
    value: String,
}

/// A flag that the program may need, and why.
#[derive(Serialize)]
struct Permission {
    flag: String,
    reason: String,
}

pub(super) fn info(arguments: &Info, console: &Console) -> Result<u8, Failure> {
    let input = Input::read(&arguments.file, console)?;
    let name = input.name.clone();
    let (image, size) = input.image(console)?;
    let description = describe(name, size, &image);
    let text = match arguments.json {
        true => {
            let text = serde_json::to_string_pretty(&description);
            text.expect("strings and numbers always have a JSON form") + "\n"
        }
        false => description.text(),
    };
    console.print(text.as_bytes())
}

fn describe(file: String, file_size: usize, image: &Image) -> Description {
    let text = |reference| clean(image.string(reference).unwrap_or("?"));
    let imports = image.imports.iter().map(|import| ImportLine {
        kind: import_kind(import.kind),
        module: text(import.module),
        name: text(import.name),
        text: signature(image, import.type_index),
    });
    let exports = image.exports.iter().map(|export| match export.kind {
        ExportKind::Function => ExportLine {
            kind: "function",
            name: text(export.name),
            text: image
                .functions
                .get(export.value as usize)
                .map_or(String::new(), |function| {
                    signature(image, function.type_index)
                }),
        },
        ExportKind::Object => ExportLine {
            kind: "object",
            name: text(export.name),
            text: format!("{}, {} bytes", ShortPointer(export.value), export.size),
        },
    });
    Description {
        version: 1,
        kind: "info",
        file,
        file_size,
        format_version: VERSION,
        entry: image.entry.map(|offset| Entry {
            function: entry_name(image, offset),
            offset,
        }),
        text_size: image.text.len(),
        data_size: image.data.len(),
        bss_size: image.bss_size,
        bss_initialised: image.bss_init.iter().map(|extent| extent.bytes.len()).sum(),
        heap: image.owns_heap.then_some(Heap {
            first: image.heap_first,
            largest: image.heap_largest,
        }),
        functions: image.functions.len(),
        types: image.types.len(),
        initialisers: image.initialisers.len(),
        relocations: image.relocations.len(),
        imports: imports.collect(),
        exports: exports.collect(),
        symbols: image.symbols.len(),
        lines: image.lines.len(),
        sources: image.sources.iter().map(|source| text(*source)).collect(),
        notes: image
            .notes
            .iter()
            .map(|note| Note {
                name: text(note.name),
                value: text(note.value),
            })
            .collect(),
        permissions: permissions(image),
    }
}

/// Text of an image, without characters that a terminal acts on.
fn clean(text: &str) -> String {
    cvm_asm::render::clean(text)
}

const fn import_kind(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Host => "host",
        ImportKind::Foreign => "foreign",
        ImportKind::Module => "module",
        ImportKind::ForeignData => "foreign data",
        ImportKind::ModuleData => "module data",
    }
}

fn signature(image: &Image, type_index: u32) -> String {
    match image.types.get(type_index as usize) {
        Some(Type::Foreign { signature, .. }) => clean(image.string(*signature).unwrap_or("?")),
        Some(Type::Function(function)) => {
            format!("({}) -> {}", function.args, function.results)
        }
        None => String::new(),
    }
}

fn entry_name(image: &Image, offset: u32) -> String {
    use cvm_spec::image::SymbolKind;
    let function = image.function_starting_at(offset);
    let symbol = image
        .symbols
        .iter()
        .find(|symbol| symbol.kind == SymbolKind::Function && Some(symbol.value) == function);
    let name = symbol.and_then(|symbol| image.string(symbol.name));
    name.map_or_else(|| format!("t:{offset:#x}"), clean)
}

/// The flags that a run may need, from what the program imports.
fn permissions(image: &Image) -> Vec<Permission> {
    let text = |reference| image.string(reference).unwrap_or_default();
    let uses = |name: &str| {
        let is_it = |import: &&Import| {
            import.kind == ImportKind::Host
                && text(import.module) == "sys"
                && text(import.name) == name
        };
        image.imports.iter().any(|import| is_it(&import))
    };
    let mut permissions = Vec::new();
    let mut add = |flag: String, reason: &str| {
        permissions.push(Permission {
            flag,
            reason: reason.to_string(),
        });
    };
    match (uses("open"), uses("remove")) {
        (true, true) => add("--dir DIR".into(), "opens and removes files"),
        (true, false) => add("--dir DIR".into(), "opens files"),
        (false, true) => add("--dir DIR".into(), "removes files"),
        (false, false) => {}
    }
    if uses("env") || uses("env_at") || uses("env_count") {
        add("--env NAME".into(), "reads environment variables");
    }
    let mut libraries: Vec<String> = image
        .imports
        .iter()
        .filter(|import| matches!(import.kind, ImportKind::Foreign | ImportKind::ForeignData))
        .map(|import| clean(text(import.module)))
        .collect();
    libraries.sort();
    libraries.dedup();
    if !libraries.is_empty() {
        add(
            format!("--allow-ffi={}", libraries.join(",")),
            "calls C functions, which can do anything",
        );
    }
    permissions
}

impl Description {
    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text)
            .expect("writing to a string cannot fail");
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let kind = match self.entry {
            Some(_) => "program",
            None => "module, not a program",
        };
        writeln!(
            out,
            "{}: {kind}, format version {}",
            clean(&self.file),
            self.format_version
        )?;
        let mut row = |label: &str, value: String| writeln!(out, "  {label:<14} {value}");
        row("file", bytes(self.file_size as u64))?;
        if let Some(entry) = &self.entry {
            row(
                "entry",
                format!("{} at t:{:#x}", entry.function, entry.offset),
            )?;
        }
        let functions = match self.functions {
            1 => "1 function".to_string(),
            count => format!("{count} functions"),
        };
        row(
            "text",
            format!("{}, {functions}", bytes(self.text_size as u64)),
        )?;
        row("data", bytes(self.data_size as u64))?;
        row(
            "bss",
            match self.bss_initialised {
                0 => bytes(self.bss_size.into()),
                count => format!(
                    "{}, {count} of them initialised",
                    bytes(self.bss_size.into())
                ),
            },
        )?;
        row(
            "heap",
            match &self.heap {
                None => "as the machine allows".into(),
                Some(Heap { first, largest: 0 }) => {
                    format!(
                        "{} at the start, grows as the machine allows",
                        bytes(*first)
                    )
                }
                Some(Heap { first, largest }) => {
                    format!(
                        "{} at the start, {} at most",
                        bytes(*first),
                        bytes(*largest)
                    )
                }
            },
        )?;
        if self.initialisers > 0 {
            row("initialisers", self.initialisers.to_string())?;
        }
        let debug = match (self.symbols, self.lines) {
            (0, 0) => "none".to_string(),
            (symbols, 0) => format!("{symbols} symbols, no lines (assemble with -g)"),
            (symbols, lines) => format!("{symbols} symbols, {lines} lines"),
        };
        row("debug", debug)?;
        if !self.sources.is_empty() {
            row("sources", self.sources.join(", "))?;
        }
        for note in &self.notes {
            row("note", format!("{}: {}", note.name, note.value))?;
        }
        if !self.imports.is_empty() {
            writeln!(out, "  imports")?;
        }
        for import in &self.imports {
            let ImportLine {
                kind,
                module,
                name,
                text,
            } = import;
            match *kind {
                "host" => writeln!(out, "    {kind:<8} {module}.{name} {text}")?,
                _ => writeln!(out, "    {kind:<8} {name} {text} from {module}")?,
            }
        }
        if !self.exports.is_empty() {
            writeln!(out, "  exports")?;
        }
        for ExportLine { kind, name, text } in &self.exports {
            writeln!(out, "    {kind:<8} {name} {text}")?;
        }
        match self.permissions.as_slice() {
            [] => writeln!(out, "  needs no permissions"),
            permissions => {
                writeln!(out, "  would ask for")?;
                permissions
                    .iter()
                    .try_for_each(|p| writeln!(out, "    {:<24} {}", p.flag, p.reason))
            }
        }
    }
}

/// `12 bytes`, `64K`.
fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".into(),
        _ if count >= 1 << 30 && count.is_multiple_of(1 << 30) => format!("{}G", count >> 30),
        _ if count >= 1 << 20 && count.is_multiple_of(1 << 20) => format!("{}M", count >> 20),
        _ if count >= 1 << 16 && count.is_multiple_of(1 << 10) => format!("{}K", count >> 10),
        _ => format!("{count} bytes"),
    }
}
