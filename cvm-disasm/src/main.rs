//! `cvm-disasm`: turns a CVM image back into text.

mod cli;

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use cvm_cli::output::{Destination, is_standard, reason};
use cvm_cli::{Failure, input, manual, status};
use cvm_disasm::{DisassembleError, Options};
use cvm_spec::image::reader::{ReadWarning, read};
use cvm_spec::image::{Image, MAGIC};

use cli::Arguments;

/// The largest file that is read, in bytes: larger than any image.
const LARGEST: u64 = 8 << 30;

fn main() -> ExitCode {
    cvm_cli::main(run, |_, failure| failure.text(clean))
}

fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let standard = Path::new("-");
    if let Some(shell) = arguments.completions {
        let script = manual::completions::<Arguments>(shell);
        return print(standard, standard, |out| Ok(out.write_all(&script)?));
    }
    if arguments.man {
        return print(standard, standard, |out| {
            let page = manual::plain_page(Arguments::command())?;
            Ok(out.write_all(&page)?)
        });
    }
    let name = arguments.file.as_deref().unwrap_or(standard);
    let image = load(name)?;
    let output = arguments.output.as_deref().unwrap_or(standard);
    print(output, name, |out| disassemble(arguments, &image, out))
}

fn disassemble(
    arguments: &Arguments,
    image: &Image,
    out: &mut dyn Write,
) -> Result<(), DisassembleError> {
    let options = Options { hex: arguments.hex };
    if arguments.exact {
        cvm_disasm::exact(image, options, out)?;
    } else if arguments.headers {
        cvm_disasm::headers(image, out)?;
    } else if arguments.json {
        cvm_disasm::json(image, out)?;
    } else if arguments.cfg {
        cvm_disasm::cfg(image, out)?;
    } else {
        cvm_disasm::readable(image, options, out)?;
    }
    Ok(())
}

/// Reads the image and reports what is damaged in it.
fn load(name: &Path) -> Result<Image, Failure> {
    let shown = name.display();
    let bytes = input::read(name, LARGEST, |head| head.starts_with(&MAGIC)).map_err(|error| {
        let message = format!("cannot read `{shown}`: {}", reason(&error));
        Failure::new(status::MISSING, message)
    })?;
    let read = read(&bytes).map_err(|error| {
        let message = format!("`{shown}` is not a CVM image: {error}");
        Failure::new(status::BAD_INPUT, message)
    })?;
    for warning in &read.warnings {
        let ReadWarning {
            code,
            offset,
            message,
        } = warning;
        let code = code.code();
        let text = clean(&format!("`{shown}`, byte {offset}: {message} [{code}]"));
        // Nothing can be done when standard error is closed; the exit status still tells.
        let _ = writeln!(io::stderr(), "warning: {text}");
    }
    Ok(read.image)
}

/// Writes a file as a whole or not at all; standard output, devices and pipes as they come. `input` is what a message
/// names that is about the image.
fn print(
    path: &Path,
    input: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), DisassembleError>,
) -> Result<u8, Failure> {
    let failed = |error| match error {
        DisassembleError::Io(error) => not_written(path, &error),
        error => {
            let message = format!("`{}`: {error}", input.display());
            Failure::new(status::BAD_INPUT, message)
        }
    };
    let not_created = |error| {
        let message = format!("cannot create `{}`: {}", path.display(), reason(&error));
        Failure::new(status::CANNOT_CREATE, message)
    };
    match Destination::of(path) {
        Destination::Standard => write(&mut io::stdout().lock()).map_err(failed)?,
        Destination::Special => {
            let device = File::options().write(true).open(path);
            write(&mut device.map_err(not_created)?).map_err(failed)?;
        }
        Destination::File(place) => {
            let file = place.create("cvm-disasm").map_err(not_created)?;
            let mut buffered = BufWriter::new(file);
            write(&mut buffered).map_err(failed)?;
            let file = buffered
                .into_inner()
                .map_err(|error| not_written(path, error.error()))?;
            file.put().map_err(not_created)?;
        }
    }
    Ok(0)
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let name = match is_standard(path) {
        true => PathBuf::from("standard output"),
        false => path.to_owned(),
    };
    let status = match error.kind() {
        ErrorKind::BrokenPipe => 0,
        _ => status::CANNOT_WRITE,
    };
    let message = format!("cannot write `{}`: {}", name.display(), reason(error));
    Failure::new(status, message)
}

/// A message with its control characters escaped.
fn clean(message: &str) -> String {
    let escaped = message.chars().flat_map(|c| match c.is_control() {
        true => c.escape_default().collect::<Vec<_>>(),
        false => vec![c],
    });
    escaped.collect()
}
