//! Fuzzing of CVM: what is fed with bytes ([`targets`]), and where the bytes come from ([`inputs`]).
//!
//! `smoke` runs every target on a stable compiler; `fuzz_targets/` holds the same for cargo-fuzz.

pub mod inputs;
pub mod targets;

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
    /// A shared library.
    Library,
}

/// Something that takes arbitrary bytes and must not panic.
pub struct Target {
    /// Its name, as CVM_FUZZ_TARGETS gives it.
    pub name: &'static str,
    /// What its bytes look like.
    pub input: Input,
    /// Feeds it; true if the bytes were accepted. It panics if something is wrong.
    pub run: fn(&[u8]) -> bool,
}

/// All targets. To add one, write its function in `targets.rs`, a row here, and a file in `fuzz_targets/`.
pub const TARGETS: &[Target] = &[
    Target {
        name: "reader",
        input: Input::Image,
        run: targets::reader,
    },
    Target {
        name: "verifier",
        input: Input::Image,
        run: targets::verifier,
    },
    Target {
        name: "engines",
        input: Input::Image,
        run: targets::engines,
    },
    Target {
        name: "disassembler",
        input: Input::Image,
        run: targets::disassembler,
    },
    Target {
        name: "exact",
        input: Input::Image,
        run: targets::exact,
    },
    Target {
        name: "readable",
        input: Input::Image,
        run: targets::readable,
    },
    Target {
        name: "link",
        input: Input::Pair,
        run: targets::link,
    },
    Target {
        name: "assembler",
        input: Input::Source,
        run: targets::assembler,
    },
    Target {
        name: "signature",
        input: Input::Signature,
        run: targets::signature,
    },
    Target {
        name: "library",
        input: Input::Library,
        run: targets::library,
    },
    Target {
        name: "decode",
        input: Input::Code,
        run: targets::decode,
    },
];
