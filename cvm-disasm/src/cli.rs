//! The command line of `cvm-disasm`: its flags, and what it prints without an image.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, ValueHint};
use cvm_cli::Shell;

const ABOUT: &str = "\
Turns a CVM image (.cvm) back into text.

By default the text is readable assembly that assembles to a program of the same behaviour. \
With --exact it spells every byte of the file and assembles to the same file.";

const AFTER_HELP: &str = "\
Examples:
  cvm-disasm hello.cvm                    readable assembly
  cvm-disasm --hex hello.cvm              with offset and bytes of every instruction
  cvm-disasm --exact x.cvm | cvm-asm -o y.cvm -    y.cvm is equal to x.cvm
  cvm-disasm --headers hello.cvm          sections, segments, imports, exports
  cvm-disasm --json hello.cvm | jq '.functions[].name'
  cvm-disasm --cfg hello.cvm | dot -Tsvg -o hello.svg
  cvm-asm -o - hello.cvma | cvm-disasm -  read the image from standard input

Exit status:
  0   the text was printed (warnings about damaged debug information do not change that)
  64  wrong use of the command line
  65  the file is no image, or its text has bytes that only --exact can show
  66  the file is missing or cannot be read
  73  the output file cannot be created
  74  writing failed on the way, for example because the disk is full";

/// The flags.
#[derive(Debug, Parser)]
#[command(name = "cvm-disasm", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 100,
          override_usage = "cvm-disasm [OPTIONS] FILE")]
#[command(group = ArgGroup::new("form").args(["exact", "headers", "json", "cfg"]))]
pub(crate) struct Arguments {
    /// The image; "-" is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath,
          required_unless_present_any = ["completions", "man"])]
    pub(crate) file: Option<PathBuf>,

    /// Print the exact form, which assembles to the same bytes
    #[arg(long, help_heading = "Form")]
    pub(crate) exact: bool,

    /// Print header, section table, segments, imports and exports
    #[arg(long, help_heading = "Form")]
    pub(crate) headers: bool,

    /// Print everything as one JSON document
    #[arg(long, help_heading = "Form")]
    pub(crate) json: bool,

    /// Print control-flow graphs for Graphviz, with the operand depth of every block
    #[arg(long, help_heading = "Form")]
    pub(crate) cfg: bool,

    /// Show offset and bytes beside every instruction, as comments
    #[arg(long, conflicts_with_all = ["headers", "json", "cfg"], help_heading = "Form")]
    pub(crate) hex: bool,

    /// Write here; "-" is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Print a completion script
    #[arg(long, value_name = "SHELL", exclusive = true, help_heading = "Help")]
    pub(crate) completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, exclusive = true, help_heading = "Help")]
    pub(crate) man: bool,
}
