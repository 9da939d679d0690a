//! A generated source as WebAssembly text: one line for each line, with the same names and comments, and a line more at
//! the end that closes the module.
//!
//! An instruction becomes the one of the same meaning; `wat2wasm` validates the result. It is assembled, never run.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::Error;
use crate::lines::{self, Line, Statement};

/// Where the frame's objects of more than one cell are.
const FRAME: u32 = 64;

/// Translates a source.
pub(crate) fn translate(source: &str) -> Result<String, Error> {
    let lines = lines::parse(source)?;
    let mut text = String::with_capacity(source.len() * 5 / 4);
    let mut module = Module {
        next: 1024,
        addresses: HashMap::new(),
    };
    for (number, line) in lines.iter().enumerate() {
        let code = module.line(line, &lines, number).ok_or_else(|| {
            Error::Other(format!(
                "generated line {}: no wat for {line:?}",
                number + 1
            ))
        })?;
        match line.comment {
            Some(comment) if code.is_empty() => {
                let _ = writeln!(text, ";; {comment}");
            }
            Some(comment) => {
                let _ = writeln!(text, "{code:<32} ;; {comment}");
            }
            None => {
                let _ = writeln!(text, "{code}");
            }
        }
    }
    text.push_str(")\n");
    Ok(text)
}

struct Module<'a> {
    /// The next free address of the memory.
    next: u32,
    addresses: HashMap<&'a str, u32>,
}

impl<'a> Module<'a> {
    fn line(&mut self, line: &Line<'a>, lines: &[Line<'a>], number: usize) -> Option<String> {
        Some(match &line.statement {
            Statement::Blank => String::new(),
            Statement::Entry(_) => {
                "(module (import \"sys\" \"write\" (func $sys.write (param i64 i64 i64) (result i64)))".into()
            }
            Statement::Host => "(memory 4096)".into(),
            Statement::Constant { name, value } => format!("(global ${name} i64 (i64.const {value}))"),
            Statement::Segment(name) => format!(";; {name}"),
            Statement::Function { name, parameters } => {
                let parameters: String = parameters.iter().map(|name| format!(" (param ${name} i64)")).collect();
                format!("(func ${name}{parameters} (result i64)")
            }
            Statement::End => ")".into(),
            Statement::Declare { name, .. } => format!("    (local ${name} i64)"),
            Statement::Text { label, text, bytes } => {
                let at = self.place(Some(label), *bytes);
                format!("(data (i32.const {at}) \"{text}\\00\")")
            }
            Statement::Length { name, label } => {
                let length = self.next - self.addresses.get(label)?;
                format!("(global ${name} i64 (i64.const {length}))")
            }
            Statement::Align => {
                self.next = self.next.next_multiple_of(8);
                "    ;; align 8".into()
            }
            Statement::Quads { label, values } => self.data(*label, values.iter().map(|v| *v as u64)),
            Statement::Pointers { label, names } => {
                let known = |name: &&str| self.addresses.get(name).copied().map_or(0, u64::from);
                let values: Vec<u64> = names.iter().map(known).collect();
                self.data(Some(label), values.into_iter())
            }
            Statement::Floats { label, values } => {
                self.data(Some(label), values.iter().map(|value| value.to_bits()))
            }
            Statement::Reserve { label, bytes } => {
                let at = self.place(Some(label), *bytes);
                format!("(global ${label} i32 (i32.const {at}))")
            }
            Statement::Label(label) => match label.strip_prefix("loop_") {
                Some(number) => format!("    block $done_{number} loop $loop_{number}"),
                None if label.starts_with("done_") => "    end end".into(),
                None => "    end".into(),
            },
            Statement::Instruction { mnemonic, operand } => {
                format!("    {}", self.instruction(mnemonic, operand, lines, number)?)
            }
        })
    }

    fn place(&mut self, label: Option<&'a str>, bytes: u32) -> u32 {
        let at = self.next;
        self.next += bytes;
        if let Some(label) = label {
            self.addresses.insert(label, at);
        }
        at
    }

    fn data(&mut self, label: Option<&'a str>, values: impl Iterator<Item = u64>) -> String {
        let mut bytes = String::new();
        let mut size = 0;
        for byte in values.flat_map(u64::to_le_bytes) {
            let _ = write!(bytes, "\\{byte:02x}");
            size += 1;
        }
        let at = self.place(label, size);
        format!("(data (i32.const {at}) \"{bytes}\")")
    }

    /// The address of `name` or `name+8`, without the segment's prefix.
    fn address(&self, operand: &str) -> Option<u32> {
        let (_, name) = operand.split_once(':')?;
        let (name, offset) = name.split_once('+').unwrap_or((name, "0"));
        Some(self.addresses.get(name)? + offset.parse::<u32>().ok()?)
    }

    fn instruction(
        &self,
        mnemonic: &str,
        operand: &str,
        lines: &[Line<'_>],
        number: usize,
    ) -> Option<String> {
        let near =
            |distance: isize| match &lines.get(number.checked_add_signed(distance)?)?.statement {
                Statement::Instruction { mnemonic, .. } => Some(*mnemonic),
                _ => None,
            };
        let local = || operand.strip_prefix("l:");
        Some(match mnemonic {
            "i_read" => format!("local.get ${}", local()?),
            // What `f_sqrt` left is a float; it is kept in an integer.
            "i_write" if near(-1) == Some("f_sqrt") => {
                format!("i64.reinterpret_f64 local.set ${}", local()?)
            }
            "i_write" => format!("local.set ${}", local()?),
            "push" => {
                let is_offset = near(1) == Some("q_read") || near(2) == Some("b_write");
                self.push(operand, is_offset)?
            }
            "drop" => "drop".into(),
            "ret" => "return".into(),
            "nop" => "nop".into(),
            "i_add" | "i_sub" | "i_mul" | "i_xor" | "i_and" | "i_or" | "i_rotl" | "i_eq" => {
                format!("i64.{}", &mnemonic[2..])
            }
            "i_lt" => "i64.lt_s".into(),
            "i_ult" => "i64.lt_u".into(),
            "i_ge" => "i64.ge_s".into(),
            "jz" if operand.starts_with(".skip") => "if".into(),
            "jz" => format!("i32.eqz br_if ${}", operand.strip_prefix('.')?),
            "jmp" => format!("br ${}", operand.strip_prefix('.')?),
            "call" => format!("call ${operand}"),
            "q_read" if operand.is_empty() => "i32.add i64.load".into(),
            "q_read" => format!("i64.load offset={}", self.address(operand)?),
            "b_write" => format!("i64.store8 offset={}", self.address(operand)?),
            "f_read" => format!("i32.const {} f64.load", self.address(operand)?),
            "f_mul" => "f64.mul".into(),
            "f_sqrt" => "f64.sqrt".into(),
            _ => return None,
        })
    }

    fn push(&self, operand: &str, is_offset: bool) -> Option<String> {
        if operand.starts_with("l:") {
            return Some(format!("i32.const {FRAME}"));
        }
        if operand.contains(':') {
            return Some(format!("i64.const {}", self.address(operand)?));
        }
        if let Some(number) = lines::number(operand) {
            return Some(format!(
                "i{}.const {number}",
                if is_offset { 32 } else { 64 }
            ));
        }
        if let Ok(float) = operand.parse::<f64>() {
            return Some(format!("f64.const {float:e}"));
        }
        let (name, _) = operand.split_once(' ').unwrap_or((operand, ""));
        Some(format!("global.get ${name}"))
    }
}
