//! A case: what its file says must happen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cvm::verify::Rule;
use cvm_asm::diagnostic::{DiagnosticCode, Severity};
use cvm_spec::fault::FaultCode;
use cvm_spec::image::link::LinkCode;

use crate::directive::{Directive, directives};
use crate::discover::name_of;
use crate::escape::unescape;

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name without folders; `None` for the case file itself.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: u32,
}

/// A diagnostic that the assembler must give.
#[derive(Clone, Debug)]
pub struct ExpectedDiagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Its code.
    pub code: DiagnosticCode,
    /// A part of its message.
    pub text: String,
    /// Where; `None` for diagnostics that have no place.
    pub place: Place,
}

/// A fault that must end a run.
#[derive(Clone, Debug)]
pub struct ExpectedFault {
    /// Its code.
    pub code: FaultCode,
    /// The source line of the instruction.
    pub place: Option<Place>,
    /// Other facts of the report: `address`, `segment`, `symbol`, …, as [`crate::outcome`] compares them.
    pub facts: Vec<(String, String)>,
}

/// A rejection by the verifier.
#[derive(Clone, Debug)]
pub struct ExpectedRejection {
    /// The rule.
    pub rule: Rule,
    /// The source line of the instruction.
    pub line: Option<u32>,
    /// The text offset of the instruction.
    pub offset: Option<u32>,
}

/// How a run must end.
#[derive(Clone, Debug)]
pub enum ExpectedEnd {
    /// With this exit status.
    Exit(u8),
    /// With a fault.
    Fault(ExpectedFault),
}

/// An error of the linker.
#[derive(Clone, Debug)]
pub struct ExpectedLinkError {
    /// Its code.
    pub code: String,
    /// Parts of what it says, places included.
    pub texts: Vec<String>,
}

/// A granted directory.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The folder beside the case, which is copied before the run; `None` for an empty one.
    pub folder: Option<String>,
    /// Its name in the program.
    pub guest: String,
    /// Nothing in it can be changed.
    pub read_only: bool,
}

/// One run of the program and what must come of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Arguments.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Granted directories.
    pub dirs: Vec<Grant>,
    /// `--fuel`.
    pub fuel: Option<u64>,
    /// It runs without counting fuel only.
    pub is_unmetered: bool,
    /// Whether it shows what is the interpreter's own: how many cells its frames take of the call stack.
    pub is_interpreter_only: bool,
    /// `--timeout`.
    pub timeout: Option<Duration>,
    /// What of C is granted: nothing, or libraries by name, all if there are none.
    pub foreign: Option<Vec<String>>,
    /// `--check-foreign`.
    pub check_foreign: bool,
    /// `--max-heap`, in bytes.
    pub max_heap: Option<u64>,
    /// `--call-stack`, in bytes.
    pub call_stack: Option<u64>,
    /// How it ends.
    pub end: ExpectedEnd,
    /// Standard output; `None` if it is not compared.
    pub stdout: Option<Vec<u8>>,
    /// Standard error of the program itself.
    pub stderr: Vec<u8>,
    /// Names of the functions in the fault's backtrace, innermost first.
    pub backtrace: Option<Vec<String>>,
}

impl Default for Run {
    /// No input; status 0 and no output.
    fn default() -> Run {
        Run {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            dirs: Vec::new(),
            fuel: None,
            is_unmetered: false,
            is_interpreter_only: false,
            timeout: None,
            foreign: None,
            check_foreign: false,
            max_heap: None,
            call_stack: None,
            end: ExpectedEnd::Exit(0),
            stdout: Some(Vec::new()),
            stderr: Vec::new(),
            backtrace: None,
        }
    }
}

/// A case file.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the list of tests.
    pub name: String,
    /// Its text.
    pub text: Vec<u8>,
    /// Further sources of the program.
    pub sources: Vec<PathBuf>,
    /// Modules that it is linked with.
    pub modules: Vec<PathBuf>,
    /// How linking fails.
    pub link_error: Option<ExpectedLinkError>,
    /// Flags for the assembler, as on its command line.
    pub flags: Vec<String>,
    /// All diagnostics that the assembler gives.
    pub diagnostics: Vec<ExpectedDiagnostic>,
    /// How the verifier rejects the program.
    pub verify: Option<ExpectedRejection>,
    /// The runs; none if it does not assemble or is rejected.
    pub runs: Vec<Run>,
    /// Whether it has an entry.
    pub is_program: bool,
    /// A part of the message with which the machine refuses the module.
    pub refused: Option<String>,
    /// How that machine is granted C.
    pub refused_run: Run,
}

impl Case {
    /// Reads a case file.
    ///
    /// # Errors
    /// If it cannot be read or a directive is wrong; the text names the line.
    pub fn load(path: &Path) -> Result<Case, String> {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut parser = Parser::new(path);
        for directive in directives(&String::from_utf8_lossy(&text)) {
            parser
                .directive(&directive)
                .map_err(|error| format!("line {}: {error}", directive.line))?;
        }
        let mut case = parser.finish();
        case.text = text;
        Ok(case)
    }

    /// The folder of the case file.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

struct Parser {
    case: Case,
    shared: Run,
    runs: Vec<Run>,
}

impl Parser {
    fn new(path: &Path) -> Parser {
        Parser {
            case: Case {
                path: path.to_path_buf(),
                name: name_of(path),
                text: Vec::new(),
                sources: Vec::new(),
                modules: Vec::new(),
                link_error: None,
                flags: Vec::new(),
                diagnostics: Vec::new(),
                verify: None,
                runs: Vec::new(),
                is_program: true,
                refused: None,
                refused_run: Run::default(),
            },
            shared: Run::default(),
            runs: Vec::new(),
        }
    }

    /// The run that a directive speaks of: the one begun by the last `args`, else all.
    fn run(&mut self) -> &mut Run {
        self.runs.last_mut().unwrap_or(&mut self.shared)
    }

    fn directive(&mut self, directive: &Directive) -> Result<(), String> {
        let value = directive.value.as_str();
        let word = value.trim();
        match directive.name.as_str() {
            "args" => {
                let mut run = self.shared.clone();
                run.args = split_arguments(word)?;
                self.runs.push(run);
            }
            "env" => {
                let (name, text) = word.split_once('=').ok_or("expected NAME=value")?;
                let pair = (name.to_string(), text.to_string());
                self.run().env.push(pair);
            }
            "stdin" => {
                let line = unescape(value)?;
                self.run().stdin.extend(line);
                self.run().stdin.push(b'\n');
            }
            "stdin-raw" => {
                let bytes = unescape(value)?;
                self.run().stdin.extend(bytes);
            }
            "stdin-file" => {
                let bytes = self.file(word)?;
                self.run().stdin.extend(bytes);
            }
            "dir" => {
                let (folder, rest) = word.split_once(':').unwrap_or((word, word));
                let (guest, mode) = rest.split_once(':').unwrap_or((rest, ""));
                let grant = Grant {
                    folder: (folder != "-").then(|| folder.to_string()),
                    guest: guest.to_string(),
                    read_only: mode == "ro",
                };
                self.run().dirs.push(grant);
            }
            "fuel" => self.run().fuel = Some(number(word)?),
            "unmetered" => self.run().is_unmetered = true,
            "interpreter-only" => self.run().is_interpreter_only = true,
            "timeout" => self.run().timeout = Some(duration(word)?),
            "max-heap" => self.run().max_heap = Some(number(word)?),
            "call-stack" => self.run().call_stack = Some(number(word)?),
            "foreign" => {
                let libraries = word.split_whitespace().map(str::to_string).collect();
                self.run().foreign = Some(libraries);
            }
            "check-foreign" => self.run().check_foreign = true,
            "exit" => {
                let status = word.parse().map_err(|_| format!("bad status {word}"))?;
                self.run().end = ExpectedEnd::Exit(status);
            }
            "stdout" => self.append_stdout(unescape(value)?, true),
            "stdout-raw" => self.append_stdout(unescape(value)?, false),
            "stdout-file" => {
                let bytes = self.file(word)?;
                self.append_stdout(bytes, false);
            }
            "stdout-any" => self.run().stdout = None,
            "stderr" => {
                let line = unescape(value)?;
                self.run().stderr.extend(line);
                self.run().stderr.push(b'\n');
            }
            "fault" => self.run().end = ExpectedEnd::Fault(fault(word, directive.line)?),
            "backtrace" => {
                let names = word.split_whitespace().map(str::to_string).collect();
                self.run().backtrace = Some(names);
            }
            "error" => self.diagnostic(Severity::Error, directive)?,
            "warning" => self.diagnostic(Severity::Warning, directive)?,
            "verify" => {
                self.case.verify = Some(rejection(word, directive.line)?);
            }
            "not-a-program" => self.case.is_program = false,
            "refused" => self.case.refused = Some(word.to_string()),
            "flags" => self.case.flags.extend(split_arguments(word)?),
            "sources" => {
                let folder = self.case.folder().to_path_buf();
                let paths = word.split_whitespace().map(|name| folder.join(name));
                self.case.sources.extend(paths);
            }
            "link" => {
                let folder = self.case.folder().to_path_buf();
                let paths = word.split_whitespace().map(|name| folder.join(name));
                self.case.modules.extend(paths);
            }
            "link-error" => {
                let (code, text) = word.split_once(':').unwrap_or((word, ""));
                let known = LinkCode::ALL.iter().any(|known| known.code() == code);
                if !known {
                    return Err(format!("no link rule is called `{code}`"));
                }
                let error = self.case.link_error.get_or_insert(ExpectedLinkError {
                    code: code.to_string(),
                    texts: Vec::new(),
                });
                error.texts.push(text.trim().to_string());
            }
            other => return Err(format!("unknown directive `{other}`")),
        }
        Ok(())
    }

    fn append_stdout(&mut self, bytes: Vec<u8>, line: bool) {
        let stdout = self.run().stdout.get_or_insert_default();
        stdout.extend(bytes);
        if line {
            stdout.push(b'\n');
        }
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.case.folder().join(name);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn diagnostic(&mut self, severity: Severity, directive: &Directive) -> Result<(), String> {
        let (text, place) = split_place(directive.value.trim(), directive.line);
        let place = match place {
            Some(place) => place,
            None if directive.inline => Place {
                file: None,
                line: directive.line,
            },
            None => return Err("a diagnostic on a line of its own needs @line".into()),
        };
        let (word, text) = text.split_once(':').unwrap_or((text, ""));
        let code = DiagnosticCode::from_code(word.trim())
            .ok_or_else(|| format!("no diagnostic is called `{word}`"))?;
        self.case.diagnostics.push(ExpectedDiagnostic {
            severity,
            code,
            text: text.trim().to_string(),
            place,
        });
        Ok(())
    }

    fn finish(self) -> Case {
        let mut case = self.case;
        case.refused_run = self.shared.clone();
        let fails = !case.is_program
            || case.verify.is_some()
            || case.refused.is_some()
            || case.link_error.is_some()
            || case
                .diagnostics
                .iter()
                .any(|diagnostic| diagnostic.severity == Severity::Error);
        if !fails {
            case.runs = match self.runs.is_empty() {
                true => vec![self.shared],
                false => self.runs,
            };
        }
        case
    }
}

/// `CODE @line key=value …`.
fn fault(text: &str, line: u32) -> Result<ExpectedFault, String> {
    let mut words = text.split_whitespace();
    let code = words.next().ok_or("expected a fault's code")?;
    let code = FaultCode::from_code(code).ok_or_else(|| format!("no fault is called `{code}`"))?;
    let mut fault = ExpectedFault {
        code,
        place: None,
        facts: Vec::new(),
    };
    for word in words {
        if let Some(place) = place(word, line) {
            fault.place = Some(place);
        } else if let Some((key, value)) = word.split_once('=') {
            fault.facts.push((key.to_string(), value.to_string()));
        } else {
            return Err(format!("expected @line or key=value, found `{word}`"));
        }
    }
    Ok(fault)
}

/// `RULE @line` or `RULE offset=0x12`.
fn rejection(text: &str, line: u32) -> Result<ExpectedRejection, String> {
    let mut words = text.split_whitespace();
    let code = words.next().ok_or("expected a rule's code")?;
    let rule = Rule::ALL.iter().find(|rule| rule.code() == code);
    let mut rejection = ExpectedRejection {
        rule: *rule.ok_or_else(|| format!("no verifier rule is called `{code}`"))?,
        line: None,
        offset: None,
    };
    for word in words {
        if let Some(place) = place(word, line) {
            rejection.line = Some(place.line);
        } else if let Some(digits) = word.strip_prefix("offset=") {
            let hex = digits.trim_start_matches("0x");
            let offset =
                u32::from_str_radix(hex, 16).map_err(|_| format!("bad offset {digits}"))?;
            rejection.offset = Some(offset);
        } else {
            return Err(format!("expected @line or offset=0x…, found `{word}`"));
        }
    }
    Ok(rejection)
}

/// Text and the place at its end, if it has one.
fn split_place(text: &str, line: u32) -> (&str, Option<Place>) {
    let (rest, last) = text.rsplit_once(' ').unwrap_or(("", text));
    match place(last, line) {
        Some(place) => (rest.trim_end(), Some(place)),
        None => (text, None),
    }
}

/// `@12`, `@+1` (lines below the directive), `@-1`, `@other.cvma:12`.
fn place(word: &str, line: u32) -> Option<Place> {
    let word = word.strip_prefix('@')?;
    if let Some((file, line)) = word.rsplit_once(':') {
        return Some(Place {
            file: Some(file.to_string()),
            line: line.parse().ok()?,
        });
    }
    let line = match word.as_bytes().first()? {
        b'+' | b'-' => line.checked_add_signed(word.parse().ok()?)?,
        _ => word.parse().ok()?,
    };
    Some(Place { file: None, line })
}

/// A number with an optional suffix K, M or G.
fn number(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let value: u64 = digits.parse().map_err(|_| format!("bad number `{text}`"))?;
    Ok(value << shift)
}

/// `200ms` or `2s`.
fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("bad duration `{text}`");
    if let Some(digits) = text.strip_suffix("ms") {
        return Ok(Duration::from_millis(digits.parse().map_err(|_| bad())?));
    }
    let digits = text.strip_suffix('s').ok_or_else(bad)?;
    Ok(Duration::from_secs(digits.parse().map_err(|_| bad())?))
}

/// Words between blanks; `"…"` holds blanks together and may have escapes.
fn split_arguments(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').ok_or("a quote is not closed")?;
            let bytes = unescape(&quoted[..end])?;
            words.push(String::from_utf8(bytes).map_err(|_| "an argument is not UTF-8")?);
            end + 2
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(rest[..end].to_string());
            end
        };
        rest = rest[end..].trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_absolute_relative_or_in_another_file() {
        let at = |line| Some(Place { file: None, line });
        assert_eq!(place("@7", 3), at(7));
        assert_eq!(place("@+2", 3), at(5));
        assert_eq!(place("@-1", 3), at(2));
        assert_eq!(
            split_place("undefined-name: x @b.cvma:4", 1).1,
            Some(Place {
                file: Some("b.cvma".into()),
                line: 4
            })
        );
        assert_eq!(split_place("text without a place", 1).1, None);
    }

    #[test]
    fn arguments_may_be_quoted() {
        let words = split_arguments(r#"one "two words" "" "a\n""#);
        assert_eq!(
            words,
            Ok(["one", "two words", "", "a\n"].map(String::from).to_vec())
        );
    }

    #[test]
    fn arguments_begin_a_run_of_their_own() {
        let mut parser = Parser::new(Path::new("x.cvma"));
        for directive in directives(
            ";! fuel: 2K\n;! args: 0\n;! exit: 1\n;! args: 1\n;! fault: null-pointer @3 address=a:0x0\n",
        ) {
            parser.directive(&directive).expect("parses");
        }
        let case = parser.finish();
        assert_eq!(case.runs.len(), 2);
        assert_eq!(case.runs[1].fuel, Some(2048));
        assert!(matches!(case.runs[0].end, ExpectedEnd::Exit(1)));
        assert!(matches!(&case.runs[1].end, ExpectedEnd::Fault(fault) if fault.facts.len() == 1));
    }
}
