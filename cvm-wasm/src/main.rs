//! `cvm-wasm`: translates a WebAssembly module into a CVM image.

mod cli;

use cli::Arguments;
use cvm_cli::output::{Outputs, is_standard, reason};
use cvm_cli::{Failure, input, manual, status};
use cvm_spec::image::writer;
use cvm_wasm::{Options, translate};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

fn main() -> ExitCode {
    cvm_cli::main(run, |_, failure| failure.text(clean))
}

/// A message without control characters.
fn clean(message: &str) -> String {
    let message = message.escape_debug().to_string();
    message.replace("\\\"", "\"").replace("\\'", "'")
}

fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if let Some(shell) = arguments.completions {
        return write(Path::new("-"), &manual::completions::<Arguments>(shell));
    }
    if arguments.man {
        let page = cli::manual().map_err(|error| Failure::usage(error.to_string()))?;
        return write(Path::new("-"), &page);
    }
    let Some(input) = &arguments.file else {
        return Err(Failure::usage("which module? `cvm-wasm FILE`"));
    };
    let output = destination(input, arguments.output.as_deref())?;
    let bytes = read(input)?;
    let mut options = Options {
        shared: arguments.shared,
        strip: arguments.strip,
        ..Options::default()
    };
    options.host.extend(arguments.host.iter().cloned());
    let image = translate(&bytes, &options).map_err(|error| {
        let name = input.display();
        Failure::new(status::BAD_INPUT, format!("{name}: {error}"))
    })?;
    write(&output, &writer::write(&image))
}

/// Writes the output as a whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<u8, Failure> {
    let mut outputs = Outputs::new("cvm-wasm");
    outputs.add(path, |out| out.write_all(bytes))?;
    outputs.commit()?;
    Ok(0)
}

/// Where the image goes.
fn destination(input: &Path, output: Option<&Path>) -> Result<PathBuf, Failure> {
    let output = match output {
        Some(output) => output.to_owned(),
        None if !is_standard(input) => input.with_extension("cvm"),
        None => {
            let message =
                "the module comes from standard input: say where the image goes with -o FILE";
            return Err(Failure::usage(message));
        }
    };
    if is_standard(&output) && io::stdout().is_terminal() {
        let message =
            "the image is binary and standard output is a terminal: redirect it, or use -o FILE";
        return Err(Failure::usage(message));
    }
    let is_same = match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output && input.is_file(),
        _ => false,
    };
    if is_same {
        let message = format!(
            "`{}` is the module and will not be overwritten",
            output.display()
        );
        return Err(Failure::new(status::CANNOT_CREATE, message));
    }
    Ok(output)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let bytes = input::read(path, LARGEST, |_| true).map_err(|error| {
        let message = match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file `{name}`"),
            _ => format!("cannot read `{name}`: {}", reason(&error)),
        };
        Failure::new(status::MISSING, message)
    })?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("`{name}` is larger than 1 GiB");
        return Err(Failure::new(status::BAD_INPUT, message));
    }
    Ok(bytes)
}
