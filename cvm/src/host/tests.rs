//! Host functions called as a machine calls them.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cvm_spec::host::HostError;
use cvm_spec::image::Image;
use cvm_spec::pointer::{Pointer, Tag};

use super::sys::{Capture, DirGrant, Stdin};
use super::*;
use crate::memory::Sizes;

/// Bytes of bss in the test's memory.
const BSS: u64 = 1 << 16;

fn memory() -> Memory {
    let image = Image {
        bss_size: BSS as u32,
        ..Image::default()
    };
    let sizes = Sizes {
        local: 4096,
        max_heap: 0,
    };
    Memory::new(&image, Arc::from([].as_slice()), sizes).expect("64 KiB can be had")
}

/// A pointer into bss.
fn bss(offset: u64) -> u64 {
    Pointer::new(Tag::Bss, offset).0
}

/// `sys` with a memory; paths are written to the start of bss.
struct Guest {
    sys: Sys,
    memory: Memory,
}

impl Guest {
    fn new(options: SysOptions) -> Guest {
        Guest {
            sys: Sys::new(options).expect("the directories exist"),
            memory: memory(),
        }
    }

    fn try_call(&mut self, name: &str, args: &[u64]) -> Result<i64, HostStop> {
        let (_, number) = self.sys.function(name).expect("the function exists");
        let mut cells = args.to_vec();
        cells.resize(args.len().max(1), 0);
        self.sys.call(number, &mut self.memory, &mut cells)?;
        Ok(cells[0] as i64)
    }

    fn call(&mut self, name: &str, args: &[u64]) -> i64 {
        self.try_call(name, args).expect("no stop")
    }

    fn put(&mut self, offset: u64, bytes: &[u8]) {
        let target = self.memory.write(bss(offset), bytes.len() as u64);
        target.expect("lies in bss").copy_from_slice(bytes);
    }

    fn get(&self, offset: u64, length: u64) -> &[u8] {
        self.memory.read(bss(offset), length).expect("lies in bss")
    }

    fn open(&mut self, path: &str, flags: u64) -> i64 {
        self.put(0, path.as_bytes());
        self.call("open", &[bss(0), path.len() as u64, flags])
    }

    fn remove(&mut self, path: &str) -> i64 {
        self.put(0, path.as_bytes());
        self.call("remove", &[bss(0), path.len() as u64])
    }
}

const READ: u64 = 1;
const WRITE: u64 = 2;
const CREATE: u64 = 4;

fn code(error: HostError) -> i64 {
    error as i64
}

#[test]
fn no_path_and_no_link_leads_out_of_a_grant() {
    let outside = tempfile::tempdir().expect("a directory can be made");
    fs::write(outside.path().join("secret"), "x").expect("can be written");
    let inside = outside.path().join("inside");
    fs::create_dir_all(inside.join("sub")).expect("can be made");
    fs::write(inside.join("file"), "hello").expect("can be written");
    symlink("../secret", inside.join("relative")).expect("can be made");
    symlink(outside.path().join("secret"), inside.join("absolute")).expect("can be made");
    symlink("..", inside.join("up")).expect("can be made");
    symlink("file", inside.join("good")).expect("can be made");
    symlink("loop", inside.join("loop")).expect("can be made");

    let mut guest = Guest::new(SysOptions::default().dir(DirGrant::new(&inside).named("data")));
    assert_eq!(guest.open("data/file", READ), 3);
    assert_eq!(guest.open("data/good", READ), 4);
    assert_eq!(guest.open("./data/./sub/../file", READ), 5);
    let refused = code(HostError::NotPermitted);
    for path in [
        "data/relative",
        "data/absolute",
        "data/up/secret",
        "data/../secret",
        "data/sub/../../secret",
        "../secret",
        "secret",
        "/etc/passwd",
        "data/up/inside/../../x",
    ] {
        assert_eq!(guest.open(path, READ), refused, "{path}");
        assert_eq!(guest.open(path, WRITE | CREATE), refused, "{path}");
    }
    assert!(guest.open("data/loop", READ) < 0);
    assert_eq!(guest.remove("data/../secret"), refused);
    assert_eq!(guest.remove("data/up/secret"), refused);
    assert!(outside.path().join("secret").exists());
    // A link itself may be removed; what it points to stays.
    assert_eq!(guest.remove("data/relative"), 0);
    assert!(outside.path().join("secret").exists());
}

#[test]
fn a_read_only_grant_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    fs::write(directory.path().join("file"), "hello").expect("can be written");
    let grant = DirGrant::new(directory.path()).named(".").read_only();
    let mut guest = Guest::new(SysOptions::default().dir(grant));
    assert_eq!(guest.open("file", READ), 3);
    let refused = code(HostError::NotPermitted);
    for flags in [
        WRITE,
        WRITE | CREATE,
        16,
        READ | WRITE,
        WRITE | 8,
        WRITE | 32,
    ] {
        assert_eq!(guest.open("file", flags), refused);
    }
    assert_eq!(guest.remove("file"), refused);
    assert_eq!(
        guest.call("write", &[3, bss(0), 1]),
        code(HostError::BadFile)
    );
}

#[test]
fn the_longest_grant_counts_and_names_are_whole_parts() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    for name in ["a", "b"] {
        fs::create_dir(directory.path().join(name)).expect("can be made");
        fs::write(directory.path().join(name).join("file"), name).expect("can be written");
    }
    let grant = |host: &str, guest: &str| DirGrant::new(directory.path().join(host)).named(guest);
    let options = SysOptions::default()
        .dir(grant("a", "."))
        .dir(grant("b", "sub/b"));
    let mut guest = Guest::new(options);
    for (path, contents) in [("file", b"a"), ("sub/b/file", b"b")] {
        let file = guest.open(path, READ);
        assert_eq!(guest.call("read", &[file as u64, bss(64), 9]), 1);
        assert_eq!(guest.get(64, 1), contents);
    }
    assert_eq!(guest.open("sub/bfile", READ), code(HostError::NotFound));
    assert_eq!(guest.open("/file", READ), code(HostError::NotPermitted));
}

#[test]
fn what_is_no_file_has_errors_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    symlink("loop", directory.path().join("loop")).expect("can be made");
    let socket = directory.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(socket).expect("can be made");
    let grant = DirGrant::new(directory.path()).named(".");
    let mut guest = Guest::new(SysOptions::default().dir(grant));
    assert_eq!(guest.open("loop", READ), code(HostError::Other));
    assert_eq!(guest.open("socket", READ), code(HostError::NotSupported));
}

#[test]
fn pipes_in_a_directory_wait_for_their_other_end_but_no_longer_than_the_run_may_last() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("can be made");
    let grant = DirGrant::new(directory.path()).named(".");
    let mut guest = Guest::new(SysOptions::default().dir(grant));

    // From a writer that comes late, and to its end.
    let writer = std::thread::spawn({
        let path = path.clone();
        move || {
            std::thread::sleep(Duration::from_millis(30));
            fs::write(path, "late").expect("the guest reads");
        }
    });
    let file = guest.open("pipe", READ) as u64;
    assert_eq!(guest.call("read", &[file, bss(0), 9]), 4);
    assert_eq!(guest.get(0, 4), b"late");
    assert_eq!(guest.call("read", &[file, bss(0), 9]), 0);
    writer.join().expect("it has written");
    assert_eq!(
        guest.call("seek", &[file, 0, 0]),
        code(HostError::NotSeekable)
    );
    assert_eq!(guest.call("size", &[file]), code(HostError::NotSeekable));
    assert_eq!(guest.call("close", &[file]), 0);

    // To a reader that comes late, takes more than the pipe holds, and goes away.
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            std::thread::sleep(Duration::from_millis(30));
            let mut pipe = fs::File::open(path).expect("the guest writes");
            let mut bytes = vec![0; 3 * BSS as usize];
            std::io::Read::read_exact(&mut pipe, &mut bytes).expect("the guest writes");
        }
    });
    let file = guest.open("pipe", WRITE) as u64;
    for _ in 0..3 {
        assert_eq!(guest.call("write", &[file, bss(0), BSS]), BSS as i64);
    }
    reader.join().expect("it has read");
    let broken = guest.call("write", &[file, bss(0), 1]);
    assert_eq!(broken, code(HostError::BrokenPipe));
    assert_eq!(guest.call("close", &[file]), 0);

    // Alone, until the time limit.
    let deadline = Instant::now() + Duration::from_millis(50);
    guest.sys.start(&Watch::new(Some(deadline), None));
    let timeout = |result| matches!(result, Err(HostStop::Fault(FaultCode::Timeout)));
    let file = guest.open("pipe", READ) as u64;
    assert!(timeout(guest.try_call("read", &[file, bss(0), 9])));
    assert_eq!(guest.call("close", &[file]), 0);
    let deadline = Instant::now() + Duration::from_millis(50);
    guest.sys.start(&Watch::new(Some(deadline), None));
    guest.put(0, b"pipe");
    assert!(timeout(guest.try_call("open", &[bss(0), 4, WRITE])));
}

#[test]
fn sixty_four_files_are_open_at_most() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    fs::write(directory.path().join("file"), "hello").expect("can be written");
    let grant = DirGrant::new(directory.path()).named(".");
    let mut guest = Guest::new(SysOptions::default().dir(grant));
    for number in 3..67 {
        assert_eq!(guest.open("file", READ), number);
    }
    assert_eq!(guest.open("file", READ), code(HostError::TooManyFiles));
    assert_eq!(guest.call("close", &[40]), 0);
    assert_eq!(guest.open("file", READ), 40);
}

#[test]
fn pointers_are_checked_over_their_whole_length_before_anything_happens() {
    let output = Capture::new(100);
    let mut guest = Guest::new(
        SysOptions::default()
            .args(["argument"])
            .stdout(output.clone()),
    );
    for (name, args) in [
        ("write", [1, bss(BSS - 1), 2].as_slice()),
        ("write", &[1, bss(0), u64::MAX]),
        ("write", &[99, 0, 8]),
        ("read", &[0, bss(BSS), 1]),
        ("read", &[0, Pointer::new(Tag::Data, 0).0, 1]),
        ("read", &[0, Pointer::new(Tag::Text, 0).0, 1]),
        ("open", &[bss(BSS), 1, READ]),
        ("arg", &[0, bss(BSS - 1), 1 << 40]),
        ("env", &[bss(0), 1 << 62, bss(0), 0]),
        ("random", &[bss(1), BSS]),
    ] {
        let result = guest.try_call(name, args);
        assert!(
            matches!(result, Err(HostStop::Violation(_))),
            "{name} {args:x?}"
        );
    }
    guest.sys.flush().expect("output is open");
    assert_eq!(output.text(), "");
}

#[test]
fn no_argument_makes_a_call_fail_in_the_host() {
    use cvm_spec::host::HOST_FUNCTIONS;
    let edges = [
        0,
        1,
        2,
        3,
        64,
        u64::MAX,
        1 << 63,
        bss(0),
        bss(BSS),
        bss(BSS - 1),
    ];
    let directory = tempfile::tempdir().expect("a directory can be made");
    let options = SysOptions::default()
        .args(["one"])
        .env("NAME", "value")
        .dir(DirGrant::new(directory.path()).named("."));
    let mut guest = Guest::new(options);
    for function in HOST_FUNCTIONS {
        let count = function.args.len() as u32;
        for case in 0..edges.len().pow(count) {
            let args: Vec<u64> = (0..count)
                .map(|position| edges[case / edges.len().pow(position) % edges.len()])
                .collect();
            if function.name == "sleep" && (2..1 << 63).contains(&args[0]) {
                continue;
            }
            let _ = guest.try_call(function.name, &args);
        }
    }
}

#[test]
fn output_beyond_the_limit_of_a_capture_is_refused() {
    let output = Capture::new(3);
    let mut guest = Guest::new(SysOptions::default().stderr(output.clone()));
    guest.put(0, b"hello");
    assert_eq!(
        guest.call("write", &[2, bss(0), 5]),
        code(HostError::NoSpace)
    );
    assert_eq!(output.bytes(), b"hel");
}

#[test]
fn standard_output_is_written_before_input_is_awaited() {
    let output = Capture::new(100);
    let options = SysOptions::default()
        .stdout(output.clone())
        .stdin(Stdin::bytes("abc"));
    let mut guest = Guest::new(options);
    guest.put(0, b"name? ");
    assert_eq!(guest.call("write", &[1, bss(0), 6]), 6);
    assert_eq!(output.text(), "");
    assert_eq!(guest.call("read", &[0, bss(0), 2]), 2);
    assert_eq!(output.text(), "name? ");
    assert_eq!(guest.get(0, 2), b"ab");
    assert_eq!(guest.call("read", &[0, bss(0), 9]), 1);
    assert_eq!(guest.call("read", &[0, bss(0), 9]), 0);
}

/// A pipe whose reader is gone.
struct Broken;

impl std::io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_the_program() {
    let mut guest = Guest::new(SysOptions::default().stdout(Broken));
    guest.put(0, b"hello");
    assert_eq!(guest.call("write", &[1, bss(0), 5]), 5);
    assert!(matches!(
        guest.try_call("flush", &[1]),
        Err(HostStop::BrokenPipe)
    ));
    let many = guest.try_call("write", &[1, bss(0), BSS]);
    assert!(matches!(many, Err(HostStop::BrokenPipe)));
    assert!(matches!(guest.sys.flush(), Err(HostStop::BrokenPipe)));
}

#[test]
fn waits_end_with_the_time_limit_and_with_an_interrupt() {
    let start = Instant::now();
    let mut guest = Guest::new(SysOptions::default());
    let deadline = start + Duration::from_millis(50);
    guest.sys.start(&Watch::new(Some(deadline), None));
    let result = guest.try_call("sleep", &[3_600_000_000_000]);
    assert!(matches!(result, Err(HostStop::Fault(FaultCode::Timeout))));

    let flag = Arc::new(AtomicBool::new(false));
    guest.sys.start(&Watch::new(None, Some(Arc::clone(&flag))));
    let waker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        flag.store(true, Ordering::Relaxed);
    });
    let result = guest.try_call("sleep", &[i64::MAX as u64]);
    assert!(matches!(
        result,
        Err(HostStop::Fault(FaultCode::Interrupted))
    ));
    waker.join().expect("the thread ends");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn closures_take_and_give_cells() {
    let mut host = Host::new();
    let mut total = 0;
    host.register("plug.none", || ())
        .register("plug.add", |a: i64, b: f64| -> i64 { a + b as i64 })
        .register(
            "plug.small",
            |a: i32, b: u32, c: f32, d: bool| -> (i32, f32, bool) { (a - b as i32, c * 2.0, !d) },
        )
        .register("plug.count", move |by: u64| -> u64 {
            total += by;
            total
        })
        .register(
            "plug.far.sum",
            |memory: &mut Memory, at: Pointer, n: u64| {
                memory
                    .read(at.0, n)
                    .map(|bytes| bytes.iter().map(|b| u64::from(*b)).sum::<u64>())
            },
        )
        .register("plug.fail", |memory: &mut Memory| -> Result<(), String> {
            Err(format!("{} bytes", memory.segment_size(Tag::Bss)))
        })
        .register(
            "plug.eight",
            |a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64| -> (u64, u64) {
                (a + b + c + d, e + f + g + h)
            },
        );
    let mut memory = memory();
    let mut call = |name: &str, cells: &mut [u64]| {
        let (namespace, name) = name.rsplit_once('.').expect("has a dot");
        let found = host.modules.iter_mut().find_map(|module| {
            let is_it = module.namespace() == namespace;
            is_it
                .then(|| module.function(name))
                .flatten()
                .map(|found| (module, found))
        });
        let (module, (function_type, number)) = found.expect("is registered");
        let result = module.call(number, &mut memory, cells);
        result.map(|()| (function_type.args, function_type.results))
    };
    assert_eq!(call("plug.none", &mut []).ok(), Some((0, 0)));

    let mut cells = [-5i64 as u64, 7.9f64.to_bits()];
    assert_eq!(call("plug.add", &mut cells).ok(), Some((2, 1)));
    assert_eq!(cells[0], 2);

    let mut cells = [u64::MAX, 1, u64::from(1.5f32.to_bits()), 2];
    assert_eq!(call("plug.small", &mut cells).ok(), Some((4, 3)));
    assert_eq!(cells[..3], [0xffff_fffe, u64::from(3f32.to_bits()), 0]);

    let mut cells = [3];
    for expected in [3, 6] {
        call("plug.count", &mut cells).expect("goes on");
        assert_eq!(cells[0], expected);
        cells[0] = 3;
    }

    let mut cells = [bss(0), 4];
    assert_eq!(call("plug.far.sum", &mut cells).ok(), Some((2, 1)));
    let mut cells = [bss(0), u64::MAX];
    assert!(matches!(
        call("plug.far.sum", &mut cells),
        Err(HostStop::Violation(_))
    ));
    assert!(matches!(call("plug.fail", &mut []), Err(HostStop::Error(m)) if m == "65536 bytes"));

    let mut cells = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(call("plug.eight", &mut cells).ok(), Some((8, 2)));
    assert_eq!(cells[..2], [10, 26]);
}
