//! Linking a case with the modules that it imports: statically, with the modules given, and dynamically, with the
//! modules found as files. Both must give the same image.

use std::fs;
use std::path::Path;

use cvm::loader::{LinkOptions, ModuleError, Named, SearchPath, link_program};
use cvm_asm::Options;
use cvm_asm::modules::from_file;
use cvm_spec::image::link::module_name;
use cvm_spec::image::{Image, ImportKind, reader, writer};
use tempfile::TempDir;

use crate::case::Case;

/// Whether a case is linked: it names modules, expects that linking fails, or imports a standard module.
pub fn is_linked(case: &Case, image: &Image) -> bool {
    let is_standard = image.imports.iter().any(|import| {
        let module = image.string(import.module).unwrap_or_default();
        import.kind == ImportKind::Module && module.starts_with("std/")
    });
    is_standard || !case.modules.is_empty() || case.link_error.is_some()
}

/// Links a case both ways.
///
/// # Errors
/// If linking fails though it should not, or the other way round, or the two images differ.
pub fn link(case: &Case, image: &Image) -> Result<Option<Image>, String> {
    let statically = link_statically(case, image);
    let dynamically = link_dynamically(case, image);
    let Some(expected) = &case.link_error else {
        let statically = statically.map_err(|error| format!("static: {}", shown(&error)))?;
        let dynamically = dynamically.map_err(|error| format!("dynamic: {}", shown(&error)))?;
        return match statically == dynamically {
            true => Ok(Some(statically)),
            false => Err("linked statically and dynamically, the images differ".into()),
        };
    };
    for (way, linked) in [("static", statically), ("dynamic", dynamically)] {
        let error = match linked {
            Ok(_) => return Err(format!("{way}: it is linked, expected {}", expected.code)),
            Err(ModuleError::Link(error)) => error,
            Err(error) => return Err(format!("{way}: {error}")),
        };
        let text = shown(&ModuleError::Link(error.clone()));
        if error.code.code() != expected.code {
            return Err(format!("{way}: expected {}, got {text}", expected.code));
        }
        for part in &expected.texts {
            if !text.contains(part) {
                return Err(format!("{way}: expected `{part}` in {text}"));
            }
        }
    }
    Ok(None)
}

/// The error with its places.
fn shown(error: &ModuleError) -> String {
    let ModuleError::Link(error) = error else {
        return error.to_string();
    };
    let mut text = format!("{error}");
    for (label, detail) in error.details() {
        text.push_str(&format!("\n  {label}: {detail}"));
    }
    if let Some(near) = &error.near {
        text.push_str(&format!("\n  did you mean `{near}`?"));
    }
    text
}

/// The standard modules, with the constants that the case defines in them.
fn search(case: &Case) -> Result<SearchPath, ModuleError> {
    let mut search = SearchPath::standard();
    for pair in case.flags.windows(2) {
        if let [flag, definition] = pair
            && flag == "-D"
            && definition.contains(':')
        {
            let definition = definition.parse().map_err(|error| ModuleError::Source {
                file: case.name.clone(),
                diagnostics: error,
            })?;
            search.definitions.push(definition);
        }
    }
    Ok(search)
}

fn program(case: &Case, image: &Image) -> Result<Named, ModuleError> {
    let stem = case.path.file_stem().unwrap_or_default().to_string_lossy();
    let file = reader::read(&writer::write(image)).map_err(|error| ModuleError::Image {
        file: case.name.clone(),
        error: Box::new(error),
    })?;
    let name = module_name(&file.image).unwrap_or(&stem).to_string();
    Ok(Named::new(name, "", file.image))
}

/// As `cvm-asm --static` does, with the modules given as images.
fn link_statically(case: &Case, image: &Image) -> Result<Image, ModuleError> {
    let given = case
        .modules
        .iter()
        .map(|path| module(path))
        .collect::<Result<Vec<_>, _>>()?;
    let search = search(case)?;
    let program = program(case, image)?;
    Ok(link_program(program, given, &search, LinkOptions::default())?.image)
}

/// As `cvm run` does, with the modules in a directory.
fn link_dynamically(case: &Case, image: &Image) -> Result<Image, ModuleError> {
    let folder = TempDir::new().expect("a directory for modules");
    // Parts of one module cannot be found as files; they are given.
    let mut given = Vec::new();
    for path in &case.modules {
        let module = module(path)?;
        let file = folder.path().join(format!("{}.cvm", module.name));
        if file.exists() {
            given.push(module);
            continue;
        }
        fs::create_dir_all(file.parent().unwrap_or(folder.path())).expect("a directory");
        fs::write(&file, writer::write(&module.image)).expect("a module's file");
    }
    if !given.is_empty() {
        return link_statically(case, image);
    }
    let search = search(case)?.directory(folder.path());
    let program = program(case, image)?;
    Ok(link_program(program, Vec::new(), &search, LinkOptions::default())?.image)
}

/// A module from a source beside the case, with the same name and origin in both ways.
fn module(path: &Path) -> Result<Named, ModuleError> {
    let options = Options {
        debug: true,
        ..Options::default()
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let assembled = from_file(&stem, path, &options)?;
    Ok(Named::of_file(path, assembled.image))
}
