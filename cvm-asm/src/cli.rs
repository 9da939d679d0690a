//! The command line of `cvm-asm`: its flags, and what it prints without assembling.

use clap::{ArgAction, CommandFactory, Parser, ValueEnum, ValueHint};
use cvm_asm::modules::Definition;
use cvm_cli::Shell;
use cvm_cli::manual::Texts;
use std::io;
use std::path::PathBuf;

const TEXTS: Texts = Texts {
    summary: "Assembles CVM assembly (.cvma) into an executable image (.cvm).",
    description: "\
Several source files make one program and share its global names. Without -o, \
the image is written beside the first file, with the ending .cvm.",
    examples: "  \
  cvm-asm hello.cvma                        assemble to hello.cvm
  cvm-asm -g -o game.cvm main.cvma ui.cvma  one program from two files, with line table
  cvm-asm -o app.cvm main.cvma geo.cvm      link a module in
  cvm-asm --static -o app.cvm main.cvma     link in every module that it imports
  cvm-asm --shared -o geo.cvm geo.cvma      make a module
  cvm-asm --deny warnings -D LEVEL=3 a.cvma define LEVEL as 3; warnings stop the build
  cvm-asm --listing a.lst --map a.map a.cvma
  generate | cvm-asm -o out.cvm -           read the source from standard input
  cvm-asm --explain unused-label            what a diagnostic means
",
    exit_status: "  \
  0   the image was written (warnings do not change that)
  1   errors in the source, each reported on standard error
  64  wrong use of the command line
  65  an input that is no source and no module, is larger than 1 GiB, or cannot be linked
  66  an input file is missing or cannot be read
  73  an output file cannot be created, or would overwrite a source
  74  writing failed on the way, for example because the disk is full

No output file is touched unless all of them can be written.
",
};

/// The flags.
#[derive(Debug, Parser)]
#[command(name = "cvm-asm", version, about = TEXTS.about(), max_term_width = 100, after_help = TEXTS.after_help(),
          override_usage = "cvm-asm [OPTIONS] FILE...")]
pub(crate) struct Arguments {
    /// Source files, and images of modules to link in; "-" is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath,
          required_unless_present_any = ["explain", "completions", "man"])]
    pub(crate) files: Vec<PathBuf>,

    /// Write the image here; "-" is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Put line table, names of locals and labels into the image
    #[arg(short = 'g', long = "debug", help_heading = "Output")]
    pub(crate) debug: bool,

    /// Make a module for others: without an entry, with something exported
    #[arg(long, help_heading = "Output")]
    pub(crate) shared: bool,

    /// Link all modules in that the program imports, as `cvm run` would find them
    #[arg(long = "static", help_heading = "Output")]
    pub(crate) is_static: bool,

    /// Leave all symbols out of the image
    #[arg(long, conflicts_with = "debug", help_heading = "Output")]
    pub(crate) strip: bool,

    /// Write every source line with the address and bytes that it became
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) listing: Option<PathBuf>,

    /// Write functions, objects and constants with address, size and source line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) map: Option<PathBuf>,

    /// Write a rule for make that names all files that were read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) deps: Option<PathBuf>,

    /// Look for .include and .incbin files in this directory too
    #[arg(short = 'I', long = "include", value_name = "DIR", value_hint = ValueHint::DirPath,
          action = ArgAction::Append, help_heading = "Source")]
    pub(crate) include: Vec<PathBuf>,

    /// Look for modules in this directory, for --static, and for C libraries, to check what .foreign names
    #[arg(short = 'L', value_name = "DIR", value_hint = ValueHint::DirPath,
          action = ArgAction::Append, help_heading = "Source")]
    pub(crate) library: Vec<PathBuf>,

    /// Define a constant, or one of a module that is found as source; 1 without a value
    #[arg(short = 'D', long = "define", value_name = "[MODULE:]NAME[=VALUE]", value_parser = definition,
          action = ArgAction::Append, help_heading = "Source")]
    pub(crate) define: Vec<Define>,

    /// Make a warning an error, or all of them with "warnings"
    #[arg(long, value_name = "NAME", action = ArgAction::Append, help_heading = "Diagnostics")]
    pub(crate) deny: Vec<String>,

    /// Silence a warning
    #[arg(long, value_name = "NAME", action = ArgAction::Append, help_heading = "Diagnostics")]
    pub(crate) allow: Vec<String>,

    /// Print diagnostics as text, or as one JSON object a line
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Diagnostics"
    )]
    pub(crate) diagnostics: Format,

    /// Print at most so many errors and so many warnings; 0 prints all
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        help_heading = "Diagnostics"
    )]
    pub(crate) max_errors: usize,

    /// Say what a diagnostic means; "all" lists the codes
    #[arg(long, value_name = "CODE", exclusive = true, help_heading = "Help")]
    pub(crate) explain: Option<String>,

    /// Print a completion script
    #[arg(long, value_name = "SHELL", exclusive = true, help_heading = "Help")]
    pub(crate) completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, exclusive = true, help_heading = "Help")]
    pub(crate) man: bool,
}

/// How diagnostics are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// The manual page, as roff.
pub(crate) fn manual() -> io::Result<Vec<u8>> {
    let usage = r"\fBcvm\-asm\fR [\fIOPTIONS\fR] \fIFILE\fR...";
    TEXTS.page(Arguments::command(), usage)
}

/// A definition of `-D`.
#[derive(Clone, Debug)]
pub(crate) enum Define {
    /// In the sources, with a value.
    Own(String, String),
    /// In a module that is found as source.
    Module(Definition),
}

impl Arguments {
    /// The definitions for the sources.
    pub(crate) fn own_definitions(&self) -> Vec<(String, String)> {
        let own = self.define.iter().filter_map(|define| match define {
            Define::Own(name, value) => Some((name.clone(), value.clone())),
            Define::Module(_) => None,
        });
        own.collect()
    }

    /// The definitions for modules.
    pub(crate) fn module_definitions(&self) -> Vec<Definition> {
        let modules = self.define.iter().filter_map(|define| match define {
            Define::Own(..) => None,
            Define::Module(definition) => Some(definition.clone()),
        });
        modules.collect()
    }
}

fn definition(text: &str) -> Result<Define, String> {
    let place = text.split('=').next().unwrap_or_default();
    if place.contains(':') {
        return text.parse().map(Define::Module);
    }
    let (name, value) = text.split_once('=').unwrap_or((text, "1"));
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let inner = |c: char| letter(c) || c.is_ascii_digit() || matches!(c, '.' | '$');
    if !name.starts_with(letter) || !name.chars().all(inner) {
        return Err(format!(
            "`{}` is not a name: names begin with a letter or _",
            name.escape_debug()
        ));
    }
    if value.trim().is_empty() {
        return Err(format!(
            "{name} has no value: write -D {name} or -D {name}=VALUE"
        ));
    }
    Ok(Define::Own(name.to_owned(), value.to_owned()))
}
