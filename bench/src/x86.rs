//! A generated source as x86-64 assembly for gas: one line for each line, with the same names and comments.
//!
//! An instruction becomes a likely one of the same meaning. The result is assembled, never run.

use std::fmt::Write as _;

use crate::Error;
use crate::lines::{self, Line, Statement};

/// Translates a source.
pub(crate) fn translate(source: &str) -> Result<String, Error> {
    let lines = lines::parse(source)?;
    let mut text = String::with_capacity(source.len() * 5 / 4);
    let mut function = Function::default();
    for (number, line) in lines.iter().enumerate() {
        let code = function.line(line).ok_or_else(|| {
            Error::Other(format!(
                "generated line {}: no x86 for {line:?}",
                number + 1
            ))
        })?;
        match line.comment {
            Some(comment) if code.is_empty() => {
                let _ = writeln!(text, "# {comment}");
            }
            Some(comment) => {
                let _ = writeln!(text, "{code:<32} # {comment}");
            }
            None => {
                let _ = writeln!(text, "{code}");
            }
        }
    }
    Ok(text)
}

#[derive(Default)]
struct Function<'a> {
    name: &'a str,
    /// Names of arguments and locals with their distance from `rbp`.
    objects: Vec<(&'a str, i64)>,
    size: i64,
    /// The branch that the comparison just before wants.
    condition: Option<&'static str>,
}

impl<'a> Function<'a> {
    fn line(&mut self, line: &Line<'a>) -> Option<String> {
        Some(match &line.statement {
            Statement::Blank => String::new(),
            Statement::Entry(name) => format!(".globl {name}"),
            Statement::Host => ".extern sys_write".into(),
            Statement::Constant { name, value } => format!(".equ {name}, {value}"),
            // Variables have initial contents, so they cannot stand in .bss here.
            Statement::Segment(".bss") => ".section .variables, \"aw\"".into(),
            Statement::Segment(name) => (*name).to_string(),
            Statement::Function { name, parameters } => {
                self.name = name;
                self.size = 0;
                let at = |k: usize| 16 + 8 * k as i64;
                self.objects = parameters
                    .iter()
                    .enumerate()
                    .map(|(k, name)| (*name, at(k)))
                    .collect();
                format!("{name}:")
            }
            Statement::End => format!(".size {0}, . - {0}", self.name),
            Statement::Declare { name, cells } => {
                self.size += 8 * i64::from(*cells);
                self.objects.push((name, -self.size));
                format!("    subq ${}, %rsp", 8 * cells)
            }
            Statement::Text { label, text, .. } => format!("{label}:  .asciz \"{text}\""),
            Statement::Length { name, label } => format!("{name} = . - {label}"),
            Statement::Align => "    .balign 8".into(),
            Statement::Quads { label, values } => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                let label = label.map_or(String::from("   "), |label| format!("{label}:"));
                format!("{label} .quad {}", values.join(", "))
            }
            Statement::Pointers { label, names } => format!("{label}: .quad {}", names.join(", ")),
            Statement::Floats { label, values } => {
                let values: Vec<String> = values.iter().map(f64::to_string).collect();
                format!("{label}: .double {}", values.join(", "))
            }
            Statement::Reserve { label, bytes } => format!("{label}: .zero {bytes}"),
            Statement::Label(label) => format!("{}:", self.label(label)),
            Statement::Instruction { mnemonic, operand } => {
                format!("    {}", self.instruction(mnemonic, operand)?)
            }
        })
    }

    fn label(&self, label: &str) -> String {
        format!(".L{}_{label}", self.name)
    }

    fn object(&self, operand: &str) -> Option<String> {
        let name = operand.strip_prefix("l:")?;
        let (_, distance) = self.objects.iter().find(|(object, _)| *object == name)?;
        Some(format!("{distance}(%rbp)"))
    }

    fn instruction(&mut self, mnemonic: &str, operand: &str) -> Option<String> {
        let arithmetic = |operation: &str| Some(format!("{operation} %rcx, %rax"));
        match mnemonic {
            "i_read" => Some(format!("pushq {}", self.object(operand)?)),
            "i_write" => Some(format!("popq {}", self.object(operand)?)),
            "push" => self.push(operand),
            "drop" => Some("popq %rax".into()),
            "ret" => Some("ret".into()),
            "nop" => Some("nop".into()),
            "i_add" => arithmetic("addq"),
            "i_sub" => arithmetic("subq"),
            "i_mul" => arithmetic("imulq"),
            "i_xor" => arithmetic("xorq"),
            "i_and" => arithmetic("andq"),
            "i_or" => arithmetic("orq"),
            "i_rotl" => Some("rolq %cl, %rax".into()),
            "i_lt" => self.compare("jge"),
            "i_ult" => self.compare("jae"),
            "i_eq" => self.compare("jne"),
            "i_ge" => self.compare("jl"),
            "jz" => {
                let branch = self.condition.take().unwrap_or("jz");
                Some(format!(
                    "{branch} {}",
                    self.label(operand.strip_prefix('.')?)
                ))
            }
            "jmp" => Some(format!("jmp {}", self.label(operand.strip_prefix('.')?))),
            "call" if operand == "sys.write" => Some("call sys_write".into()),
            "call" => Some(format!("call {operand}")),
            "q_read" if operand.is_empty() => Some("movq (%rax,%rcx), %rdx".into()),
            "q_read" => Some(format!("movq {}(%rcx), %rax", operand.strip_prefix("d:")?)),
            "b_write" => Some(format!("movb %al, {}(%rcx)", operand.strip_prefix("b:")?)),
            "f_read" => Some(format!(
                "movsd {}(%rip), %xmm0",
                operand.strip_prefix("d:")?
            )),
            "f_mul" => Some("mulsd %xmm1, %xmm0".into()),
            "f_sqrt" => Some("sqrtsd %xmm0, %xmm0".into()),
            _ => None,
        }
    }

    fn compare(&mut self, branch: &'static str) -> Option<String> {
        self.condition = Some(branch);
        Some("cmpq %rcx, %rax".into())
    }

    fn push(&self, operand: &str) -> Option<String> {
        if operand.starts_with("l:") {
            return Some(format!("leaq {}, %rax", self.object(operand)?));
        }
        if let Some(name) = operand.strip_prefix("d:") {
            return Some(format!("leaq {name}(%rip), %rax"));
        }
        if let Some(number) = lines::number(operand) {
            return Some(match i32::try_from(number) {
                Ok(number) => format!("pushq ${number}"),
                Err(_) => format!("movabsq ${number}, %rax"),
            });
        }
        if let Ok(float) = operand.parse::<f64>() {
            return Some(format!("movabsq ${:#x}, %rax", float.to_bits()));
        }
        // A constant or an expression of constants.
        Some(format!("pushq ${}", operand.replace(' ', "")))
    }
}
