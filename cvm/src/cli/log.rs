//! `CVM_LOG`: what the compiler did, after the run.

use std::time::Instant;

use cvm::compiled::CompiledUnit;
use cvm::machine::Machine;
use cvm::report::Problem;
use cvm_spec::image::Image;

use super::Failure;
use super::arguments::Format;
use super::console::Console;

/// The variable's name.
const NAME: &str = "CVM_LOG";

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// Nothing.
    Off,
    /// Each unit that was compiled.
    Compile,
}

impl Log {
    /// What the environment asks for.
    pub(super) fn wanted() -> Result<Log, Failure> {
        let value = std::env::var_os(NAME).unwrap_or_default();
        match value.to_str() {
            Some("" | "off") => Ok(Log::Off),
            Some("compile") => Ok(Log::Compile),
            _ => {
                let message = format!("{NAME} is `{}`", value.to_string_lossy());
                let hint = format!("{NAME} can be `compile` or `off`");
                Err(Problem::new("usage", message).hint(hint).into())
            }
        }
    }

    /// Writes it, with times from the start of the run.
    pub(super) fn write(self, machine: &Machine, start: Instant, console: &Console) {
        if self == Log::Off {
            return;
        }
        for unit in machine.compiled_units() {
            // The program's own names must not move the cursor.
            let what: String = what(machine, &unit)
                .chars()
                .flat_map(char::escape_debug)
                .collect();
            let at = unit.started.saturating_duration_since(start);
            console.message(&match console.format {
                Format::Text => {
                    let noun = if unit.functions == 1 {
                        "function"
                    } else {
                        "functions"
                    };
                    match &unit.failure {
                        None => format!(
                            "compiled: {what} at {at:.3?}, {} {noun} to {} bytes in {:.3?}\n",
                            unit.functions, unit.bytes, unit.time
                        ),
                        Some(why) => format!("not compiled: {what} at {at:.3?}: {why}\n"),
                    }
                }
                Format::Json => {
                    let object = serde_json::json!({
                        "version": 1,
                        "type": "compiled",
                        "what": what,
                        "at": at.as_nanos().to_string(),
                        "functions": unit.functions,
                        "bytes": unit.bytes,
                        "nanoseconds": unit.time.as_nanos().to_string(),
                        "failure": unit.failure,
                    });
                    format!("{object}\n")
                }
            });
        }
    }
}

/// The unit in words.
fn what(machine: &Machine, unit: &CompiledUnit) -> String {
    let module = machine.module();
    let Some(function) = unit.function else {
        return "the program".into();
    };
    let name = module.function_name(function);
    match unit.loop_head {
        None => name,
        Some(head) => format!("the loop in {name} at {}", place(module.image(), head)),
    }
}

/// Source place of a text offset, or the offset.
fn place(image: &Image, offset: u32) -> String {
    let known = image.line_at(offset).and_then(|line| {
        let source = image.sources.get(usize::from(line.source))?;
        Some(format!("{}:{}", image.string(*source)?, line.line))
    });
    known.unwrap_or_else(|| format!("t:{offset:#x}"))
}
