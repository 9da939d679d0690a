//! Modules: what the program imports from others, what it is itself, and which versions it was written for.

use cvm_spec::image::link::{
    ALIGNMENT, NOTE_ALIGNMENT, NOTE_MODULE, NOTE_REQUIRES, NOTE_VERSION, Version,
};
use cvm_spec::image::{Image, Import, ImportKind, Note};

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

use super::Assembler;
use super::cursor::Cursor;
use super::program::MODULE_MAX;
use super::report::Reported;

/// What `.module` says.
#[derive(Clone, Debug)]
pub(super) struct ModuleDirective {
    name: String,
    version: Option<Version>,
    span: Span,
}

impl Assembler<'_> {
    /// `.import "module" name (args) [-> results] [as alias]`, or `.import "module" name data [as alias]`.
    pub(super) fn import(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let (module, sound) = self.module_name(c)?;
        let mut named = self.named(c, "the name of the module's function or object")?;
        let name = self.names.text(named.name).to_owned();
        let is_object = self.take_keyword(c, b"data");
        let header = match is_object {
            true => Ok((0, 1)),
            false => self.arity(c).map(|(args, results)| (args.count, results)),
        };
        let header = header.and_then(|header| {
            if self.take_keyword(c, b"as") {
                named = self.named(c, "the name that it has here")?;
            }
            Ok(header)
        });
        let (args, results) = *header.as_ref().unwrap_or(&(0, 0));
        let import = Import {
            kind: match is_object {
                true => ImportKind::ModuleData,
                false => ImportKind::Module,
            },
            flags: 0,
            type_index: self.types.function(args, results, 0),
            module: self.program.strings.add(module.as_bytes()),
            name: self.program.strings.add(name.as_bytes()),
        };
        self.add_import(named, import)?;
        header?;
        sound
    }

    /// `.module "name" [version "1.2.0"]`.
    pub(super) fn module(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        let (name, sound) = self.module_name(c)?;
        let version = match self.take_keyword(c, b"version") {
            true => Some(self.version(c)?),
            false => None,
        };
        sound?;
        let span = self.span_from(c, start);
        if let Some(first) = &self.program.module {
            let message = "the program has two names as a module";
            let diagnostic = Diagnostic::new(Code::DuplicateName, span, message);
            return Err(self.report(diagnostic.also(first.span, "the first is here")));
        }
        self.program.module = Some(ModuleDirective {
            name,
            version,
            span,
        });
        Ok(())
    }

    /// `.require "module" version "1.2.0"`.
    pub(super) fn require(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let (module, sound) = self.module_name(c)?;
        self.keyword(
            c,
            b"version",
            "`version` and the version, as in `version \"1.2.0\"`",
        )?;
        let version = self.version(c)?;
        sound?;
        self.program.requirements.push((module, version));
        Ok(())
    }

    /// A module's name in quotes, and whether it may be one.
    fn module_name(
        &mut self,
        c: &mut Cursor<'_>,
    ) -> Result<(String, Result<(), Reported>), Reported> {
        c.skip_blanks();
        let at = c.at;
        let module = self.text_operand(c, "the module's name in quotes")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-' | '/');
        let bad_part = |part: &str| matches!(part, "" | "." | "..");
        let sound = module.len() <= MODULE_MAX
            && module.chars().all(plain)
            && !module.split('/').any(bad_part);
        let checked = match sound {
            true => Ok(()),
            false => {
                let span = self.span(c, at, c.at);
                let message =
                    "a module's name is letters, digits and `_ . + -`, parts joined by `/`";
                Err(self.error(Code::OutOfRange, span, message))
            }
        };
        Ok((module, checked))
    }

    fn version(&mut self, c: &mut Cursor<'_>) -> Result<Version, Reported> {
        c.skip_blanks();
        let at = c.at;
        let text = self.text_operand(c, "the version in quotes")?;
        text.parse().map_err(|_| {
            let span = self.span(c, at, c.at);
            let message = "a version is three numbers, as in \"1.2.0\"";
            self.error(Code::OutOfRange, span, message)
        })
    }

    /// Adds the notes that the linker reads.
    pub(super) fn module_notes(&mut self, image: &mut Image, linkable: bool) {
        let mut notes: Vec<(&str, String)> = Vec::new();
        if let Some(module) = &self.program.module {
            notes.push((NOTE_MODULE, module.name.clone()));
            let version = module.version.map(|version| version.to_string());
            notes.extend(version.map(|version| (NOTE_VERSION, version)));
        }
        for (module, version) in &self.program.requirements {
            notes.push((NOTE_REQUIRES, format!("{module} {version}")));
        }
        if linkable && self.largest_alignment > ALIGNMENT {
            notes.push((NOTE_ALIGNMENT, self.largest_alignment.to_string()));
        }
        let strings = &mut self.program.strings;
        image.notes = notes
            .into_iter()
            .map(|(name, value)| Note {
                name: strings.add(name.as_bytes()),
                value: strings.add(value.as_bytes()),
            })
            .collect();
    }
}
