//! Writes a large, realistic source to standard output: `generate_source LINES FUNCTIONS [SEED]`.
//!
//! The same arguments give the same bytes. The program assembles without a warning and verifies; running it ends
//! at once. Used for the speed figures of the assembler and the disassembler.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

const USAGE: &str = "usage: generate_source LINES FUNCTIONS [SEED]";
/// Functions that share a group of data objects.
const GROUP: u64 = 10;
/// Lines of a group's data, and of a function without its body.
const GROUP_LINES: u64 = 14;
const FUNCTION_LINES: u64 = 18;
const HEAD_LINES: u64 = 14;

fn main() -> ExitCode {
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let (lines, functions, seed) = match numbers.as_deref() {
        Some([lines, functions]) => (*lines, *functions, 1),
        Some([lines, functions, seed]) => (*lines, *functions, *seed),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    let groups = functions.div_ceil(GROUP);
    let least = HEAD_LINES + groups * GROUP_LINES + functions * (FUNCTION_LINES + 8);
    if functions == 0 || lines < least {
        eprintln!("{functions} functions need at least {least} lines\n{USAGE}");
        return ExitCode::from(64);
    }
    let text = Generator::new(seed).program(lines, functions);
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("cannot write: {error}");
            ExitCode::from(74)
        }
        _ => ExitCode::SUCCESS,
    }
}

struct Generator {
    text: String,
    lines: u64,
    state: u64,
    /// Number of the function being written, and of its next label.
    function: u64,
    label: u64,
}

impl Generator {
    fn new(seed: u64) -> Self {
        Self {
            text: String::new(),
            lines: 0,
            state: seed ^ 0x9E37_79B9_7F4A_7C15,
            function: 0,
            label: 0,
        }
    }

    fn program(mut self, lines: u64, functions: u64) -> String {
        self.line("; Made by generate_source. Not meant to be read for pleasure.");
        self.line("");
        self.line(".entry main");
        self.line(".host sys.write (3) -> 1");
        self.line(".equ STDOUT, 1");
        self.line(".equ MASK, 0xFFFF_FFFF");
        self.line("");
        self.line(".text");
        self.line(".func main () -> 1");
        self.line("    push STDOUT & MASK");
        self.line("    drop");
        self.line("    push 0");
        self.line("    ret");
        self.line(".end");
        for function in 0..functions {
            self.function = function;
            if function % GROUP == 0 {
                self.group(function / GROUP);
            }
            let groups_left = (functions - 1) / GROUP - function / GROUP;
            let body_lines = lines - self.lines - groups_left * GROUP_LINES;
            self.one_function(body_lines / (functions - function) - FUNCTION_LINES);
        }
        while self.lines < lines {
            self.line("; the end");
        }
        self.text
    }

    /// The objects that ten functions use.
    fn group(&mut self, group: u64) {
        self.line("");
        self.line(".data");
        let size = self.below(900);
        self.line(&format!(
            "title_{group}:  .asciiz \"part {group} of the program, {size} items\\n\""
        ));
        self.line(&format!("title_{group}_len = . - title_{group}"));
        self.line("    .align 8");
        let row: Vec<String> = (0..6)
            .map(|_| format!("{:#x}", self.next() >> 40))
            .collect();
        self.line(&format!("table_{group}:  .quad {}", row.join(", ")));
        let number = self.below(100_000);
        self.line(&format!("    .quad {number}, -1, 'x', 64K"));
        let number = self.below(500);
        self.line(&format!("rates_{group}:  .float 0.5, 1e-9, {number}.25"));
        self.line(&format!(
            "refs_{group}:   .quad d:title_{group}, b:count_{group}"
        ));
        self.line(".bss");
        let number = self.below(50);
        self.line(&format!("count_{group}:  .quad {number}"));
        self.line(&format!("buffer_{group}: .reserve 256"));
        self.line("");
        self.line(".text");
    }

    /// A function with a body of exactly so many lines: 18 around them.
    fn one_function(&mut self, body: u64) {
        let function = self.function;
        self.label = 0;
        self.line("");
        self.line(&format!(
            "; Step {function}: folds x and y into one number."
        ));
        self.line(&format!(".func step_{function} (x, y) -> 1"));
        for local in ["sum", "i", "scale", "scratch[4]"] {
            self.line(&format!("    declare {local}"));
        }
        self.line("    i_read l:x");
        self.line("    i_write l:sum");
        let end = self.lines + body;
        while self.lines < end {
            self.block(end - self.lines);
        }
        self.line("    i_read l:scale");
        for local in ["sum", "i", "scratch"] {
            self.line(&format!("    i_read l:{local}"));
            self.line("    i_add");
        }
        self.line("    ret");
        self.line(".end");
    }

    /// Some statements that leave the stack as it was, in at most `room` lines.
    fn block(&mut self, room: u64) {
        let group = self.function / GROUP;
        match self.below(13) {
            0 | 1 if room >= 4 => {
                let operation = self.one_of(&[
                    "i_add", "i_sub", "i_mul", "i_xor", "i_and", "i_or", "i_rotl",
                ]);
                self.line("    i_read l:sum");
                let number = self.number();
                self.line(&format!("    push {number}"));
                self.line(&format!("    {operation:<24} ; mix"));
                self.line("    i_write l:sum");
            }
            2 | 3 if room >= 12 => self.counted_loop(),
            4 if room >= 7 => {
                self.label += 1;
                let label = self.label;
                let (compare, bound) = (
                    self.one_of(&["i_lt", "i_ult", "i_eq", "i_ge"]),
                    self.number(),
                );
                self.line("    i_read l:x");
                self.line(&format!("    push {bound}"));
                self.line(&format!("    {compare}"));
                self.line(&format!("    jz .skip_{label}"));
                self.line("    i_read l:y");
                self.line("    i_write l:sum");
                self.line(&format!(".skip_{label}:"));
            }
            5 if room >= 3 => {
                let number = self.below(6) * 8;
                self.line(&format!("    push {number}"));
                self.line(&format!("    q_read d:table_{group}"));
                self.line("    i_write l:scale");
            }
            6 if room >= 3 => {
                let number = self.below(256);
                self.line(&format!("    push {number}"));
                self.line("    i_read l:sum");
                self.line(&format!("    b_write b:buffer_{group}"));
            }
            7 if room >= 4 && self.function > 0 => {
                let callee = self.below(self.function);
                self.line("    i_read l:sum");
                self.line("    i_read l:y");
                self.line(&format!("    call step_{callee}"));
                self.line("    i_write l:sum");
            }
            8 if room >= 5 => {
                self.line(&format!("    f_read d:rates_{group}+8"));
                let number = self.below(1000);
                self.line(&format!("    push {number}.5e-3"));
                self.line("    f_mul");
                self.line("    f_sqrt");
                self.line("    i_write l:scale");
            }
            9 if room >= 4 => {
                self.line("    push l:scratch");
                let number = self.below(4) * 8;
                self.line(&format!("    push {number}"));
                self.line("    q_read");
                self.line("    i_write l:i");
            }
            10 if room >= 5 => {
                self.line("    push STDOUT");
                self.line(&format!("    push d:title_{group}"));
                self.line(&format!("    push title_{group}_len"));
                self.line("    call sys.write");
                self.line("    drop");
            }
            11 => self.line("    ; the next part depends on what came before"),
            12 => self.line(""),
            _ if room >= 2 => {
                self.line("    i_read l:i");
                self.line("    i_write l:scale");
            }
            _ => self.line("    nop"),
        }
    }

    fn counted_loop(&mut self) {
        self.label += 1;
        let (label, count) = (self.label, self.below(60) + 2);
        self.line(&format!(".loop_{label}:"));
        self.line("    i_read l:i");
        self.line(&format!("    push {count}"));
        self.line("    i_ult");
        self.line(&format!("    jz .done_{label}"));
        self.line("    i_read l:i                  ; count up");
        self.line("    push 1");
        self.line("    i_add");
        self.line("    i_write l:i");
        self.line(&format!("    jmp .loop_{label}"));
        self.line(&format!(".done_{label}:"));
    }

    fn number(&mut self) -> String {
        match self.below(4) {
            0 => format!("{}", self.below(128)),
            1 => format!("{:#x}", self.below(1 << 16)),
            2 => format!("-{}", self.below(30_000)),
            _ => format!("{}", self.next() >> 20),
        }
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    /// Knuth's MMIX generator, with its high bits folded down.
    fn next(&mut self) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.state ^ (self.state >> 29)
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
        self.lines += 1;
    }
}
