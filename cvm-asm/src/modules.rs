//! Finding modules and linking them to a program.
//!
//! [`Search`] says where modules come from; [`SearchPath`] looks in directories and then among the standard modules.
//! [`link_program`] finds what a program imports, directly and through others, and calls
//! [`link`](cvm_spec::image::link::link). The assembler does so for what is linked in, the machine's loader for what is
//! found when a program starts.
//!
//! ```
//! use cvm_asm::modules::{LinkOptions, Named, SearchPath, link_program};
//! use cvm_asm::{Options, SourceFile, assemble};
//!
//! let source = SourceFile {
//!     name: "main.cvma".into(),
//!     text: b".entry main\n.import \"std/mem\" fill (3)\n.bss\nx: .reserve 8\n.func main ()\n push b:x\n push 1\n push 8\n call fill\n ret\n.end\n".to_vec(),
//! };
//! let image = assemble(&[source], &Options::default()).image.unwrap();
//! let program = Named::new("main", "main.cvma", image);
//! let linked = link_program(program, Vec::new(), &SearchPath::standard(), LinkOptions::default()).unwrap();
//! assert!(linked.image.imports.is_empty());
//! assert_eq!(linked.modules[0].name, "std/mem");
//! ```

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cvm_spec::image::link::{self, Input, LinkCode, LinkError, Version, module_version};
use cvm_spec::image::reader::{self, ReadError};
use cvm_spec::image::{Image, ImportKind, MAGIC};

use crate::diagnostic::Severity;
use crate::render::Renderer;
use crate::source::SourceMap;
use crate::{Options, SourceFile, assemble, suggest};

/// The largest file of a module in bytes.
const LARGEST: u64 = 2 << 30;
/// Diagnostics that are shown of a module that cannot be assembled.
const MOST_DIAGNOSTICS: usize = 10;

/// A module with its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name by which others import it.
    pub name: String,
    /// Where it came from: a file, or `built in`.
    pub origin: String,
    /// Its image.
    pub image: Image,
    /// Its sources, if it was assembled.
    pub sources: Vec<SourceFile>,
}

impl Named {
    /// A module that comes from an image.
    pub fn new(name: impl Into<String>, origin: impl Into<String>, image: Image) -> Named {
        Named {
            name: name.into(),
            origin: origin.into(),
            image,
            sources: Vec::new(),
        }
    }

    /// A module from a file: it has the name that it states, else that of the file without its ending.
    pub fn of_file(path: &Path, image: Image) -> Named {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = link::module_name(&image).map_or(stem.into_owned(), str::to_string);
        Named::new(name, path.display().to_string(), image)
    }

    /// Its version, if it states one.
    pub fn version(&self) -> Option<Version> {
        module_version(&self.image).ok().flatten()
    }

    fn input(&self) -> Input<'_> {
        Input {
            name: &self.name,
            origin: &self.origin,
            image: &self.image,
        }
    }
}

/// Where modules come from.
pub trait Search {
    /// The module of a name, if there is one.
    ///
    /// # Errors
    /// If there is one and it cannot be used.
    fn find(&self, name: &str) -> Result<Option<Named>, ModuleError>;

    /// Where it looks for a name, in order, for messages.
    fn places(&self, name: &str) -> Vec<String>;

    /// Names of modules that it would find, for suggestions.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Finds nothing: for programs whose modules are all given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Search for Nowhere {
    fn find(&self, _: &str) -> Result<Option<Named>, ModuleError> {
        Ok(None)
    }

    fn places(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// A constant that is defined in a module when it is assembled: `-D MODULE:NAME=VALUE`.
///
/// ```
/// use cvm_asm::modules::Definition;
/// let definition: Definition = "std/heap:DEBUG".parse().unwrap();
/// assert_eq!((definition.name.as_str(), definition.value.as_str()), ("DEBUG", "1"));
/// assert!("DEBUG=1".parse::<Definition>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name by which the module is imported.
    pub module: String,
    /// The constant's name.
    pub name: String,
    /// Its value, an expression.
    pub value: String,
}

impl FromStr for Definition {
    type Err = String;

    fn from_str(text: &str) -> Result<Definition, String> {
        let (place, value) = text.split_once('=').unwrap_or((text, "1"));
        let Some((module, name)) = place.rsplit_once(':') else {
            return Err(
                "a definition of a module's constant is MODULE:NAME or MODULE:NAME=VALUE".into(),
            );
        };
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let inner = |c: char| letter(c) || c.is_ascii_digit() || matches!(c, '.' | '$');
        if !name.starts_with(letter) || !name.chars().all(inner) {
            return Err(format!(
                "`{}` is not a name: names begin with a letter or _",
                name.escape_debug()
            ));
        }
        if !is_module_name(module) {
            return Err(format!(
                "`{}` is not the name of a module",
                module.escape_debug()
            ));
        }
        if value.trim().is_empty() {
            return Err(format!(
                "{place} has no value: write {place} or {place}=VALUE"
            ));
        }
        Ok(Definition {
            module: module.to_string(),
            name: name.to_string(),
            value: value.to_string(),
        })
    }
}

/// Directories in order, then the standard modules. In each directory, module `a/b` is the image `a/b.cvm`, else the
/// source `a/b.cvma`.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    /// The directories.
    pub directories: Vec<PathBuf>,
    /// Whether the standard modules come last.
    pub has_standard: bool,
    /// Whether modules that are assembled get debug information.
    pub debug: bool,
    /// Constants of modules that are assembled.
    pub definitions: Vec<Definition>,
}

impl SearchPath {
    /// The standard modules alone, with debug information.
    pub fn standard() -> SearchPath {
        SearchPath {
            directories: Vec::new(),
            has_standard: true,
            debug: true,
            definitions: Vec::new(),
        }
    }

    /// Adds a directory, unless it is there already.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> SearchPath {
        let directory = directory.into();
        if !self.directories.contains(&directory) {
            self.directories.push(directory);
        }
        self
    }

    /// Adds the directories of a list as it stands in an environment variable such as `CVM_PATH`; empty parts are left
    /// out.
    #[must_use]
    pub fn list(mut self, list: &std::ffi::OsStr) -> SearchPath {
        let parts = std::env::split_paths(list).filter(|part| !part.as_os_str().is_empty());
        self.directories.extend(parts);
        self
    }

    /// Adds the directory of a file.
    #[must_use]
    pub fn beside(self, file: &Path) -> SearchPath {
        match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.directory(parent),
            _ => self.directory("."),
        }
    }
}

impl SearchPath {
    /// How a module is assembled.
    fn options(&self, module: &str) -> Options {
        let definitions = self.definitions.iter();
        Options {
            debug: self.debug,
            defines: definitions
                .filter(|definition| definition.module == module)
                .map(|definition| (definition.name.clone(), definition.value.clone()))
                .collect(),
            ..Options::default()
        }
    }
}

impl Search for SearchPath {
    fn find(&self, name: &str) -> Result<Option<Named>, ModuleError> {
        if !is_module_name(name) {
            return Ok(None);
        }
        for directory in &self.directories {
            for ending in ["cvm", "cvma"] {
                let path = directory.join(format!("{name}.{ending}"));
                if path.metadata().is_ok_and(|data| data.is_file()) {
                    return from_file(name, &path, &self.options(name)).map(Some);
                }
            }
        }
        if !self.has_standard {
            return Ok(None);
        }
        let Some(module) = cvm_std::module(name) else {
            return Ok(None);
        };
        let file = module.file.to_string();
        let options = self.options(name);
        from_source(name, "built in", file, module.text.into(), &options).map(Some)
    }

    fn places(&self, name: &str) -> Vec<String> {
        let directories = self.directories.iter();
        let files = directories.map(|directory| {
            let file = directory.join(format!("{name}.cvm"));
            file.display().to_string()
        });
        let standard = self
            .has_standard
            .then(|| "the standard modules".to_string());
        files.chain(standard).collect()
    }

    fn names(&self) -> Vec<String> {
        let standard = cvm_std::MODULES.iter().filter(|_| self.has_standard);
        standard.map(|module| module.name.to_string()).collect()
    }
}

/// Whether a name cannot lead out of the directory that is searched.
fn is_module_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-' | '/');
    let leads_out = |part: &str| matches!(part, "" | "." | "..");
    name.chars().all(plain) && !name.split('/').any(leads_out)
}

/// Why a program and its modules cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// They do not fit together.
    #[error("{0}")]
    Link(#[from] Box<LinkError>),
    /// A module's file is no image.
    #[error("{file}: {error}")]
    Image {
        /// The file.
        file: String,
        /// What is wrong.
        error: Box<ReadError>,
    },
    /// A module's source has errors.
    #[error("{file} has errors:\n{diagnostics}")]
    Source {
        /// The file.
        file: String,
        /// The diagnostics as text.
        diagnostics: String,
    },
    /// A module's file cannot be read.
    #[error("cannot read {file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
}

/// Reads a module: an image, or assembly, which is assembled with these options.
///
/// # Errors
/// If the file cannot be read or used.
pub fn from_file(name: &str, path: &Path, options: &Options) -> Result<Named, ModuleError> {
    let shown = path.display().to_string();
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| ModuleError::Unreadable {
        file: shown.clone(),
        error,
    })?;
    let is_source = path.extension().is_some_and(|ending| ending == "cvma");
    if is_source && !bytes.starts_with(&MAGIC[..4]) {
        return from_source(name, &shown, shown.clone(), bytes, options);
    }
    match reader::read(&bytes) {
        Ok(read) => Ok(Named::new(name, shown, read.image)),
        Err(error) => Err(ModuleError::Image {
            file: shown,
            error: Box::new(error),
        }),
    }
}

fn from_source(
    name: &str,
    origin: &str,
    file: String,
    text: Vec<u8>,
    options: &Options,
) -> Result<Named, ModuleError> {
    let given = [SourceFile { name: file, text }];
    let assembled = assemble(&given, options);
    let Some(image) = assembled.image else {
        let map = SourceMap::new(given.iter().chain(&assembled.included));
        let renderer = Renderer::new(false, 0);
        let errors = assembled.diagnostics.iter();
        let diagnostics = errors
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .take(MOST_DIAGNOSTICS)
            .map(|diagnostic| renderer.render(diagnostic, &map))
            .collect();
        let [SourceFile { name: file, .. }] = given;
        return Err(ModuleError::Source { file, diagnostics });
    };
    Ok(Named {
        sources: given.into_iter().chain(assembled.included).collect(),
        ..Named::new(name, origin, image)
    })
}

/// How a program is linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Imports of modules that are not found stay imports; otherwise they are an error.
    pub keep_open: bool,
    /// Leave out debug information.
    pub strip: bool,
}

/// A program with its modules.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The image of all.
    pub image: Image,
    /// The modules, those that were given first, then in the order in which they were found.
    pub modules: Vec<Named>,
    /// Names of modules that were not found.
    pub open: Vec<String>,
}

/// Links a program with modules that are given, and with those that it imports, directly or through others, as far as
/// they are found.
///
/// # Errors
/// If a module cannot be used, or they do not fit together.
pub fn link_program(
    program: Named,
    given: Vec<Named>,
    search: &dyn Search,
    options: LinkOptions,
) -> Result<Linked, ModuleError> {
    let mut modules = vec![program];
    modules.extend(given);
    let mut known: HashSet<String> = modules.iter().map(|module| module.name.clone()).collect();
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(module) = modules.get(at) {
        let image = &module.image;
        let imports = image
            .imports
            .iter()
            .filter(|import| matches!(import.kind, ImportKind::Module | ImportKind::ModuleData));
        let mut found = Vec::new();
        for name in imports.filter_map(|import| image.string(import.module)) {
            if !known.contains(name) {
                known.insert(name.to_string());
                match search.find(name)? {
                    Some(module) => found.push(module),
                    None => open.push(name.to_string()),
                }
            }
        }
        modules.append(&mut found);
        at += 1;
    }
    let inputs: Vec<Input<'_>> = modules.iter().map(Named::input).collect();
    let link_options = link::Options {
        keep_open: options.keep_open,
        strip: options.strip,
    };
    let image = link::link(&inputs, link_options).map_err(|mut error| {
        if error.code == LinkCode::MissingModule {
            error.looked = search.places(&error.module);
            if error.near.is_none() {
                let names = search.names();
                let near = suggest::closest(&error.module, names.iter().map(String::as_str));
                error.near = near.map(str::to_string);
            }
        }
        error
    })?;
    drop(inputs);
    modules.remove(0);
    Ok(Linked {
        image,
        modules,
        open,
    })
}
