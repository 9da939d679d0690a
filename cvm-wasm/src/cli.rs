//! The command line of `cvm-wasm`: its flags, and what it prints without translating.

use clap::{ArgAction, CommandFactory, Parser, ValueHint};
use cvm_cli::Shell;
use cvm_cli::manual::Texts;
use std::io;
use std::path::PathBuf;

const TEXTS: Texts = Texts {
    summary: "Translates a WebAssembly module (.wasm) into a CVM image (.cvm).",
    description: "\
The module's exports become the image's, its export _start the program's entry. WASI preview 1 \
is there for programs; other functions that it imports come from other CVM modules. Without -o, \
the image is written beside the module, with the ending .cvm.",
    examples: "  \
  cvm-wasm prog.wasm                    translate to prog.cvm
  cvm-wasm -o out.cvm prog.wasm
  cvm run out.cvm                       run it; `cvm run prog.wasm` does both
  clang --target=wasm32-wasi -O2 -o prog.wasm prog.c && cvm-wasm prog.wasm
  cvm-wasm --shared -o lib/geo.cvm geo.wasm
                                        a module, for programs that import `geo`
  cvm-wasm --host app plugin.wasm       functions of `app` come from the embedding program
  generate | cvm-wasm -o out.cvm -      read the module from standard input
",
    exit_status: "  \
  0   the image was written
  64  wrong use of the command line
  65  the input is no valid module, or uses a feature that is not supported
  66  the input file is missing or cannot be read
  73  the output file cannot be created, or would overwrite the input
  74  writing failed on the way, for example because the disk is full
",
};

/// The flags.
#[derive(Debug, Parser)]
#[command(name = "cvm-wasm", version, about = TEXTS.about(), max_term_width = 100, after_help = TEXTS.after_help(),
          override_usage = "cvm-wasm [OPTIONS] FILE")]
pub(crate) struct Arguments {
    /// The module; "-" is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath,
          required_unless_present_any = ["completions", "man"])]
    pub(crate) file: Option<PathBuf>,

    /// Write the image here; "-" is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Take the functions of this module from the embedding program, as those of WASI are
    #[arg(long, value_name = "MODULE", action = ArgAction::Append)]
    pub(crate) host: Vec<String>,

    /// Make a module that other modules can import; one that imports from modules can be linked in any case
    #[arg(long)]
    pub(crate) shared: bool,

    /// Leave all symbols out of the image
    #[arg(long)]
    pub(crate) strip: bool,

    /// Print a completion script
    #[arg(long, value_name = "SHELL", exclusive = true, help_heading = "Help")]
    pub(crate) completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, exclusive = true, help_heading = "Help")]
    pub(crate) man: bool,
}

/// The manual page, as roff.
pub(crate) fn manual() -> io::Result<Vec<u8>> {
    let usage = r"\fBcvm\-wasm\fR [\fIOPTIONS\fR] \fIFILE\fR";
    TEXTS.page(Arguments::command(), usage)
}
