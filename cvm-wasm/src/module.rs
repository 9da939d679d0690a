//! What a module declares: everything of it but the code of its functions, validated.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, DataKind, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody,
    MemoryType, Parser, Payload, TableInit, TableType, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

use crate::constant::{self, Constant};
use crate::error::{TranslateError, unsupported};
use crate::types::is_narrow;
use crate::{Options, Provided};

/// The features that are translated: WebAssembly 2.0 without vectors, with tail calls and extended constants.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST);

/// Name of the function that a program begins with.
pub(crate) const START: &str = "_start";
/// Name of the function that has to be called before any other of a module that is no program.
const INITIALIZE: &str = "_initialize";

/// An imported function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionImport<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    /// Index of its type in [`Module::types`].
    pub(crate) type_index: u32,
    pub(crate) offset: u64,
}

/// A global.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Global {
    /// One of the module's own, with its initial value.
    Own(Constant),
    /// One of another module.
    Imported {
        /// Number among the imported globals.
        number: u32,
        is_narrow: bool,
    },
}

/// An imported global.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GlobalImport<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    pub(crate) offset: u64,
}

/// A table: its size in entries, and where its entries come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Entries at the start.
    pub(crate) first: u64,
    /// Most entries, if there is a limit.
    pub(crate) largest: Option<u64>,
    /// What the entries are at the start.
    pub(crate) fill: Constant,
    pub(crate) offset: u64,
}

/// The memory: its size in pages of 64 KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryLimits {
    pub(crate) first: u64,
    pub(crate) largest: u64,
    /// It is another module's.
    pub(crate) is_imported: bool,
}

/// An export of the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Export<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ExternalKind,
    pub(crate) index: u32,
}

/// When a segment's contents are put in place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Placement {
    /// When an instruction says so.
    Passive,
    /// Before the program runs, in this table (0 for data) at this offset.
    Active { table: u32, offset: u64 },
    /// Never: the segment only declares that its functions are used as values.
    Declared,
}

/// A segment of table entries.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) placement: Placement,
    pub(crate) items: Vec<Constant>,
}

/// A segment of memory.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    pub(crate) placement: Placement,
    pub(crate) bytes: &'a [u8],
}

/// A module without its code.
pub(crate) struct Module<'a> {
    /// Function types.
    pub(crate) types: Vec<FuncType>,
    /// Type of each function, imported ones first.
    pub(crate) functions: Vec<u32>,
    pub(crate) imports: Vec<FunctionImport<'a>>,
    pub(crate) imported_globals: Vec<GlobalImport<'a>>,
    /// Whether the image can be linked with others: it imports from modules, or is to be imported.
    pub(crate) is_linkable: bool,
    pub(crate) tables: Vec<Table>,
    pub(crate) memory: Option<MemoryLimits>,
    pub(crate) globals: Vec<Global>,
    pub(crate) exports: Vec<Export<'a>>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element>,
    pub(crate) data: Vec<Data<'a>>,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
    pub(crate) resources: Option<ValidatorResources>,
    /// Custom sections that are used: name and contents, with the contents' offset.
    pub(crate) custom: HashMap<&'a str, (&'a [u8], u64)>,
    /// Offset of the code section's contents, which line information counts from.
    pub(crate) code_start: u64,
}

impl<'a> Module<'a> {
    /// Reads and validates everything but the functions' bodies.
    pub(crate) fn read(bytes: &'a [u8], options: &Options) -> Result<Module<'a>, TranslateError> {
        let mut module = Module {
            types: Vec::new(),
            functions: Vec::new(),
            imports: Vec::new(),
            imported_globals: Vec::new(),
            is_linkable: options.shared,
            tables: Vec::new(),
            memory: None,
            globals: Vec::new(),
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            data: Vec::new(),
            bodies: Vec::new(),
            resources: None,
            custom: HashMap::new(),
            code_start: 0,
        };
        let mut validator = Validator::new_with_features(FEATURES);
        let mut parser = Parser::new(0);
        parser.set_features(FEATURES);
        for payload in parser.parse_all(bytes) {
            let payload = payload?;
            if let Payload::Version {
                encoding: wasmparser::Encoding::Component,
                range,
                ..
            } = &payload
            {
                return Err(unsupported(
                    "component-model",
                    "this is a component, not a module",
                    range.start,
                ));
            }
            module.check_memories(&payload)?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                module.resources.get_or_insert(function.resources);
                module.bodies.push(body);
            }
            module.add(payload, options)?;
        }
        Ok(module)
    }

    /// Refuses a second memory, of which the validator does not say that it is a feature.
    fn check_memories(&self, payload: &Payload<'a>) -> Result<(), TranslateError> {
        let mut found = u32::from(self.memory.is_some());
        let mut count = |offset, added| {
            found += added;
            match found {
                0 | 1 => Ok(()),
                _ => Err(unsupported("multi-memory", "more than one memory", offset)),
            }
        };
        match payload {
            Payload::ImportSection(reader) => {
                // What is malformed is the validator's to refuse.
                let imports = reader.clone().into_imports_with_offsets();
                for (offset, import) in imports.map_while(Result::ok) {
                    if matches!(import.ty, TypeRef::Memory(_)) {
                        count(offset, 1)?;
                    }
                }
                Ok(())
            }
            Payload::MemorySection(reader) => {
                let added = reader.count().min(2);
                count(reader.range().start, added)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, payload: Payload<'a>, options: &Options) -> Result<(), TranslateError> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader {
                    for sub_type in group?.into_types() {
                        let CompositeInnerType::Func(found) = sub_type.composite_type.inner else {
                            return Err(unsupported("gc", "a type that is no function's", 0));
                        };
                        self.types.push(found);
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.import(import, offset, options)?;
                }
            }
            Payload::FunctionSection(reader) => {
                for type_index in reader {
                    self.functions.push(type_index?);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    let fill = match &table.init {
                        TableInit::RefNull => Constant::NULL,
                        TableInit::Expr(expression) => {
                            constant::evaluate(expression, &self.globals)?
                        }
                    };
                    self.tables.push(Table {
                        fill,
                        ..table_limits(&table.ty, offset)
                    });
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.memory = Some(memory_limits(&memory?));
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    let value = constant::evaluate(&global?.init_expr, &self.globals)?;
                    self.globals.push(Global::Own(value));
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    self.exports.push(Export {
                        name: export.name,
                        kind: export.kind,
                        index: export.index,
                    });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(reader) => {
                for element in reader {
                    let element = self.element(element?)?;
                    self.elements.push(element);
                }
            }
            Payload::DataSection(reader) => {
                for data in reader {
                    let data = data?;
                    let placement = match &data.kind {
                        DataKind::Passive => Placement::Passive,
                        DataKind::Active { offset_expr, .. } => Placement::Active {
                            table: 0,
                            offset: constant::evaluate(offset_expr, &self.globals)?.number(),
                        },
                    };
                    let bytes = data.data;
                    self.data.push(Data { placement, bytes });
                }
            }
            Payload::CodeSectionStart {
                unchecked_range, ..
            } => self.code_start = unchecked_range.start,
            Payload::CustomSection(section) => {
                let contents = (section.data(), section.data_offset());
                self.custom.entry(section.name()).or_insert(contents);
            }
            _ => {}
        }
        Ok(())
    }

    fn element(&self, element: wasmparser::Element<'a>) -> Result<Element, TranslateError> {
        let placement = match &element.kind {
            ElementKind::Passive => Placement::Passive,
            ElementKind::Declared => Placement::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => Placement::Active {
                table: table_index.unwrap_or(0),
                offset: constant::evaluate(offset_expr, &self.globals)?.number(),
            },
        };
        let mut items = Vec::new();
        match element.items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    items.push(Constant::Function(function?));
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    items.push(constant::evaluate(&expression?, &self.globals)?);
                }
            }
        }
        Ok(Element { placement, items })
    }

    fn import(
        &mut self,
        import: wasmparser::Import<'a>,
        offset: u64,
        options: &Options,
    ) -> Result<(), TranslateError> {
        let (module, name) = (import.module, import.name);
        let refused = |kind, reason: &str| TranslateError::Import {
            kind,
            module: module.to_string(),
            name: name.to_string(),
            reason: reason.to_string(),
            offset,
        };
        let provided = options.provided(module, name);
        match (import.ty, provided) {
            (TypeRef::Func(type_index) | TypeRef::FuncExact(type_index), _) => {
                self.is_linkable |= !options.is_host(module);
                self.functions.push(type_index);
                self.imports.push(FunctionImport {
                    module,
                    name,
                    type_index,
                    offset,
                });
            }
            (TypeRef::Global(_), Some(Provided::Global(value))) => {
                self.globals.push(Global::Own(Constant::Number(*value)));
            }
            (TypeRef::Global(found), None) if !options.is_host(module) => {
                self.is_linkable = true;
                self.globals.push(Global::Imported {
                    number: self.imported_globals.len() as u32,
                    is_narrow: is_narrow(found.content_type),
                });
                self.imported_globals.push(GlobalImport {
                    module,
                    name,
                    offset,
                });
            }
            (TypeRef::Memory(_), Some(Provided::Memory { first, largest })) => {
                self.memory = Some(MemoryLimits {
                    first: *first,
                    largest: *largest,
                    is_imported: false,
                });
            }
            (TypeRef::Memory(found), None) if !options.is_host(module) => {
                self.is_linkable = true;
                self.memory = Some(MemoryLimits {
                    is_imported: true,
                    ..memory_limits(&found)
                });
            }
            (TypeRef::Table(_), Some(Provided::Table { first, largest })) => {
                self.tables.push(Table {
                    first: *first,
                    largest: *largest,
                    fill: Constant::NULL,
                    offset,
                });
            }
            (kind, _) => {
                let kind = match kind {
                    TypeRef::Global(_) => "global",
                    TypeRef::Memory(_) => "memory",
                    TypeRef::Table(_) => "table",
                    _ => "tag",
                };
                return Err(refused(kind, "nothing provides it"));
            }
        }
        Ok(())
    }

    /// The exported function of this name.
    pub(crate) fn exported(&self, name: &str) -> Option<u32> {
        let found = self
            .exports
            .iter()
            .find(|export| export.name == name && export.kind == ExternalKind::Func);
        found.map(|export| export.index)
    }

    /// The function that WASI calls before others, in a module that is no program: `_initialize`.
    pub(crate) fn initialize(&self) -> Option<u32> {
        let found = self.exported(INITIALIZE)?;
        let of_type = self.function_type(found);
        let fits = of_type.params().is_empty() && of_type.results().is_empty();
        (fits && self.exported(START).is_none()).then_some(found)
    }

    /// The type of a function in the index space of all functions.
    pub(crate) fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    /// Bytes of the functions' bodies.
    pub(crate) fn code_size(&self) -> usize {
        let sizes = self.bodies.iter().map(|body| body.as_bytes().len());
        sizes.sum()
    }

    /// Number of functions that are imported; they have the lowest indices.
    pub(crate) fn imported(&self) -> u32 {
        self.imports.len() as u32
    }
}

fn table_limits(table: &TableType, offset: u64) -> Table {
    Table {
        first: table.initial,
        largest: table.maximum,
        fill: Constant::NULL,
        offset,
    }
}

/// Pages that a memory with 32-bit addresses can have.
const PAGES_MAX: u64 = 1 << 16;

fn memory_limits(memory: &MemoryType) -> MemoryLimits {
    MemoryLimits {
        first: memory.initial,
        largest: memory.maximum.unwrap_or(PAGES_MAX).min(PAGES_MAX),
        is_imported: false,
    }
}
