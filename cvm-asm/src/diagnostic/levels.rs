//! `--deny` and `--allow`: what becomes of each warning.

use super::{Diagnostic, DiagnosticCode, Severity};

/// The names of warnings that were denied or allowed; the last word about a name counts.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    deny_all: bool,
    named: Vec<(DiagnosticCode, bool)>,
}

/// Why `--deny NAME` or `--allow NAME` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// No diagnostic has this name.
    #[error("no warning is called `{0}`")]
    Unknown(String),
    /// The name is an error's, which cannot be turned off.
    #[error("`{0}` is an error, not a warning")]
    NotAWarning(&'static str),
}

impl Levels {
    /// Turns a warning, or with `warnings` all of them, into errors.
    ///
    /// # Errors
    /// If no warning has that name.
    pub fn deny(&mut self, name: &str) -> Result<(), LevelError> {
        if name == "warnings" {
            self.deny_all = true;
            return Ok(());
        }
        self.named.push((warning(name)?, true));
        Ok(())
    }

    /// Silences a warning, also under `--deny warnings`.
    ///
    /// # Errors
    /// If no warning has that name.
    pub fn allow(&mut self, name: &str) -> Result<(), LevelError> {
        self.named.push((warning(name)?, false));
        Ok(())
    }

    /// Drops allowed warnings and makes errors of denied ones.
    pub fn apply(&self, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain_mut(|diagnostic| {
            if diagnostic.severity == Severity::Error {
                return true;
            }
            let named = self
                .named
                .iter()
                .rfind(|(code, _)| *code == diagnostic.code);
            match named {
                Some((_, false)) => return false,
                Some((_, true)) => {}
                None if self.deny_all => {}
                None => return true,
            }
            diagnostic.severity = Severity::Error;
            let name = diagnostic.code.code();
            diagnostic
                .notes
                .push(format!("`{name}` is a warning that --deny made an error"));
            true
        });
    }
}

fn warning(name: &str) -> Result<DiagnosticCode, LevelError> {
    let code =
        DiagnosticCode::from_code(name).ok_or_else(|| LevelError::Unknown(name.to_owned()))?;
    match code.severity() {
        Severity::Warning => Ok(code),
        Severity::Error => Err(LevelError::NotAWarning(code.code())),
    }
}
