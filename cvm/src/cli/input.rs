//! Programs from files: images, and assembly and WebAssembly that are translated in memory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cvm::loader::{self, LinkOptions, Named, SearchPath, link_program};
use cvm::report::{AllSources, FileSources, MemorySources, Problem, Reporter, Sources};
use cvm::verify::{Module, ModuleError, load, verify};
use cvm_asm::diagnostic::Severity;
use cvm_asm::modules::Definition;
use cvm_asm::render::{self, Renderer};
use cvm_asm::source::SourceMap;
use cvm_asm::{Assembled, Options, SourceFile, assemble, json};
use cvm_cli::output::is_standard;
use cvm_cli::terminal;
use cvm_spec::image::{Image, Import, ImportKind, MAGIC, reader, writer};

use super::Failure;
use super::arguments::Format;
use super::console::Console;

/// The first bytes of a WebAssembly module.
const WASM_MAGIC: [u8; 4] = *b"\0asm";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 2 << 30;
/// Diagnostics of the assembler that are shown.
const MOST_DIAGNOSTICS: usize = 50;
/// Longest list of files that is searched for a similar name.
const MOST_FILES: usize = 10_000;

/// A file's contents: an image's bytes, or an image made of assembly.
pub(super) struct Input {
    /// The name as it was given.
    pub(super) name: String,
    contents: Contents,
    sources: Arc<dyn Sources + Send + Sync>,
}

/// What a file begins like.
enum Form {
    Image,
    Wasm,
    Source,
}

enum Contents {
    Bytes(Vec<u8>),
    Assembled(Box<Image>),
}

/// A program that may run, with the sources for its reports.
#[derive(Clone)]
pub(super) struct Program {
    /// The name as it was given.
    pub(super) name: Arc<str>,
    pub(super) module: Arc<Module>,
    sources: Arc<dyn Sources + Send + Sync>,
}

impl Program {
    pub(super) fn reporter(&self) -> Reporter<'_> {
        Reporter::new()
            .image(self.module.image())
            .sources(self.sources.as_ref())
    }
}

/// Whether a name looks like a program's.
pub(super) fn has_program_ending(path: &Path) -> bool {
    ["cvm", "cvma", "wasm"]
        .iter()
        .any(|ending| has_ending(path, ending))
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

impl Input {
    /// Reads a file; `-` is standard input. Assembly is assembled, WebAssembly translated.
    pub(super) fn read(path: &Path, console: &Console) -> Result<Input, Failure> {
        let is_stdin = is_standard(path);
        let name = match is_stdin {
            true => "<stdin>".to_string(),
            false => path.display().to_string(),
        };
        let form = |bytes: &[u8]| match bytes {
            _ if bytes.starts_with(&MAGIC[..4]) => Some(Form::Image),
            _ if bytes.starts_with(&WASM_MAGIC) => Some(Form::Wasm),
            _ if is_stdin || bytes.starts_with(b"#!") || has_ending(path, "cvma") => {
                Some(Form::Source)
            }
            _ => None,
        };
        if !is_stdin {
            refuse_directory(path)?;
        }
        let bytes = cvm_cli::input::read(path, LARGEST, |head| form(head).is_some());
        let bytes = bytes.map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(path),
            _ => Problem::new("missing-file", format!("cannot read `{name}`: {error}")),
        })?;
        if bytes.len() as u64 > LARGEST {
            let message = format!("`{name}` is larger than 2 GiB, which no program is");
            return Err(Problem::new("not-an-image", message).into());
        }
        match form(&bytes) {
            Some(Form::Source) => Input::assemble(name, bytes, console),
            Some(Form::Wasm) => Input::translate(name, path, &bytes),
            Some(Form::Image) | None => Ok(Input {
                sources: Arc::new(FileSources::of_image(path)),
                contents: Contents::Bytes(bytes),
                name,
            }),
        }
    }

    fn assemble(name: String, mut text: Vec<u8>, console: &Console) -> Result<Input, Failure> {
        if text.starts_with(b"#!") {
            // A script's first line names its interpreter; as a comment of the same length it keeps all places.
            text[..2].copy_from_slice(b"; ");
        }
        let options = Options {
            debug: true,
            ..Options::default()
        };
        let given = [SourceFile {
            name: name.clone(),
            text,
        }];
        let assembled = assemble(&given, &options);
        print_diagnostics(&assembled, &given, console);
        let [given] = given;
        match assembled.image {
            None => Err(Failure::Reported(1)),
            Some(image) => {
                let files = std::iter::once(given).chain(assembled.included);
                let sources = files.map(|file| (file.name, file.text)).collect();
                Ok(Input {
                    name,
                    contents: Contents::Assembled(Box::new(image)),
                    sources: Arc::new(MemorySources(sources)),
                })
            }
        }
    }

    /// Translates a WebAssembly module.
    #[cfg(feature = "wasm")]
    fn translate(name: String, path: &Path, bytes: &[u8]) -> Result<Input, Failure> {
        let image = cvm_wasm::translate(bytes, &cvm_wasm::Options::default());
        let image = image.map_err(|error| {
            let message = format!("`{name}` cannot be translated: {error}");
            Problem::new("not-an-image", message)
        })?;
        Ok(Input {
            name,
            contents: Contents::Assembled(Box::new(image)),
            sources: Arc::new(FileSources::of_image(path)),
        })
    }

    #[cfg(not(feature = "wasm"))]
    fn translate(name: String, _: &Path, _: &[u8]) -> Result<Input, Failure> {
        let message =
            format!("`{name}` is a WebAssembly module, and this build does not translate them");
        Err(Problem::new("not-an-image", message)
            .hint("translate it with `cvm-wasm`, and run the result")
            .into())
    }

    /// Where its modules are looked for: in these directories, those of `CVM_PATH`, beside it, among the standard ones.
    pub(super) fn search(&self, directories: &[PathBuf]) -> SearchPath {
        let path = SearchPath {
            directories: directories.to_vec(),
            ..SearchPath::standard()
        };
        let listed = std::env::var_os("CVM_PATH").unwrap_or_default();
        path.list(&listed).beside(Path::new(&self.name))
    }

    /// The image with its name as a module.
    pub(super) fn named(self, console: &Console) -> Result<Named, Failure> {
        let path = PathBuf::from(&self.name);
        let (image, _) = self.image(console)?;
        Ok(Named::of_file(&path, image))
    }

    /// Whether it has an entry; bytes that are no image may be anything.
    pub(super) fn is_program(&self) -> bool {
        match &self.contents {
            Contents::Assembled(image) => image.entry.is_some(),
            Contents::Bytes(bytes) => {
                reader::read(bytes).is_ok_and(|read| read.image.entry.is_some())
            }
        }
    }

    /// Links it with the modules that it imports, if there are any.
    pub(super) fn link(
        self,
        directories: &[PathBuf],
        definitions: &[Definition],
        console: &Console,
    ) -> Result<Input, Failure> {
        let image = match &self.contents {
            Contents::Assembled(image) => (**image).clone(),
            // What is wrong with the bytes is said when they are verified.
            Contents::Bytes(bytes) => match reader::read(bytes) {
                Ok(read) => read.image,
                Err(_) => return Ok(self),
            },
        };
        let is_module =
            |import: &Import| matches!(import.kind, ImportKind::Module | ImportKind::ModuleData);
        if !image.imports.iter().any(is_module) {
            return Ok(self);
        }
        let mut search = self.search(directories);
        search.definitions = definitions.to_vec();
        let Input { name, sources, .. } = self;
        let program = Named::of_file(Path::new(&name), image);
        let linked = link_program(program, Vec::new(), &search, LinkOptions::default());
        let linked = linked.map_err(|error| {
            let problem = module_problem(&error);
            console.problem(&problem);
            Failure::Reported(problem.exit_status)
        })?;
        let mut all = vec![sources];
        for module in linked.modules {
            all.push(match module.sources.is_empty() {
                true => Arc::new(FileSources::of_image(Path::new(&module.origin))),
                false => {
                    let files = module.sources.into_iter();
                    let files = files.map(|file| (file.name, file.text)).collect();
                    Arc::new(MemorySources(files))
                }
            });
        }
        Ok(Input {
            name,
            contents: Contents::Assembled(Box::new(linked.image)),
            sources: Arc::new(AllSources(all)),
        })
    }

    /// The image and the size of its file; not verified. Prints warnings about its debug information.
    pub(super) fn image(self, console: &Console) -> Result<(Image, usize), Failure> {
        match self.contents {
            Contents::Assembled(image) => {
                let size = writer::write(&image).len();
                Ok((*image, size))
            }
            Contents::Bytes(bytes) => match reader::read(&bytes) {
                Ok(read) => {
                    console.warnings(&self.name, &read.warnings);
                    Ok((read.image, bytes.len()))
                }
                Err(error) => {
                    let error = ModuleError::Image(error);
                    Err(not_an_image(&self.name, &error, console))
                }
            },
        }
    }

    /// Verifies it and prints warnings about its debug information. What is wrong has been reported when this fails.
    pub(super) fn verify(self, console: &Console) -> Result<Program, Failure> {
        let Input {
            name,
            contents,
            sources,
        } = self;
        let module = match contents {
            Contents::Bytes(bytes) => load(&bytes).map_err(|error| {
                let image = reader::read(&bytes).map(|read| read.image);
                match image {
                    Ok(image) => reject(&error, &image, sources.as_ref(), console),
                    Err(_) => not_an_image(&name, &error, console),
                }
            })?,
            Contents::Assembled(image) => verify((*image).clone())
                .map_err(|error| reject(&error, &image, sources.as_ref(), console))?,
        };
        console.warnings(&name, module.warnings());
        Ok(Program {
            name: name.into(),
            module: Arc::new(module),
            sources,
        })
    }
}

/// The report of a module that is missing or does not fit.
pub(super) fn module_problem(error: &loader::ModuleError) -> Problem {
    match error {
        loader::ModuleError::Link(error) => Problem::from(&**error),
        loader::ModuleError::Image { file, error } => {
            let mut problem = Problem::from(&**error);
            problem.message = format!("the module `{file}` is no CVM image, or a damaged one");
            problem
        }
        loader::ModuleError::Source { file, diagnostics } => {
            let message = format!("the module `{file}` has errors");
            diagnostics
                .lines()
                .fold(Problem::new("source-errors", message), |problem, line| {
                    problem.detail("", line)
                })
        }
        loader::ModuleError::Unreadable { .. } => {
            Problem::new("module-unreadable", error.to_string())
        }
    }
}

/// Reports a rejection by the verifier.
fn reject(error: &ModuleError, image: &Image, sources: &dyn Sources, console: &Console) -> Failure {
    let problem = Problem::from(error);
    console.problem_in(&problem, Reporter::new().image(image).sources(sources));
    Failure::Reported(problem.exit_status)
}

/// Reports bytes that are no image.
fn not_an_image(name: &str, error: &ModuleError, console: &Console) -> Failure {
    let mut problem = Problem::from(error);
    problem.message = match problem.code {
        "bad-magic" | "truncated-header" => format!("`{name}` is not a CVM image"),
        _ => format!("`{name}` is a damaged CVM image"),
    };
    console.problem(&problem);
    Failure::Reported(problem.exit_status)
}

/// A directory is no program; the error names those that are in it.
fn refuse_directory(path: &Path) -> Result<(), Failure> {
    if !path.is_dir() {
        return Ok(());
    }
    let message = format!("`{}` is a directory", path.display());
    let problem = Problem::new("not-an-image", message);
    Err(match programs_in(path).as_slice() {
        [] => problem,
        [one] => problem.hint(format!("it holds the program `{one}`")),
        many => problem.hint(format!("it holds programs, for example `{}`", many[0])),
    }
    .into())
}

/// Names of programs in a directory.
fn programs_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = files_in(directory)
        .into_iter()
        .map(|name| directory.join(name))
        .filter(|path| has_program_ending(path))
        .map(|path| path.display().to_string())
        .collect();
    names.sort();
    names
}

fn files_in(directory: &Path) -> Vec<String> {
    let directory = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .take(MOST_FILES)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The error for a file that does not exist, with a similar name if there is one.
fn missing(path: &Path) -> Problem {
    let shown = path.display();
    let problem = Problem::new("missing-file", format!("there is no file `{shown}`"));
    let source = path.with_extension("cvma");
    if has_ending(path, "cvm") && source.is_file() {
        let source = source.display();
        return problem.hint(format!(
            "there is `{source}`: run that, or assemble it first with `cvm-asm {source}`"
        ));
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return problem;
    };
    if !directory.as_os_str().is_empty() && !directory.is_dir() {
        return problem.hint(format!("there is no directory `{}`", directory.display()));
    }
    let files = files_in(directory);
    for ending in ["cvm", "cvma"] {
        let whole = directory.join(format!("{name}.{ending}"));
        if whole.is_file() {
            return problem.hint(format!("did you mean `{}`?", whole.display()));
        }
    }
    match cvm_asm::suggest::closest(name, files.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!(
            "did you mean `{}`?",
            directory.join(near).display()
        )),
        None => problem,
    }
}

/// Prints what the assembler has to say.
fn print_diagnostics(assembled: &Assembled, given: &[SourceFile], console: &Console) {
    let diagnostics = &assembled.diagnostics;
    if diagnostics.is_empty() {
        return;
    }
    let files = SourceMap::new(given.iter().chain(&assembled.included));
    let renderer = Renderer::new(console.color, terminal::width());
    let shown = diagnostics.iter().take(MOST_DIAGNOSTICS);
    let lines = shown.map(|diagnostic| match console.format {
        Format::Text => renderer.render(diagnostic, &files) + "\n",
        Format::Json => json::diagnostic(diagnostic, &files) + "\n",
    });
    let text: String = lines.collect();
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|d| d.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let omitted = diagnostics.len().saturating_sub(MOST_DIAGNOSTICS);
    let summary = match console.format {
        Format::Json => json::summary(errors, warnings, omitted),
        Format::Text => {
            let remark = match omitted {
                0 => String::new(),
                _ => format!(" ({omitted} not shown)"),
            };
            render::summary(errors, warnings) + &remark
        }
    };
    console.message(&format!("{text}{summary}\n"));
}
