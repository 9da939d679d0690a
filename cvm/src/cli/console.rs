//! Standard output and standard error of `cvm` itself.

use std::io::{self, Write};

use cvm::fault::Fault;
use cvm::report::{Problem, Reporter};
use cvm_cli::{output, terminal};
use cvm_spec::image::reader::ReadWarning;

use super::Failure;
use super::arguments::Format;

/// How messages are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    pub(super) format: Format,
    pub(super) color: bool,
}

impl Console {
    pub(super) fn new(format: Format) -> Console {
        Console {
            format,
            color: format == Format::Text && terminal::color(),
        }
    }

    /// Reports an error that has nothing to do with an image.
    pub(super) fn problem(&self, problem: &Problem) {
        self.problem_in(problem, Reporter::new());
    }

    /// Reports an error with names and places from an image.
    pub(super) fn problem_in(&self, problem: &Problem, reporter: Reporter<'_>) {
        self.message(&match self.format {
            Format::Text => reporter.color(self.color).problem_text(problem),
            Format::Json => reporter.problem_json(problem) + "\n",
        });
    }

    /// Reports a fault.
    pub(super) fn fault(&self, fault: &Fault, reporter: Reporter<'_>) {
        self.message(&match self.format {
            Format::Text => reporter.color(self.color).fault_text(fault),
            Format::Json => reporter.fault_json(fault) + "\n",
        });
    }

    /// Prints warnings about the debug information of an image.
    pub(super) fn warnings(&self, name: &str, warnings: &[ReadWarning]) {
        for warning in warnings {
            self.message(&match self.format {
                Format::Text => Reporter::new()
                    .color(self.color)
                    .warning_text(name, warning),
                Format::Json => Reporter::new().warning_json(name, warning) + "\n",
            });
        }
    }

    /// Writes to standard error. When that is closed nothing can be done; the exit status still tells.
    pub(super) fn message(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Writes to standard output; a closed pipe is the end, not an error.
    pub(super) fn print(&self, bytes: &[u8]) -> Result<u8, Failure> {
        output::print(bytes).map_err(|error| output_failed(&error))?;
        Ok(0)
    }
}

/// The error for output that cannot be written.
pub(super) fn output_failed(error: &io::Error) -> Problem {
    let message = format!("cannot write to standard output: {error}");
    Problem::new("output-failed", message)
}
