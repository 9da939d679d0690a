//! WASI: what a program sees of arguments, environment and files, and that it sees nothing else.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cvm::host::Host;
use cvm::host::sys::{Capture, DirGrant, Sys, SysOptions};
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::verify::verify;
use cvm_wasm::{Options, translate};

const ENGINES: [Engine; 3] = [Engine::Interpreter, Engine::Jit, Engine::Auto];

/// Error numbers that are expected here.
const BAD_FILE: u64 = 8;
const INVALID: u64 = 28;
const IS_DIRECTORY: u64 = 31;
const LOOP: u64 = 32;
const NAME_TOO_LONG: u64 = 37;
const NOT_FOUND: u64 = 44;
const NOT_DIRECTORY: u64 = 54;
const NOT_SOCKET: u64 = 57;
const NOT_PERMITTED: u64 = 63;
const READ_ONLY: u64 = 69;

/// Places of names in the memory of `files.wat`.
const A_TXT: [u64; 2] = [100, 5];
const B_TXT: [u64; 2] = [110, 5];
const DIR: [u64; 2] = [130, 3];
const DIR_SLASH: [u64; 2] = [130, 4];
const LONG: [u64; 2] = [8192, 300];
const UP: [u64; 2] = [120, 5];
const SUB_UP: [u64; 2] = [140, 12];
/// How a file is opened, and with which rights.
const CREATE: u64 = 1;
const DIRECTORY: u64 = 2;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;

fn machine(name: &str, options: SysOptions, engine: Engine) -> Machine {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("webassembly")
        .join(name);
    let text = fs::read_to_string(path).expect("the module is there");
    let buffer = wast::parser::ParseBuffer::new(&text).expect("it is text");
    let mut parsed = wast::parser::parse::<wast::Wat<'_>>(&buffer).expect("it is a module");
    let bytes = parsed.encode().expect("it can be encoded");
    let image = translate(&bytes, &Options::default()).expect("it can be translated");
    let module = Arc::new(verify(image).expect("it is sound"));
    let sys = Sys::new(options).expect("the directories are there");
    let mut host = Host::new();
    host.add(sys.wasi().expect("there are files left"));
    host.add(sys);
    let mut machine = Machine::new(module, host, Limits::default()).expect("its imports are there");
    machine.set_engine(engine);
    machine
}

#[test]
fn arguments_and_environment_are_those_that_were_given() {
    for engine in ENGINES {
        let output = Capture::new(1 << 16);
        let options = SysOptions::default()
            .name("echo")
            .args(["one", "two words", ""])
            .env("NAME", "value")
            .stdout(output.clone());
        let exit = machine("echo.wat", options, engine).run();
        assert_eq!(exit.expect("it runs"), Exit::Exited(4), "{engine:?}");
        assert_eq!(output.text(), "echo\none\ntwo words\n\nNAME=value\n");
    }
}

/// Calls an export that gives one number.
fn call(machine: &mut Machine, name: &str, args: &[u64]) -> u64 {
    match machine.call(name, args).expect("it can be called") {
        Exit::Returned(results) => results[0],
        exit => panic!("{name}: {exit:?}"),
    }
}

fn open(machine: &mut Machine, [path, length]: [u64; 2], how: u64, rights: u64) -> u64 {
    call(machine, "open", &[path, length, how, rights])
}

#[test]
fn files_are_made_written_read_listed_renamed_and_removed() {
    for engine in ENGINES {
        let folder = tempfile::tempdir().expect("there is room");
        let grant = DirGrant::new(folder.path()).named("work");
        let machine = &mut machine("files.wat", SysOptions::default().dir(grant), engine);
        assert_eq!(call(machine, "granted", &[3]), 0);
        assert_eq!(call(machine, "word", &[20]), 4, "the length of `work`");
        assert_eq!(call(machine, "granted", &[4]), BAD_FILE);
        assert_eq!(open(machine, A_TXT, 0, READ), NOT_FOUND);
        assert_eq!(open(machine, A_TXT, CREATE, READ | WRITE), 0);
        let file = call(machine, "opened", &[]);
        assert_eq!(file, 4, "the lowest free number");
        assert_eq!(call(machine, "write", &[file]), 0);
        assert_eq!(call(machine, "word", &[4]), 8, "bytes written");
        let path = folder.path().join("a.txt");
        assert_eq!(fs::read(&path).expect("it is there"), b"contents");
        assert_eq!(call(machine, "seek", &[file, 3]), 0);
        assert_eq!(call(machine, "read", &[file]), 0);
        assert_eq!(call(machine, "word", &[4]), 5, "bytes read");
        assert_eq!(call(machine, "byte", &[200]), u64::from(b't'));
        assert_eq!(call(machine, "stat", &[file]), 0);
        assert_eq!(call(machine, "byte", &[512 + 16]), 4, "a regular file");
        assert_eq!(call(machine, "word", &[512 + 32]), 8, "its size");
        assert_eq!(call(machine, "shutdown", &[file]), NOT_SOCKET);
        assert_eq!(call(machine, "close", &[file]), 0);
        assert_eq!(call(machine, "close", &[file]), BAD_FILE);
        assert_eq!(call(machine, "rename", &[]), 0);
        assert_eq!(call(machine, "mkdir", &[]), 0);
        assert_eq!(call(machine, "list", &[]), 0);
        // `.` and `..`, `b.txt` and `dir`: 24 bytes and the name each.
        assert_eq!(call(machine, "word", &[4]), 4 * 24 + 1 + 2 + 5 + 3);
        assert_eq!(call(machine, "rmdir", &DIR_SLASH), 0);
        assert_eq!(call(machine, "unlink", &[110, 5]), 0);
        let left = fs::read_dir(folder.path()).expect("it is there").count();
        assert_eq!(left, 0);
    }
}

#[test]
fn nothing_that_was_not_granted_is_reached() {
    for engine in ENGINES {
        let folder = tempfile::tempdir().expect("there is room");
        let inside = folder.path().join("inside");
        fs::create_dir_all(inside.join("sub")).expect("it can be made");
        fs::write(folder.path().join("up"), "secret").expect("it can be written");
        fs::write(inside.join("a.txt"), "text").expect("it can be written");
        std::os::unix::fs::symlink("../up", inside.join("b.txt")).expect("it can be made");

        // Without a grant there is no directory.
        let none = &mut machine("files.wat", SysOptions::default(), engine);
        assert_eq!(open(none, A_TXT, 0, READ), BAD_FILE);
        assert_eq!(call(none, "granted", &[3]), BAD_FILE);

        let grant = DirGrant::new(&inside);
        let writes = &mut machine(
            "files.wat",
            SysOptions::default().dir(grant.clone()),
            engine,
        );
        for path in [UP, SUB_UP, [110, 5]] {
            assert_eq!(open(writes, path, 0, READ), NOT_PERMITTED);
            assert_eq!(open(writes, path, CREATE, WRITE), NOT_PERMITTED);
        }
        let options = SysOptions::default().dir(grant.read_only());
        let reads = &mut machine("files.wat", options, engine);
        assert_eq!(open(reads, A_TXT, 0, READ), 0);
        let file = call(reads, "opened", &[]);
        assert_eq!(call(reads, "write", &[file]), BAD_FILE);
        assert_eq!(open(reads, A_TXT, 0, WRITE), READ_ONLY);
        assert_eq!(open(reads, A_TXT, CREATE, READ), READ_ONLY);
        assert_eq!(call(reads, "mkdir", &[]), READ_ONLY);
        assert_eq!(call(reads, "rename", &[]), READ_ONLY);
        assert_eq!(call(reads, "unlink", &A_TXT), READ_ONLY);
        assert_eq!(
            fs::read(inside.join("a.txt")).expect("it is there"),
            b"text"
        );
        assert_eq!(
            fs::read(folder.path().join("up")).expect("it is there"),
            b"secret"
        );
    }
}

#[test]
fn what_the_system_refuses_has_the_number_that_the_system_gives_it() {
    for engine in ENGINES {
        let folder = tempfile::tempdir().expect("there is room");
        fs::create_dir(folder.path().join("dir")).expect("it can be made");
        fs::write(folder.path().join("a.txt"), "text").expect("it can be written");
        std::os::unix::fs::symlink("b.txt", folder.path().join("b.txt")).expect("it can be made");
        let grant = DirGrant::new(folder.path());
        let machine = &mut machine("files.wat", SysOptions::default().dir(grant), engine);
        assert_eq!(open(machine, B_TXT, 0, READ), LOOP);
        assert_eq!(open(machine, LONG, 0, READ), NAME_TOO_LONG);
        assert_eq!(open(machine, LONG, CREATE, WRITE), NAME_TOO_LONG);
        assert_eq!(open(machine, A_TXT, DIRECTORY, READ), NOT_DIRECTORY);
        // A directory can be opened for reading, and with every right by who asks for a directory.
        assert_eq!(open(machine, DIR, 0, READ), 0);
        assert_eq!(open(machine, DIR, DIRECTORY, READ | WRITE), 0);
        for rights in [WRITE, READ | WRITE] {
            assert_eq!(open(machine, DIR, 0, rights), IS_DIRECTORY);
            assert_eq!(open(machine, DIR, CREATE, rights), IS_DIRECTORY);
        }
        assert_eq!(call(machine, "rmdir", &A_TXT), NOT_DIRECTORY);
        assert_eq!(call(machine, "unlink", &DIR), IS_DIRECTORY);
        assert_eq!(call(machine, "seek", &[4, u64::MAX]), IS_DIRECTORY);
        assert_eq!(open(machine, A_TXT, 0, READ), 0);
        let file = call(machine, "opened", &[]);
        assert_eq!(call(machine, "seek", &[file, u64::MAX]), INVALID);
    }
}

#[test]
fn an_address_outside_memory_is_a_fault() {
    for engine in ENGINES {
        let machine = &mut machine("files.wat", SysOptions::default(), engine);
        let Ok(Exit::Fault(fault)) = machine.call("outside", &[]) else {
            panic!("no fault");
        };
        assert_eq!(
            fault.trap().map(|t| t.message()),
            Some("out of bounds memory access")
        );
    }
}
