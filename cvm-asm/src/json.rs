//! Diagnostics as JSON, one object a line, for editors and graders (`spec/diagnostics.md`).

use crate::diagnostic::{Diagnostic, Span};
use crate::source::SourceMap;
use serde::Serialize;

/// The version of the schema, in every object.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Object<'a> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    severity: &'static str,
    code: &'static str,
    message: &'a str,
    labels: Vec<LabelObject<'a>>,
    help: &'a [String],
    notes: &'a [String],
    fix: Option<FixObject<'a>>,
}

#[derive(Serialize)]
struct LabelObject<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    primary: bool,
    text: &'a str,
}

#[derive(Serialize)]
struct FixObject<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    replacement: &'a str,
}

/// A range of a file; `end` is behind its last character.
#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    start: Point,
    end: Point,
}

#[derive(Serialize)]
struct Point {
    offset: u32,
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct Summary {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    errors: usize,
    warnings: usize,
    omitted: usize,
}

#[derive(Serialize)]
struct Failure<'a> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    exit_status: u8,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
}

/// A diagnostic as one line, without the line break.
pub fn diagnostic(diagnostic: &Diagnostic, sources: &SourceMap<'_>) -> String {
    let labels = diagnostic.labels.iter().map(|label| LabelObject {
        place: place(label.span, sources),
        primary: label.primary,
        text: &label.text,
    });
    line(&Object {
        version: VERSION,
        kind: "diagnostic",
        severity: diagnostic.severity.name(),
        code: diagnostic.code.code(),
        message: &diagnostic.message,
        labels: labels.collect(),
        help: &diagnostic.help,
        notes: &diagnostic.notes,
        fix: diagnostic.fix.as_ref().map(|fix| FixObject {
            place: place(fix.span, sources),
            replacement: &fix.replacement,
        }),
    })
}

/// The last line: how many there are, and how many of them `--max-errors` left out.
pub fn summary(errors: usize, warnings: usize, omitted: usize) -> String {
    line(&Summary {
        version: VERSION,
        kind: "summary",
        errors,
        warnings,
        omitted,
    })
}

/// An error that has no place in a source: a file that is missing or cannot be written.
pub fn failure(message: &str, exit_status: u8, notes: &[String]) -> String {
    line(&Failure {
        version: VERSION,
        kind: "failure",
        message,
        exit_status,
        notes,
    })
}

fn place<'a>(span: Span, sources: &SourceMap<'a>) -> Place<'a> {
    let point = |offset| {
        let position = sources.position(span.file, offset);
        Point {
            offset,
            line: position.line,
            column: position.column,
        }
    };
    Place {
        file: sources.file(span.file).map_or("", |file| &file.name),
        start: point(span.start),
        end: point(span.end),
    }
}

fn line(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("strings and numbers always have a JSON form")
}
