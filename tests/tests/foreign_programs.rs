//! Foreign functions as users of `cvm` meet them: the examples beside C programs that make the same calls, crashes in C,
//! permission, and warnings of the assembler.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use cvm::ffi::ForeignGrant;
use cvm::host::Host;
use cvm::machine::{Engine, Exit, Limits, Machine, Tiering};
use cvm::verify::verify;
use cvm_asm::{Options, SourceFile, assemble};
use cvm_spec::fault::FaultCode;
use cvm_symbols::Search;
use cvm_tests::{c_library, discover, programs};
use tempfile::TempDir;

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(programs::folder().join(program));
    command
        .current_dir(discover::root())
        .env("NO_COLOR", "1")
        .env("CVM_NAME", "world")
        .args(args);
    command
}

fn run(program: &str, args: &[&str]) -> Output {
    command(program, args).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a program text with these flags.
fn run_text(flags: &[&str], source: &str) -> Output {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("p.cvma");
    std::fs::write(&path, source).expect("written");
    let library = c_library::folder().expect("the C library is built");
    let mut args = vec!["run", "-L", library.to_str().expect("text")];
    args.extend(flags);
    args.push(path.to_str().expect("text"));
    run("cvm", &args)
}

/// Runs an example and the C program of the same name; both must end well and print the same.
fn like_c(name: &str, libraries: &str, arguments: &[&str]) {
    let folder = TempDir::new().expect("a folder");
    let built = folder.path().join(name);
    let source = discover::root().join(format!("tests/foreign/examples/{name}.c"));
    let libs = ["-lm".into(), "-ldl".into()].map(|lib: PathBuf| lib);
    c_library::compile(&["-w"], &[[source].as_slice(), &libs].concat(), &built)
        .expect("the C program builds");
    let wanted = Command::new(&built)
        .current_dir(discover::root())
        .env("CVM_NAME", "world")
        .args(arguments)
        .output()
        .expect("the C program starts");
    assert!(
        wanted.status.success(),
        "the C program fails: {}",
        text(&wanted.stdout)
    );
    let example = format!("examples/foreign/{name}.cvma");
    let grant = format!("--allow-ffi={libraries}");
    let engines: &[&[&str]] = &[
        &[],
        &["--engine", "interp"],
        &["--engine", "jit"],
        &["--timeout", "60s"],
        &["--engine", "jit", "--timeout", "60s"],
        &["--fuel", "1000000000"],
        &["--engine", "jit", "--check-foreign"],
    ];
    for flags in engines {
        let mut args = vec!["run", grant.as_str()];
        args.extend(*flags);
        args.push(&example);
        args.extend(arguments);
        let found = run("cvm", &args);
        assert_eq!(
            found.status.code(),
            Some(0),
            "{args:?}: {}",
            text(&found.stderr)
        );
        assert_eq!(text(&found.stdout), text(&wanted.stdout), "{args:?}");
        assert_eq!(text(&found.stderr), "", "{args:?}");
    }
}

/// Whether a library is there; says how to get it if not. CI installs it, so that there it must be.
fn has(library: &str, package: &str) -> bool {
    let found = Search::default().find(library).is_ok();
    if !found {
        println!(
            "NOT TESTED: {library} is missing; install it (Debian: apt-get install {package})"
        );
        assert!(
            std::env::var_os("CVM_CI").is_none(),
            "CI needs {library}: apt-get install {package}"
        );
    }
    found
}

#[test]
fn strings() {
    like_c("strings", "libc.so.6", &[]);
}

#[test]
fn sort_with_a_comparator() {
    like_c("sort", "libc.so.6", &[]);
}

#[test]
fn functions_of_libm() {
    like_c("math", "libm.so.6,libc.so.6", &[]);
}

#[test]
fn a_list_in_c_memory() {
    like_c("list", "libc.so.6", &[]);
    let example = "examples/foreign/list.cvma";
    let checked = run("cvm", &["run", "--allow-ffi", "--check-foreign", example]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
}

#[test]
fn structs_by_value() {
    like_c("divide", "libc.so.6", &[]);
}

#[test]
fn environment_and_time() {
    like_c("environment", "libc.so.6", &[]);
}

#[test]
fn zlib() {
    if has("libz.so.1", "zlib1g") {
        like_c("checksum", "libz.so.1,libc.so.6", &["README.md"]);
    }
}

#[test]
fn sqlite() {
    if has("libsqlite3.so.0", "libsqlite3-0") {
        like_c("database", "libsqlite3.so.0,libc.so.6", &[]);
    }
}

#[test]
fn a_crash_in_c_is_reported() {
    let program = |declaration: &str, body: &str| {
        format!(
            ".entry main\n.foreign \"libcvmtest.so\" {declaration}\n.func call_c () -> 1\n{body}\n    push 0\n    ret\n.end\n.func main () -> 1\n    call call_c\n    ret\n.end\n"
        )
    };
    let cases = [
        (
            "crash_segv (i64) -> i32",
            "    push 0x1230\n    call crash_segv\n    drop",
            "crash_segv",
            "SIGSEGV",
            "at address 0x1230",
        ),
        (
            "crash_abort (i64, i64)",
            "    push 10\n    push 11\n    call crash_abort",
            "crash_abort",
            "SIGABRT",
            "0xa, 0xb",
        ),
        (
            "crash_fpe (i32, i32) -> i32",
            "    push 1\n    push 0\n    call crash_fpe\n    drop",
            "crash_fpe",
            "SIGFPE",
            "0x1, 0x0",
        ),
        (
            "crash_mixed (f32, i64, f64) -> f64",
            "    push 1.5s\n    push 7\n    push 2.5\n    call crash_mixed\n    drop",
            "crash_mixed",
            "SIGABRT",
            "0x3fc00000, 0x7, 0x4004000000000000",
        ),
        (
            "crash_ill ()",
            "    call crash_ill",
            "crash_ill",
            "SIGILL",
            "",
        ),
        (
            "crash_stack (i64) -> i64",
            "    push 0\n    call crash_stack\n    drop",
            "crash_stack",
            "SIGSEGV",
            "",
        ),
    ];
    // Compiled code calls leaf functions on its own stack.
    let ways = [
        ("interp", ""),
        ("jit", ""),
        ("interp", " leaf"),
        ("jit", " leaf"),
    ];
    for (declaration, body, name, signal, fact) in cases {
        for (engine, leaf) in ways {
            let source = program(&format!("{declaration}{leaf}"), body);
            crash((name, signal, fact), engine, &source, body.lines().count());
        }
    }
}

/// Runs a program whose function `call_c` crashes in C; looks at the report as text and as JSON.
fn crash((name, signal, fact): (&str, &str, &str), engine: &str, source: &str, lines: usize) {
    let output = run_text(&["--allow-ffi", "--engine", engine], source);
    let report = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(134),
        "{name}, {engine}: {report}"
    );
    for part in [
        "[foreign-crash]",
        name,
        "libcvmtest.so",
        signal,
        fact,
        "call_c+",
        "main+",
        "p.cvma:",
    ] {
        assert!(
            report.contains(part),
            "{name}, {engine}: no `{part}` in\n{report}"
        );
    }
    let flags = ["--allow-ffi", "--engine", engine, "--fault-format", "json"];
    let output = run_text(&flags, source);
    assert_eq!(output.status.code(), Some(134), "{name}, {engine}");
    let json: serde_json::Value =
        serde_json::from_slice(&output.stderr).expect("the report is one JSON object");
    assert_eq!(json["code"], "foreign-crash");
    assert_eq!(json["signal"], signal);
    assert_eq!(json["foreign"]["symbol"], name);
    assert_eq!(json["foreign"]["library"], "libcvmtest.so");
    assert_eq!(json["backtrace"][0]["function"], "call_c");
    assert_eq!(json["backtrace"][1]["function"], "main");
    assert_eq!(json["backtrace"][1]["source"]["line"], 9 + lines - 1);
}

const CALLBACK: &str = "\
.entry main
.host sys.write (3) -> 1
.host sys.exit (1)
.foreign \"libcvmtest.so\" apply_times (fn(i64) -> i64, i64) -> i64
.foreign \"libc.so.6\" puts (cstr) -> i32
.data
after:  .asciiz \"C went on\"
before: .ascii \"before\\n\"
.text
.func callback (x) -> 1
    push 1
    push d:before
    push 7
    call sys.write
    drop
    END
.end
.func main () -> 1
    push t:callback
    push 3
    call apply_times
    drop
    push d:after
    call puts
    drop
    push 0
    ret
.end
";

#[test]
fn the_program_ends_at_once_when_a_callback_ends_it() {
    for engine in ["interp", "jit", "auto"] {
        let flags = ["--allow-ffi", "--engine", engine];
        let fault = run_text(&flags, &CALLBACK.replace("END", "abort 3"));
        let report = text(&fault.stderr);
        assert_eq!(fault.status.code(), Some(134), "{engine}: {report}");
        assert_eq!(text(&fault.stdout), "before\n", "{engine}");
        for part in [
            "[abort]",
            "callback+",
            "apply_times in libcvmtest.so",
            "main+",
        ] {
            assert!(report.contains(part), "{engine}: no `{part}` in\n{report}");
        }
        let exit = run_text(
            &flags,
            &CALLBACK.replace("END", "push 5\n    call sys.exit\n    push 0\n    ret"),
        );
        let report = text(&exit.stderr);
        assert_eq!(exit.status.code(), Some(5), "{engine}: {report}");
        assert_eq!(text(&exit.stdout), "before\n", "{engine}");
    }
}

#[test]
fn output_of_c_and_of_the_program_come_in_order() {
    let source = "\
.entry main
.host sys.write (3) -> 1
.foreign \"libc.so.6\" puts (cstr) -> i32
.data
one:    .asciiz \"C\"
two:    .ascii \"CVM\\n\"
.text
.func main () -> 1
    declare i
.next:
    push d:one
    call puts
    drop
    push 1
    push d:two
    push 4
    call sys.write
    drop
    i_read l:i
    push 1
    i_add
    i_write l:i
    i_read l:i
    push 3
    i_lt
    jnz .next
    push 0
    ret
.end
";
    let output = run_text(&["--allow-ffi"], source);
    assert_eq!(text(&output.stdout), "C\nCVM\nC\nCVM\nC\nCVM\n");
}

const STRLEN: &str = "\
.entry main
.foreign \"libc.so.6\" strlen (cstr) -> u64
.data
t: .asciiz \"12345\"
.text
.func main () -> 1
    push d:t
    call strlen
    ret
.end
";

#[test]
fn only_the_flag_grants_anything() {
    let source = STRLEN;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("p.cvma");
    std::fs::write(&path, source).expect("written");
    let path = path.to_str().expect("text");
    let granted = run("cvm", &["run", "--allow-ffi=libc.so.6", path]);
    assert_eq!(granted.status.code(), Some(5), "{}", text(&granted.stderr));
    let refused = command("cvm", &["run", path])
        .env("CVM_ALLOW_FFI", "libc.so.6")
        .env("ALLOW_FFI", "1")
        .output()
        .expect("the program starts");
    let report = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(77), "{report}");
    for part in [
        "[not-permitted]",
        "strlen",
        "libc.so.6",
        "p.cvma:8",
        "--allow-ffi=libc.so.6",
    ] {
        assert!(report.contains(part), "no `{part}` in\n{report}");
    }
    let other = run("cvm", &["run", "--allow-ffi=libm.so.6", path]);
    assert_eq!(other.status.code(), Some(77));
    // A path that ends like a granted name is another library.
    let source = source.replace("\"libc.so.6\"", "\"/lib/x86_64-linux-gnu/libc.so.6\"");
    let output = run_text(&["--allow-ffi=libc.so.6"], &source);
    assert_eq!(output.status.code(), Some(77), "{}", text(&output.stderr));
    let info = run("cvm", &["info", path]);
    assert!(text(&info.stdout).contains("--allow-ffi=libc.so.6"));
}

#[test]
fn names_of_libraries_are_understood() {
    let cos = "\
.entry main
.foreign \"NAME\" lround (f64) -> i64
.func main () -> 1
    push 6.75
    call lround
    ret
.end
";
    for name in ["libm.so.6", "-lm", "-l m"] {
        let output = run_text(&["--allow-ffi"], &cos.replace("NAME", name));
        assert_eq!(
            output.status.code(),
            Some(7),
            "{name}: {}",
            text(&output.stderr)
        );
    }
    let output = run_text(&["--allow-ffi=-lm"], &cos.replace("NAME", "-l m"));
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    // In a directory given with -L, by the names that a linker and dlopen take.
    let own = cos.replace("lround (f64) -> i64", "negate (i64) -> i64");
    let own = own
        .replace("push 6.75", "push -9")
        .replace("call lround", "call negate");
    for name in ["libcvmtest.so", "-lcvmtest", "./libcvmtest.so"] {
        let output = run_text(&["--allow-ffi"], &own.replace("NAME", name));
        assert_eq!(
            output.status.code(),
            Some(9),
            "{name}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn errors_about_libraries_have_statuses() {
    let program = |library: &str, name: &str| {
        format!(
            ".entry main\n.foreign \"{library}\" {name} ()\n.func main ()\n    call {name}\n    ret\n.end\n"
        )
    };
    for (library, name, status, code, facts) in [
        (
            "libnowhere.so.3",
            "f",
            66,
            "missing-library",
            ["/usr/lib/libnowhere.so.3", "-L"],
        ),
        (
            "libneedy.so",
            "f",
            66,
            "missing-dependency",
            ["libgone.so", "needed by"],
        ),
        (
            "libbroken.so",
            "f",
            65,
            "unusable-library",
            ["libbroken.so", "p.cvma:4"],
        ),
        (
            "libc.so.6",
            "strlne",
            65,
            "missing-symbol",
            ["`strlen`", "libc.so.6"],
        ),
    ] {
        let output = run_text(&["--allow-ffi"], &program(library, name));
        let report = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{report}");
        for part in [code].iter().chain(&facts) {
            assert!(report.contains(part), "no `{part}` in\n{report}");
        }
    }
}

#[test]
fn the_assembler_warns_of_symbols_that_are_not_there() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("p.cvma");
    let source = STRLEN
        .replace("strlen (cstr)", "strlne (cstr)")
        .replace("call strlen", "call strlne");
    std::fs::write(&path, source).expect("written");
    let path = path.to_str().expect("text");
    let output = run("cvm-asm", &[path]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{report}");
    for part in [
        "warning[missing-symbol]",
        "strlne",
        "did you mean `strlen`?",
        "p.cvma:2:",
    ] {
        assert!(report.contains(part), "no `{part}` in\n{report}");
    }
    let denied = run("cvm-asm", &["--deny", "missing-symbol", path]);
    assert_eq!(denied.status.code(), Some(1));
    let library = c_library::folder().expect("the C library is built");
    let source = ".foreign \"libcvmtest.so\" negate (i64) -> i64\n.foreign \"libnowhere.so\" f ()\n.foreign \"libcvmtest.so\" \"versioned@CVMTEST_9\" () -> i32 as v\n.func main ()\n    push 1\n    call negate\n    drop\n    call f\n    call v\n    drop\n    ret\n.end\n.entry main\n";
    std::fs::write(path, source).expect("written");
    let output = run("cvm-asm", &["-L", library.to_str().expect("text"), path]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{report}");
    for part in [
        "warning[missing-library]",
        "libnowhere.so",
        "warning[missing-symbol]",
        "versioned@CVMTEST_9",
        "CVMTEST_2, CVMTEST_1",
    ] {
        assert!(report.contains(part), "no `{part}` in\n{report}");
    }
    assert!(!report.contains("negate"), "{report}");
}

const ENGINES: [Engine; 3] = [Engine::Interpreter, Engine::Jit, Engine::Auto];

/// A machine with foreign access, of this text; what is hot is compiled at its second call or round.
fn machine(source: &str, engine: Engine) -> Machine {
    let source = SourceFile {
        name: "p.cvma".into(),
        text: source.as_bytes().to_vec(),
    };
    let assembled = assemble(&[source], &Options::default());
    let image = assembled.image.expect("the source is right");
    let module = Arc::new(verify(image).expect("the program is right"));
    let mut host = Host::new();
    let library = c_library::folder().expect("the C library is built");
    host.allow_foreign(ForeignGrant::all().search_in([library]));
    let mut machine = Machine::new(module, host, Limits::default()).expect("everything is found");
    machine.set_engine(engine);
    machine.set_tiering(Tiering {
        threshold: 2,
        waits: true,
        unit_bytes: 0,
    });
    machine
}

#[test]
fn machines_on_several_threads_call_c_and_recover_from_refused_accesses() {
    let source = "\
.foreign \"libcvmtest.so\" apply_times (fn(i64) -> i64, i64) -> i64
.foreign \"libcvmtest.so\" map_none () -> ptr
.func same (x) -> 1
    i_read l:x
    ret
.end
.func work () -> 1
    push t:same
    push 1000
    call apply_times
    ret
.end
.func touch () -> 1
    call map_none
    push 0
    q_read
    ret
.end
.export work
.export touch
";
    let threads: Vec<_> = (0..6)
        .map(|number| {
            let mut machine = machine(source, ENGINES[number % 3]);
            std::thread::spawn(move || {
                for _ in 0..200 {
                    let worked = machine.call("work", &[]).expect("it is exported");
                    assert_eq!(worked, Exit::Returned(vec![499_500]));
                    let exit = machine.call("touch", &[]).expect("it is exported");
                    assert_eq!(exit.fault_code(), Some(FaultCode::UnmappedAddress));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no machine disturbs another");
    }
}

#[test]
fn a_callback_that_comes_after_the_run_is_refused() {
    let source = "\
.foreign \"libcvmtest.so\" keep (fn(i64) -> i64)
.foreign \"libcvmtest.so\" call_kept (i64) -> i64
.func double (x) -> 1
    i_read l:x
    dup
    i_add
    ret
.end
.func give ()
    push t:double
    call keep
    ret
.end
.func use (x) -> 1
    i_read l:x
    call call_kept
    ret
.end
.export give
.export use
";
    for engine in ENGINES {
        let mut first = machine(source, engine);
        first.call("give", &[]).expect("it is exported");
        // The same machine in a later run: the C function still works.
        assert_eq!(
            first.call("use", &[4]).expect("exported"),
            Exit::Returned(vec![8])
        );
        // Another machine calls it while the first does not run: it gives zero, and nothing runs.
        let mut second = machine(source, engine);
        assert_eq!(
            second.call("use", &[4]).expect("exported"),
            Exit::Returned(vec![0])
        );
        let late = first.call("use", &[1]).expect("exported");
        assert_eq!(late.fault_code(), Some(FaultCode::CallbackOnOtherThread));
        // It was said once.
        assert_eq!(
            first.call("use", &[5]).expect("exported"),
            Exit::Returned(vec![10])
        );
    }
}

#[test]
fn other_signal_handlers_keep_working() {
    // A C program's own handler for SIGSEGV, installed before and asked after the machine had some of its own.
    let source = "\
.foreign \"libcvmtest.so\" map_none () -> ptr
.foreign \"libcvmtest.so\" own_handler_works () -> i32
.func touch () -> 1
    call map_none
    push 0
    q_read
    ret
.end
.func own () -> 1
    call own_handler_works
    ret
.end
.export touch
.export own
";
    for engine in ENGINES {
        let mut machine = machine(source, engine);
        for _ in 0..3 {
            let exit = machine.call("touch", &[]).expect("exported");
            assert_eq!(exit.fault_code(), Some(FaultCode::UnmappedAddress));
            assert_eq!(
                machine.call("own", &[]).expect("exported"),
                Exit::Returned(vec![1])
            );
        }
    }
}
