//! Reading source files.

use crate::Failure;
use crate::output::{identity, is_standard, reason};
use cvm_asm::source::SourceFile;
use cvm_spec::image::MAGIC;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest source file in bytes.
const LARGEST: u64 = 1 << 30;

/// Reads all inputs; `-` is standard input.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
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
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<SourceFile, Failure> {
    let (name, text) = match is_standard(path) {
        true => ("<stdin>".to_owned(), contents(io::stdin().lock(), 0)),
        false => (path.to_string_lossy().into_owned(), file_contents(path)),
    };
    let text = text.map_err(|error| Failure {
        message: format!(
            "cannot read `{name}`: {}{}",
            reason(&error),
            nearby(path, &error)
        ),
        status: 66,
    })?;
    let refused = |message| {
        Err(Failure {
            message,
            status: 65,
        })
    };
    if text.starts_with(&MAGIC) {
        return refused(format!(
            "`{name}` is an image, not assembly: `cvm-disasm` turns it into text"
        ));
    }
    if text.len() as u64 > LARGEST {
        return refused(format!("`{name}` is larger than {LARGEST} bytes"));
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
