//! The machines in `examples/machines/` on guests that these tests write, on every engine. What a guest must print is worked out by
//! hand, in a comment where it is not plain. The samples that come with the machines are tested as cases.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use cvm_tests::{discover, programs};
use tempfile::TempDir;

const ENGINES: [&[&str]; 4] = [
    &["--engine", "interp"],
    &["--engine", "jit"],
    &[],
    &["--fuel", "100000000000"],
];

/// A machine, and the folder of its guests, which it sees as `g`.
struct Machine {
    program: String,
    folder: TempDir,
}

/// How a guest ended.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    status: i32,
    printed: String,
    messages: String,
}

impl Machine {
    /// `examples/machines/NAME/NAME.cvma`
    fn new(name: &str) -> Machine {
        Machine {
            program: format!("examples/machines/{name}/{name}.cvma"),
            folder: TempDir::new().expect("a folder"),
        }
    }

    /// Writes a guest's file.
    fn guest(self, name: &str, contents: impl AsRef<[u8]>) -> Machine {
        std::fs::write(self.folder.path().join(name), contents).expect("written");
        self
    }

    /// Runs the machine once.
    fn run_once(&self, flags: &[&str], arguments: &[&str], input: &str) -> Ending {
        let grant = format!("{}:g", self.folder.path().display());
        let mut child = Command::new(programs::folder().join("cvm"))
            .arg("run")
            .args(flags)
            .args(["--dir", &grant, &self.program])
            .args(arguments)
            .current_dir(discover::root())
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut pipe = child.stdin.take().expect("it is piped");
        // A guest that ends early closes the pipe.
        let _ = pipe.write_all(input.as_bytes());
        drop(pipe);
        ending(&child.wait_with_output().expect("the program ends"))
    }

    /// Runs the machine on every engine; all must agree.
    fn run_with(&self, arguments: &[&str], input: &str) -> Ending {
        let [first, others @ ..] = ENGINES;
        let seen = self.run_once(first, arguments, input);
        for flags in others {
            let again = self.run_once(flags, arguments, input);
            assert_eq!(again, seen, "{flags:?} {arguments:?}");
        }
        seen
    }

    /// The guest must end well and print this.
    fn prints(&self, arguments: &[&str], expected: &str) {
        self.answers(arguments, "", expected);
    }

    /// Likewise, with input.
    fn answers(&self, arguments: &[&str], input: &str, expected: &str) {
        let seen = self.run_with(arguments, input);
        assert_eq!(
            (seen.status, seen.printed.as_str()),
            (0, expected),
            "{arguments:?}: {}",
            seen.messages
        );
    }

    /// The guest must end with this status and message.
    fn fails(&self, arguments: &[&str], status: i32, message: &str) {
        let seen = self.run_with(arguments, "");
        assert_eq!(
            (seen.status, seen.messages.trim_end()),
            (status, message),
            "{arguments:?}"
        );
    }
}

fn ending(output: &Output) -> Ending {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ending {
        status: output.status.code().expect("not ended by a signal"),
        printed: text(&output.stdout),
        messages: text(&output.stderr),
    }
}

/// Numbers as an image of the SUBLEQ machine.
fn image(numbers: &[i32]) -> String {
    let words: Vec<String> = numbers.iter().map(i32::to_string).collect();
    words.join(" ")
}

#[test]
fn babyvm_sets_the_return_value_loops_and_jumps_forward() {
    let machine = Machine::new("babyvm")
        .guest(
            "set",
            "section .text\n_start: subleq n 3 4095\n subleq 0 0 4095\nsection .data\nn: -1234\n",
        )
        // 5 + 4 + 3 + 2 + 1, negated, and then subtracted from the return value: 15.
        .guest(
            "loop",
            "section .data\nn: 5\nsum: 0\nsection .text\n\
             next: subleq n sum down   # the sum is negative: to the next instruction\n\
             down: subleq 1 n done\n subleq 0 0 next\n\
             done: subleq sum 3 4095\n subleq 0 0 4095\n",
        )
        // `over` is word 9: the third instruction, since the first is word 3.
        .guest(
            "forward",
            "section .text\n subleq 0 0 over\n subleq 5 3 4095\nover: subleq there 3 4095\n\
             section .data\nthere: over\n 100\n",
        )
        .guest(
            "wraps",
            "section .text\n subleq 4 3 6\n subleq 5 3 4095\nsection .data\n -32768 -1\n",
        );
    machine.prints(&["-f", "g/set"], "1234\n");
    machine.prints(&["-f", "g/loop"], "15\n");
    machine.prints(&["-f", "g/forward"], "-9\n");
    // 0 - (-32768) is -32768 in 16 bits, so the first instruction jumps to the second, and -32768 + 1 = -32767.
    machine.prints(&["-f", "g/wraps"], "-32767\n");
}

#[test]
fn babyvm_reaches_heap_and_stack_and_shows_its_memory() {
    let machine = Machine::new("babyvm").guest(
        "g",
        // The heap's first word becomes 0 - 5 = -5, then the stack's 0 - (-5) = 5; it is popped into the return value, negated.
        "section .text\n\
         subleq five [h] a\n\
         a: subleq [h] [-s] b\n\
         b: subleq [s+] 3 4095\n subleq 0 0 4095\n\
         section .data\nfive: 5\nh: _heap\ns: _stack\n",
    );
    machine.prints(&["-f", "g/g"], "-5\n");
    let seen = machine.run_with(&["-v", "-f", "g/g"], "");
    for row in [
        "0x0000: 0000 0000 0000 0004 f005 0006 f005 f406\n",
        "0x1000: 0000 0001 00ff fffb 0005 1400 fc00 0000\n",
        "0x1400: fffb 0000 0000 0000 0000 0000 0000 0000\n",
        "0xfbf8: 0000 0000 0000 0000 0000 0000 0000 0005\n",
    ] {
        assert!(seen.printed.contains(row), "no {row} in\n{}", seen.printed);
    }
    assert!(seen.printed.ends_with("\n-5\n"), "{}", seen.printed);
}

#[test]
fn babyvm_says_what_is_wrong_with_its_guest() {
    let text = |body: &str| format!("section .text\n{body}\n");
    let machine = Machine::new("babyvm")
        .guest("label", text("subleq 0 0 away"))
        .guest("section", "start: subleq 0 0 4095\n")
        .guest("data", "section .data\nx: 1\n")
        .guest("word", text("add 1 2 3"))
        .guest("few", text("subleq 1 2"))
        .guest("number", text("subleq 65536 0 0"))
        .guest("write", text("subleq 1 60416 4095"))
        .guest("operand", text("subleq 65535 4 4095"))
        .guest("jump", text("subleq 0 0 4"))
        .guest("end", text("subleq 0 0 6"))
        .guest("twice", text("a: subleq 0 0 a\na: subleq 0 0 a"))
        .guest("loop", text("loop: subleq 0 0 loop"));
    for (guest, status, message) in [
        ("label", 65, "g/label:2: unknown label: `away`"),
        (
            "section",
            65,
            "g/section:1: no section has begun: `section .text` or `section .data` is missing",
        ),
        ("data", 65, "g/data:2: the program has no `section .text`"),
        (
            "word",
            65,
            "g/word:2: the only instruction is subleq, not `add`",
        ),
        ("few", 65, "g/few:2: subleq takes three operands"),
        (
            "number",
            65,
            "g/number:2: a number is out of range: `65536`",
        ),
        (
            "write",
            70,
            "g/write:2: pc 0x0003: no write is allowed to word 0xfc00",
        ),
        (
            "operand",
            70,
            "g/operand:2: pc 0x0003: no word has the operand 0xffff",
        ),
        (
            "jump",
            70,
            "g/jump: pc 0x0004: there is no instruction here",
        ),
        ("end", 70, "g/end: pc 0x0006: there is no instruction here"),
        ("twice", 65, "g/twice:3: a label is defined twice: `a`"),
        ("none", 66, "cannot read g/none"),
    ] {
        machine.fails(&["-f", &format!("g/{guest}")], status, message);
    }
    machine.fails(
        &["--fuel", "1000", "-f", "g/loop"],
        70,
        "g/loop:2: pc 0x0003: there is no fuel left",
    );
    machine.fails(&[], 64, "usage: babyvm -f FILE [-v] [-s] [-t] [--fuel N]");
}

#[test]
fn subleq_prints_text_and_echoes_input() {
    // Two characters written one by one, with commas and line ends between the numbers.
    let written = "15, -1, 3\n16,-1,6 17\t-1 9\r\n 0 0 -1 0 0 0 72 105 10";
    // Reads a character to word 12, and stops at the end of the input: 0xFFFF negated is 1, which is above 0.
    //  0: -1 12 3 · 3: 13 13 6 · 6: 12 13 12+3 · 9: 14 14 -1 · 12: c t z · 15: 12 -1 18 · 18: 14 14 0
    let echo = image(&[
        -1, 12, 3, 13, 13, 6, 12, 13, 15, 14, 14, -1, 0, 0, 0, 12, -1, 18, 14, 14, 0,
    ]);
    // The first instruction changes its own c, word 2, from 9 to -91; it goes to 9 all the same, and writes "A".
    let own = image(&[6, 2, 9, 0, 0, 0, 100, 0, 0, 15, -1, 12, 0, 0, -1, 65]);
    let machine = Machine::new("subleq")
        .guest("text", written)
        .guest("echo", echo)
        .guest("own", own);
    machine.prints(&["g/own"], "A");
    machine.prints(&["-s", "g/own"], "A");
    machine.prints(&["g/text"], "Hi\n");
    machine.answers(&["g/echo"], "one\ntwo", "one\ntwo");
    machine.answers(&["g/echo"], "", "");
    // The steps that `-t` shows are the same ones.
    machine.answers(&["-t", "g/echo"], "x", "x");
}

#[test]
fn subleq_runs_for_ten_million_steps() {
    // The inner loop, word 6, is one instruction that counts from -30000 up to 1 and so runs 30,001 times; the outer takes four more,
    // and the last one three: 334 · (30001 + 4) - 1 + 3 for writing "OK" and stopping = 10,021,672.
    let machine = Machine::new("subleq").guest(
        "count",
        image(&[
            28, 28, 3, 32, 28, 6, 29, 28, 6, 30, 31, 18, 27, 27, 0, 0, 0, 0, 33, -1, 21, 34, -1,
            24, 27, 27, -1, 0, 0, -1, 1, 334, 30000, 79, 75,
        ]),
    );
    machine.prints(&["g/count"], "OK");
    let seen = machine.run_once(&[], &["-s", "g/count"], "");
    assert_eq!(seen.messages, "10021672 instructions\n");
}

#[test]
fn subleq_says_what_is_wrong_with_an_image() {
    let machine = Machine::new("subleq")
        .guest("word", "1 2 3\n4 five 6\n")
        .guest("large", "0 65536")
        .guest("long", "0\n".repeat(65537))
        .guest("loop", "0 0 0");
    for (guest, message) in [
        ("word", "g/word:2: a number is expected, not `five`"),
        ("large", "g/large:1: a number is out of range: `65536`"),
        ("long", "g/long:65537: an image has at most 65536 words"),
    ] {
        machine.fails(&[&format!("g/{guest}")], 65, message);
    }
    machine.fails(
        &["--fuel", "77", "g/loop"],
        70,
        "g/loop: pc 0: there is no fuel left",
    );
}

#[test]
fn a_fault_in_a_machine_itself_names_its_line() {
    let machine = Machine::new("subleq").guest("loop", "0 0 0");
    for engine in ["interp", "jit"] {
        let seen = machine.run_once(&["--engine", engine, "--fuel", "1000000"], &["g/loop"], "");
        assert_eq!(seen.status, 137, "{}", seen.messages);
        for part in ["[out-of-fuel]", "run.cvmi:", "in `run`"] {
            assert!(seen.messages.contains(part), "{part}: {}", seen.messages);
        }
    }
}

/// What `iridium -r` prints behind the registers.
fn state(pc: u32, equal: u32) -> String {
    format!("pc {pc}, equal {equal}, remainder 0, loop counter 0, heap 64 bytes, stack 0\n")
}

#[test]
fn iridium_runs_loops_calls_floats_and_strings() {
    let machine = Machine::new("iridium")
        .guest(
            "add",
            ".data\n.code\nLOAD $0 #1\nLOAD $1 #11\nADD $0 $1 $2\n",
        )
        .guest(
            "count",
            ".data\n.code\nLOAD $1 #31\nLOAD $0 #1\nagain: INC $0\nNEQ $0 $1\nDJMPE @again\nHLT\n",
        )
        .guest(
            "call",
            ".data\n.code\nCALL @f\nHLT\nNOP\nf: LOAD $0 #500\nRET\n",
        )
        // 22 / 7 is 3.142857142857143 to the nearest; 22 / 7 * 7 - 22 is 0.
        .guest(
            "float",
            ".data\n.code\nLOADF64 $1 #22\nLOADF64 $2 #7\nDIVF64 $1 $2 $3\nMULF64 $3 $2 $4\n\
             SUBF64 $4 $1 $5\nEQF64 $4 $1\n",
        )
        .guest(
            "text",
            ".data\na: .asciiz 'It\\'s '\nn: .integer #1000\nb: .asciiz 'iridium; really\\n'\n\
             .code\nPRTS @a ; a remark\nPRTS @b\n",
        )
        // 3 + 1 rounds of a loop that adds 7, since the body runs before the counter is asked.
        .guest(
            "rounds",
            ".data\n.code\nCLOOP #3\nLOAD $1 #7\nnext: ADD $0 $1 $0\nLOOP @next\n",
        );
    machine.prints(
        &["-r", "g/add"],
        &format!("$0 = 1\n$1 = 11\n$2 = 12\n{}", state(80, 0)),
    );
    machine.prints(
        &["-r", "g/count"],
        &format!("$0 = 31\n$1 = 31\n{}", state(92, 0)),
    );
    machine.prints(&["-r", "g/call"], &format!("$0 = 500\n{}", state(88, 0)));
    machine.prints(
        &["-r", "g/float"],
        &format!(
            "float $1 = 22.0\nfloat $2 = 7.0\nfloat $3 = 3.142857142857143\nfloat $4 = 22.0\n{}",
            state(92, 1)
        ),
    );
    machine.prints(&["g/text"], "It's iridium; really\n");
    machine.prints(
        &["-r", "g/rounds"],
        &format!("$0 = 28\n$1 = 7\n{}", state(84, 0)),
    );
}

#[test]
fn iridium_wraps_shifts_and_divides_in_32_bits() {
    let machine = Machine::new("iridium").guest(
        "g",
        // 0x7fffffff + 1 wraps; that divided by -1 wraps too. -17 / 5 is -3, the remainder -2. 1 << 16 and -65536 >> 4.
        ".data\n.code\nLOAD $0 #32767\nLUI $0 #65535\nINC $0\nLOAD $1 #-1\nDIV $0 $1 $2\n\
         LOAD $3 #-17\nLOAD $4 #5\nDIV $3 $4 $5\nLOAD $6 #1\nSHL $6 #0\nLOAD $7 #-1\nSHL $7 #0\nSHR $7 #4\n\
         LOAD $8 #12\nLOAD $9 #10\nAND $8 $9 $10\nOR $8 $9 $11\nXOR $8 $9 $12\nNOT $8 $13\nMUL $0 $4 $14\nSUB $4 $8 $15\n",
    );
    let expected = "$0 = -2147483648\n$1 = -1\n$2 = -2147483648\n$3 = -17\n$4 = 5\n$5 = -3\n$6 = 65536\n$7 = -4096\n\
                    $8 = 12\n$9 = 10\n$10 = 8\n$11 = 14\n$12 = 6\n$13 = -13\n$14 = -2147483648\n$15 = -7\n\
                    pc 152, equal 0, remainder -2, loop counter 0, heap 64 bytes, stack 0\n";
    machine.prints(&["-r", "g/g"], expected);
}

#[test]
fn iridium_writes_and_runs_binary_files() {
    let machine = Machine::new("iridium").guest(
        "source",
        ".data\nhello: .asciiz 'Hello'\n.code\nstart: PRTS @hello\nLOAD $3 #-2\nCALL @end\nNOP\nend: HLT\n",
    );
    machine.prints(&["-o", "g/binary", "g/source"], "");
    let mut expected = b"EPIE".to_vec();
    expected.resize(64, 0);
    expected.extend(6_u32.to_le_bytes());
    expected.extend(b"Hello\0");
    // `end` is the fifth instruction: 68 + 4 * 4 = 84.
    expected.extend([21, 0, 0, 0, 0, 3, 0xFF, 0xFE, 46, 0, 84, 0, 16, 0, 0, 0]);
    expected.extend([5, 0, 0, 0]);
    let written = std::fs::read(machine.folder.path().join("binary")).expect("it was written");
    assert_eq!(written, expected);
    machine.prints(
        &["-r", "g/binary"],
        "Hello$3 = -2\npc 88, equal 0, remainder 0, loop counter 0, heap 64 bytes, stack 1\n",
    );
}

#[test]
fn iridium_talks_with_its_user() {
    let machine =
        Machine::new("iridium").guest("file", ".data\nt: .asciiz 'loaded\\n'\n.code\nPRTS @t\n");
    let input = "load $0 #3\nnext: dec $0\nload $1 #0\nneq $0 $1\ndjmpe @next\nbogus $1\njmp $31\n!program\n!symbols\n\
                 !registers\n!load_file g/file\n!load_file g/none\n!clear\n!registers\n!wrong\n!quit\nload $5 #5\n";
    let seen = machine.run_with(&[], input);
    let prompt = ">>> ";
    let expected = [
        &prompt.repeat(7),
        // `jmp $31` goes to 0 and is a mistake of the guest, but it has become part of the program.
        ">>>    68: 00 00 00 03  LOAD $0 #3\n",
        "   72: 13 00 00 00  DEC $0\n",
        "   76: 00 01 00 00  LOAD $1 #0\n",
        "   80: 0a 00 01 00  NEQ $0 $1\n",
        "   84: 14 00 48 00  DJMPE @72\n",
        "   88: 06 1f 00 00  JMP $31\n",
        ">>> next code 72\n",
        // 3, less one when it was typed, and then by the loop until it is 0.
        ">>> ",
        &state(92, 0),
        ">>> loaded\n",
        ">>> >>> >>> ",
        &state(68, 0),
        ">>> >>> ",
    ];
    assert_eq!(seen.printed, expected.concat());
    assert_eq!(seen.status, 0);
    assert_eq!(
        seen.messages,
        "input:6: unknown instruction: `bogus`\n\
         input: pc 0: there is no instruction here\n\
         cannot read g/none\n\
         input:15: the commands are !registers !program !symbols !load_file !clear !quit, and not `!wrong`\n"
    );
    // The end of the input ends the dialogue as well.
    assert_eq!(machine.run_with(&[], "nop\n").printed, ">>> >>> \n");
    // A name that is not given is asked for.
    let seen = machine.run_with(&[], "!load_file\ng/file\n");
    assert_eq!(seen.printed, ">>> file: loaded\n>>> \n");
}

#[test]
fn iridium_says_what_is_wrong_with_its_guest() {
    let code = |body: &str| format!(".data\n.code\n{body}\n");
    let binary = |length: u32, rest: &[u8]| {
        let mut file = b"EPIE".to_vec();
        file.resize(64, 0);
        file.extend(length.to_le_bytes());
        file.extend(rest);
        file
    };
    let machine = Machine::new("iridium")
        .guest("label", code("CALL @nowhere"))
        .guest("nodata", ".code\nHLT\n")
        .guest("nocode", ".data\nt: .asciiz 'x'\n")
        .guest("register", code("INC $32"))
        .guest("number", code("LOAD $0 #32768"))
        .guest("kind", ".data\nt: .asciiz 'x'\n.code\nCALL @t\n")
        .guest("text", ".data\nt: .asciiz 'x\n.code\n")
        .guest("opcode", binary(0, &[16, 0, 0, 0, 48, 0, 0, 0]))
        .guest("noregister", binary(0, &[18, 32, 0, 0]))
        .guest("short", binary(9, b"12345678"))
        .guest("odd", binary(0, &[16, 0, 0]))
        .guest("header", "EPIE, or not")
        .guest("heap", code("LOAD $0 #61\nLOADM $0 $1"))
        .guest("negative", code("LOAD $0 #-1\nSETM $0 $1"))
        .guest("shrink", code("LOAD $0 #-1\nALOC $0"))
        .guest("jump", code("LOAD $0 #70\nJMP $0"))
        .guest("divide", code("DIV $0 $1 $2"))
        .guest("return", code("RET"))
        .guest("deep", code("f: CALL @f"))
        .guest("loop", code("EQ $0 $0\nf: DJMPE @f"));
    for (guest, status, message) in [
        ("label", 65, "g/label:3: unknown label: `nowhere`"),
        ("nodata", 65, "g/nodata:2: the section .data is missing"),
        ("nocode", 65, "g/nocode:2: the section .code is missing"),
        (
            "register",
            65,
            "g/register:3: a number is out of range: `32`",
        ),
        (
            "number",
            65,
            "g/number:3: a number is out of range: `32768`",
        ),
        ("kind", 65, "g/kind:4: a label of code is expected, not `t`"),
        ("text", 65, "g/text:2: a text has no end"),
        ("opcode", 70, "g/opcode: pc 72: illegal opcode 48"),
        (
            "noregister",
            70,
            "g/noregister: pc 68: there is no register 32",
        ),
        (
            "short",
            65,
            "g/short: the read-only section does not end in the file",
        ),
        (
            "odd",
            65,
            "g/odd: the code does not end behind an instruction",
        ),
        ("header", 65, "g/header: the header is damaged"),
        (
            "heap",
            70,
            "g/heap:4: pc 72: outside of the heap: address 61",
        ),
        (
            "negative",
            70,
            "g/negative:4: pc 72: outside of the heap: address -1",
        ),
        (
            "shrink",
            70,
            "g/shrink:4: pc 72: the heap cannot grow by -1",
        ),
        ("jump", 70, "g/jump:3: pc 70: there is no instruction here"),
        ("divide", 70, "g/divide:3: pc 68: division by 0"),
        ("return", 70, "g/return:3: pc 68: the stack is empty"),
        ("deep", 70, "g/deep:3: pc 68: the stack is full"),
    ] {
        machine.fails(&[&format!("g/{guest}")], status, message);
    }
    machine.fails(
        &["--fuel", "100", "g/loop"],
        70,
        "g/loop:4: pc 72: there is no fuel left",
    );
}

#[test]
fn the_accumulator_machine_runs_a_guest() {
    // 6 * 7 by adding, through a pointer: the sum is stored at the word that `at` names.
    let machine = Machine::new("accumulator")
        .guest(
            "multiply",
            "next: load sum\n add seven\n store sum\n load six\n sub one\n store six\n jzero end\n jump next\n\
             end: load sum\n storei at\n load 100\n print\n set 33\n put\n get\n print\n get\n print\n halt\n\
             six: .word 6\nseven: .word 7\none: .word 1\nsum: .word 0\nat: .word 100\n",
        )
        .guest("wrap", " load big\n add big\n print\n jneg end\n print\nend: halt\nbig: .word 32767\n")
        .guest("opcode", ".word 57344\n")
        .guest("pointer", " loadi p\np: .word 5000\n")
        .guest("end", " jump 4095\n")
        .guest("loop", "a: jump a\n");
    machine.answers(&["g/multiply"], "A", "42\n!65\n-1\n");
    machine.prints(&["g/wrap"], "-2\n");
    machine.fails(&["g/opcode"], 70, "g/opcode:1: pc 0: illegal opcode 14");
    machine.fails(
        &["g/pointer"],
        70,
        "g/pointer:1: pc 0: outside of the memory: word 5000",
    );
    machine.fails(
        &["--fuel", "9", "g/loop"],
        70,
        "g/loop:1: pc 0: there is no fuel left",
    );
    // Word 4095 is 0, `halt`.
    machine.prints(&["g/end"], "");
}

#[test]
fn the_forth_machine_runs_a_guest() {
    let machine = Machine::new("forth")
        // The greatest common divisor of 1071 and 462 is 21; 2 to the power of 10.
        .guest(
            "words",
            ": gcd ( a b -- d ) begin dup while swap over mod repeat drop ;\n1071 462 gcd .\n\
             : power ( n -- ) 1 swap begin dup while 1 - swap 2 * swap repeat drop ;\n10 power . cr\n\
             : sign dup 0= if drop 0 else 0 < if -1 else 1 then then ;\n-5 sign . 0 sign . 7 sign . cr\n\
             variable x 3 x ! x @ x @ * x ! x @ . 1 2 3 rot . . . 7 >r r@ r> + . key emit cr\n",
        )
        .guest("word", "1 2 plus\n")
        .guest("then", ": f 1 then ;\n")
        .guest("under", "1 drop\ndrop\n")
        .guest("return", "r>\n")
        .guest("deep", ": f f ;\nf\n")
        .guest("divide", "1 0 /\n")
        .guest("cell", "-1 @\n")
        .guest("loop", "begin again\n");
    machine.answers(&["g/words"], "k", "21 1024 \n-1 0 1 \n9 1 3 2 14 k\n");
    for (guest, status, message) in [
        ("word", 65, "g/word:1: unknown word: `plus`"),
        ("then", 65, "g/then:1: nothing was begun for `then`"),
        ("under", 70, "g/under:2: pc 2: the data stack is empty"),
        ("return", 70, "g/return:1: pc 0: the return stack is empty"),
        ("deep", 70, "g/deep:1: pc 1: the return stack is full"),
        ("divide", 70, "g/divide:1: pc 2: division by 0"),
        ("cell", 70, "g/cell:1: pc 1: outside of the memory: cell -1"),
    ] {
        machine.fails(&[&format!("g/{guest}")], status, message);
    }
    machine.fails(
        &["--fuel", "9", "g/loop"],
        70,
        "g/loop:1: pc 0: there is no fuel left",
    );
}

#[test]
fn the_transport_triggered_machine_runs_a_guest() {
    let machine = Machine::new("transport")
        // 5! = 120 in r1, with a guard that stops at 0; then the larger of two words of data: 9 < 4 is 0, so no jump.
        .guest(
            "factorial",
            ".data 9 4\n 5 -> r0\n 1 -> r1\nnext: r0 -> mul.o\n r1 -> mul.t\n mul.r -> r1\n r0 -> sub.o\n 1 -> sub.t\n\
             sub.r -> r0\n r0 -> guard\n ? next -> pc\n r1 -> print.t\n 0 -> load.t\n load.r -> lt.o\n load.r -> r2\n\
             1 -> load.t\n load.r -> lt.t\n lt.r -> guard\n ? end -> pc\n r2 -> print.t\nend: '!' -> put.t\n 0 -> halt.t\n",
        )
        .guest("source", "add.t -> r0\n")
        .guest("target", "r0 -> nowhere\n")
        .guest("arrow", "r0 r1\n")
        .guest("label", "away -> pc\n")
        .guest("data", " 2000 -> store.o\n 1 -> store.t\n")
        .guest("end", "1 -> r0\n")
        .guest("loop", "a: a -> pc\n");
    machine.prints(&["g/factorial"], "120\n9\n!");
    for (guest, status, message) in [
        (
            "source",
            65,
            "g/source:1: this port cannot be read: `add.t`",
        ),
        ("target", 65, "g/target:1: unknown port: `nowhere`"),
        ("arrow", 65, "g/arrow:1: `->` is expected, not `r1`"),
        ("label", 65, "g/label:1: unknown label: `away`"),
        (
            "data",
            70,
            "g/data:2: pc 1: outside of the data memory: word 2000",
        ),
        ("end", 70, "g/end: pc 1: there is no instruction here"),
    ] {
        machine.fails(&[&format!("g/{guest}")], status, message);
    }
    machine.fails(
        &["--fuel", "9", "g/loop"],
        70,
        "g/loop:1: pc 0: there is no fuel left",
    );
}

#[test]
fn the_vector_machine_runs_a_guest() {
    let machine = Machine::new("vector")
        // The squares of 0 to 15 add up to 1240; of them four are stored, and one is read back: 3 * 3. Then a function, a loop.
        .guest(
            "squares",
            "vindex v0\nvmul v1 v0 v0\nvsum s0 v1\nprint s0\nvlen 4\nset s1 cells\nvstore s1 v1\nset s2 3\nadd s2 s1 s2\n\
             load s3 s2\nprint s3\npush s3\ncall f\npop s4\nprint s4\nset s5 -1\njneg s5 end\nprint s5\nend: halt\n\
             f: pop s6\nmul s6 s6 s6\npush s6\nret\ncells: .word 0 0 0 0\n",
        )
        .guest("register", "set v0 1\n")
        .guest("opcode", ".word 27\n")
        .guest("lanes", "vlen 17\n")
        .guest("cell", "set s0 4090\nvload v0 s0\n")
        .guest("stack", "pop s0\n")
        .guest("deep", "a: call a\n")
        .guest("loop", "a: jump a\n");
    machine.prints(&["g/squares"], "1240\n9\n81\n");
    for (guest, status, message) in [
        (
            "register",
            65,
            "g/register:1: a register of the other kind or none: `v0`",
        ),
        ("opcode", 70, "g/opcode:1: pc 0: illegal opcode 27"),
        (
            "lanes",
            70,
            "g/lanes:1: pc 0: a vector has 1 to 16 lanes, not 17",
        ),
        (
            "cell",
            70,
            "g/cell:2: pc 1: outside of the memory: word 4096",
        ),
        ("stack", 70, "g/stack:1: pc 0: the data stack is empty"),
        ("deep", 70, "g/deep:1: pc 0: the return stack is full"),
    ] {
        machine.fails(&[&format!("g/{guest}")], status, message);
    }
    machine.fails(
        &["--fuel", "9", "g/loop"],
        70,
        "g/loop:1: pc 0: there is no fuel left",
    );
}

#[test]
fn the_four_dispatch_loops_agree() {
    for name in ["switch", "call", "indirect", "direct"] {
        let machine = Machine {
            program: format!("examples/machines/dispatch/{name}.cvma"),
            folder: TempDir::new().expect("a folder"),
        };
        machine.prints(&[], "13 + 28 = 41\n");
        machine.prints(&["20000"], "59997 + 3 = 60000\n");
    }
}

#[test]
fn the_same_two_programs_run_on_the_small_machines() {
    let lines: String = (1..=10).rev().map(|n| format!("{n}\n")).collect();
    let words: String = (1..=10).rev().map(|n| format!("{n} ")).collect();
    for (name, ending, count_down, sum) in [
        ("accumulator", "acc", lines.clone(), "5050\n"),
        ("forth", "fs", words + "\n", "5050 \n"),
        ("transport", "tta", lines.clone(), "5050\n"),
        ("vector", "vec", lines, "5050\n"),
    ] {
        let read = |guest: &str| {
            let path = format!("examples/machines/{name}/samples/{guest}.{ending}");
            std::fs::read(discover::root().join(path)).expect("the sample is there")
        };
        let machine = Machine::new(name)
            .guest("countdown", read("countdown"))
            .guest("sum", read("sum"));
        machine.prints(&["g/countdown"], &count_down);
        machine.prints(&["g/sum"], sum);
    }
}
