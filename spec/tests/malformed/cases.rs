//! The malformed files, one at least for each rule of the reader: a name, the rule, and how to damage the sample.

use cvm_spec::image::reader::ReadCode::{self, *};
use cvm_spec::image::{
    Export, ExportKind, Extent, Image, ImportKind, RelocationKind, SectionKind, StringRef,
    SymbolKind, Type,
};
use cvm_spec::pointer::{ShortPointer, Tag};

use crate::file::{Damaged, File};

/// One malformed file.
pub(crate) struct Case {
    /// Its name, without `.cvm`.
    pub(crate) name: &'static str,
    /// The rule that it breaks.
    pub(crate) code: ReadCode,
    /// Makes it from the sample.
    pub(crate) make: fn(Image) -> Damaged,
}

const fn case(name: &'static str, code: ReadCode, make: fn(Image) -> Damaged) -> Case {
    Case { name, code, make }
}

const HEAP_OWNER: usize = 8;
const ENTRY: usize = 16;
const SECTION_COUNT: usize = 20;
const BSS_SIZE: usize = 24;
const HEAP_FIRST: usize = 32;
const HEAP_LARGEST: usize = 40;

/// All cases.
pub(crate) const CASES: &[&[Case]] = &[
    HEADER,
    TABLE,
    STRINGS,
    TYPES,
    SEGMENTS,
    FUNCTIONS,
    IMPORTS,
    EXPORTS,
    RELOCATIONS,
];

const HEADER: &[Case] = &[
    case("empty-file", TruncatedHeader, |_| File(Vec::new()).at(0)),
    case("only-magic", TruncatedHeader, |image| {
        File::of(&image).cut(6)
    }),
    case("header-cut", TruncatedHeader, |image| {
        File::of(&image).cut(47)
    }),
    case("magic-changed", BadMagic, |image| {
        File::of(&image).put(1, b"c")
    }),
    case("magic-cr-lf-to-lf", BadMagic, |image| {
        let mut file = File::of(&image);
        file.0.remove(4);
        file.at(4)
    }),
    case("magic-lf-to-cr-lf", BadMagic, |image| {
        let mut file = File::of(&image);
        file.0.insert(5, b'\r');
        file.at(5)
    }),
    case("magic-seven-bits", BadMagic, |image| {
        let mut file = File::of(&image);
        file.0.iter_mut().for_each(|byte| *byte &= 0x7f);
        file.at(0)
    }),
    case("an-elf-file", BadMagic, |_| {
        File(b"\x7fELF\x02\x01\x01\0".to_vec()).at(0)
    }),
    case("a-wasm-file", BadMagic, |_| {
        File(b"\0asm\x01\0\0\0".to_vec()).at(0)
    }),
    case("a-source-file", BadMagic, |_| {
        File(b"; hello\n.entry main\n".to_vec()).at(0)
    }),
    case("version-0", UnsupportedVersion, |image| {
        File::of(&image).put16(6, 0)
    }),
    case("version-2", UnsupportedVersion, |image| {
        File::of(&image).put16(6, 2)
    }),
    case("unknown-flag", UnknownFlags, |image| {
        File::of(&image).put32(8, 3)
    }),
    case("unknown-feature", UnknownFeatures, |image| {
        File::of(&image).put32(12, 0x8000_0000)
    }),
    case("bss-huge", BssTooLarge, |image| {
        File::of(&image).put64(BSS_SIZE, u64::MAX)
    }),
    case("bss-one-too-large", BssTooLarge, |image| {
        File::of(&image).put64(BSS_SIZE, 1 << 29)
    }),
    case("heap-without-owner", HeapNotOwned, |image| {
        File::of(&image).put32(HEAP_OWNER, 0).but_at(HEAP_FIRST)
    }),
    case("heap-limit-without-owner", HeapNotOwned, |image| {
        let file = File::with(image, |image| {
            image.owns_heap = false;
            image.heap_first = 0;
        });
        file.at(HEAP_LARGEST)
    }),
    case("heap-first-not-pages", HeapAlignment, |image| {
        File::of(&image).put64(HEAP_FIRST, 0x1_0001)
    }),
    case("heap-largest-not-pages", HeapAlignment, |image| {
        File::of(&image).put64(HEAP_LARGEST, 0x10_8000)
    }),
    case("heap-too-large", HeapTooLarge, |image| {
        File::of(&image).put64(HEAP_LARGEST, (1 << 36) + (1 << 16))
    }),
    case("heap-first-above-largest", HeapOrder, |image| {
        File::of(&image).put64(HEAP_FIRST, 0x11_0000)
    }),
    case("entry-outside-text", EntryOutsideText, |image| {
        let end = image.text.len() as u32;
        File::of(&image).put32(ENTRY, end)
    }),
    case("entry-without-text", EntryOutsideText, |_| {
        File::of(&Image::default()).put32(ENTRY, 0)
    }),
    case("entry-inside-instruction", EntryNotFunction, |image| {
        File::of(&image).put32(ENTRY, 1)
    }),
    case("entry-second-instruction", EntryNotFunction, |image| {
        File::of(&image).put32(ENTRY, 2)
    }),
    case("entry-with-arguments", EntryType, |image| {
        File::with(image, |image| image.functions[0].type_index = 2).at(ENTRY)
    }),
];

const TABLE: &[Case] = &[
    case("too-many-sections", TooManySections, |image| {
        File::of(&image).put32(SECTION_COUNT, 65)
    }),
    case("section-count-huge", TooManySections, |image| {
        File::of(&image).put32(SECTION_COUNT, u32::MAX)
    }),
    case("table-cut", TruncatedTable, |image| {
        File::of(&image).cut(48 + 24 * 14 + 23)
    }),
    case("table-absent", TruncatedTable, |image| {
        File::of(&image).cut(48)
    }),
    case("section-kind-0", UnknownSection, |image| {
        File::of(&image).put32(48, 0)
    }),
    case("section-kind-unknown", UnknownSection, |image| {
        let file = File::of(&image);
        let at = file.entry(0x8000_0001);
        file.put32(at, 15)
    }),
    case("sections-swapped", SectionOrder, |image| {
        let mut file = File::of(&image);
        let (first, second) = (file.u32(48), file.u32(48 + 24));
        file.0[48..52].copy_from_slice(&second.to_le_bytes());
        file.put32(48 + 24, first)
    }),
    case("section-twice", DuplicateSection, |image| {
        File::of(&image).put32(48 + 24, 1)
    }),
    case("section-reserved", ReservedNotZero, |image| {
        File::of(&image).put32(48 + 4, 1)
    }),
    case("section-empty", EmptySection, |image| {
        File::of(&image).put64(48 + 16, 0)
    }),
    case("text-too-large", SectionTooLarge, |image| {
        let file = File::of(&image);
        let at = file.entry(SectionKind::Text as u32) + 16;
        file.put64(at, 1 << 29)
    }),
    case("data-too-large", SectionTooLarge, |image| {
        let file = File::of(&image);
        let at = file.entry(SectionKind::Data as u32) + 16;
        file.put64(at, 1 << 29)
    }),
    case("strings-too-large", SectionTooLarge, |image| {
        let file = File::of(&image);
        let at = file.entry(SectionKind::Strings as u32) + 16;
        file.put64(at, 1 << 32)
    }),
    case("section-sum-overflows", SectionOverflow, |image| {
        let mut file = File::of(&image);
        file.0[48 + 8..48 + 16].copy_from_slice(&(u64::MAX - 7).to_le_bytes());
        file.put64(48 + 16, 8).but_at(48 + 8)
    }),
    case("section-behind-file", SectionOutsideFile, |image| {
        let file = File::of(&image);
        let end = file.0.len() as u64;
        file.put64(48 + 8, end)
    }),
    case("last-section-cut", SectionOutsideFile, |image| {
        let file = File::of(&image);
        let (at, end) = (file.entry(0x8000_0001) + 8, file.0.len());
        file.cut(end - 1).but_at(at)
    }),
    case("section-over-header", SectionOverlap, |image| {
        File::of(&image).put64(48 + 8, 0)
    }),
    case("section-over-section", SectionOverlap, |image| {
        let file = File::of(&image);
        let start = file.u64(48 + 24 + 8);
        file.put64(48 + 24 + 8, start - 1)
    }),
    case("section-gap", SectionGap, |image| {
        let file = File::of(&image);
        let at = file.entry(SectionKind::Types as u32);
        let (start, size) = (file.u64(at + 8), file.u64(at + 16));
        let mut file = file.put64(at + 16, size - 16);
        file.bytes[at + 8..at + 16].copy_from_slice(&(start + 16).to_le_bytes());
        file.but_at(at + 8)
    }),
    case("trailing-byte", TrailingBytes, |image| {
        let mut file = File::of(&image);
        let end = file.0.len();
        file.0.push(0);
        file.at(end)
    }),
    case("image-twice", TrailingBytes, |image| {
        let mut file = File::of(&image);
        let end = file.0.len();
        file.0.extend_from_within(..);
        file.at(end)
    }),
    case("text-without-functions", MissingSection, |image| {
        let file = File::with(without_links(image), |image| {
            image.functions.clear();
        });
        let text = file.section(SectionKind::Text);
        file.at(text)
    }),
    case("functions-without-text", MissingSection, |image| {
        let file = File::with(without_links(image), |image| {
            image.text.clear();
        });
        file.at_field(SectionKind::Functions, 0, 0)
    }),
    case("relocations-without-symbols", MissingSection, |image| {
        File::with(image, |image| image.symbols.clear()).at_field(SectionKind::Relocations, 0, 12)
    }),
];

/// The sample without what refers to text and functions.
fn without_links(mut image: Image) -> Image {
    image.entry = None;
    image.exports.clear();
    image.initialisers.clear();
    image.relocations.clear();
    image
}

const STRINGS: &[Case] = &[
    case("string-behind-pool", StringOutsidePool, |image| {
        let end = image.strings.len() as u32;
        File::with(image, |image| image.imports[0].name.offset = end).at_field(
            SectionKind::Imports,
            0,
            20,
        )
    }),
    case("string-sum-overflows", StringOutsidePool, |image| {
        File::with(image, |image| image.imports[0].name.offset = u32::MAX).at_field(
            SectionKind::Imports,
            0,
            20,
        )
    }),
    case("strings-absent", StringOutsidePool, |image| {
        File::with(image, |image| image.strings.clear()).at_field(SectionKind::Types, 3, 8)
    }),
    case("string-not-utf8", StringNotUtf8, |image| {
        File::with(image, |image| {
            let name = image.imports[0].name;
            image.strings[name.offset as usize + 1] = 0xff;
        })
        .at_field(SectionKind::Imports, 0, 20)
    }),
    case("string-ends-in-character", StringNotUtf8, |image| {
        File::with(image, |image| {
            let whole = image.add_string("naïve");
            image.imports[0].name = StringRef { length: 3, ..whole };
        })
        .at_field(SectionKind::Imports, 0, 20)
    }),
];

const TYPES: &[Case] = &[
    case("types-not-whole", RecordSize, |image| {
        let mut file = File::of(&image);
        // The first byte of bss-init moves into types.
        for (at, difference) in [(48 + 16, 1), (48 + 24 + 8, 1), (48 + 24 + 16, u64::MAX)] {
            let value = file.u64(at).wrapping_add(difference);
            file.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        file.at_field(SectionKind::Types, 0, 0)
    }),
    case("type-kind-2", UnknownTypeKind, |image| {
        File::of(&image).put_field(SectionKind::Types, 1, 0, 2)
    }),
    case("type-1001-arguments", ArityTooLarge, |image| {
        File::of(&image).put_field(SectionKind::Types, 1, 4, 1001)
    }),
    case("type-1001-results", ArityTooLarge, |image| {
        let file = File::of(&image);
        let at = file.field(SectionKind::Types, 1, 6);
        file.put16(at, 1001)
    }),
    case("type-reserved", ReservedNotZero, |image| {
        File::of(&image).put_field(SectionKind::Types, 0, 12, 1)
    }),
    case("signature-empty", BadSignature, |image| {
        signature(image, "", 0)
    }),
    case("signature-unknown-type", BadSignature, |image| {
        signature(image, "(i32, int) -> i32", 6)
    }),
    case("signature-not-closed", BadSignature, |image| {
        signature(image, "(i32, {i32, f64) -> i32", 15)
    }),
    case("signature-too-deep", BadSignature, |image| {
        signature(image, "({{{{{{{{{i8}}}}}}}}}) -> i32", 9)
    }),
    case("signature-callback-too-deep", BadSignature, |image| {
        let text = format!("({}{}) -> i32", "fn(".repeat(9), ")".repeat(9));
        signature(image, &text, 25)
    }),
    case("signature-struct-too-large", BadSignature, |image| {
        signature(image, "({[257 x i8]}) -> i32", 2)
    }),
    case("signature-bad-length-argument", BadSignature, |image| {
        signature(image, "(ptr[arg7], u64) -> i32", 5)
    }),
    case("signature-text-behind", BadSignature, |image| {
        signature(image, "(i32) -> i32 -> i32", 13)
    }),
    case("signature-too-long", BadSignature, |image| {
        let text = format!("({}i8) -> i8", " ".repeat(4096));
        File(signature(image, &text, 0).bytes).at_field(SectionKind::Types, 3, 12)
    }),
    case("signature-without-result", SignatureForm, |image| {
        signature(image, "(i32)", 5)
    }),
    case("signature-with-space", SignatureForm, |image| {
        signature(image, "(cstr,  {i32, f64}) -> u64", 7)
    }),
    case("signature-other-counts", SignatureArity, |image| {
        File::of(&image).put_field(SectionKind::Types, 3, 4, 0x0001_0002)
    }),
];

/// The sample whose foreign type has another signature, which is wrong at this byte of it.
fn signature(image: Image, text: &str, wrong_at: usize) -> Damaged {
    let start = image.strings.len();
    let file = File::with(image, |image| {
        let added = image.add_string(text);
        if let Type::Foreign { signature, .. } = &mut image.types[3] {
            *signature = added;
        }
    });
    let at = file.section(SectionKind::Strings) + start + wrong_at;
    file.at(at)
}

const SEGMENTS: &[Case] = &[
    case("extent-header-cut", ExtentTruncated, |image| {
        let file = File::with(image, |image| {
            image.bss_init[1].bytes.extend_from_slice(&[0; 12]);
        });
        // The last extent becomes 16 bytes long, and 4 bytes are left behind it.
        let at = file.section(SectionKind::BssInit) + 12;
        file.put32(at + 4, 16).but_at(at + 8 + 16)
    }),
    case("extent-contents-cut", ExtentTruncated, |image| {
        let file = File::of(&image);
        let at = file.section(SectionKind::BssInit) + 12;
        file.put32(at + 4, 9)
    }),
    case("extent-length-huge", ExtentTruncated, |image| {
        let file = File::of(&image);
        let at = file.section(SectionKind::BssInit);
        file.put32(at + 4, u32::MAX)
    }),
    case("extent-empty", ExtentEmpty, |image| {
        let file = File::with(image, |image| image.bss_init[0].bytes.clear());
        let at = file.section(SectionKind::BssInit);
        file.at(at + 4)
    }),
    case("extents-unsorted", ExtentOrder, |image| {
        let file = File::with(image, |image| image.bss_init.reverse());
        let at = file.section(SectionKind::BssInit);
        file.at(at + 16)
    }),
    case("extents-overlap", ExtentOrder, |image| {
        let file = File::with(image, |image| image.bss_init[0].offset = 13);
        let at = file.section(SectionKind::BssInit);
        file.at(at + 12)
    }),
    case("extent-outside-bss", ExtentOutsideBss, |image| {
        let file = File::with(image, |image| image.bss_init[1].offset = 25);
        let at = file.section(SectionKind::BssInit);
        file.at(at + 12)
    }),
    case("extent-without-bss", ExtentOutsideBss, |image| {
        let file = File::with(image, |image| {
            image.bss_size = 0;
            image.bss_init = vec![Extent {
                offset: u32::MAX,
                bytes: vec![0],
            }];
        });
        let at = file.section(SectionKind::BssInit);
        file.at(at)
    }),
];

const FUNCTIONS: &[Case] = &[
    case("function-empty", FunctionEmpty, |image| {
        File::of(&image).put_field(SectionKind::Functions, 0, 4, 0)
    }),
    case("function-not-at-0", FunctionTiling, |image| {
        File::of(&image).put_field(SectionKind::Functions, 0, 0, 1)
    }),
    case("functions-gap", FunctionTiling, |image| {
        let file = File::of(&image);
        let at = file.field(SectionKind::Functions, 1, 0);
        let start = file.u32(at);
        file.put32(at, start + 1)
    }),
    case("functions-overlap", FunctionTiling, |image| {
        let file = File::of(&image);
        let at = file.field(SectionKind::Functions, 1, 0);
        let start = file.u32(at);
        file.put32(at, start - 1)
    }),
    case("text-behind-functions", FunctionTiling, |image| {
        File::with(image, |image| image.text.push(1)).at_field(SectionKind::Functions, 2, 0)
    }),
    case("function-outside-text", FunctionOutsideText, |image| {
        File::of(&image).put_field(SectionKind::Functions, 1, 4, 3)
    }),
    case("function-size-huge", FunctionOutsideText, |image| {
        File::of(&image).put_field(SectionKind::Functions, 1, 4, u32::MAX)
    }),
    case("function-type-absent", TypeIndex, |image| {
        File::of(&image).put_field(SectionKind::Functions, 0, 8, 4)
    }),
    case("function-type-foreign", TypeKindMismatch, |image| {
        File::of(&image).put_field(SectionKind::Functions, 0, 8, 3)
    }),
    case("initialiser-absent", InitialiserIndex, |image| {
        File::of(&image).put_field(SectionKind::Initialisers, 0, 0, 2)
    }),
    case("initialiser-with-result", InitialiserType, |image| {
        File::of(&image).put_field(SectionKind::Initialisers, 0, 0, 0)
    }),
];

const IMPORTS: &[Case] = &[
    case("import-kind-5", UnknownImportKind, |image| {
        File::of(&image).put_field(SectionKind::Imports, 0, 0, 5)
    }),
    case("import-flag-unknown", UnknownImportFlags, |image| {
        File::of(&image).put_field(SectionKind::Imports, 1, 4, 2)
    }),
    case("import-host-leaf", UnknownImportFlags, |image| {
        File::of(&image).put_field(SectionKind::Imports, 0, 4, 1)
    }),
    case("import-type-absent", TypeIndex, |image| {
        File::of(&image).put_field(SectionKind::Imports, 0, 8, u32::MAX)
    }),
    case("import-foreign-type-plain", TypeKindMismatch, |image| {
        File::of(&image).put_field(SectionKind::Imports, 1, 8, 0)
    }),
    case("import-host-type-foreign", TypeKindMismatch, |image| {
        File::of(&image).put_field(SectionKind::Imports, 0, 8, 3)
    }),
    case("import-object-with-arguments", ImportType, |image| {
        File::of(&image).put_field(SectionKind::Imports, 3, 8, 2)
    }),
    case("import-reserved", ReservedNotZero, |image| {
        File::of(&image).put_field(SectionKind::Imports, 4, 28, 1)
    }),
    case("import-name-empty", BadName, |image| import_name(image, "")),
    case("import-name-escape", BadName, |image| {
        import_name(image, "\u{1b}[2J")
    }),
    case("import-name-nul", BadName, |image| {
        import_name(image, "write\0")
    }),
    case("import-name-control", BadName, |image| {
        import_name(image, "wri\u{9b}te")
    }),
    case("import-name-too-long", BadName, |image| {
        import_name(image, &"n".repeat(4097))
    }),
    case("host-module-empty", BadModuleName, |image| {
        import_module(image, ImportKind::Host, "")
    }),
    case("host-module-slash", BadModuleName, |image| {
        import_module(image, ImportKind::Host, "a/b")
    }),
    case("module-with-space", BadModuleName, |image| {
        import_module(image, ImportKind::Module, "std text")
    }),
    case("module-backslash", BadModuleName, |image| {
        import_module(image, ImportKind::Module, "..\\secret")
    }),
    case("library-with-nul", BadModuleName, |image| {
        import_module(image, ImportKind::Foreign, "libc.so.6\0.evil")
    }),
    case("module-traversal", PathTraversal, |image| {
        import_module(image, ImportKind::Module, "std/../../secret")
    }),
    case("module-absolute", PathTraversal, |image| {
        import_module(image, ImportKind::Module, "/etc/passwd")
    }),
    case("module-dot", PathTraversal, |image| {
        import_module(image, ImportKind::ModuleData, "./std")
    }),
    case("library-traversal", PathTraversal, |image| {
        import_module(image, ImportKind::Foreign, "../libevil.so")
    }),
    case("library-data-traversal", PathTraversal, |image| {
        import_module(image, ImportKind::ForeignData, "/lib/../tmp/libevil.so")
    }),
];

/// The sample whose first import has another name.
fn import_name(image: Image, name: &str) -> Damaged {
    let file = File::with(image, |image| {
        image.imports[0].name = image.add_string(name);
    });
    file.at_field(SectionKind::Imports, 0, 20)
}

/// The sample whose first import of a kind comes from another module.
fn import_module(mut image: Image, kind: ImportKind, module: &str) -> Damaged {
    let module = image.add_string(module);
    let index = image.imports.iter().position(|import| import.kind == kind);
    let index = index.expect("the sample has every kind of import");
    File::with(image, |image| image.imports[index].module = module).at_field(
        SectionKind::Imports,
        index,
        12,
    )
}

const EXPORTS: &[Case] = &[
    case("export-kind-2", UnknownExportKind, |image| {
        File::of(&image).put_field(SectionKind::Exports, 0, 0, 2)
    }),
    case("export-function-absent", ExportIndex, |image| {
        File::of(&image).put_field(SectionKind::Exports, 1, 4, 2)
    }),
    case("export-function-with-size", ExportSize, |image| {
        File::of(&image).put_field(SectionKind::Exports, 1, 8, 1)
    }),
    case("export-object-in-text", ExportSegment, |image| {
        export_object(image, Tag::Text, 0)
    }),
    case("export-object-on-heap", ExportSegment, |image| {
        export_object(image, Tag::Heap, 0)
    }),
    case("export-object-absolute", ExportSegment, |image| {
        export_object(image, Tag::Absolute, 0)
    }),
    case("export-object-past-data", ExportOutsideSegment, |image| {
        export_object(image, Tag::Data, 3)
    }),
    case("export-object-past-bss", ExportOutsideSegment, |image| {
        export_object(image, Tag::Bss, 27)
    }),
    case("export-size-huge", ExportOutsideSegment, |image| {
        let file = File::of(&image);
        let at = file.field(SectionKind::Exports, 0, 4);
        file.put32(at + 4, u32::MAX).but_at(at)
    }),
    case("export-name-empty", BadName, |image| {
        let file = File::of(&image);
        let at = file.field(SectionKind::Exports, 0, 12);
        file.put32(at + 4, 0).but_at(at)
    }),
    case("export-twice", DuplicateExport, |image| {
        File::with(image, |image| image.exports[1].name = image.exports[0].name).at_field(
            SectionKind::Exports,
            1,
            12,
        )
    }),
    case("export-twice-other-bytes", DuplicateExport, |image| {
        File::with(image, |image| {
            image.exports[1].name = image.add_string("hello");
        })
        .at_field(SectionKind::Exports, 1, 12)
    }),
    case("export-names-overlap", ExportNamesOverlap, |image| {
        File::with(image, |image| {
            image.exports = (0..4)
                .map(|i| Export {
                    kind: ExportKind::Function,
                    value: 0,
                    size: 0,
                    name: StringRef {
                        offset: i,
                        length: 100,
                    },
                })
                .collect();
        })
        .at_field(SectionKind::Exports, 1, 12)
    }),
    case("export-reserved", ReservedNotZero, |image| {
        File::of(&image).put_field(SectionKind::Exports, 0, 20, 0xff)
    }),
];

/// The sample whose exported object of 6 bytes lies elsewhere.
fn export_object(image: Image, tag: Tag, offset: u32) -> Damaged {
    let pointer = ShortPointer::new(tag, offset).expect("fits");
    File::of(&image).put_field(SectionKind::Exports, 0, 4, pointer.0)
}

const RELOCATIONS: &[Case] = &[
    case("relocation-kind-0", UnknownRelocationKind, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 0, 0, 0)
    }),
    case("relocation-in-local", RelocationSegment, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 0, 4, Tag::Local as u32)
    }),
    case("relocation-call-in-data", RelocationSegment, |image| {
        File::with(image, |image| image.relocations[1].segment = Tag::Data).at_field(
            SectionKind::Relocations,
            1,
            4,
        )
    }),
    case("relocations-unsorted", RelocationOrder, |image| {
        File::with(image, |image| image.relocations.swap(0, 1)).at_field(
            SectionKind::Relocations,
            1,
            8,
        )
    }),
    case("relocation-segments-unsorted", RelocationOrder, |image| {
        File::with(image, |image| image.relocations.swap(1, 2)).at_field(
            SectionKind::Relocations,
            2,
            4,
        )
    }),
    case("relocations-overlap", RelocationOverlap, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 1, 8, 6)
    }),
    case("relocation-twice", RelocationOverlap, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 1, 8, 3)
    }),
    case("relocation-past-text", RelocationPlace, |image| {
        let end = image.text.len() as u32;
        File::of(&image).put_field(SectionKind::Relocations, 1, 8, end - 3)
    }),
    case("relocation-in-zeroed-bss", RelocationPlace, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 2, 8, 20)
    }),
    case("relocation-offset-huge", RelocationPlace, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 2, 8, u32::MAX)
    }),
    case("relocation-symbol-absent", RelocationTarget, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 0, 12, 3)
    }),
    case("relocation-import-absent", RelocationTarget, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 1, 12, 5)
    }),
    case("relocation-type-absent", RelocationTarget, |image| {
        File::with(image, |image| {
            image.relocations[1].kind = RelocationKind::Type;
            image.relocations[1].target = 4;
        })
        .at_field(SectionKind::Relocations, 1, 12)
    }),
    case("relocation-call-of-object", RelocationTarget, |image| {
        let file = File::of(&image);
        let at = file.field(SectionKind::Relocations, 0, 0);
        file.put32(at, 3).but_at(at + 12)
    }),
    case("relocation-object-outside", RelocationTarget, |image| {
        File::with(image, |image| image.symbols[2].size = 9).at_field(
            SectionKind::Relocations,
            0,
            12,
        )
    }),
    case("relocation-function-absent", RelocationTarget, |image| {
        File::with(image, |image| {
            image.symbols[1].value = 2;
            image.relocations[0].target = 1;
        })
        .at_field(SectionKind::Relocations, 0, 12)
    }),
    case("relocation-label-outside", RelocationTarget, |image| {
        File::with(image, |image| {
            image.symbols[1].kind = SymbolKind::Label;
            image.relocations[0].target = 1;
        })
        .at_field(SectionKind::Relocations, 0, 12)
    }),
    case("relocation-to-constant", RelocationTarget, |image| {
        File::with(image, |image| image.symbols[2].kind = SymbolKind::Constant).at_field(
            SectionKind::Relocations,
            0,
            12,
        )
    }),
    case("relocation-addend-past-object", RelocationAddend, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 0, 16, 7)
    }),
    case("relocation-import-addend", RelocationAddend, |image| {
        File::of(&image).put_field(SectionKind::Relocations, 1, 16, 1)
    }),
];
