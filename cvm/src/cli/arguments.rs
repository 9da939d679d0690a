//! Commands and flags.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use cvm::host::sys::DirGrant;
use cvm_asm::modules::Definition;
use cvm_cli::Shell;

use super::values;

const ABOUT: &str = "\
Runs programs for CVM, a protected stack machine.

Every read, write and jump of a program is checked; a violation ends it with a \
report of what went wrong, where, and what to do.";

const AFTER_HELP: &str = "\
Examples:
  cvm run hello.cvma             assemble in memory and run
  cvm hello.cvm one two          the same as `cvm run hello.cvm one two`
  cvm run --fuel 1000000 --timeout 2s prog.cvm
  cvm verify prog.cvm            check without running
  cvm info prog.cvm              sizes, imports, the permissions that it would ask for
  cvm explain write-to-data      what a fault, rule or error means

Exit status of `cvm run`:
  the program's own, or
  1    errors in assembly source         132  rejected by the verifier
  64   wrong use of the command line     134  the program called abort, or a host function failed
  65   not an image, or not a program    136  arithmetic fault
  66   a file is missing                 137  a limit was reached: fuel, time, memory
  74   writing the output failed         139  protection fault, or call stack overflow
  77   an import is not permitted            (134 also if a C function crashed)";

const RUN_AFTER_HELP: &str = "\
Everything behind the program's name belongs to the program.

Examples:
  cvm run hello.cvma
  cvm run --dir . sort.cvm names.txt       the program may use the current directory
  cvm run --dir /srv/data:data:ro x.cvm    it sees /srv/data as `data`, and may only read
  cvm run --env LANG --env LEVEL=3 x.cvm   it sees two environment variables
  cvm run --fuel 1000000 --timeout 500ms --max-heap 64M x.cvm
  cvm run --allow-ffi=libm.so.6 x.cvm      it may call functions of one C library
  cvm run --invoke add math.cvm 2 3        call an exported function; prints its results
  cvm run --dir . prog.wasm notes.txt      a WebAssembly module, with WASI preview 1
  generate | cvm run -                     read the program from standard input
  cvm run --fault-format json x.cvm        faults and errors as JSON, one line each
  cvm run --profile out.svg x.cvma         a flame graph of functions and lines
  perf record cvm run --perf-map x.cvma    `perf report` names the compiled functions
  cvm run --trace x.cvma 2>&1 | head       its first instructions, with operands

CVM_LOG=compile in the environment writes a line for everything that was compiled to \
standard error, when the run ends.

Sizes are bytes, with K, M or G for powers of 1024. A program sees no files, no \
environment and no C functions unless a flag allows it.

Modules that it imports are looked for in the directories of -L, in those of CVM_PATH, \
beside the program, and among the standard modules, in this order.";

const VERIFY_AFTER_HELP: &str = "\
Examples:
  cvm verify prog.cvm
  cvm verify --quiet *.cvm       only say what is wrong

A program is checked together with the modules that it imports, a module alone.

Exit status: 0 if every file is sound, else that of the first one that is not: 1 errors in \
assembly source, 65 not an image, 66 missing, 132 rejected.";

const INFO_AFTER_HELP: &str = "\
Examples:
  cvm info prog.cvm
  cvm info --json prog.cvm | jq .permissions

The program is not verified and not run.";

const LDD_AFTER_HELP: &str = "\
Examples:
  cvm ldd prog.cvm
  cvm ldd -L lib prog.cvm

Modules are looked for in the directories of -L, in those of CVM_PATH, beside the program, and among \
the standard modules, in this order. Exit status: 0, or 66 if a module is not found.";

const EXPLAIN_AFTER_HELP: &str = "\
Examples:
  cvm explain write-to-data      a fault
  cvm explain stack-underflow    a rule of the verifier
  cvm explain bad-magic          a rule of the image format
  cvm explain unused-label       a diagnostic of the assembler
  cvm explain                    list all codes";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "cvm", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Arguments {
    /// Understands a command line. For `run` only that command's flags are set up, because setting up all of them takes
    /// longer than a small program runs.
    pub(super) fn parse(words: Vec<OsString>) -> Result<Arguments, clap::Error> {
        match parse_run(&words) {
            Some(run) => Ok(Arguments {
                command: Command::Run(Box::new(run)),
            }),
            // Messages name all commands.
            None => Arguments::try_parse_from(words),
        }
    }

    /// How errors are printed.
    pub(super) fn format(&self) -> Format {
        match &self.command {
            Command::Run(run) => run.fault_format,
            Command::Verify(verify) => verify.fault_format,
            _ => Format::Text,
        }
    }
}

/// The flags of `run`, if that is the command and there is nothing to say about them.
fn parse_run(words: &[OsString]) -> Option<Run> {
    let words = words.get(1..)?;
    if words.first()? != "run" {
        return None;
    }
    let command = Run::augment_args(clap::Command::new("run"));
    let matches = command.try_get_matches_from(words).ok()?;
    Run::from_arg_matches(&matches).ok()
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a program
    #[command(after_help = RUN_AFTER_HELP, override_usage = "cvm run [OPTIONS] PROGRAM [ARGS]...")]
    Run(Box<Run>),
    /// Check images without running them
    #[command(after_help = VERIFY_AFTER_HELP)]
    Verify(Verify),
    /// Describe an image: sizes, imports, exports, and the permissions that it would ask for
    #[command(after_help = INFO_AFTER_HELP)]
    Info(Info),
    /// Show which modules a program imports, where each is found, and what is imported of it
    #[command(after_help = LDD_AFTER_HELP)]
    Ldd(Ldd),
    /// Say what a fault, rule, diagnostic or error means
    #[command(after_help = EXPLAIN_AFTER_HELP)]
    Explain(Explain),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  cvm completions bash > ~/.local/share/bash-completion/completions/cvm"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page
    #[command(
        after_help = "Examples:\n  cvm man run | man -l -\n  cvm man --dir ~/.local/share/man/man1"
    )]
    Man {
        /// The command that it is about; the whole program if left out
        command: Option<String>,
        /// Write the pages of all commands into this directory
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command")]
        dir: Option<PathBuf>,
    },
}

/// How faults and errors are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// What executes the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Engine {
    Auto,
    Jit,
    Interp,
}

#[derive(Args, Debug)]
pub(super) struct Run {
    /// What executes the program: the compiler, the interpreter, or the best one that there is
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    pub(super) engine: Engine,

    /// Let the program use a directory: HOST, HOST:GUEST, HOST:GUEST:ro, HOST::ro
    ///
    /// The program sees it under the name GUEST (its host name if left out) and reaches nothing outside it. With `ro`
    /// it cannot write.
    #[arg(long, value_name = "DIR", value_parser = values::grant, action = ArgAction::Append,
          value_hint = ValueHint::DirPath, help_heading = "Permissions")]
    pub(super) dir: Vec<DirGrant>,

    /// Show the program an environment variable, with this value or the present one
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = values::variable, action = ArgAction::Append,
          help_heading = "Permissions")]
    pub(super) env: Vec<(String, Option<String>)>,

    /// Show the program the whole environment
    #[arg(long, help_heading = "Permissions")]
    pub(super) env_all: bool,

    /// Allow C functions and the use of C's memory, of all libraries or of these
    #[arg(long, value_name = "LIBS", num_args = 0..=1, require_equals = true, value_delimiter = ',',
          help_heading = "Permissions")]
    pub(super) allow_ffi: Option<Vec<String>>,

    /// Record what C functions allocate and free, and report wrong uses and leaks (slower)
    #[arg(long, requires = "allow_ffi", help_heading = "Permissions")]
    pub(super) check_foreign: bool,

    /// End the program after so many instructions
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Limits")]
    pub(super) fuel: Option<u64>,

    /// End the program after this time: 500ms, 2s, 1m
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Limits")]
    pub(super) timeout: Option<Duration>,

    /// Let the heap grow to this size at most [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    pub(super) max_heap: Option<u64>,

    /// Give the call stack this size [default: 16M]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    pub(super) call_stack: Option<u64>,

    /// Look for modules in this directory, and for C libraries that are allowed
    #[arg(short = 'L', value_name = "DIR", action = ArgAction::Append, value_hint = ValueHint::DirPath)]
    pub(super) library: Vec<PathBuf>,

    /// Define a constant in a module that is found as source, 1 without a value: -D std/heap:DEBUG
    #[arg(short = 'D', long = "define", value_name = "MODULE:NAME[=VALUE]", action = ArgAction::Append,
          value_parser = str::parse::<Definition>)]
    pub(super) define: Vec<Definition>,

    /// Call this exported function with the arguments as numbers, and print its results as signed integers, or as what
    /// they are if it was translated from WebAssembly
    #[arg(long, value_name = "NAME")]
    pub(super) invoke: Option<String>,

    /// How to print faults and errors
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(super) fault_format: Format,

    /// Print time, fuel and memory at the end
    #[arg(long, help_heading = "Output")]
    pub(super) stats: bool,

    /// Write where the program spends its time: a flame graph (.svg) or collapsed stacks (.folded)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "trace",
          help_heading = "Watching")]
    pub(super) profile: Option<PathBuf>,

    /// Tell `perf` the names of compiled functions, in /tmp/perf-PID.map
    #[arg(long, help_heading = "Watching")]
    pub(super) perf_map: bool,

    /// Write every instruction before it runs, with registers and operands, to standard error or a file
    ///
    /// The program runs in the interpreter then, whatever --engine says.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath,
          help_heading = "Watching")]
    pub(super) trace: Option<Option<PathBuf>>,

    /// The program (.cvm, .cvma or .wasm, "-" for standard input) and its arguments
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, value_hint = ValueHint::FilePath)]
    pub(super) program: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Images or assembly sources; "-" is standard input
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub(super) files: Vec<PathBuf>,

    /// Look for modules in this directory
    #[arg(short = 'L', value_name = "DIR", action = ArgAction::Append, value_hint = ValueHint::DirPath)]
    pub(super) library: Vec<PathBuf>,

    /// Say nothing about sound files
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// How to print errors
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) fault_format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Info {
    /// Image or assembly source; "-" is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) file: PathBuf,

    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Ldd {
    /// Image or assembly source; "-" is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) file: PathBuf,

    /// Look for modules in this directory
    #[arg(short = 'L', value_name = "DIR", action = ArgAction::Append, value_hint = ValueHint::DirPath)]
    pub(super) library: Vec<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The code; all are listed if it is left out
    pub(super) code: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Command lines of `run` mean the same, whether all commands are set up or not; what is an error stays one.
    #[test]
    fn run_is_understood_alone() {
        let lines = [
            "cvm run p.cvm",
            "cvm run --engine jit --fuel 10 --timeout 2s p.cvm -a --fuel b",
            "cvm run --dir a:b:ro --dir c -L x -L y --env A=1 --env B --max-heap 1M p.cvma",
            "cvm run --invoke f p.cvm -1 2",
            "cvm run --stats --fault-format json --call-stack 64K -- p.cvm",
            "cvm run -D A=1 -D m:B=2 --trace --profile out.svg p.cvm x",
            "cvm run",
            "cvm run --engine fast p.cvm",
            "cvm run --nothing p.cvm",
            "cvm run --help",
            "cvm run -h",
            "cvm verify p.cvm",
            "cvm rnu p.cvm",
            "cvm",
        ];
        for line in lines {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let all = Arguments::try_parse_from(&words);
            let alone = Arguments::parse(words);
            let show = |result: Result<Arguments, clap::Error>| match result {
                Ok(arguments) => format!("{arguments:?}"),
                Err(error) => error.render().to_string(),
            };
            assert_eq!(show(alone), show(all), "{line}");
        }
    }
}
