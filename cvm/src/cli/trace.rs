//! `--trace`: every instruction, before it runs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cvm::host::HostStop;
use cvm::machine::Machine;
use cvm::report::Problem;
use cvm::trace::Step;
use cvm_spec::codec::decode;
use cvm_spec::isa::Opcode;

use super::Failure;
use super::input::Program;

/// Operands that are shown, from the top.
const OPERANDS: usize = 4;

/// Why the trace could not be written, once that has happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Failed(Arc<Mutex<Option<io::Error>>>);

impl Failed {
    /// The error to report.
    pub(super) fn take(&self) -> Option<Problem> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let message = format!("cannot write the trace: {}", error?);
        Some(Problem::new("output-failed", message))
    }
}

/// Lets the machine write a line for every instruction to a file, or to standard error. Each line is written at once if
/// the process may end without notice, which C can do.
pub(super) fn start(
    machine: &mut Machine,
    file: Option<&Path>,
    program: &Program,
    at_once: bool,
) -> Result<Failed, Failure> {
    let failed = Failed::default();
    let out: Box<dyn Write + Send> = match file {
        None => Box::new(io::stderr()),
        Some(path) => Box::new(File::create(path).map_err(|error| {
            Problem::new(
                "output-failed",
                format!("cannot create `{}`: {error}", path.display()),
            )
        })?),
    };
    let mut trace = Trace {
        out: BufWriter::with_capacity(1 << 16, out),
        program: program.clone(),
        known: HashMap::new(),
        line: String::new(),
        at_once,
        failed: failed.clone(),
    };
    machine.set_tracer(move |step| trace.step(step));
    Ok(failed)
}

struct Trace {
    out: BufWriter<Box<dyn Write + Send>>,
    program: Program,
    /// By text offset: what does not change from time to time.
    known: HashMap<u32, Known>,
    line: String,
    at_once: bool,
    failed: Failed,
}

struct Known {
    /// The line's beginning.
    text: String,
    /// Others may write before the next line.
    calls_out: bool,
}

impl Trace {
    fn step(&mut self, step: &Step<'_>) -> Result<(), HostStop> {
        let known = self
            .known
            .entry(step.ip)
            .or_insert_with(|| Known::of(&self.program, step.ip));
        self.line.clear();
        self.line.push_str(&known.text);
        let (osp, csp, fp) = (step.operands.len(), step.csp, step.fp);
        let _ = write!(self.line, "  osp {osp}  csp {csp:#x}  fp {fp:#x}  [");
        let first = osp.saturating_sub(OPERANDS);
        if first > 0 {
            self.line.push_str("… ");
        }
        for (number, operand) in step.operands[first..].iter().enumerate() {
            let blank = if number > 0 { " " } else { "" };
            let _ = write!(self.line, "{blank}{operand:#x}");
        }
        self.line.push_str("]\n");
        let written = self.out.write_all(self.line.as_bytes());
        let written = match known.calls_out || self.at_once {
            true => written.and_then(|()| self.out.flush()),
            false => written,
        };
        written.map_err(|error| match error.kind() {
            // Whoever read it has seen enough.
            ErrorKind::BrokenPipe => HostStop::BrokenPipe,
            _ => {
                let mut failed = self.failed.0.lock().unwrap_or_else(PoisonError::into_inner);
                *failed = Some(error);
                HostStop::Exit(74)
            }
        })
    }
}

impl Known {
    fn of(program: &Program, ip: u32) -> Known {
        let reporter = program.reporter();
        let at = format!("t:{ip:#x}");
        let place = reporter.code_text(ip);
        let instruction = reporter.instruction_text(ip);
        let opcode = decode(&program.module.image().text, ip as usize)
            .map(|(instruction, _)| instruction.opcode);
        let calls_out = opcode.is_ok_and(|opcode| matches!(opcode, Opcode::CallX | Opcode::CallXi));
        Known {
            text: format!("{at:<10} {place:<20} {instruction:<24}"),
            calls_out,
        }
    }
}
