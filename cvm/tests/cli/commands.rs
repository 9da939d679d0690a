//! Commands and flags, and what they say when they are used wrongly.

use super::support::{Bench, outcome};

const HELLO: &str = "\
.entry main
.host sys.write (3) -> 1
.data
text:   .ascii \"hello\\n\"
text_end:
.text
.func main () -> 1
    push 1
    push d:text
    push text_end - text
    call sys.write
    drop
    push 7
    ret
.end
";

/// Prints each argument on a line.
const ARGS: &str = "\
.entry main
.host sys.write (3) -> 1
.host sys.arg (3) -> 1
.host sys.arg_count () -> 1
.bss
buffer: .reserve 64
.text
.func main ()
    declare i
.next:
    i_read l:i
    call sys.arg_count
    i_lt
    jz .done
    push 1
    push b:buffer
    i_read l:i
    push b:buffer
    push 63
    call sys.arg
    call sys.write
    drop
    push 10
    i_write b:buffer
    push 1
    push b:buffer
    push 1
    call sys.write
    drop
    i_read l:i
    push 1
    i_add
    i_write l:i
    jmp .next
.done:
    ret
.end
";

const EXPORTS: &str = "\
.export add
.export divide
.func add (a, b) -> 1
    i_read l:a
    i_read l:b
    i_add
    ret
.end
.func divide (a, b) -> 2
    i_read l:a
    i_read l:b
    i_div
    i_read l:a
    i_read l:b
    i_rem
    ret
.end
";

#[test]
fn sources_and_images_run_and_main_gives_the_status() {
    let bench = Bench::with("hello.cvma", HELLO);
    bench
        .cvm("run hello.cvma")
        .exits(7)
        .prints("hello\n")
        .silently();
    bench.cvm("hello.cvma").exits(7).prints("hello\n");
    bench.cvm("run --engine interp hello.cvma").exits(7);
    bench
        .cvm_reading("run -", HELLO.as_bytes())
        .exits(7)
        .prints("hello\n");
    bench.cvm("run --engine jit hello.cvma").exits(
        match cvm::machine::Engine::Jit.is_available() {
            true => 7,
            false => 64,
        },
    );
}

#[test]
fn a_script_names_its_interpreter() {
    let bench = Bench::with("script", format!("#!/usr/bin/env cvm\n{HELLO}"));
    bench.cvm("./script").exits(7).prints("hello\n").silently();
    bench.cvm("run script").exits(7);
}

#[test]
fn everything_behind_the_name_belongs_to_the_program() {
    let bench = Bench::with("args.cvma", ARGS);
    bench
        .cvm("run --fuel 100000 args.cvma one --fuel 3 -- -h --help")
        .exits(0)
        .prints("one\n--fuel\n3\n--\n-h\n--help\n");
    bench.cvm("run args.cvma -- x").prints("--\nx\n");
    bench.cvm("args.cvma --version").prints("--version\n");
    bench
        .cvm("--fuel 100000 args.cvma --version")
        .prints("--version\n");
    bench.cvm("--fuel 1 args.cvma").exits(137);
    bench.cvm("run -- args.cvma x").prints("x\n");
    bench.cvm("run args.cvma").exits(0).prints("");
}

#[test]
fn exports_are_called_with_numbers() {
    let bench = Bench::with("math.cvma", EXPORTS);
    bench
        .cvm("run --invoke add math.cvma 2 -5")
        .exits(0)
        .prints("-3\n");
    bench
        .cvm("run --invoke divide math.cvma 0x11 5")
        .exits(0)
        .prints("3\n2\n");
    bench
        .cvm("run --invoke divide math.cvma 1 0")
        .exits(136)
        .says("divide-by-zero");
    bench
        .cvm("run --invoke ad math.cvma 1 2")
        .exits(64)
        .says("did you mean `add`?")
        .says("`cvm info` lists them");
    bench
        .cvm("run --invoke add math.cvma 1")
        .exits(64)
        .says("takes 2 arguments");
    bench
        .cvm("run --invoke add math.cvma 1 two")
        .exits(64)
        .says("`two` is not a number");
    bench.cvm("run math.cvma").exits(65).says("[no-entry]");
}

/// In text:
/// ```text
/// (module
///   (func (export "i32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
///   (func (export "i64") (param i64) (result i64) (local.get 0))
///   (func (export "f32") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))
///   (func (export "f64") (param f64 f64) (result f64 i32) (f64.div (local.get 0) (local.get 1)) (i32.const -1))
///   (func (export "a%b\n") (param externref) (result externref funcref) (local.get 0) (ref.null func)))
/// ```
const TYPED: &[u8] = b"\0asm\x01\0\0\0\x01\x1f\x05`\x02\x7f\x7f\x01\x7f`\x01~\x01~`\x02}}\x01}`\x02||\x02|\x7f`\x01o\
    \x02op\x03\x06\x05\0\x01\x02\x03\x04\x07 \x05\x03i32\0\0\x03i64\0\x01\x03f32\0\x02\x03f64\0\x03\
    \x04a%b\n\0\x04\n'\x05\x07\0 \0 \x01j\x0b\x04\0 \0\x0b\x07\0 \0 \x01\x92\x0b\x09\0 \0 \x01\xa3A\
    \x7f\x0b\x06\0 \0\xd0p\x0b";

#[test]
fn exports_of_webassembly_take_and_give_what_their_types_say() {
    let bench = Bench::new();
    bench.file("typed.wasm", TYPED);
    for (call, printed) in [
        ("i32 typed.wasm -1 -2", "-3\n"),
        ("i32 typed.wasm 0xffffffff 0", "-1\n"),
        ("i64 typed.wasm 0xffffffff", "4294967295\n"),
        ("i64 typed.wasm -1", "-1\n"),
        ("f32 typed.wasm 1.5 2", "3.5\n"),
        ("f64 typed.wasm 1e300 -3", "-3.3333333333333335e299\n-1\n"),
        ("f64 typed.wasm 1 -0.0", "-inf\n-1\n"),
        ("f64 typed.wasm nan inf", "NaN\n-1\n"),
        ("a%25b%0A typed.wasm null", "null\nnull\n"),
        ("a%25b%0A typed.wasm 7", "0x7\nnull\n"),
    ] {
        let run = bench.cvm(&format!("run --invoke {call}"));
        run.exits(0).prints(printed);
    }
    for (call, said) in [
        (
            "i32 typed.wasm 4294967296 0",
            "`4294967296` is not a 32-bit integer",
        ),
        ("i32 typed.wasm -2147483649 0", "is not a 32-bit integer"),
        ("i32 typed.wasm 1.5 0", "`1.5` is not a 32-bit integer"),
        ("i64 typed.wasm 1.5", "is not a 64-bit integer"),
        ("f64 typed.wasm 1 one", "`one` is not a number"),
        ("f64 typed.wasm 1", "takes 2 arguments"),
        ("a%25b%0A typed.wasm x", "`x` is not a reference"),
        ("g typed.wasm", "no exported function `g`"),
    ] {
        let run = bench.cvm(&format!("run --invoke {call}"));
        run.exits(64).says(said);
    }
    // A translated image says it as well, and its own name of an export may be given or that of the module.
    bench.file("percent.wasm", b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7d\x03\x02\x01\0\x07\x05\x01\x01%\0\0\x0a\x09\x01\x07\0\x43\0\0\x80\x3f\x0b");
    bench.cvm("run --invoke % percent.wasm").prints("1.0\n");
    bench.cvm("run --invoke %25 percent.wasm").prints("1.0\n");
}

#[test]
fn wrong_flags_get_64_and_a_tip() {
    let bench = Bench::with("hello.cvma", HELLO);
    bench.cvm("").exits(64);
    bench.cvm("run").exits(64).says("PROGRAM");
    bench.cvm("verfy hello.cvma").exits(64).says("'verify'");
    bench
        .cvm("run --fule 3 hello.cvma")
        .exits(64)
        .says("'--fuel'");
    bench.cvm("run --fuel -3 hello.cvma").exits(64);
    bench
        .cvm("run --fuel 3x hello.cvma")
        .exits(64)
        .says("whole number");
    bench
        .cvm("run --timeout 5 hello.cvma")
        .exits(64)
        .says("500ms");
    bench
        .cvm("run --max-heap lots hello.cvma")
        .exits(64)
        .says("64K");
    bench
        .cvm("run --dir x:y:z hello.cvma")
        .exits(64)
        .says("HOST:GUEST:ro");
    bench
        .cvm("run --engine fast hello.cvma")
        .exits(64)
        .says("interp");
    bench
        .cvm("run --fault-format xml hello.cvma")
        .exits(64)
        .says("json");
    bench.cvm("verify").exits(64);
    bench
        .cvm("explain write-to-dta")
        .exits(64)
        .says("did you mean `write-to-data`?");
    bench.cvm("man rnu").exits(64).says("did you mean `run`?");
}

#[test]
fn help_has_examples_and_comes_on_standard_output() {
    let bench = Bench::new();
    for command in [
        "",
        "run ",
        "verify ",
        "info ",
        "explain ",
        "completions ",
        "man ",
    ] {
        let help = bench.cvm(&format!("{command}--help")).exits(0).silently();
        assert!(
            help.stdout.contains("Example"),
            "{command}: {}",
            help.stdout
        );
        assert!(help.stdout.contains("cvm "), "{command}");
    }
    bench.cvm("--version").exits(0).silently();
}

#[test]
fn verify_says_what_is_sound() {
    let bench = Bench::with("hello.cvma", HELLO);
    bench
        .cvm("verify hello.cvma")
        .exits(0)
        .prints("hello.cvma: sound, 1 function\n");
    bench
        .cvm("verify --quiet hello.cvma")
        .exits(0)
        .prints("")
        .silently();
    bench
        .cvm("verify hello.cvma none.cvm")
        .exits(66)
        .says("none.cvm");
}

#[test]
fn info_lists_sizes_imports_and_permissions() {
    let source = "\
.entry main
.host sys.open (3) -> 1
.host sys.env (4) -> 1
.foreign \"libm.so.6\" cos (f64) -> f64
.heap 64K, 1M
.export main
.data
x:  .quad 1
.bss
y:  .reserve 100
.text
.func main ()
    ret
.end
";
    let bench = Bench::with("x.cvma", source);
    let info = bench.cvm("info x.cvma").exits(0).silently();
    for part in [
        "program",
        "main at t:0x0",
        "100 bytes",
        "64K at the start, 1M at most",
        "sys.open (3) -> 1",
        "cos (f64) -> f64 from libm.so.6",
        "--dir DIR",
        "--env NAME",
        "--allow-ffi=libm.so.6",
    ] {
        assert!(info.stdout.contains(part), "no {part:?} in {}", info.stdout);
    }
    let json = bench.cvm("info --json x.cvma").exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("is JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(json["bss_size"], 100);
    assert_eq!(json["imports"][0]["name"], "open");
    assert_eq!(json["permissions"].as_array().map(Vec::len), Some(3));
}

#[test]
fn every_code_is_explained() {
    let bench = Bench::new();
    let list = bench.cvm("explain").exits(0).silently().stdout;
    let codes = list
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let codes: Vec<&str> = codes.collect();
    assert!(codes.len() > 150, "{}", codes.len());
    for code in [
        "write-to-data",
        "stack-underflow",
        "bad-magic",
        "undefined-name",
        "no-space",
    ] {
        assert!(codes.contains(&code), "{code}");
        let page = bench.cvm(&format!("explain {code}")).exits(0);
        assert!(page.stdout.starts_with(code), "{}", page.stdout);
    }
}

#[test]
fn completions_and_manual_pages_are_made() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.cvm(&format!("completions {shell}")).exits(0).stdout;
        assert!(script.contains("fault-format"), "{shell}");
    }
    let page = bench.cvm("man run").exits(0).stdout;
    assert!(page.contains(".TH") && page.contains("fault"));
    bench.cvm("man --dir .").exits(0);
    assert!(bench.path().join("cvm.1").exists() && bench.path().join("cvm-run.1").exists());
    bench.cvm("man --dir nowhere").exits(74);
}

/// A loop that is hot.
const LOOP: &str = ".func main ()\n declare i\n.next:\n i_read l:i\n push 1\n i_add\n i_write l:i\n i_read l:i\n push \
                    3000000\n i_lt\n jnz .next\n ret\n.end\n.entry main\n";

#[test]
fn a_log_tells_what_was_compiled() {
    let bench = Bench::with("loop.cvma", LOOP);
    let logged = |value: &str, line: &str| {
        let mut command = bench.command(line);
        outcome(command.env("CVM_LOG", value))
    };
    logged("off", "run --engine jit loop.cvma")
        .exits(0)
        .silently();
    logged("compile", "run --engine interp loop.cvma")
        .exits(0)
        .silently();
    logged("everything", "run loop.cvma")
        .exits(64)
        .says("CVM_LOG is `everything`")
        .says("`compile` or `off`");
    if !cfg!(all(feature = "jit", target_arch = "x86_64")) {
        return;
    }
    logged("compile", "run --engine jit loop.cvma")
        .exits(0)
        .says("compiled: the program at ")
        .says("1 function to ");
    logged("compile", "run --engine auto loop.cvma")
        .exits(0)
        .says("compiled: the loop in main at loop.cvma:4 at ");
    let json = logged("compile", "run --engine jit --fault-format json loop.cvma").json();
    assert_eq!(
        (&json["type"], &json["functions"]),
        (&"compiled".into(), &1.into())
    );
}

#[test]
fn stats_tell_fuel_and_time() {
    let bench = Bench::with("hello.cvma", HELLO);
    let run = bench.cvm("run --stats --fuel 1000 hello.cvma").exits(7);
    assert!(
        run.stderr.contains("fuel") && run.stderr.contains("exit status 7"),
        "{run:#?}"
    );
    let json = bench
        .cvm("run --stats --fault-format json hello.cvma")
        .exits(7)
        .json();
    assert_eq!(json["type"], "stats");
    assert_eq!(json["exit_status"], 7);
}
