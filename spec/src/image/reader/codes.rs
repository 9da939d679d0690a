//! The reader's rules, and its warnings: code, rule and explanation (`spec/format.md`, `cvm explain`).

use crate::image::rules::rules;

rules! {
    /// A rule that a file must keep to be an image.
    ReadCode:
    TruncatedHeader "truncated-header" "The file holds the whole header of 48 bytes."
        "The file ends inside its header, so it is empty or was cut off while it was copied or written. Build it again, or copy it again.";
    BadMagic "bad-magic" "The file begins with the bytes 89 43 56 4D 0D 0A."
        "The first six bytes say that a file is a CVM image. The first is no text, and the last two are a line end, so a transfer that changed line ends or cleared the eighth bit shows here. A source file (.cvma) has to be assembled first.";
    UnsupportedVersion "unsupported-version" "The image version is 1."
        "The file was made for another version of the image format. Build it again with the assembler that belongs to this machine, or use a newer machine.";
    UnknownFlags "unknown-flags" "Only flag bit 0 (the image owns the heap) may be set."
        "A flag is set that this version does not define. The file is damaged or was made by a newer tool.";
    UnknownFeatures "unknown-features" "No required feature is set that this machine does not know."
        "The file says that it needs a feature which this version of CVM does not have. Use a newer machine.";
    TooManySections "too-many-sections" "An image has at most 64 sections."
        "There are 14 kinds of section and few optional ones; a larger number means that the header is damaged.";
    TruncatedTable "truncated-table" "The file holds the whole section table."
        "The header announces more entries of the section table than the file has room for: the file was cut off, or the count is damaged.";
    UnknownSection "unknown-section" "A section's kind is known, or marked as optional by its highest bit."
        "A section with a kind that this version does not define, and that a reader may not skip. The file is damaged or was made by a newer tool.";
    SectionOrder "section-order" "Sections stand in ascending order of kind."
        "Sections have one order, so that the same contents are always the same bytes.";
    DuplicateSection "duplicate-section" "A kind of section occurs at most once."
        "Two entries of the section table have the same kind.";
    ReservedNotZero "reserved-not-zero" "Reserved fields are 0."
        "A field that this version reserves holds something. The file is damaged or was made by a newer tool.";
    EmptySection "empty-section" "A section in the table holds at least one byte."
        "A section without contents is left out of the table.";
    SectionTooLarge "section-too-large" "Text and data are smaller than 2^29 bytes, other sections smaller than 2^32."
        "Short pointers have 29 bits of offset, so a segment that an image brings along stays below 512 MiB. Larger memory belongs on the heap.";
    SectionOverflow "section-overflow" "A section's offset and size add up to less than 2^64."
        "The sum of offset and size of a section does not fit 64 bits: the section table is damaged, or was made to mislead a reader that does not check.";
    SectionOutsideFile "section-outside-file" "A section ends inside the file."
        "The section table names bytes behind the end of the file: it was cut off, or the table is damaged.";
    SectionOverlap "section-overlap" "A section begins where the one before ends, not earlier."
        "The section begins inside the one before it, or inside the header or section table.";
    SectionGap "section-gap" "A section begins where the one before ends, not later."
        "There are bytes between two sections, or between the section table and the first section, that belong to nothing.";
    TrailingBytes "trailing-bytes" "The last section ends where the file ends."
        "There are bytes behind the last section that belong to nothing: something was appended to the file.";
    BssTooLarge "bss-too-large" "Bss is smaller than 2^29 bytes."
        "Short pointers have 29 bits of offset, so bss stays below 512 MiB. Larger memory belongs on the heap.";
    HeapNotOwned "heap-not-owned" "Heap sizes are 0 in an image that does not own the heap."
        "The header gives a heap size, but the flag that makes this image the heap's owner is not set.";
    HeapAlignment "heap-alignment" "Heap sizes are multiples of 65,536 bytes."
        "The heap grows in pages of 64 KiB, and its sizes are whole pages.";
    HeapTooLarge "heap-too-large" "The heap's sizes are at most 2^36 bytes."
        "The heap that the image asks for is larger than any machine offers.";
    HeapOrder "heap-order" "The heap's first size is at most its largest size."
        "The image asks for a heap that begins larger than it may ever be.";
    RecordSize "record-size" "A section of records holds a whole number of them."
        "The size of a section is no multiple of the size of its records: it was cut off, or the section table is damaged.";
    MissingSection "missing-section" "Text and functions come together, and relocations have the sections that they refer to."
        "The file has text but no functions section, functions but no text, or relocations that refer to symbols without a symbols section (was it stripped?).";
    StringOutsidePool "string-outside-pool" "A string lies inside the strings section."
        "A record refers to a string whose bytes are not all in the strings section.";
    StringNotUtf8 "string-not-utf8" "Strings are UTF-8."
        "A record refers to a string whose bytes are not UTF-8, or that begins or ends inside a character.";
    UnknownTypeKind "unknown-type-kind" "A type is a function type (0) or a foreign type (1)."
        "The kind of an entry of the types section is not defined in this version.";
    ArityTooLarge "arity-too-large" "A function has at most 1,000 arguments and 1,000 results."
        "A type states more arguments or results, in cells, than the machine allows.";
    BadSignature "bad-signature" "A foreign type's text is a signature."
        "The text of a foreign type does not parse as `(types) -> type`, nests deeper than 8 levels, or is over another limit. The offset is that of the character in question.";
    SignatureForm "signature-form" "A foreign type's text is the signature's canonical form."
        "A signature has one form in an image: one space behind a comma and around `->`, no other spaces, and a result even if it is void. The offset is that of the first difference.";
    SignatureArity "signature-arity" "The counts of a foreign type are those of its signature."
        "A foreign type states its cells beside the signature; the two disagree, and the stack would not hold what the call takes.";
    TypeIndex "type-index" "A type index is smaller than the number of types."
        "A function or an import refers to a type that does not exist.";
    TypeKindMismatch "type-kind-mismatch" "C functions have foreign types, everything else has function types."
        "A function or an import refers to a type of the other kind.";
    ExtentTruncated "extent-truncated" "Each extent of bss contents is whole."
        "The bss-init section ends inside an extent: the section was cut off, or an extent's length is damaged.";
    ExtentEmpty "extent-empty" "An extent of bss contents holds at least one byte."
        "An extent without contents is left out.";
    ExtentOrder "extent-order" "Extents of bss contents ascend and do not overlap."
        "An extent begins before the end of the one in front of it.";
    ExtentOutsideBss "extent-outside-bss" "An extent of bss contents lies inside bss."
        "The initial contents reach past the size of bss that the header states.";
    FunctionEmpty "function-empty" "A function holds at least one byte."
        "A function without an instruction has no end to return from.";
    FunctionTiling "function-tiling" "Functions tile the text: the first begins at 0, each where the one before ends, the last ends with the text."
        "There is text between two functions, in front of the first or behind the last, or two functions overlap.";
    FunctionOutsideText "function-outside-text" "A function lies inside the text."
        "The function's range reaches past the end of the text section.";
    UnknownImportKind "unknown-import-kind" "An import's kind is one of 0 to 4."
        "The kind of an import is not defined in this version.";
    UnknownImportFlags "unknown-import-flags" "Only a C function may be flagged, and only as a leaf (bit 0)."
        "An import has a flag that its kind does not have.";
    ImportType "import-type" "An imported object has the type () -> 1."
        "Calling the import of an object pushes its address; it takes no arguments.";
    BadName "bad-name" "A name has 1 to 4,096 bytes and no control characters."
        "The name of an import or export is empty, too long, or has characters that could confuse a terminal or another tool.";
    BadModuleName "bad-module-name" "A module is named with letters, digits and `_ . + -`, in parts joined by `/`; a library has 1 to 1,024 bytes and no control characters."
        "The name of a module, host namespace or library is empty, too long, or has characters that such a name does not have.";
    PathTraversal "path-traversal" "A module or library name never leads out of the directory that is searched."
        "The name of a module or library has a part `..`, or a module's name has an empty part or `.`: it would reach files outside the search path.";
    UnknownExportKind "unknown-export-kind" "An export is a function (0) or an object (1)."
        "The kind of an export is not defined in this version.";
    ExportIndex "export-index" "An exported function exists."
        "The export's value is no index of a function.";
    ExportSegment "export-segment" "An exported object lies in data or bss."
        "The export's value is a short pointer into another segment.";
    ExportOutsideSegment "export-outside-segment" "An exported object lies inside its segment."
        "The exported object's bytes reach past the end of its segment.";
    ExportSize "export-size" "An exported function has the size 0."
        "Only objects have a size in the exports section.";
    DuplicateExport "duplicate-export" "A name is exported once."
        "Two exports have the same name, and an import could mean either.";
    ExportNamesOverlap "export-names-overlap" "The names of all exports together are no longer than the strings section."
        "Each exported name stands in the strings section for itself. A file that lets many names share long stretches of it would make reading slow.";
    EntryOutsideText "entry-outside-text" "The entry lies inside the text."
        "The header's entry is an offset behind the end of the text. An image that is no program has the entry FFFFFFFF.";
    EntryNotFunction "entry-not-function" "The entry is the first byte of a function."
        "The header's entry points into a function, or into an instruction.";
    EntryType "entry-type" "The entry function has no arguments and at most one result."
        "A program starts with nothing on its stack and ends with its exit status or nothing. Its arguments come from sys.arg.";
    InitialiserIndex "initialiser-index" "An initialiser exists."
        "An entry of the initialisers section is no index of a function.";
    InitialiserType "initialiser-type" "An initialiser has no arguments and no results."
        "Initialisers run before the program, on an empty stack, and leave nothing behind.";
    UnknownRelocationKind "unknown-relocation-kind" "A relocation's kind is one of 1 to 5."
        "The kind of a relocation is not defined in this version.";
    RelocationSegment "relocation-segment" "A relocation changes text, or a pointer in data or bss."
        "Only text (1), data (2) and bss (3) hold places that a linker changes; calls, imports and types stand only in text.";
    RelocationOrder "relocation-order" "Relocations ascend by segment and offset."
        "Relocations have one order, so that the same contents are always the same bytes.";
    RelocationOverlap "relocation-overlap" "Two relocations never change the same byte."
        "A relocation's place begins before the one in front of it ends.";
    RelocationPlace "relocation-place" "A relocation's place lies inside its segment's contents."
        "The bytes that the relocation would change are not all in the text section, the data section, or one extent of initial bss contents.";
    RelocationTarget "relocation-target" "A relocation's target exists and is of the right kind."
        "The target is no index of a symbol (for pointers and calls), import or type; or the symbol is no function (for a call), no function, object or label (for a pointer), or lies outside its segment.";
    RelocationAddend "relocation-addend" "A relocation's addend is at most the size of its target."
        "Only a pointer has an addend, and it stays within its target, one past the end included.";
    NoMemoryForImage "no-memory-for-image" "The host has the memory that the image's tables take."
        "The host could not give the memory for the tables of this image, which is a small multiple of the file's size.";
}

rules! {
    /// A rule that debug information should keep. What does not is ignored, with a warning.
    WarningCode:
    DamagedDebug "damaged-debug" "A debug section is a whole number of records of known kinds, and lines ascend."
        "The symbols, lines, sources or notes section makes no sense, or was made by a newer tool. The program runs as it would without the section: reports show fewer names or places. Assemble it again to get them back.";
    DanglingDebug "dangling-debug" "A record of a debug section refers to something that exists."
        "A symbol, line or note refers to a function, object, instruction, source or name that the image does not have. That record is ignored, and the program runs as ever. Assemble it again to mend it.";
}

impl ReadCode {
    /// The rule of a stable code.
    pub fn from_code(code: &str) -> Option<ReadCode> {
        Self::ALL.iter().copied().find(|rule| rule.code() == code)
    }
}
