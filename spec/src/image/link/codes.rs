//! The linker's rules: code, rule and explanation (`spec/linking.md`, `cvm explain`).

use crate::image::rules::rules;

rules! {
    /// A rule that modules must keep to be linked.
    LinkCode:
    MissingModule "missing-module" "Every module that is imported is found."
        "The program, or a module of it, imports a module that is neither given nor on the search path. Name the directory that holds it with -L, or set CVM_PATH.";
    MissingSymbol "missing-symbol" "A module exports what is imported from it."
        "The module was found, but it exports nothing of this name: the name is misspelt, the module lacks an `.export`, or it is older than the program expects. `cvm info` lists what it exports.";
    WrongKind "wrong-kind" "A function is imported as a function, an object as `data`."
        "The import and the export have the same name, but one is a function and the other an object.";
    SignatureMismatch "signature-mismatch" "An imported function has the type that the import states."
        "The numbers of arguments and results in the `.import` are not those of the function, so the stack would not hold what the call takes. One of the two has changed.";
    DuplicateExport "duplicate-export" "A module exports a name once."
        "Several files make up one module, and two of them export the same name; an import could mean either.";
    TwoVersions "two-versions" "There is one version of each module, and it suits everyone who asks for one."
        "Two files of one module state different versions, or two modules ask for versions of a third that no single version satisfies.";
    WrongVersion "wrong-version" "A module has the version that its importers ask for, or a newer one that is compatible."
        "A `.require` asks for another version than the module has. A version suits if it is not older and its first number is the same; while the first number is 0, the second has to be the same too.";
    BadVersion "bad-version" "A version is three numbers, as in 1.2.0."
        "A note of the module states a version that cannot be read. Assemble the module again.";
    TwoHeaps "two-heaps" "At most one module owns the heap."
        "Two of the modules have a `.heap`. There is one heap, and one module says how large it is.";
    SegmentOverflow "segment-overflow" "Text, data and bss of all modules together are smaller than 2^29 bytes each."
        "Short pointers have 29 bits of offset. Leave modules out, or put large tables on the heap.";
    UndecodableText "undecodable-text" "The text of a module that is linked decodes."
        "The linker has to know which bytes are operands, and these are no instruction. The module is damaged.";
    MissingRelocation "missing-relocation" "Every operand that changes when modules are merged has a relocation."
        "An instruction names a function, an import, a type or an address, and no relocation says so: the image was made to run alone. Assemble the module with its exports again.";
    MisplacedRelocation "misplaced-relocation" "A relocation stands on a whole operand of its kind."
        "A relocation would change an opcode, a part of an operand or an operand of another kind, and make another instruction of it. The module is damaged, or lies.";
    SymbolDisagrees "symbol-disagrees" "What stands at a relocation's place is its symbol and addend."
        "The number in the text, data or bss is not the one that the relocation and its symbol give, so one of them is wrong. The module is damaged, or lies.";
    TooManyEntries "too-many-entries" "The tables of all modules together have fewer than 2^32 entries and bytes."
        "The modules together are larger than an image can be.";
}

impl LinkCode {
    /// Exit status of `cvm`: a module that is missing is a missing file, all else a wrong one.
    pub const fn exit_status(self) -> u8 {
        match self {
            LinkCode::MissingModule => 66,
            _ => 65,
        }
    }
}
