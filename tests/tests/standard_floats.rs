//! `std/float` beside Rust's standard library: many random floats as text, and random texts as floats. Both round
//! correctly and write the shortest text, so they have to agree in every bit, and in every digit but of ties.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use cvm::host::Host;
use cvm::host::sys::{Stdin, Sys, SysOptions};
use cvm::loader::{Named, SearchPath, load};
use cvm::machine::{Limits, Machine};
use cvm_asm::{Options, SourceFile, assemble};

/// Reads floats, 8 bytes each, and prints each as a line of text.
const WRITER: &str = r#"
.entry main
.host sys.read (3) -> 1
.host sys.write (3) -> 1
.import "std/float" format (x, buffer) -> 1 as float.format
.bss
.align 8
input:  .reserve 8
text:   .reserve 32
.func main () -> 1
    declare length
.next:
    push 0
    push b:input
    push 8
    call sys.read
    push 8
    i_lt
    jnz .end
    i_read b:input
    push b:text
    call float.format
    i_write l:length
    i_read l:length
    push '\n'
    b_write b:text
    push 1
    push b:text
    i_read l:length
    push 1
    i_add
    call sys.write
    drop
    jmp .next
.end:
    push 0
    ret
.end
"#;

/// Reads lines of text and writes each as a float, 8 bytes, and whether it is one, 8 bytes.
const READER: &str = r#"
.entry main
.host sys.write (3) -> 1
.import "std/float" parse (text, length) -> 2 as float.parse
.import "std/io" read_line (to, capacity) -> 1 as io.read_line
.bss
.align 8
output: .reserve 16
text:   .reserve 4096
.func main () -> 1
    declare length
.next:
    push b:text
    push 4096
    call io.read_line
    i_write l:length
    i_read l:length
    push -1
    i_eq
    jnz .end
    push b:text
    i_read l:length
    call float.parse
    i_write b:output + 8
    i_write b:output
    push 1
    push b:output
    push 16
    call sys.write
    drop
    jmp .next
.end:
    push 0
    ret
.end
"#;

/// Numbers that look random: splitmix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// One of several.
    fn one<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("nobody panics here")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a program writes for some input.
fn run(source: &str, input: Vec<u8>) -> Vec<u8> {
    let source = SourceFile {
        name: "floats.cvma".into(),
        text: source.into(),
    };
    let image = assemble(&[source], &Options::default()).image;
    let program = Named::new(
        "floats",
        "floats.cvma",
        image.expect("the program is right"),
    );
    let module = load(program, &SearchPath::standard()).expect("the modules fit");
    let output = Output::default();
    let options = SysOptions::default()
        .stdin(Stdin::bytes(input))
        .stdout(output.clone());
    let mut host = Host::new();
    host.add(Sys::new(options).expect("the options are right"));
    let mut machine =
        Machine::new(Arc::new(module), host, Limits::default()).expect("the machine is made");
    let exit = machine.run().expect("the program runs");
    assert_eq!(exit.status(), 0, "{exit:?}");
    drop(machine);
    let written = output.0.lock().expect("nobody panics here");
    written.clone()
}

/// Floats of all kinds: any bits, few bits, small integers, decimals, neighbours of powers of two.
fn float(random: &mut Random) -> f64 {
    let bits = random.bits();
    match random.below(6) {
        0 | 1 => f64::from_bits(bits),
        2 => f64::from_bits(bits >> (12 + random.below(52))),
        3 => (bits >> random.below(64)) as f64,
        4 => (bits % 1_000_000) as f64 / 10f64.powi(random.below(12) as i32),
        _ => f64::from_bits(
            ((bits % 0x7FF) << 52)
                .wrapping_add((bits >> 60) % 3)
                .wrapping_sub(1),
        ),
    }
}

/// A decimal number, or nearly one.
fn decimal(random: &mut Random) -> String {
    let mut text = String::from(random.one(&["", "-", "+"]));
    let count = random.below(30);
    let point = random.below(40);
    for position in 0..count {
        if position == point {
            text.push('.');
        }
        text.push(char::from(b'0' + random.below(10) as u8));
    }
    if random.below(10) < 7 {
        text.push_str(random.one(&["e", "E"]));
        text.push_str(random.one(&["", "-", "+"]));
        text.push_str(&random.below(330).to_string());
    }
    text
}

/// The digits of a number's text, without zeros in front and behind.
fn digits(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_string()
}

#[test]
fn floats_are_written_as_rust_writes_them() {
    let mut random = Random(17);
    let floats: Vec<f64> = (0..60_000).map(|_| float(&mut random)).collect();
    let input = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let output = String::from_utf8(run(WRITER, input)).expect("numbers are text");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), floats.len());
    for (x, line) in floats.iter().zip(lines) {
        let back: f64 = line.parse().expect("it is a number");
        let same = back.to_bits() == x.to_bits() || back.is_nan() && x.is_nan();
        assert!(same, "{x:e} ({:#x}) is written as {line}", x.to_bits());
        let (ours, rusts) = (digits(line), digits(&format!("{x:e}")));
        if ours != rusts {
            // Exactly between two texts of this length: the even one, as in ECMAScript; Rust takes the upper one.
            assert_eq!(digits(&format!("{x:.1074}")), format!("{ours}5"), "{x:e}");
            assert!(ours.ends_with(['2', '4', '6', '8']), "{x:e}");
        }
    }
}

#[test]
fn texts_are_read_as_rust_reads_them() {
    let mut random = Random(19);
    let mut texts: Vec<String> = (0..40_000).map(|_| decimal(&mut random)).collect();
    // Between two floats, or nearly: the exact way decides.
    for _ in 0..300 {
        let x = f64::from_bits((random.bits() >> 2) | 0x3000_0000_0000_0000).min(1e15);
        let next = f64::from_bits(x.to_bits() + 1);
        texts.push(format!("{:.1100}", x / 2.0 + next / 2.0));
        texts.push(format!("{x:.1074}{}", random.below(10)));
    }
    let output = run(READER, (texts.join("\n") + "\n").into_bytes());
    assert_eq!(output.len(), texts.len() * 16);
    for (text, cells) in texts.iter().zip(output.chunks_exact(16)) {
        let cell = |at: usize| u64::from_le_bytes(cells[at..at + 8].try_into().expect("8 bytes"));
        match text.parse::<f64>() {
            Ok(x) => assert_eq!((cell(0), cell(8)), (x.to_bits(), 1), "{text}"),
            Err(_) => assert_eq!((cell(0), cell(8)), (0, 0), "{text}"),
        }
    }
}
