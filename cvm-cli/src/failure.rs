//! How a program begins and ends: its arguments, its failure, its exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::output::OutputError;
use crate::status::USAGE;

/// Why a program ends without having done what it was asked for: a message and the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, lower-case and without a full stop.
    pub message: String,
    /// The exit status. With 0 the program ends quietly: nobody reads its output any more.
    pub status: u8,
    /// More lines of text.
    pub notes: Vec<String>,
}

impl Failure {
    /// A failure with this exit status.
    pub fn new(status: u8, message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            status,
            notes: Vec::new(),
        }
    }

    /// Wrong use of the command line.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(USAGE, message)
    }

    /// The lines for standard error. Messages hold names from outside: `clean` makes of a message what a terminal may
    /// get.
    pub fn text(&self, clean: impl Fn(&str) -> String) -> String {
        let mut text = format!("error: {}\n", clean(&self.message));
        if self.status == USAGE {
            text.push_str("\nFor more information, try '--help'.\n");
        }
        for note in &self.notes {
            text.push_str(&format!("  {}\n", clean(note)));
        }
        text
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Failure {
        Failure::new(error.exit_status(), error.to_string())
    }
}

/// A program from its arguments to its exit status. What is wrong with the arguments is printed, as are help and
/// version; a failure is printed as `report` writes it.
pub fn main<A: Parser>(
    run: impl FnOnce(&A) -> Result<u8, Failure>,
    report: impl FnOnce(&A, &Failure) -> String,
) -> ExitCode {
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            // A closed pipe is no reason to complain about the help text.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    let status = run(&arguments).unwrap_or_else(|failure| {
        if failure.status != 0 {
            let text = report(&arguments, &failure);
            // Nothing can be done when standard error is closed; the exit status still tells.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
        failure.status
    });
    ExitCode::from(status)
}
