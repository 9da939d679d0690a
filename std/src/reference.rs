//! The reference page of the standard modules, made of the comments in their sources (`std/README.md`, "How a module is
//! written").

use std::fmt::Write;

use crate::{MODULES, Module};

/// What a module offers under a name.
struct Export<'a> {
    /// The name by which it is imported.
    name: &'a str,
    /// The name of the function or object in the module.
    inner: &'a str,
}

/// The page, `std/reference.md`.
///
/// # Errors
/// If a comment is missing, or is not about what the source says; the message names module and export.
pub fn reference() -> Result<String, String> {
    let mut page = String::from(
        "# The standard modules: reference\n\n*Generated from the comments in the sources; do not edit. `BLESS=1 cargo test -p cvm-std` \
         writes it anew.*\n\nHow modules are imported and what all of them have in common stands in [README.md](README.md). Behind \
         each name are its arguments and results; all are cells.\n\n",
    );
    for module in MODULES {
        let short = short(module);
        // Writing to a string cannot fail.
        let _ = writeln!(page, "- [{short}](#{short}): {}", title(module)?);
    }
    for module in MODULES {
        page.push('\n');
        section(module, &mut page).map_err(|error| format!("{}: {error}", module.file))?;
    }
    Ok(page)
}

/// The name without `std/`.
fn short(module: &Module) -> &str {
    module.name.strip_prefix("std/").unwrap_or(module.name)
}

/// The lines of the comment at the top.
fn top(module: &Module) -> Vec<&str> {
    let lines = module.text.lines();
    lines
        .take_while(|line| line.starts_with(';'))
        .map(uncommented)
        .collect()
}

/// What a module is for, in a few words.
fn title(module: &Module) -> Result<&str, String> {
    let line = top(module).first().copied().unwrap_or_default();
    let title = line
        .strip_prefix(module.name)
        .and_then(|rest| rest.strip_prefix(": "));
    title.ok_or_else(|| format!("{} does not begin with `; {}: `", module.file, module.name))
}

/// A line of a comment without what makes it one.
fn uncommented(line: &str) -> &str {
    let text = line.trim_start_matches(';');
    text.strip_prefix(' ').unwrap_or(text)
}

fn section(module: &Module, page: &mut String) -> Result<(), String> {
    let version = module.text.lines().find_map(|line| {
        let rest = line.strip_prefix(".module ")?;
        Some(rest.split_once(" version ")?.1.trim_matches('"'))
    });
    let version = version.ok_or("it states no version")?;
    let _ = writeln!(page, "## {}\n", short(module));
    let _ = writeln!(
        page,
        "`{}`, version {version}: {}\n",
        module.name,
        title(module)?
    );
    prose(top(module).get(1..).unwrap_or_default(), page);
    for export in exports(module)? {
        let (heading, lines) = described(module, &export)?;
        let _ = writeln!(page, "### `{heading}`\n");
        let mut body = String::new();
        prose(&lines, &mut body);
        page.extend(body.chars().next().map(|first| first.to_ascii_uppercase()));
        page.extend(body.chars().skip(1));
    }
    Ok(())
}

/// Everything that is exported, in order, each name once.
fn exports(module: &Module) -> Result<Vec<Export<'_>>, String> {
    let mut exports: Vec<Export<'_>> = Vec::new();
    for line in module.text.lines() {
        let Some(rest) = line.strip_prefix(".export ") else {
            continue;
        };
        let (inner, name) = match rest.split_once(" as ") {
            Some((inner, name)) => (inner.trim(), name.trim().trim_matches('"')),
            None => (rest.trim(), rest.trim()),
        };
        match exports.iter_mut().find(|export| export.name == name) {
            // Where there is a choice, the comment stands at the function of that name.
            Some(known) if inner == name => known.inner = inner,
            Some(_) => {}
            None => exports.push(Export { name, inner }),
        }
    }
    match exports.is_empty() {
        true => Err("it exports nothing".into()),
        false => Ok(exports),
    }
}

/// The heading and the text of an export.
fn described<'a>(
    module: &'a Module,
    export: &Export<'a>,
) -> Result<(String, Vec<&'a str>), String> {
    let lines: Vec<&str> = module.text.lines().collect();
    let function = format!(".func {} ", export.inner);
    let label = format!("{}:", export.inner);
    let Some(at) = lines.iter().position(|line| line.starts_with(&function)) else {
        let is_object = lines.iter().any(|line| line.starts_with(&label));
        return match is_object {
            true => Ok((format!("{} data", export.name), Vec::new())),
            false => Err(format!("`{}` is exported and not there", export.name)),
        };
    };
    let first = lines[..at]
        .iter()
        .rposition(|line| !line.starts_with(';'))
        .map_or(0, |line| line + 1);
    let comment: Vec<&str> = lines[first..at]
        .iter()
        .map(|line| uncommented(line))
        .collect();
    let (heading, rest) = comment
        .first()
        .and_then(|line| line.split_once(": "))
        .ok_or_else(|| format!("`{}` has no comment", export.name))?;
    check_heading(heading, lines[at], export)?;
    let text = std::iter::once(rest).chain(comment[1..].iter().copied());
    Ok((heading.to_string(), text.collect()))
}

/// The arguments and the number of results of a comment are those of the function.
fn check_heading(heading: &str, function: &str, export: &Export<'_>) -> Result<(), String> {
    let parts = |text: &str| {
        let (front, results) = text.split_once(" -> ").unwrap_or((text, "0"));
        let results = results.trim();
        let count = match results.strip_prefix('(') {
            Some(names) => names.split(',').count(),
            None => results.parse().unwrap_or(1),
        };
        (front.trim().to_string(), count)
    };
    let wanted = parts(function.strip_prefix(".func ").unwrap_or_default());
    let wanted = (wanted.0.replacen(export.inner, export.name, 1), wanted.1);
    match parts(heading) == wanted {
        true => Ok(()),
        false => Err(format!("the comment `{heading}` is not about `{function}`")),
    }
}

/// Writes lines of a comment: paragraphs, and what is indented by four blanks or more as code.
fn prose(lines: &[&str], page: &mut String) {
    let mut is_code = false;
    let mut is_empty = true;
    for line in lines {
        let code = line.starts_with("    ");
        if code != is_code && !line.is_empty() {
            page.push_str(if code { "```text\n" } else { "```\n\n" });
            is_code = code;
        }
        if line.is_empty() && (is_empty || is_code) {
            continue;
        }
        page.push_str(if code { &line[4..] } else { line });
        page.push('\n');
        is_empty = line.is_empty();
    }
    if is_code {
        page.push_str("```\n");
    }
    if !is_empty {
        page.push('\n');
    }
}
