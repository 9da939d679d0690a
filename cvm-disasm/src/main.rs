//! `cvm-disasm`: turns a CVM image back into text.

mod cli;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use cvm_disasm::{DisassembleError, Options};
use cvm_spec::image::reader::{ReadWarning, read};
use cvm_spec::image::{Image, MAGIC};

use cli::Arguments;

const USAGE: u8 = 64;
/// Bytes that show whether a file is an image, and what it is instead.
const HEAD: u64 = 64;
/// The largest file that is read, in bytes: larger than any image.
const LARGEST: u64 = 8 << 30;

/// Why the program ends without having printed all.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot read `{}`: {}", name.display(), reason(error))]
    Input { name: PathBuf, error: io::Error },
    #[error("`{}` is not a CVM image: {error}", name.display())]
    Image {
        name: PathBuf,
        error: cvm_spec::image::reader::ReadError,
    },
    #[error("`{}`: {error}", name.display())]
    Text {
        name: PathBuf,
        error: DisassembleError,
    },
    #[error("cannot create `{}`: {}", name.display(), reason(error))]
    Create { name: PathBuf, error: io::Error },
    #[error("cannot write `{}`: {}", name.display(), reason(error))]
    Write { name: PathBuf, error: io::Error },
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Input { .. } => 66,
            Self::Image { .. } | Self::Text { .. } => 65,
            Self::Create { .. } => 73,
            Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Write { .. } => 74,
        }
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
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let status = failure.status();
            if status != 0 {
                complain("error", &failure.to_string());
            }
            ExitCode::from(status)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let standard = Path::new("-");
    if let Some(shell) = arguments.completions {
        let script = cli::completions(shell);
        return print(standard, |out| Ok(out.write_all(&script)?));
    }
    if arguments.man {
        let page = cli::manual().map_err(|error| write_failure(standard, error))?;
        return print(standard, |out| Ok(out.write_all(&page)?));
    }
    let name = arguments
        .file
        .clone()
        .unwrap_or_else(|| standard.to_owned());
    let image = load(&name)?;
    let output = arguments.output.as_deref().unwrap_or(standard);
    print(output, |out| disassemble(arguments, &image, out)).map_err(|failure| match failure {
        Failure::Text { error, .. } => Failure::Text { name, error },
        other => other,
    })
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
    let bytes = match is_standard(name) {
        true => contents(io::stdin().lock()),
        false => File::open(name).and_then(contents),
    };
    let bytes = bytes.map_err(|error| Failure::Input {
        name: name.to_owned(),
        error,
    })?;
    let read = read(&bytes).map_err(|error| Failure::Image {
        name: name.to_owned(),
        error,
    })?;
    for warning in &read.warnings {
        let ReadWarning {
            code,
            offset,
            message,
        } = warning;
        let (name, code) = (name.display(), code.code());
        let text = format!("`{name}`, byte {offset}: {message} [{code}]");
        complain("warning", &text);
    }
    Ok(read.image)
}

/// The bytes of a file; no more than its head if that shows that it is no image, for it may be endless.
fn contents(mut file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut bytes)?;
    if bytes.starts_with(&MAGIC) {
        file.take(LARGEST).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Writes a file as a whole or not at all; standard output, devices and pipes as they come.
fn print(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), DisassembleError>,
) -> Result<(), Failure> {
    let failed = |error| match error {
        DisassembleError::Io(error) => write_failure(path, error),
        error => Failure::Text {
            name: path.to_owned(),
            error,
        },
    };
    let create = |error| Failure::Create {
        name: path.to_owned(),
        error,
    };
    if is_standard(path) {
        return write(&mut io::stdout().lock()).map_err(failed);
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&place).ok();
    if existing
        .as_ref()
        .is_some_and(|found| !found.is_file() && !found.is_dir())
    {
        let mut device = File::options().write(true).open(path).map_err(create)?;
        return write(&mut device).map_err(failed);
    }
    let file = temporary_beside(&place).map_err(create)?;
    if let Some(existing) = existing.filter(fs::Metadata::is_file) {
        let permissions = existing.permissions();
        file.as_file()
            .set_permissions(permissions)
            .map_err(create)?;
    }
    let mut buffered = BufWriter::new(file);
    write(&mut buffered).map_err(failed)?;
    let file = buffered
        .into_inner()
        .map_err(|error| write_failure(path, error.into_error()))?;
    file.persist(&place).map_err(|error| create(error.error))?;
    Ok(())
}

fn temporary_beside(place: &Path) -> io::Result<tempfile::NamedTempFile> {
    let parent = place
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cvm-disasm-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less what the umask takes
    }
    builder.tempfile_in(parent.unwrap_or(Path::new(".")))
}

fn write_failure(path: &Path, error: io::Error) -> Failure {
    let name = match is_standard(path) {
        true => PathBuf::from("standard output"),
        false => path.to_owned(),
    };
    Failure::Write { name, error }
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The system's words without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Prints a line on standard error; control characters of names are escaped.
fn complain(severity: &str, message: &str) {
    let clean: String = message
        .chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect();
    // Nothing can be done when standard error is closed; the exit status still tells.
    let _ = writeln!(io::stderr(), "{severity}: {clean}");
}
