//! `BLESS=1`: writes what was seen into the case file, for cases whose outcome changed on purpose.
//!
//! Only `exit`, `stdout` and `fault` of a case with one run are written. Read the change before you commit it: what a
//! program does is not what it should do.

use crate::case::Case;
use crate::engine::Observation;
use crate::escape::escape;

/// Whether expectations are rewritten instead of compared.
pub fn wanted() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// Writes what was seen into the case file.
///
/// # Errors
/// If the case has several runs or the file cannot be written.
pub fn bless(case: &Case, seen: &Observation, fault_line: Option<u32>) -> Result<(), String> {
    let [run] = case.runs.as_slice() else {
        return Err("a case with several runs is not rewritten".into());
    };
    let text = String::from_utf8_lossy(&case.text);
    let replaced = |line: &str| {
        let body = line.trim_start().strip_prefix(";!").map(str::trim_start);
        body.is_some_and(|body| {
            ["exit:", "stdout:", "stdout-raw:", "fault:"]
                .iter()
                .any(|name| body.starts_with(name))
        })
    };
    let first = text.lines().position(replaced);
    let kept: Vec<&str> = text.lines().filter(|line| !replaced(line)).collect();
    let at = first.unwrap_or_else(|| kept.iter().take_while(|line| line.starts_with(';')).count());

    let mut new = Vec::new();
    if run.stdout.is_some() {
        new.extend(stdout_directives(&seen.stdout));
    }
    if seen.fault.is_none() && seen.status != 0 {
        new.push(format!(";! exit: {}", seen.status));
    }
    if let Some(fault) = &seen.fault {
        // The directives themselves move the lines below them.
        let moved = new.len() as i64 + 1 - (text.lines().count() - kept.len()) as i64;
        let line = fault_line.map_or(0, |line| i64::from(line) + moved);
        new.push(format!(";! fault: {} @{line}", fault.code.code()));
    }
    let mut lines: Vec<&str> = kept[..at].to_vec();
    lines.extend(new.iter().map(String::as_str));
    lines.extend(&kept[at..]);
    let mut text = lines.join("\n");
    text.push('\n');
    std::fs::write(&case.path, text).map_err(|error| error.to_string())
}

fn stdout_directives(stdout: &[u8]) -> Vec<String> {
    let Some((last, body)) = stdout.split_last() else {
        return Vec::new();
    };
    let (body, rest): (&[u8], &[u8]) = match last {
        b'\n' => (body, b""),
        _ => match stdout.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => (&stdout[..at], &stdout[at + 1..]),
            None => (b"", stdout),
        },
    };
    let mut lines = Vec::new();
    if rest.len() < stdout.len() {
        lines.extend(
            body.split(|byte| *byte == b'\n')
                .map(|line| format!(";! stdout: {}", escape(line))),
        );
    }
    if !rest.is_empty() {
        lines.push(format!(";! stdout-raw: {}", escape(rest)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_becomes_lines_and_a_rest() {
        assert!(stdout_directives(b"").is_empty());
        assert_eq!(stdout_directives(b"\n"), [";! stdout: "]);
        assert_eq!(
            stdout_directives(b"a\n\nb"),
            [";! stdout: a", ";! stdout: ", ";! stdout-raw: b"]
        );
        assert_eq!(stdout_directives(b"x"), [";! stdout-raw: x"]);
    }
}
