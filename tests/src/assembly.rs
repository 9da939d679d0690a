//! Assembling a case, and comparing what the assembler says with what it must say.

use std::path::{Path, PathBuf};

use cvm_asm::diagnostic::{Diagnostic, Levels, Severity};
use cvm_asm::render::Renderer;
use cvm_asm::source::SourceMap;
use cvm_asm::{Assembled, Options, SourceFile, assemble, libraries};
use cvm_spec::image::Image;
use cvm_symbols::Search;

use crate::case::{Case, ExpectedDiagnostic};

/// How much debug information an image gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// `-g`.
    Debug,
    /// Neither flag: names of functions and objects.
    Plain,
    /// `--strip`.
    Strip,
}

impl Detail {
    /// All of them.
    pub const ALL: [Detail; 3] = [Detail::Debug, Detail::Plain, Detail::Strip];
}

/// A case's sources and flags, ready to be assembled.
#[derive(Debug)]
pub struct Program {
    sources: Vec<SourceFile>,
    options: Options,
    levels: Levels,
    /// `-L`: C functions are looked for, in these directories first.
    search: Option<Vec<PathBuf>>,
}

impl Program {
    /// Reads the sources and flags of a case.
    ///
    /// # Errors
    /// If a file cannot be read or a flag is not known.
    pub fn of_case(case: &Case) -> Result<Program, String> {
        let mut sources = vec![SourceFile {
            name: case.path.to_string_lossy().into_owned(),
            text: case.text.clone(),
        }];
        for path in &case.sources {
            sources.push(SourceFile {
                name: path.to_string_lossy().into_owned(),
                text: std::fs::read(path)
                    .map_err(|error| format!("{}: {error}", path.display()))?,
            });
        }
        let mut program = Program {
            sources,
            options: Options::default(),
            levels: Levels::default(),
            search: None,
        };
        program.apply_flags(&case.flags, case.folder())?;
        Ok(program)
    }

    /// A program of one source text.
    pub fn of_text(name: &str, text: Vec<u8>) -> Program {
        Program {
            sources: vec![SourceFile {
                name: name.to_string(),
                text,
            }],
            options: Options::default(),
            levels: Levels::default(),
            search: None,
        }
    }

    fn apply_flags(&mut self, flags: &[String], folder: &Path) -> Result<(), String> {
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            let mut value = || flags.next().ok_or(format!("{flag} needs a value"));
            match flag.as_str() {
                "-D" => {
                    let definition = value()?;
                    if definition.contains(':') {
                        // Of a module: `linking` passes it on.
                        continue;
                    }
                    let (name, number) = definition.split_once('=').unwrap_or((definition, "1"));
                    let pair = (name.to_string(), number.to_string());
                    self.options.defines.push(pair);
                }
                "-I" => self.options.include_dirs.push(folder.join(value()?)),
                "-L" => self
                    .search
                    .get_or_insert_default()
                    .push(folder.join(value()?)),
                "--deny" => self.levels.deny(value()?).map_err(|e| e.to_string())?,
                "--allow" => self.levels.allow(value()?).map_err(|e| e.to_string())?,
                other => return Err(format!("the runner does not know the flag {other}")),
            }
        }
        Ok(())
    }

    /// Assembles it.
    pub fn assemble(&self, detail: Detail) -> Assembled {
        let options = Options {
            debug: detail == Detail::Debug,
            strip: detail == Detail::Strip,
            ..self.options.clone()
        };
        let mut assembled = assemble(&self.sources, &options);
        if let Some(directories) = &self.search {
            let search = Search::new(directories.iter().cloned());
            let missing = libraries::check(&assembled.foreign, &search);
            assembled.diagnostics.extend(missing);
        }
        self.levels.apply(&mut assembled.diagnostics);
        if assembled
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
        {
            assembled.image = None;
        }
        assembled
    }

    /// Assembles it, expecting no errors.
    ///
    /// # Errors
    /// The diagnostics, if there is no image.
    pub fn image(&self, detail: Detail) -> Result<Image, String> {
        let mut assembled = self.assemble(detail);
        let image = assembled.image.take();
        image.ok_or_else(|| self.render(&assembled))
    }

    /// The diagnostics as text.
    pub fn render(&self, assembled: &Assembled) -> String {
        let map = SourceMap::new(self.sources.iter().chain(&assembled.included));
        let renderer = Renderer::new(false, 0);
        assembled
            .diagnostics
            .iter()
            .take(20)
            .map(|diagnostic| renderer.render(diagnostic, &map))
            .collect()
    }

    /// Compares the diagnostics with a case's expectations: each must be there, and no other.
    ///
    /// # Errors
    /// What is missing and what was not expected.
    pub fn compare_diagnostics(&self, case: &Case, assembled: &Assembled) -> Result<(), String> {
        let map = SourceMap::new(self.sources.iter().chain(&assembled.included));
        let mut left: Vec<&Diagnostic> = assembled.diagnostics.iter().collect();
        let mut complaints = String::new();
        for expected in &case.diagnostics {
            match left
                .iter()
                .position(|found| matches(expected, found, &map, &case.path))
            {
                Some(index) => drop(left.remove(index)),
                None => complaints.push_str(&format!("missing: {}\n", describe(expected))),
            }
        }
        for found in left.iter().take(10) {
            let (file, line) = place_of(found, &map);
            complaints.push_str(&format!(
                "not expected: {} {} at {}:{line}: {}\n",
                found.severity.name(),
                found.code.code(),
                file.display(),
                found.message
            ));
        }
        match complaints.is_empty() {
            true => Ok(()),
            false => Err(complaints),
        }
    }
}

fn place_of(diagnostic: &Diagnostic, map: &SourceMap<'_>) -> (PathBuf, u32) {
    let span = diagnostic.span();
    let name = map.file(span.file).map_or("", |file| file.name.as_str());
    (PathBuf::from(name), map.line_of(span.file, span.start))
}

fn matches(
    expected: &ExpectedDiagnostic,
    found: &Diagnostic,
    map: &SourceMap<'_>,
    case: &Path,
) -> bool {
    let (file, line) = place_of(found, map);
    let same_file = match &expected.place.file {
        Some(name) => file.file_name().is_some_and(|found| found == name.as_str()),
        None => file == case,
    };
    let said = || {
        let mut texts = vec![&found.message];
        texts.extend(found.labels.iter().map(|label| &label.text));
        texts.extend(&found.help);
        texts.extend(&found.notes);
        texts.into_iter().any(|text| text.contains(&expected.text))
    };
    same_file
        && line == expected.place.line
        && found.code == expected.code
        && found.severity == expected.severity
        && said()
}

fn describe(expected: &ExpectedDiagnostic) -> String {
    let place = &expected.place;
    let file = place.file.as_deref().unwrap_or("line ");
    format!(
        "{} {} at {file}{}{}: {}",
        expected.severity.name(),
        expected.code.code(),
        if place.file.is_some() { ":" } else { "" },
        place.line,
        expected.text
    )
}
