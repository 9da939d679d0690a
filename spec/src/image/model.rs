//! The image's parts, as plain data.

/// The first six bytes of every image; a text-mode transfer would damage them.
pub const MAGIC: [u8; 6] = *b"\x89CVM\r\n";
/// The image version, in bytes 6 and 7.
pub const VERSION: u16 = 1;
/// The entry field of an image that is not a program.
pub const NO_ENTRY: u32 = u32::MAX;
/// Size of the fixed header in bytes; the section table follows.
pub const HEADER_SIZE: usize = 48;
/// Size of an entry of the section table in bytes.
pub const SECTION_ENTRY_SIZE: usize = 24;
/// Header flag: this image owns the heap.
pub const FLAG_OWNS_HEAP: u32 = 1;
/// A section kind with this bit set is optional: a reader that does not know it skips it.
pub const OPTIONAL: u32 = 0x8000_0000;

/// A section's kind. In a file, sections stand in ascending order of kind, each at most once, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum SectionKind {
    /// Function and foreign types.
    Types = 1,
    /// Initial contents of bss.
    BssInit = 2,
    /// The data segment.
    Data = 3,
    /// The text segment.
    Text = 4,
    /// Functions: range and type.
    Functions = 5,
    /// Imports.
    Imports = 6,
    /// Exports.
    Exports = 7,
    /// Initialiser functions.
    Initialisers = 8,
    /// Relocations.
    Relocations = 9,
    /// The string pool.
    Strings = 10,
    /// Symbols (debug information).
    Symbols = 11,
    /// Line table (debug information).
    Lines = 12,
    /// Names of source files (debug information).
    Sources = 13,
    /// Notes (debug information).
    Notes = 14,
}

impl SectionKind {
    /// All kinds in file order.
    pub const ALL: [SectionKind; 14] = [
        Self::Types,
        Self::BssInit,
        Self::Data,
        Self::Text,
        Self::Functions,
        Self::Imports,
        Self::Exports,
        Self::Initialisers,
        Self::Relocations,
        Self::Strings,
        Self::Symbols,
        Self::Lines,
        Self::Sources,
        Self::Notes,
    ];

    /// The kind of a number in the section table.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }

    /// The section's name in messages and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Types => "types",
            Self::BssInit => "bss-init",
            Self::Data => "data",
            Self::Text => "text",
            Self::Functions => "functions",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Initialisers => "initialisers",
            Self::Relocations => "relocations",
            Self::Strings => "strings",
            Self::Symbols => "symbols",
            Self::Lines => "lines",
            Self::Sources => "sources",
            Self::Notes => "notes",
        }
    }

    /// Size of one record in bytes; `None` for plain bytes and for bss-init, whose extents vary.
    pub const fn record_size(self) -> Option<usize> {
        match self {
            Self::Types => Some(16),
            Self::Functions => Some(12),
            Self::Imports => Some(32),
            Self::Exports => Some(24),
            Self::Initialisers => Some(4),
            Self::Relocations => Some(20),
            Self::Symbols => Some(28),
            Self::Lines => Some(12),
            Self::Sources => Some(8),
            Self::Notes => Some(16),
            Self::BssInit | Self::Data | Self::Text | Self::Strings => None,
        }
    }

    /// Whether damage to the section is only a warning.
    pub const fn is_debug(self) -> bool {
        matches!(
            self,
            Self::Symbols | Self::Lines | Self::Sources | Self::Notes
        )
    }
}

/// A string in the pool: `length` bytes at `offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StringRef {
    /// Byte offset in the strings section.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

/// A range of bss with initial contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Byte offset in the bss segment. Extents ascend and do not overlap.
    pub offset: u32,
    /// The bytes; never empty.
    pub bytes: Vec<u8>,
}

/// An entry of the types section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// The type of a CVM or host function (kind 0).
    Function(FunctionType),
    /// The type of a C function (kind 1): its cells, and the signature's text (`spec/ffi.md`).
    Foreign {
        /// Cells that a call pops.
        args: u16,
        /// Cells that a call pushes.
        results: u16,
        /// The signature, `(types) -> type`.
        signature: StringRef,
    },
}

impl Type {
    /// (argument cells, result cells).
    pub const fn arity(&self) -> (u16, u16) {
        match *self {
            Type::Function(FunctionType { args, results, .. })
            | Type::Foreign { args, results, .. } => (args, results),
        }
    }
}

/// The type of a function: what `call_i` compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FunctionType {
    /// Arguments in cells.
    pub args: u16,
    /// Results in cells.
    pub results: u16,
    /// A number that a front end uses to keep types of equal counts apart; 0 for none.
    pub brand: u32,
}

/// A function. Functions stand in text order and tile the text: each begins where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Text offset of its first byte.
    pub start: u32,
    /// Its size in bytes, never 0.
    pub size: u32,
    /// Index of its type, which is a function type.
    pub type_index: u32,
}

impl Function {
    /// Text offset behind its last byte.
    pub const fn end(&self) -> u32 {
        self.start.saturating_add(self.size)
    }
}

/// What an import is resolved against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ImportKind {
    /// A function of the machine or of the embedding program (`sys.write`); module is the part before the last dot.
    Host = 0,
    /// A C function of a shared library; its type is a foreign type.
    Foreign = 1,
    /// A function of another CVM module.
    Module = 2,
    /// A data object of a shared library: the import pushes its address.
    ForeignData = 3,
    /// A data object of another CVM module.
    ModuleData = 4,
}

impl ImportKind {
    /// The kind of a number in an import record.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Host,
            1 => Self::Foreign,
            2 => Self::Module,
            3 => Self::ForeignData,
            4 => Self::ModuleData,
            _ => return None,
        })
    }
}

/// Import flag: the C function neither calls back nor sets errno.
pub const IMPORT_LEAF: u32 = 1;

/// An import. The record ends with a reserved word that is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import {
    /// What it is resolved against.
    pub kind: ImportKind,
    /// [`IMPORT_LEAF`], for foreign imports; other bits are 0.
    pub flags: u32,
    /// Index of its type: a foreign type for [`ImportKind::Foreign`], else a function type.
    pub type_index: u32,
    /// The library, module or host namespace.
    pub module: StringRef,
    /// The name in it.
    pub name: StringRef,
}

/// What an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ExportKind {
    /// A function; the value is its index.
    Function = 0,
    /// A data or bss object; the value is a short pointer.
    Object = 1,
}

/// An export. The record ends with a reserved word that is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// What it is.
    pub kind: ExportKind,
    /// Function index or short pointer.
    pub value: u32,
    /// Size in bytes of an object, 0 for a function.
    pub size: u32,
    /// Its name.
    pub name: StringRef,
}

/// What a relocation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum RelocationKind {
    /// A 32-bit short pointer.
    ShortPointer = 1,
    /// A 64-bit pointer.
    Pointer = 2,
    /// The function index of a call.
    Call = 3,
    /// An import index.
    Import = 4,
    /// A type index.
    Type = 5,
}

impl RelocationKind {
    /// The kind of a number in a relocation record.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::ShortPointer,
            2 => Self::Pointer,
            3 => Self::Call,
            4 => Self::Import,
            5 => Self::Type,
            _ => return None,
        })
    }

    /// Size in bytes of the place that it changes.
    pub const fn place_size(self) -> u32 {
        match self {
            Self::Pointer => 8,
            _ => 4,
        }
    }
}

/// A place that the linker changes when it merges images. Relocations ascend by segment and offset and do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// What stands there.
    pub kind: RelocationKind,
    /// The segment of the place: text, data or bss.
    pub segment: crate::pointer::Tag,
    /// Byte offset of the place in its segment.
    pub offset: u32,
    /// What it refers to: a symbol index (function, object or label) for pointers and calls, an import or type index
    /// for those kinds.
    pub target: u32,
    /// Bytes from the symbol, within 0..=size of it; 0 for calls, imports, types and labels.
    pub addend: u32,
}

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum SymbolKind {
    /// A function: value is its index.
    Function = 1,
    /// A data or bss object: value is a short pointer, size in bytes.
    Object = 2,
    /// A place in a function: value is a text short pointer.
    Label = 3,
    /// An argument: value is its frame offset in bytes, `a..b` the text range where the name holds.
    Argument = 4,
    /// A local object: value is its frame offset in bytes, size in bytes, `a..b` the text range where it holds.
    Local = 5,
    /// A memory reference: the operand of the instruction at text offset `value` is symbol `a` plus `b` bytes.
    Reference = 6,
    /// A named constant: value is its low, `a` its high 32 bits.
    Constant = 7,
}

impl SymbolKind {
    /// The kind of a number in a symbol record.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Function,
            2 => Self::Object,
            3 => Self::Label,
            4 => Self::Argument,
            5 => Self::Local,
            6 => Self::Reference,
            7 => Self::Constant,
            _ => return None,
        })
    }
}

/// A symbol: a name for a function, object, label or local. Debug information: a reader keeps what it can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What it names.
    pub kind: SymbolKind,
    /// See [`SymbolKind`].
    pub value: u32,
    /// Size in bytes, 0 where it has none.
    pub size: u32,
    /// Its name.
    pub name: StringRef,
    /// See [`SymbolKind`].
    pub a: u32,
    /// See [`SymbolKind`].
    pub b: u32,
}

/// The source position of the instructions from `text` to the next entry. Entries ascend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Text offset.
    pub text: u32,
    /// Line, from 1.
    pub line: u32,
    /// Index into [`Image::sources`].
    pub source: u16,
    /// Column in characters, from 1.
    pub column: u16,
}

/// A note: a name and a value, for people and tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Name.
    pub name: StringRef,
    /// Value.
    pub value: StringRef,
}

/// A section kept as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSection {
    /// Its number in the section table.
    pub kind: u32,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// A `.cvm` file in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// This image owns the heap: `heap_first` and `heap_largest` hold.
    pub owns_heap: bool,
    /// Features that a reader must know; this version knows none, so 0.
    pub features: u32,
    /// Text offset of the entry function, if the image is a program.
    pub entry: Option<u32>,
    /// Size of the bss segment in bytes.
    pub bss_size: u32,
    /// The heap's size at the start in bytes, a multiple of the heap page.
    pub heap_first: u64,
    /// The heap's largest size in bytes, a multiple of the heap page; 0 leaves it to the machine.
    pub heap_largest: u64,
    /// Types.
    pub types: Vec<Type>,
    /// Initial contents of bss.
    pub bss_init: Vec<Extent>,
    /// The data segment.
    pub data: Vec<u8>,
    /// The text segment.
    pub text: Vec<u8>,
    /// Functions in text order.
    pub functions: Vec<Function>,
    /// Imports.
    pub imports: Vec<Import>,
    /// Exports.
    pub exports: Vec<Export>,
    /// Indices of initialiser functions, in the order in which they run.
    pub initialisers: Vec<u32>,
    /// Relocations.
    pub relocations: Vec<Relocation>,
    /// The string pool.
    pub strings: Vec<u8>,
    /// Symbols.
    pub symbols: Vec<Symbol>,
    /// Line table.
    pub lines: Vec<Line>,
    /// Names of source files.
    pub sources: Vec<StringRef>,
    /// Notes.
    pub notes: Vec<Note>,
    /// Unknown optional sections and debug sections whose records do not parse, ascending by kind.
    pub raw: Vec<RawSection>,
}

impl Image {
    /// The text of a string reference, if it lies in the pool and is UTF-8.
    pub fn string(&self, reference: StringRef) -> Option<&str> {
        let start = reference.offset as usize;
        let end = start.checked_add(reference.length as usize)?;
        std::str::from_utf8(self.strings.get(start..end)?).ok()
    }

    /// The function type of a function, if its type index is right (the reader checks it).
    pub fn function_type(&self, function: &Function) -> Option<FunctionType> {
        match self.types.get(function.type_index as usize)? {
            Type::Function(function_type) => Some(*function_type),
            Type::Foreign { .. } => None,
        }
    }

    /// Index of the function that holds a text offset.
    pub fn function_at(&self, offset: u32) -> Option<u32> {
        let after = self.functions.partition_point(|f| f.start <= offset);
        let index = after.checked_sub(1)?;
        (offset < self.functions[index].end()).then_some(index as u32)
    }

    /// Index of the function that begins at a text offset.
    pub fn function_starting_at(&self, offset: u32) -> Option<u32> {
        self.functions
            .binary_search_by_key(&offset, |f| f.start)
            .ok()
            .map(|index| index as u32)
    }

    /// The source position of a text offset. An entry holds up to the next, and not beyond its function.
    pub fn line_at(&self, offset: u32) -> Option<Line> {
        let after = self.lines.partition_point(|line| line.text <= offset);
        let line = self.lines[after.checked_sub(1)?];
        let function = self.function_at(offset);
        let start = function.map_or(0, |index| self.functions[index as usize].start);
        (line.text >= start).then_some(line)
    }

    /// Adds a string to the pool.
    pub fn add_string(&mut self, text: &str) -> StringRef {
        let reference = StringRef {
            offset: self.strings.len() as u32,
            length: text.len() as u32,
        };
        self.strings.extend_from_slice(text.as_bytes());
        reference
    }

    /// Index of a type in the types section, added if it is not there.
    pub fn intern_type(&mut self, wanted: FunctionType) -> u32 {
        let wanted = Type::Function(wanted);
        let found = self.types.iter().position(|t| *t == wanted);
        found.unwrap_or_else(|| {
            self.types.push(wanted);
            self.types.len() - 1
        }) as u32
    }
}
