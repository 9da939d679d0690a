//! The dependency rule for make, as `cc -MD -MP` writes it.

use std::path::Path;

/// Why no rule can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepsError {
    /// Makefiles cannot spell this name.
    #[error("`{}` has a line break in its name and cannot stand in a make rule", .0.escape_debug())]
    LineBreak(String),
}

/// `target: sources… included…`, and an empty rule for each included file, so that make goes on when one is deleted.
///
/// # Errors
/// If a name holds a line break.
pub fn rule(target: &Path, sources: &[&Path], included: &[&Path]) -> Result<String, DepsError> {
    let mut text = format!("{}:", as_target(target)?);
    for file in sources.iter().chain(included) {
        text.push_str(" \\\n  ");
        text.push_str(&escape(file)?);
    }
    text.push('\n');
    for file in included {
        text.push('\n');
        text.push_str(&as_target(file)?);
        text.push_str(":\n");
    }
    Ok(text)
}

/// In a target, `%` would make a pattern; among the files it stands for itself.
fn as_target(path: &Path) -> Result<String, DepsError> {
    Ok(escape(path)?.replace('%', "\\%"))
}

/// A name as make reads it: `$` doubled; space, tab, `#` and `:` behind a backslash, and backslashes before those
/// doubled.
fn escape(path: &Path) -> Result<String, DepsError> {
    let name = path.to_string_lossy();
    let mut escaped = String::with_capacity(name.len());
    let mut backslashes = 0;
    for character in name.chars() {
        match character {
            '\n' | '\r' => return Err(DepsError::LineBreak(name.into_owned())),
            ' ' | '\t' | '#' | ':' => {
                escaped.extend(std::iter::repeat_n('\\', backslashes + 1));
            }
            '$' => escaped.push('$'),
            _ => {}
        }
        backslashes = if character == '\\' {
            backslashes + 1
        } else {
            0
        };
        escaped.push(character);
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_included_file_has_a_rule_of_its_own() {
        let (target, source) = (Path::new("a.cvm"), Path::new("a.cvma"));
        let rule = rule(target, &[source], &[Path::new("inc/b.cvma")]).expect("plain names");
        assert_eq!(
            rule,
            "a.cvm: \\\n  a.cvma \\\n  inc/b.cvma\n\ninc/b.cvma:\n"
        );
    }

    #[test]
    fn names_are_escaped() {
        let escaped = |name: &str| escape(Path::new(name));
        assert_eq!(escaped("a b#c$d").as_deref(), Ok(r"a\ b\#c$$d"));
        assert_eq!(escaped(r"a\ b\c").as_deref(), Ok(r"a\\\ b\c"));
        assert_eq!(as_target(Path::new("50%")).as_deref(), Ok(r"50\%"));
        assert!(escaped("a\nb").is_err());
    }
}
