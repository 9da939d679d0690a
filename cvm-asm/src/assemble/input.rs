//! Which text is read next: files, macro bodies, repeated lines.
//!
//! Each of them is a frame on a stack. A statement that changes what is read next (a macro call, `.include`, a
//! false `.if`) leaves a [`Pending`] and returns; the loop here does it before it reads on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use crate::SourceFile;
use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

use super::Assembler;
use super::conditions::Condition;
use super::cursor::Cursor;
use super::names::Name;
use super::place::{Expansion, NO_EXPANSION};
use super::substitute::{Labels, Substitution};
use super::words::{Directive, Word};

/// Most lines that macros and repetitions may bring.
pub(super) const EXPANDED_LINES_MAX: u64 = 50_000_000;
/// What a macro call counts for beside its lines.
const CALL_COST: u64 = 8;
/// Largest file that is included, in bytes.
const FILE_MAX: u64 = 1 << 30;
/// Deepest nesting of files, of macro calls, and of repetitions.
const DEPTH_MAX: usize = 64;

/// A text that is being read.
pub(super) struct Frame<'a> {
    text: &'a [u8],
    /// Position of its first byte in the sources.
    base: u32,
    /// Offset of the next line.
    at: usize,
    /// Number of the next line in its file, from 1.
    line: u32,
    /// Index of the file that it stands in.
    file: u32,
    kind: FrameKind,
    expansion: u32,
    substitution: Option<Rc<Substitution>>,
    /// Conditions that were open when it began.
    pub(super) conditions: usize,
    /// The macro call in a file that brought it, for the line table.
    origin: Option<Origin>,
    /// Macros and repetitions around it.
    depth: u16,
}

enum FrameKind {
    File,
    Macro,
    Repeat(Repeat),
}

struct Repeat {
    /// Repetitions that are still to come.
    left: u64,
    /// Number of the one being read, from 0.
    index: u64,
    first_line: u32,
    parameters: Rc<[Parameter]>,
    labels: Rc<Labels>,
    outer: Option<Rc<Substitution>>,
}

/// A line of a file, for the line table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) column: u16,
}

/// A macro's parameter.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: Vec<u8>,
    /// Its text when the call has none for it.
    pub(super) default: Option<Vec<u8>>,
    /// It takes the rest of the call.
    pub(super) rest: bool,
}

/// A macro.
pub(super) struct Macro<'a> {
    text: &'a [u8],
    base: u32,
    file: u32,
    pub(super) parameters: Rc<[Parameter]>,
    labels: Rc<Labels>,
    /// Where its name is defined.
    pub(super) span: Span,
}

/// What happens before the next statement is read.
pub(super) enum Pending<'a> {
    /// A file is included.
    File {
        source: &'a SourceFile,
        file: u32,
        base: u32,
        span: Span,
    },
    /// A macro is expanded.
    Call {
        name: Name,
        arguments: Vec<Vec<u8>>,
        span: Span,
        column: u16,
    },
    /// A macro's body follows.
    Define {
        name: Option<Name>,
        parameters: Vec<Parameter>,
        span: Span,
        opened: Span,
    },
    /// Repeated lines follow.
    Repeat {
        count: u64,
        counter: Option<Vec<u8>>,
        opened: Span,
    },
    /// A branch of a condition is left out.
    Skip,
    /// Macros and repetitions make too much.
    Stop(String),
}

impl<'a> Assembler<'a> {
    /// Begins to read a file.
    pub(super) fn push_file(&mut self, source: &'a SourceFile, file: u32, base: u32) {
        let top = self.frames.last();
        self.frames.push(Frame {
            text: &source.text,
            base,
            at: if source.text.starts_with(b"\xEF\xBB\xBF") {
                3
            } else {
                0
            },
            line: 1,
            file,
            kind: FrameKind::File,
            expansion: self.expansion,
            substitution: None,
            conditions: self.conditions.len(),
            origin: top.and_then(|frame| frame.origin),
            depth: top.map_or(0, |frame| frame.depth),
        });
    }

    /// Reads until every frame is read to its end.
    pub(super) fn read_frames(&mut self) {
        while let Some(frame) = self.frames.last() {
            let index = self.frames.len() - 1;
            let mut c = Cursor::new(frame.text, frame.at, frame.base);
            let substitution = frame.substitution.clone();
            let first_line = frame.line;
            let in_file = matches!(frame.kind, FrameKind::File);
            self.expansion = frame.expansion;
            self.line = first_line;
            self.file = frame.file;
            self.origin = frame.origin;
            self.depth = frame.depth;
            match substitution {
                None => {
                    while c.at < c.text.len() && self.pending.is_none() {
                        self.statement(&mut c);
                        c.next_line();
                        self.line += 1;
                    }
                }
                Some(substitution) => self.read_substituted(&mut c, &substitution),
            }
            let frame = &mut self.frames[index];
            frame.at = c.at;
            frame.line = self.line;
            if !in_file {
                self.charge(u64::from(self.line - first_line));
            }
            match self.pending.take() {
                Some(pending) => self.enter(pending, index),
                None => self.leave(),
            }
        }
        self.expansion = NO_EXPANSION;
        self.origin = None;
        self.depth = 0;
    }

    /// Counts lines that macros and repetitions brought; ends all of them when there are too many.
    fn charge(&mut self, lines: u64) {
        match self.expansion_budget.checked_sub(lines.max(1)) {
            Some(left) => self.expansion_budget = left,
            None => {
                self.expansion_budget = 0;
                let message =
                    format!("macros and repetitions make more than {EXPANDED_LINES_MAX} lines");
                self.stop_expanding(message);
            }
        }
    }

    /// Reports that macros and repetitions make too much, and goes on behind the outermost of them.
    #[cold]
    fn stop_expanding(&mut self, message: String) {
        if !self.exhausted {
            let span = self.innermost_call();
            self.error(Code::TooLarge, span, message);
        }
        self.exhausted |= self.expansion_budget == 0;
        self.reports.incomplete = true;
        self.pending = None;
        self.frames
            .retain(|frame| matches!(frame.kind, FrameKind::File));
        if let Some(frame) = self.frames.last() {
            self.conditions.truncate(frame.conditions);
        }
    }

    fn innermost_call(&self) -> Span {
        match self.frames.last() {
            Some(frame) => self.files.token(frame.base),
            None => Span::default(),
        }
    }

    /// Goes from one pass over the top frame to the next, or to the frame below.
    fn leave(&mut self) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        if frame.at < frame.text.len() {
            return;
        }
        let open = self.conditions.split_off(frame.conditions);
        if let FrameKind::Repeat(repeat) = &mut frame.kind
            && repeat.left > 0
            && open.is_empty()
        {
            repeat.left -= 1;
            repeat.index += 1;
            frame.at = 0;
            frame.line = repeat.first_line;
            let values = vec![repeat.index.to_string().into_bytes()];
            self.uniques += 1;
            frame.substitution = substitution_of(repeat, values, self.uniques);
            return;
        }
        self.frames.pop();
        for condition in open {
            self.unclosed(condition.opened, ".if", ".endif");
        }
    }

    /// Reports a block that is still open at the end of the text that it began in.
    pub(super) fn unclosed(&mut self, opened: Span, block: &str, end: &str) {
        let message = format!("this {block} has no {end}");
        let diagnostic = Diagnostic::new(Code::UnclosedBlock, opened, message)
            .at("begun here")
            .help(format!("close it with {end}"));
        self.report(diagnostic);
    }

    fn enter(&mut self, pending: Pending<'a>, index: usize) {
        match pending {
            Pending::File {
                source,
                file,
                base,
                span,
            } => {
                let files = self.frames.iter();
                let files = files.filter(|frame| matches!(frame.kind, FrameKind::File));
                let (mut recursive, mut depth) = (false, 0);
                for frame in files {
                    recursive |= frame.file == file;
                    depth += 1;
                }
                if recursive || depth >= DEPTH_MAX {
                    let message = if recursive {
                        "the file includes itself".to_owned()
                    } else {
                        format!("files include each other more than {DEPTH_MAX} deep")
                    };
                    self.error(Code::IncludeRecursion, span, message);
                    return;
                }
                self.push_file(source, file, base);
            }
            Pending::Call {
                name,
                arguments,
                span,
                column,
            } => self.enter_macro(name, arguments, span, column),
            Pending::Define {
                name,
                parameters,
                span,
                opened,
            } => self.define_macro(index, name, parameters, span, opened),
            Pending::Repeat {
                count,
                counter,
                opened,
            } => self.enter_repeat(index, count, counter, opened),
            Pending::Skip => self.skip_branch(index),
            Pending::Stop(message) => self.stop_expanding(message),
        }
    }

    fn enter_macro(&mut self, name: Name, arguments: Vec<Vec<u8>>, span: Span, column: u16) {
        let Some(definition) = self.macros.get(&name) else {
            return;
        };
        let calls = self.frames.iter();
        let calls = calls.filter(|frame| matches!(frame.kind, FrameKind::Macro));
        if calls.count() >= DEPTH_MAX {
            let text = self.names.text(name);
            let message =
                format!("macro calls are nested more than {DEPTH_MAX} deep, `{text}` here");
            let diagnostic = Diagnostic::new(Code::MacroRecursion, span, message);
            self.report(diagnostic.help("a macro that calls itself needs an .if that ends it"));
            // The outer calls would only say the same.
            self.frames
                .retain(|frame| matches!(frame.kind, FrameKind::File));
            if let Some(frame) = self.frames.last() {
                self.conditions.truncate(frame.conditions);
            }
            return;
        }
        self.uniques += 1;
        self.expansion_budget = self.expansion_budget.saturating_sub(CALL_COST);
        let substitution = Substitution {
            parameters: Rc::clone(&definition.parameters),
            values: arguments,
            labels: Rc::clone(&definition.labels),
            number: self.uniques,
            outer: None,
        };
        let origin = self.origin.unwrap_or(Origin {
            file: self.file,
            line: self.line.saturating_sub(1),
            column,
        });
        let frame = Frame {
            text: definition.text,
            base: definition.base,
            at: 0,
            line: 1,
            file: definition.file,
            kind: FrameKind::Macro,
            expansion: self.expansions.len() as u32,
            substitution: substitution.needed().then(|| Rc::new(substitution)),
            conditions: self.conditions.len(),
            origin: Some(origin),
            depth: self.depth + 1,
        };
        self.expansions.push(Expansion {
            name,
            call: span,
            parent: self.expansion,
        });
        self.frames.push(frame);
    }

    /// Finds the lines up to the directive that closes a block, and goes behind it.
    fn capture(
        &mut self,
        index: usize,
        opens: Directive,
        closes: Directive,
    ) -> Option<(&'a [u8], u32, u32)> {
        let frame = &self.frames[index];
        let mut c = Cursor::new(frame.text, frame.at, frame.base);
        let start = c.at;
        let first_line = frame.line;
        let mut line = first_line;
        let mut depth = 0u32;
        let mut body = None;
        while c.at < c.text.len() {
            let line_start = c.at;
            let directive = self.leading_directive(&mut c);
            if directive == Some(opens) {
                depth += 1;
            } else if directive == Some(closes) {
                if depth == 0 {
                    body = Some(&frame.text[start..line_start]);
                }
                depth = depth.wrapping_sub(1);
            }
            c.next_line();
            line += 1;
            if body.is_some() {
                break;
            }
        }
        let position = frame.base + start as u32;
        let frame = &mut self.frames[index];
        frame.at = c.at;
        frame.line = line;
        body.map(|text| (text, position, first_line))
    }

    /// The directive that a line begins with, behind its labels. The cursor may stay anywhere in the line.
    pub(super) fn leading_directive(&self, c: &mut Cursor<'_>) -> Option<Directive> {
        loop {
            c.skip_blanks();
            while matches!(c.peek(), b'%' | b'\\') {
                c.at += 1;
            }
            let word = c.word();
            if word.is_empty() {
                return None;
            }
            if c.peek() == b':' {
                c.at += 1;
                continue;
            }
            if word[0] != b'.' {
                return None;
            }
            let name = self.names.find(word)?;
            return match self.words.get(name) {
                Word::Directive(directive) => Some(directive),
                _ => None,
            };
        }
    }

    fn define_macro(
        &mut self,
        index: usize,
        name: Option<Name>,
        parameters: Vec<Parameter>,
        span: Span,
        opened: Span,
    ) {
        let Some((text, base, _)) = self.capture(index, Directive::Macro, Directive::EndMacro)
        else {
            self.unclosed(opened, ".macro", ".endm");
            self.reports.incomplete = true;
            return;
        };
        let Some(name) = name else {
            return;
        };
        if let Some(known) = self.macros.get(&name) {
            let first = known.span;
            self.duplicate(name, span, first);
            return;
        }
        let definition = Macro {
            text,
            base,
            file: self.frames[index].file,
            parameters: parameters.into(),
            labels: Rc::new(Labels::defined_in(text)),
            span,
        };
        self.macros.insert(name, definition);
    }

    fn enter_repeat(&mut self, index: usize, count: u64, counter: Option<Vec<u8>>, opened: Span) {
        let captured = self.capture(index, Directive::Repeat, Directive::EndRepeat);
        let Some((text, base, first_line)) = captured else {
            self.unclosed(opened, ".repeat", ".endrepeat");
            self.reports.incomplete = true;
            return;
        };
        if count == 0 || text.is_empty() {
            return;
        }
        if count > self.expansion_budget {
            let message = format!(
                "{count} repetitions are more than the {EXPANDED_LINES_MAX} lines that they may make"
            );
            if !self.exhausted {
                self.error(Code::TooLarge, opened, message);
            }
            return;
        }
        let repeats = self.frames.iter();
        let repeats = repeats.filter(|frame| matches!(frame.kind, FrameKind::Repeat(_)));
        if repeats.count() >= DEPTH_MAX {
            let message = format!("repetitions are nested more than {DEPTH_MAX} deep");
            self.error(Code::TooLarge, opened, message);
            return;
        }
        let frame = &self.frames[index];
        let parameters: Vec<Parameter> = counter
            .into_iter()
            .map(|name| Parameter {
                name,
                default: None,
                rest: false,
            })
            .collect();
        let repeat = Repeat {
            left: count - 1,
            index: 0,
            first_line,
            parameters: parameters.into(),
            labels: Rc::new(Labels::defined_in(text)),
            outer: frame.substitution.clone(),
        };
        self.uniques += 1;
        let substitution = substitution_of(&repeat, vec![b"0".to_vec()], self.uniques);
        let frame = Frame {
            text,
            base,
            at: 0,
            line: first_line,
            file: frame.file,
            kind: FrameKind::Repeat(repeat),
            expansion: frame.expansion,
            substitution,
            conditions: self.conditions.len(),
            origin: frame.origin,
            depth: frame.depth + 1,
        };
        self.frames.push(frame);
    }

    /// Goes to the `.else`, `.elseif` or `.endif` that ends the branch of the innermost condition.
    fn skip_branch(&mut self, index: usize) {
        let frame = &self.frames[index];
        let mut c = Cursor::new(frame.text, frame.at, frame.base);
        let mut line = frame.line;
        let mut depth = 0u32;
        while c.at < c.text.len() {
            let line_start = c.at;
            match self.leading_directive(&mut c) {
                Some(Directive::If | Directive::IfDefined | Directive::IfUndefined) => depth += 1,
                Some(Directive::EndIf) if depth > 0 => depth -= 1,
                Some(Directive::Else | Directive::ElseIf | Directive::EndIf) if depth == 0 => {
                    c.at = line_start;
                    break;
                }
                _ => {}
            }
            c.next_line();
            line += 1;
        }
        let frame = &mut self.frames[index];
        frame.at = c.at;
        frame.line = line;
    }

    /// Conditions that were opened in the text that is being read.
    pub(super) fn open_condition(&mut self) -> Option<&mut Condition> {
        let outside = self.frames.last().map_or(0, |frame| frame.conditions);
        self.conditions.get_mut(outside..)?.last_mut()
    }

    /// Finds and reads a file for `.include` or `.incbin`: beside the file that names it, then in the directories
    /// of the options. Gives the path and the contents, or the paths that were tried.
    pub(super) fn read_file(&mut self, name: &str) -> Result<(PathBuf, Vec<u8>), Vec<String>> {
        let mut tried = Vec::new();
        for path in self.candidate_paths(name) {
            match read_whole(&path) {
                Ok(contents) => {
                    self.depend(&path);
                    return Ok((path, contents));
                }
                Err(error) => tried.push(format!("{}: {error}", path.display())),
            }
        }
        Err(tried)
    }

    fn candidate_paths(&self, name: &str) -> Vec<PathBuf> {
        let including = self.files.name_of(self.file).unwrap_or_default();
        let beside = match including {
            "<stdin>" => None,
            file => Path::new(file).parent(),
        };
        let directories = self.options.include_dirs.iter().map(PathBuf::as_path);
        std::iter::once(beside.unwrap_or(Path::new("")))
            .chain(directories)
            .map(|directory| directory.join(name))
            .collect()
    }

    fn depend(&mut self, path: &Path) {
        if !self.dependencies.iter().any(|known| known == path) {
            self.dependencies.push(path.to_owned());
        }
    }

    /// Finds a file for `.include`, read once however often it is included.
    pub(super) fn included_file(
        &mut self,
        name: &str,
    ) -> Result<Option<(&'a SourceFile, u32, u32)>, Vec<String>> {
        for path in self.candidate_paths(name) {
            let path = plain_path(&path);
            if let Some(&(file, base)) = self.included.get(&path)
                && let Some((_, source)) = self.files.file_at(base)
            {
                return Ok(Some((source, file, base)));
            }
        }
        let (path, text) = self.read_file(name)?;
        let arena = self.arena;
        let source: &'a SourceFile = arena.alloc(SourceFile {
            name: path.to_string_lossy().into_owned(),
            text,
        });
        let Some((file, base)) = self.files.add(source) else {
            return Ok(None);
        };
        self.included.insert(plain_path(&path), (file, base));
        self.check_text(source, file);
        Ok(Some((source, file, base)))
    }

    /// Reports the first byte of a file that is not UTF-8, and the first line that ends in CR alone.
    pub(super) fn check_text(&mut self, source: &SourceFile, file: u32) {
        let text = &source.text;
        let lone = memchr::memchr_iter(b'\r', text).find(|at| text.get(at + 1) != Some(&b'\n'));
        if let Some(start) = lone.filter(|at| at + 1 < text.len()) {
            let span = Span::new(file, start as u32, start as u32 + 1);
            let message = "a carriage return stands here without a line feed";
            let diagnostic = Diagnostic::new(Code::UnexpectedCharacter, span, message);
            self.report(diagnostic.help("lines end in LF, or in CR LF"));
        }
        let Err(error) = std::str::from_utf8(text) else {
            return;
        };
        let start = error.valid_up_to() as u32;
        let span = Span::new(file, start, start + 1);
        let byte = text.get(start as usize).copied().unwrap_or_default();
        let message = format!("the byte {byte:#04x} is not UTF-8");
        self.error(Code::InvalidUtf8, span, message);
    }
}

/// The contents of a file; devices may have no end.
fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(FILE_MAX);
    let mut contents = Vec::with_capacity(size as usize);
    file.take(FILE_MAX + 1).read_to_end(&mut contents)?;
    if contents.len() as u64 > FILE_MAX {
        let message = format!("larger than {FILE_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(contents)
}

/// A path without `.` parts, so that a file is known however it is written.
pub(super) fn plain_path(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect()
}

/// What a repetition replaces in its lines; nothing if it has no counter and no labels of its own.
fn substitution_of(repeat: &Repeat, values: Vec<Vec<u8>>, number: u32) -> Option<Rc<Substitution>> {
    let own = Substitution {
        parameters: Rc::clone(&repeat.parameters),
        values,
        labels: Rc::clone(&repeat.labels),
        number,
        outer: repeat.outer.clone(),
    };
    if own.needed() {
        Some(Rc::new(own))
    } else {
        repeat.outer.clone()
    }
}
