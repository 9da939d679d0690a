//! Reading source files, and images of modules.

use cvm_asm::modules::Named;
use cvm_asm::source::SourceFile;
use cvm_cli::output::{identity, is_standard, reason};
use cvm_cli::{Failure, input, status};
use cvm_spec::image::{MAGIC, reader};
use std::io;
use std::path::{Path, PathBuf};

/// The largest source file in bytes.
const LARGEST: u64 = 1 << 30;

/// What is given: sources of the program, and images of modules.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(crate) sources: Vec<SourceFile>,
    pub(crate) modules: Vec<Named>,
}

/// Reads all inputs; `-` is standard input. A single image is refused unless it is to be linked.
pub(crate) fn read_all(paths: &[PathBuf], links: bool) -> Result<Inputs, Failure> {
    let mut seen = Vec::new();
    for path in paths {
        let place = if is_standard(path) {
            path.clone()
        } else {
            identity(path)
        };
        if seen.contains(&place) {
            let message = format!("`{}` is given twice", path.display());
            return Err(Failure::usage(message));
        }
        seen.push(place);
    }
    let mut inputs = Inputs::default();
    for path in paths {
        let source = read(path)?;
        if !source.text.starts_with(&MAGIC) {
            inputs.sources.push(source);
            continue;
        }
        if paths.len() == 1 && !links {
            return Err(refused(format!(
                "`{}` is an image, not assembly: `cvm-disasm` turns it into text",
                source.name
            )));
        }
        let read = reader::read(&source.text).map_err(|error| {
            let file = &source.name;
            refused(format!("`{file}` is a damaged CVM image: {error}"))
        })?;
        inputs.modules.push(Named::of_file(path, read.image));
    }
    Ok(inputs)
}

fn refused(message: String) -> Failure {
    Failure::new(status::BAD_INPUT, message)
}

fn read(path: &Path) -> Result<SourceFile, Failure> {
    let name = match is_standard(path) {
        true => "<stdin>".to_owned(),
        false => path.to_string_lossy().into_owned(),
    };
    let text = input::read(path, LARGEST, |_| true).map_err(|error| {
        let (reason, hint) = (reason(&error), nearby(path, &error));
        Failure::new(
            status::MISSING,
            format!("cannot read `{name}`: {reason}{hint}"),
        )
    })?;
    if text.len() as u64 > LARGEST {
        return Err(refused(format!("`{name}` is larger than {LARGEST} bytes")));
    }
    Ok(SourceFile { name, text })
}

/// A hint when the file would exist with the usual ending.
fn nearby(path: &Path, error: &io::Error) -> String {
    let mut with_ending = path.as_os_str().to_owned();
    with_ending.push(".cvma");
    let with_ending = Path::new(&with_ending);
    match error.kind() {
        io::ErrorKind::NotFound if with_ending.is_file() => {
            format!("; did you mean `{}`?", with_ending.display())
        }
        _ => String::new(),
    }
}
