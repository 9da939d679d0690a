//! Names from the custom section `name`, as symbols.

use std::collections::HashMap;

use cvm_spec::image::{Image, StringRef, Symbol, SymbolKind};
use cvm_spec::pointer::{ShortPointer, Tag};
use wasmparser::{BinaryReader, Name, NameSectionReader, Naming};

use crate::layout::CELL;
use crate::module::Module;
use crate::program::{Extra, Program};

/// What a module names. Names are for people: what is damaged is left out.
#[derive(Default)]
struct Names<'a> {
    functions: HashMap<u32, &'a str>,
    globals: HashMap<u32, &'a str>,
    /// Of each function: (index, name).
    locals: HashMap<u32, Vec<(u32, &'a str)>>,
}

fn read<'a>(module: &Module<'a>) -> Names<'a> {
    let mut names = Names::default();
    for export in &module.exports {
        match export.kind {
            wasmparser::ExternalKind::Func => {
                names.functions.entry(export.index).or_insert(export.name);
            }
            wasmparser::ExternalKind::Global => {
                names.globals.entry(export.index).or_insert(export.name);
            }
            _ => {}
        }
    }
    for (index, import) in module.imports.iter().enumerate() {
        names.functions.insert(index as u32, import.name);
    }
    let Some((bytes, offset)) = module.custom.get("name") else {
        return names;
    };
    let sound = |naming: wasmparser::Result<Naming<'a>>| naming.ok().map(|n| (n.index, n.name));
    for part in NameSectionReader::new(BinaryReader::new(bytes, *offset)) {
        match part {
            Ok(Name::Function(map)) => {
                names.functions.extend(map.into_iter().map_while(&sound));
            }
            Ok(Name::Global(map)) => {
                names.globals.extend(map.into_iter().map_while(&sound));
            }
            Ok(Name::Local(map)) => {
                for function in map.into_iter().map_while(Result::ok) {
                    let locals = function.names.map_while(&sound);
                    names.locals.insert(function.index, locals.collect());
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    names
}

/// Adds symbols for functions, their arguments and locals, and globals.
pub(crate) fn add(program: &Program<'_, '_>, image: &mut Image) {
    let module = program.module;
    let names = read(module);
    let imported = module.imported();
    for number in 0..module.bodies.len() as u32 {
        let index = imported + number;
        let name = match names.functions.get(&index) {
            Some(name) => image.add_string(name),
            None => image.add_string(&format!("func[{index}]")),
        };
        function(image, number, name);
        let arguments = module.function_type(index).params().len() as u32;
        for (local, name) in names.locals.get(&index).into_iter().flatten() {
            local_name(image, number, arguments, *local, name);
        }
    }
    for (extra, number) in program.extras.iter().zip(module.bodies.len() as u32..) {
        let of = |function: &u32| match names.functions.get(function) {
            Some(name) => (*name).to_string(),
            None => format!("func[{function}]"),
        };
        let name = match extra {
            Extra::Import(index) => format!("{} (import)", of(index)),
            Extra::Export(index) => format!("{} (export)", of(index)),
            Extra::MemoryInit(segment) => format!("memory.init {segment}"),
            Extra::TableInit(table, segment) => format!("table.init {table} {segment}"),
            Extra::TableCopy(to, from) => format!("table.copy {to} {from}"),
            Extra::TableFill(table) => format!("table.fill {table}"),
            Extra::TableGrow(table) => format!("table.grow {table}"),
            Extra::Instantiate => "(instantiate)".to_string(),
            Extra::Entry => "(entry)".to_string(),
        };
        let name = image.add_string(&name);
        function(image, number, name);
    }
    for index in 0..module.globals.len() as u32 {
        let name = match names.globals.get(&index) {
            Some(name) => image.add_string(name),
            None => image.add_string(&format!("global[{index}]")),
        };
        object(image, index * CELL as u32, CELL as u32, name);
    }
    for (index, place) in program.layout.tables.iter().enumerate() {
        let size = place.capacity * CELL;
        if size > 0 {
            let name = image.add_string(&format!("table[{index}]"));
            object(image, place.base, size as u32, name);
        }
    }
}

fn function(image: &mut Image, number: u32, name: StringRef) {
    let size = image.functions[number as usize].size;
    image.symbols.push(Symbol {
        kind: SymbolKind::Function,
        value: number,
        size,
        name,
        a: 0,
        b: 0,
    });
}

fn local_name(image: &mut Image, number: u32, arguments: u32, local: u32, name: &str) {
    let Some(value) = local.checked_mul(CELL as u32) else {
        return;
    };
    let function = image.functions[number as usize];
    let name = image.add_string(name);
    image.symbols.push(Symbol {
        kind: match local < arguments {
            true => SymbolKind::Argument,
            false => SymbolKind::Local,
        },
        value,
        size: CELL as u32,
        name,
        a: function.start,
        b: function.end(),
    });
}

fn object(image: &mut Image, offset: u32, size: u32, name: StringRef) {
    let Some(pointer) = ShortPointer::new(Tag::Bss, offset) else {
        return;
    };
    image.symbols.push(Symbol {
        kind: SymbolKind::Object,
        value: pointer.0,
        size,
        name,
        a: 0,
        b: 0,
    });
}
