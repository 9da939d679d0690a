//! Reading source files, and images of modules.

use crate::Failure;
use crate::output::{identity, is_standard, reason};
use cvm_asm::modules::Named;
use cvm_asm::source::SourceFile;
use cvm_spec::image::{MAGIC, reader};
use std::fs::File;
use std::io::{self, Read};
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
    Failure {
        status: 65,
        ..Failure::usage(message)
    }
}

fn read(path: &Path) -> Result<SourceFile, Failure> {
    let (name, text) = match is_standard(path) {
        true => ("<stdin>".to_owned(), contents(io::stdin().lock(), 0)),
        false => (path.to_string_lossy().into_owned(), file_contents(path)),
    };
    let text = text.map_err(|error| Failure {
        status: 66,
        ..Failure::usage(format!(
            "cannot read `{name}`: {}{}",
            reason(&error),
            nearby(path, &error)
        ))
    })?;
    if text.len() as u64 > LARGEST {
        return Err(refused(format!("`{name}` is larger than {LARGEST} bytes")));
    }
    Ok(SourceFile { name, text })
}

fn file_contents(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    contents(file, size.min(LARGEST) as usize)
}

fn contents(file: impl Read, size: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(size + 1); // one more, so that the end shows without growing
    file.take(LARGEST + 1).read_to_end(&mut text)?;
    Ok(text)
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
