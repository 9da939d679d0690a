//! `cvm-asm`: assembles CVM assembly into an executable image.

mod cli;
mod input;
mod linking;

use cli::{Arguments, Format};
use cvm_asm::diagnostic::{Diagnostic, DiagnosticCode, Levels, Severity};
use cvm_asm::render::{self, Renderer};
use cvm_asm::source::SourceMap;
use cvm_asm::{Assembled, Options, assemble, deps, json, libraries, listing, map, suggest};
use cvm_cli::output::{self, OutputError, Outputs, identity, is_standard};
use cvm_cli::{Failure, manual, paragraph, status, terminal};
use cvm_spec::image::{Image, writer};
use cvm_symbols::Search;
use input::Inputs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const SOURCE_ERRORS: u8 = 1;

fn main() -> ExitCode {
    cvm_cli::main(run, failure)
}

fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if let Some(word) = &arguments.explain {
        return print(explain(word)?.as_bytes());
    }
    if let Some(shell) = arguments.completions {
        return print(&manual::completions::<Arguments>(shell));
    }
    if arguments.man {
        let page = cli::manual().map_err(|error| Failure::usage(error.to_string()))?;
        return print(&page);
    }
    let levels = levels(arguments)?;
    let outputs = Destinations::new(arguments)?;
    let links = arguments.is_static || arguments.shared;
    let Inputs { sources, modules } = input::read_all(&arguments.files, links)?;
    outputs.protect(&arguments.files, arguments)?;
    let options = Options {
        debug: arguments.debug,
        strip: arguments.strip,
        include_dirs: arguments.include.clone(),
        defines: arguments.own_definitions(),
        listing: arguments.listing.is_some(),
        map: arguments.map.is_some(),
    };
    let mut assembled = assemble(&sources, &options);
    let search = Search::new(arguments.library.iter().cloned());
    let missing = libraries::check(&assembled.foreign, &search);
    assembled.diagnostics.extend(missing);
    levels.apply(&mut assembled.diagnostics);
    let errors = {
        let files = SourceMap::new(sources.iter().chain(&assembled.included));
        report(&assembled.diagnostics, &files, arguments)
    };
    if errors > 0 || assembled.image.is_none() {
        return Ok(SOURCE_ERRORS);
    }
    let program = assembled.image.take().filter(|_| !sources.is_empty());
    let mut dependencies = std::mem::take(&mut assembled.dependencies);
    let image = linking::link(program, modules, arguments, &mut dependencies)?;
    let files = SourceMap::new(sources.iter().chain(&assembled.included));
    let written = Written {
        image: &image,
        assembled: &assembled,
        dependencies: &dependencies,
        given: sources.len() as u32,
    };
    outputs.write(&written, &files, arguments)?;
    Ok(0)
}

/// What goes into the outputs.
struct Written<'a> {
    image: &'a Image,
    assembled: &'a Assembled,
    /// Files that were read beside those that are given.
    dependencies: &'a [PathBuf],
    /// How many sources are given.
    given: u32,
}

/// Where the image and the other outputs go.
struct Destinations {
    image: PathBuf,
}

impl Destinations {
    fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let image = match (&arguments.output, arguments.files.first()) {
            (Some(output), _) => output.clone(),
            (None, Some(first)) if !is_standard(first) => first.with_extension("cvm"),
            (None, _) => {
                return Err(Failure::usage(
                    "the source comes from standard input: say where the image goes with -o FILE",
                ));
            }
        };
        if is_standard(&image) && io::stdout().is_terminal() {
            return Err(Failure::usage(
                "the image is binary and standard output is a terminal: redirect it, or use -o FILE",
            ));
        }
        if is_standard(&image) && arguments.deps.is_some() {
            return Err(Failure::usage("--deps needs the image's name: use -o FILE"));
        }
        let destinations = Self { image };
        let mut taken = Vec::new();
        for path in destinations.all(arguments) {
            let place = identity(path);
            if taken.contains(&place) {
                let path = path.display();
                return Err(Failure::usage(format!("two outputs would go to `{path}`")));
            }
            taken.push(place);
        }
        Ok(destinations)
    }

    fn all<'a>(&'a self, arguments: &'a Arguments) -> impl Iterator<Item = &'a Path> {
        let others = [&arguments.listing, &arguments.map, &arguments.deps];
        std::iter::once(self.image.as_path())
            .chain(others.into_iter().flatten().map(PathBuf::as_path))
    }

    /// Refuses to write over a file that is read.
    fn protect(&self, read: &[PathBuf], arguments: &Arguments) -> Result<(), Failure> {
        let read = read.iter().filter(|path| !is_standard(path));
        let read: Vec<_> = read.map(|path| identity(path)).collect();
        for path in self.all(arguments).filter(|path| !is_standard(path)) {
            if path.is_file() && read.contains(&identity(path)) {
                let path = path.display();
                let message = format!("`{path}` is a source and will not be overwritten");
                return Err(Failure::new(status::CANNOT_CREATE, message));
            }
        }
        Ok(())
    }

    fn write(
        &self,
        written: &Written<'_>,
        files: &SourceMap<'_>,
        arguments: &Arguments,
    ) -> Result<(), Failure> {
        let Written {
            image,
            assembled,
            dependencies,
            given,
        } = *written;
        self.protect(dependencies, arguments)?;
        let mut outputs = Outputs::new("cvm-asm");
        if let Some(path) = &arguments.listing {
            outputs.add(path, |mut out| {
                listing::write(&mut out, image, &assembled.listing, given, files)
            })?;
        }
        if let Some(path) = &arguments.map {
            outputs.add(path, |mut out| {
                map::write(&mut out, image, &assembled.map, files)
            })?;
        }
        if let Some(path) = &arguments.deps {
            let inputs = arguments.files.iter().filter(|path| !is_standard(path));
            let inputs: Vec<&Path> = inputs.map(PathBuf::as_path).collect();
            let included: Vec<&Path> = dependencies.iter().map(PathBuf::as_path).collect();
            let rule = deps::rule(&self.image, &inputs, &included)
                .map_err(|error| Failure::new(status::CANNOT_CREATE, error.to_string()))?;
            outputs.add(path, |out| out.write_all(rule.as_bytes()))?;
        }
        outputs.add(&self.image, |out| out.write_all(&writer::write(image)))?;
        Ok(outputs.commit().map_err(|error| match error {
            // Devices are opened when all outputs are complete: a failure there is one of writing.
            OutputError::Open { path, error } => OutputError::Write { path, error },
            error => error,
        })?)
    }
}

/// Prints the diagnostics and the closing line; the number of errors.
fn report(diagnostics: &[Diagnostic], files: &SourceMap<'_>, arguments: &Arguments) -> usize {
    let mut err = io::BufWriter::new(io::stderr().lock());
    let most = match arguments.max_errors {
        0 => usize::MAX,
        most => most,
    };
    let renderer = Renderer::new(terminal::color(), terminal::width());
    let (mut errors, mut warnings, mut omitted) = (0, 0, 0);
    // Nothing can be done when standard error is closed; the exit status still tells.
    for diagnostic in diagnostics {
        let count = match diagnostic.severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        *count += 1;
        if *count > most {
            omitted += 1;
            continue;
        }
        let _ = match arguments.diagnostics {
            Format::Json => writeln!(err, "{}", json::diagnostic(diagnostic, files)),
            Format::Text => writeln!(err, "{}", renderer.render(diagnostic, files)),
        };
    }
    let _ = match arguments.diagnostics {
        Format::Json => writeln!(err, "{}", json::summary(errors, warnings, omitted)),
        Format::Text if diagnostics.is_empty() => Ok(()),
        Format::Text => {
            let remark = match omitted {
                0 => String::new(),
                _ => format!(" ({omitted} not shown; --max-errors 0 shows all)"),
            };
            writeln!(err, "{}{remark}", render::summary(errors, warnings))
        }
    };
    let _ = err.flush();
    errors
}

/// A failure as standard error shows it.
fn failure(arguments: &Arguments, failure: &Failure) -> String {
    match arguments.diagnostics {
        Format::Json => json::failure(&failure.message, failure.status, &failure.notes) + "\n",
        Format::Text => failure.text(render::clean),
    }
}

fn levels(arguments: &Arguments) -> Result<Levels, Failure> {
    let mut levels = Levels::default();
    let with_hint = |error: cvm_asm::diagnostic::LevelError, name: &str| {
        let warnings = DiagnosticCode::ALL
            .iter()
            .filter(|code| code.severity() == Severity::Warning);
        let close = suggest::closest(name, warnings.map(|code| code.code()).chain(["warnings"]));
        Failure::usage(match close {
            Some(close) => format!("{error}; did you mean `{close}`?"),
            None => format!("{error}; `--explain all` lists them"),
        })
    };
    for name in &arguments.deny {
        levels.deny(name).map_err(|error| with_hint(error, name))?;
    }
    for name in &arguments.allow {
        levels.allow(name).map_err(|error| with_hint(error, name))?;
    }
    Ok(levels)
}

fn print(bytes: &[u8]) -> Result<u8, Failure> {
    let printed = output::print(bytes).map_err(|error| OutputError::Write {
        path: "-".into(),
        error,
    });
    printed?;
    Ok(0)
}

/// The text of `--explain`.
fn explain(word: &str) -> Result<String, Failure> {
    if word == "all" {
        let rows = DiagnosticCode::ALL.iter().map(|code| {
            let severity = code.severity().name();
            format!("{:<24} {severity:<8} {}\n", code.code(), code.title())
        });
        return Ok(rows.collect());
    }
    let Some(code) = DiagnosticCode::from_code(word) else {
        let close = suggest::closest(word, DiagnosticCode::ALL.iter().map(|code| code.code()));
        return Err(Failure::usage(match close {
            Some(close) => format!("no diagnostic has the code `{word}`; did you mean `{close}`?"),
            None => format!("no diagnostic has the code `{word}`; `--explain all` lists them"),
        }));
    };
    let severity = code.severity().name();
    let mut text = format!("{} ({severity}): {}\n\n", code.code(), code.title());
    for paragraph in code.explanation().split('\n') {
        text.push_str(&paragraph::wrapped(paragraph, 80));
    }
    if code.severity() == Severity::Warning {
        text.push_str(&format!(
            "\n--allow {word} silences it, --deny {word} makes it an error.\n"
        ));
    }
    Ok(text)
}
