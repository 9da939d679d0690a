//! Linking modules to what was assembled.

use std::path::{Path, PathBuf};

use cvm_asm::modules::{
    LinkOptions, ModuleError, Named, Nowhere, Search, SearchPath, link_program,
};
use cvm_cli::{Failure, status};
use cvm_spec::image::Image;

use crate::SOURCE_ERRORS;
use crate::cli::Arguments;

/// The program with the modules that are given, and with `--static` those that are found; the files that were read
/// are added to the dependencies.
pub(crate) fn link(
    image: Option<Image>,
    mut given: Vec<Named>,
    arguments: &Arguments,
    dependencies: &mut Vec<PathBuf>,
) -> Result<Image, Failure> {
    let mut program = match image {
        Some(image) => Named::of_file(&first_file(arguments), image),
        None => given.remove(0),
    };
    if arguments.shared {
        program.image.entry = None;
        if program.image.exports.is_empty() {
            let message = "a module exports something: add `.export NAME`, or leave --shared out";
            return Err(Failure::new(SOURCE_ERRORS, message));
        }
    }
    if given.is_empty() && !arguments.is_static {
        return Ok(program.image);
    }
    let options = LinkOptions {
        keep_open: !arguments.is_static,
        strip: arguments.strip,
    };
    let path = search_path(arguments);
    let search: &dyn Search = match arguments.is_static {
        true => &path,
        false => &Nowhere,
    };
    let given_count = given.len();
    let linked = link_program(program, given, search, options).map_err(|error| failure(&error))?;
    let found = linked.modules.iter().skip(given_count);
    let files = found.map(|module| Path::new(&module.origin));
    dependencies.extend(files.filter(|file| file.is_file()).map(Path::to_path_buf));
    Ok(linked.image)
}

/// The file that names the program.
fn first_file(arguments: &Arguments) -> PathBuf {
    arguments.files.first().cloned().unwrap_or_default()
}

/// `-L`, `CVM_PATH`, the directory of the first source, and the standard modules.
fn search_path(arguments: &Arguments) -> SearchPath {
    let path = SearchPath {
        directories: arguments.library.clone(),
        debug: arguments.debug,
        has_standard: true,
        definitions: arguments.module_definitions(),
    };
    let listed = std::env::var_os("CVM_PATH").unwrap_or_default();
    path.list(&listed).beside(&first_file(arguments))
}

fn failure(error: &ModuleError) -> Failure {
    match error {
        ModuleError::Link(error) => {
            let details = error.details().into_iter();
            let mut notes: Vec<String> = details
                .map(|(label, text)| format!("{label}: {text}"))
                .collect();
            notes.extend(
                error
                    .near
                    .iter()
                    .map(|near| format!("did you mean `{near}`?")),
            );
            Failure {
                message: format!("{} [{}]", error.message, error.code.code()),
                status: error.exit_status(),
                notes,
            }
        }
        ModuleError::Source { file, diagnostics } => Failure {
            message: format!("module `{file}` has errors"),
            status: SOURCE_ERRORS,
            notes: diagnostics.lines().map(str::to_string).collect(),
        },
        ModuleError::Unreadable { .. } => Failure::new(status::MISSING, error.to_string()),
        ModuleError::Image { .. } => Failure::new(status::BAD_INPUT, error.to_string()),
    }
}
