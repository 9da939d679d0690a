//! The command line of `cvm-wasm`: its flags, and what it prints without translating.

use clap::{ArgAction, CommandFactory, Parser, ValueHint};
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;

const SUMMARY: &str = "Translates a WebAssembly module (.wasm) into a CVM image (.cvm).";

const DESCRIPTION: &str = "\
The module's exports become the image's, its export _start the program's entry. WASI preview 1 \
is there for programs; other functions that it imports come from other CVM modules. Without -o, \
the image is written beside the module, with the ending .cvm.";

const EXAMPLES: &str = "  \
  cvm-wasm prog.wasm                    translate to prog.cvm
  cvm-wasm -o out.cvm prog.wasm
  cvm run out.cvm                       run it; `cvm run prog.wasm` does both
  clang --target=wasm32-wasi -O2 -o prog.wasm prog.c && cvm-wasm prog.wasm
  cvm-wasm --shared -o lib/geo.cvm geo.wasm
                                        a module, for programs that import `geo`
  cvm-wasm --host app plugin.wasm       functions of `app` come from the embedding program
  generate | cvm-wasm -o out.cvm -      read the module from standard input
";

const EXIT_STATUS: &str = "  \
  0   the image was written
  64  wrong use of the command line
  65  the input is no valid module, or uses a feature that is not supported
  66  the input file is missing or cannot be read
  73  the output file cannot be created, or would overwrite the input
  74  writing failed on the way, for example because the disk is full
";

/// The flags.
#[derive(Debug, Parser)]
#[command(name = "cvm-wasm", version, about = format!("{SUMMARY}\n\n{DESCRIPTION}"), max_term_width = 100,
          after_help = format!("Examples:\n{EXAMPLES}\nExit status:\n{EXIT_STATUS}"),
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

/// The completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cvm-wasm", &mut script);
    script
}

/// The manual page, as roff.
pub(crate) fn manual() -> std::io::Result<Vec<u8>> {
    let command = Arguments::command().about(SUMMARY.trim_end_matches('.'));
    let command = command.long_about(format!("{SUMMARY}\n\n{DESCRIPTION}"));
    let page = clap_mangen::Man::new(command).manual("CVM");
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    roff.write_all(b".SH SYNOPSIS\n\\fBcvm\\-wasm\\fR [\\fIOPTIONS\\fR] \\fIFILE\\fR\n")?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
    for (title, text) in [("EXAMPLES", EXAMPLES), ("EXIT STATUS", EXIT_STATUS)] {
        let text = text.replace('\\', "\\e").replace('-', "\\-");
        write!(roff, ".SH \"{title}\"\n.nf\n{text}.fi\n")?;
    }
    Ok(roff)
}
