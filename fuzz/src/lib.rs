//! Fuzzing of CVM: what is fed with bytes ([`targets`]), and where the bytes come from ([`inputs`]).
//!
//! `smoke` runs every target on a stable compiler; `fuzz_targets/` holds the same for cargo-fuzz.

pub mod inputs;
pub mod targets;

// The generator and the second implementation of the property test.
#[path = "../../cvm/tests/differential/programs/mod.rs"]
mod programs;

/// What the bytes for a target look like before they are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A `.cvm` file.
    Image,
    /// Two images that are linked: the size of the first in 4 bytes, and both.
    Pair,
    /// Encoded instructions.
    Code,
    /// The signature of a C function.
    Signature,
    /// Assembly.
    Source,
    /// Choices of a generator.
    Choices,
    /// A shared library.
    Library,
    /// A WebAssembly module.
    Module,
}

/// Something that takes arbitrary bytes and must not panic.
pub struct Target {
    /// Its name, as CVM_FUZZ_TARGETS gives it.
    pub name: &'static str,
    /// What its bytes look like.
    pub input: Input,
    /// Of so many inputs it gets one: more than 1 for what takes long.
    pub share: u64,
    /// Feeds it; true if the bytes were accepted. It panics if something is wrong.
    pub run: fn(&[u8]) -> bool,
}

/// All targets. To add one, write its function in `targets.rs`, a row here, and a file in `fuzz_targets/`.
pub const TARGETS: &[Target] = &[
    Target {
        name: "reader",
        input: Input::Image,
        share: 1,
        run: targets::reader,
    },
    Target {
        name: "verifier",
        input: Input::Image,
        share: 1,
        run: targets::verifier,
    },
    Target {
        name: "engines",
        input: Input::Image,
        share: 1,
        run: targets::engines,
    },
    Target {
        name: "programs",
        input: Input::Choices,
        share: 10,
        run: targets::programs,
    },
    Target {
        name: "disassembler",
        input: Input::Image,
        share: 1,
        run: targets::disassembler,
    },
    Target {
        name: "exact",
        input: Input::Image,
        share: 1,
        run: targets::exact,
    },
    Target {
        name: "readable",
        input: Input::Image,
        share: 1,
        run: targets::readable,
    },
    Target {
        name: "link",
        input: Input::Pair,
        share: 1,
        run: targets::link,
    },
    Target {
        name: "assembler",
        input: Input::Source,
        share: 1,
        run: targets::assembler,
    },
    Target {
        name: "signature",
        input: Input::Signature,
        share: 1,
        run: targets::signature,
    },
    Target {
        name: "library",
        input: Input::Library,
        share: 1,
        run: targets::library,
    },
    Target {
        name: "wasm",
        input: Input::Module,
        share: 1,
        run: targets::wasm,
    },
    Target {
        name: "wasm_smith",
        input: Input::Choices,
        share: 1,
        run: targets::wasm_smith,
    },
    Target {
        name: "decode",
        input: Input::Code,
        share: 1,
        run: targets::decode,
    },
];
