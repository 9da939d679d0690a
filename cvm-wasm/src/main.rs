//! `cvm-wasm`: translates a WebAssembly module into a CVM image.

mod cli;
mod output;

use clap::Parser;
use cli::Arguments;
use cvm_spec::image::writer;
use cvm_wasm::{Options, translate};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: u8 = 64;
const NOT_A_MODULE: u8 = 65;
const MISSING: u8 = 66;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// Why the program ends without an image: a message and the exit status.
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn new(message: impl Into<String>, status: u8) -> Self {
        let message = message.into();
        Self { message, status }
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            // A closed pipe is no reason to complain about the help text.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    match run(&arguments) {
        Ok(()) | Err(Failure { status: 0, .. }) => ExitCode::SUCCESS,
        Err(failure) => {
            let message = failure.message.escape_debug().to_string();
            let message = message.replace("\\\"", "\"").replace("\\'", "'");
            let more = match failure.status {
                USAGE => "\n\nFor more information, try '--help'.",
                _ => "",
            };
            // Nothing can be done when standard error is closed; the exit status still tells.
            let _ = writeln!(io::stderr().lock(), "error: {message}{more}");
            ExitCode::from(failure.status)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(shell) = arguments.completions {
        return output::write(Path::new("-"), &cli::completions(shell));
    }
    if arguments.man {
        let page = cli::manual().map_err(|error| Failure::new(error.to_string(), USAGE))?;
        return output::write(Path::new("-"), &page);
    }
    let Some(input) = &arguments.file else {
        return Err(Failure::new("which module? `cvm-wasm FILE`", USAGE));
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
        Failure::new(format!("{name}: {error}"), NOT_A_MODULE)
    })?;
    output::write(&output, &writer::write(&image))
}

/// Where the image goes.
fn destination(input: &Path, output: Option<&Path>) -> Result<PathBuf, Failure> {
    let output = match output {
        Some(output) => output.to_owned(),
        None if !output::is_standard(input) => input.with_extension("cvm"),
        None => {
            let message =
                "the module comes from standard input: say where the image goes with -o FILE";
            return Err(Failure::new(message, USAGE));
        }
    };
    if output::is_standard(&output) && io::stdout().is_terminal() {
        let message =
            "the image is binary and standard output is a terminal: redirect it, or use -o FILE";
        return Err(Failure::new(message, USAGE));
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
        return Err(Failure::new(message, output::CANNOT_CREATE));
    }
    Ok(output)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: &io::Error| {
        let message = match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file `{}`", path.display()),
            _ => format!(
                "cannot read `{}`: {}",
                path.display(),
                output::reason(error)
            ),
        };
        Failure::new(message, MISSING)
    };
    let source: Box<dyn Read> = match output::is_standard(path) {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path).map_err(|error| unreadable(&error))?),
    };
    let mut bytes = Vec::new();
    source
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("`{}` is larger than 1 GiB", path.display());
        return Err(Failure::new(message, NOT_A_MODULE));
    }
    Ok(bytes)
}
