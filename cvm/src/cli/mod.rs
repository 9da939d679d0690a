//! The command line of `cvm`: its commands and flags, and what each command does.
//!
//! The library does the work and makes the reports; everything that prints, reads the environment or ends the process
//! is here.

mod arguments;
mod console;
mod explain;
mod foreign;
mod info;
mod input;
mod invoke;
mod ldd;
mod log;
mod manual;
mod output;
mod perf_map;
mod profile;
mod run;
mod trace;
mod values;
mod verify;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use clap::CommandFactory;
use cvm::report::Problem;
use cvm_cli::status::USAGE;

use arguments::{Arguments, Command};
use console::Console;

/// Why a command ends without success.
#[derive(Debug)]
enum Failure {
    /// An error that is not yet reported.
    Problem(Box<Problem>),
    /// Everything has been reported; this is the exit status.
    Reported(u8),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Problem(Box::new(problem))
    }
}

/// Runs the command line; the exit status.
pub(crate) fn main(words: impl Iterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::parse(with_run(words.collect())) {
        Ok(arguments) => arguments,
        Err(error) => {
            let printed = error.print();
            return match printed {
                _ if error.use_stderr() => USAGE,
                // A closed pipe is no reason to complain about the help text.
                Err(failed) if failed.kind() != ErrorKind::BrokenPipe => {
                    let problem = console::output_failed(&failed);
                    Console::new(arguments::Format::Text).problem(&problem);
                    problem.exit_status
                }
                _ => 0,
            };
        }
    };
    let console = Console::new(arguments.format());
    let result = match &arguments.command {
        Command::Run(run) => run::run(run, &console),
        Command::Verify(verify) => verify::verify(verify, &console),
        Command::Info(info) => info::info(info, &console),
        Command::Ldd(ldd) => ldd::ldd(ldd, &console),
        Command::Explain(explain) => explain::explain(explain, &console),
        Command::Completions { shell } => manual::completions(*shell, &console),
        Command::Man { command, dir } => manual::man(command.as_deref(), dir.as_deref(), &console),
    };
    match result {
        Ok(status) | Err(Failure::Reported(status)) => status,
        Err(Failure::Problem(problem)) => {
            console.problem(&problem);
            problem.exit_status
        }
    }
}

/// `cvm [flags] prog.cvm args` is short for `cvm run [flags] prog.cvm args`.
fn with_run(mut words: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = words.get(1).filter(|first| *first != "run") else {
        return words;
    };
    let is_program = {
        let path = Path::new(first);
        input::has_program_ending(path) || path.is_file() || first == "-"
    };
    let belongs_to_run = match first.to_str() {
        Some("help" | "-h" | "--help" | "-V" | "--version") => false,
        Some(word) if word.starts_with('-') => true,
        Some(word) => is_program && Arguments::command().find_subcommand(word).is_none(),
        None => is_program,
    };
    if belongs_to_run {
        words.insert(1, "run".into());
    }
    words
}
