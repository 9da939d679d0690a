//! Inputs and outputs: where they are found, where they go, and what is left after an error.

use super::{HELLO, Place, Ran, WARNED, WRONG, image};
use std::fs::{self, File};
use std::process::Stdio;

#[test]
fn the_image_goes_beside_the_first_source() {
    let place = Place::new(&[("sub/hello.cvma", HELLO)]);
    let ran = place.run(["sub/hello.cvma"]).expect(0);
    assert!(ran.out.is_empty() && ran.err.is_empty(), "{ran:?}");
    assert_eq!(place.image("sub/hello.cvm").entry, Some(0));
    assert_eq!(place.names(), ["sub"]);
}

#[test]
fn output_names_the_image() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    place.run(["-o", "out.bin", "hello.cvma"]).expect(0);
    assert_eq!(place.names(), ["hello.cvma", "out.bin"]);
    place.run(["hello.cvma", "--output=again.bin"]).expect(0);
    assert_eq!(place.bytes("out.bin"), place.bytes("again.bin"));
}

#[test]
fn standard_input_and_output() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    place.run(["hello.cvma"]).expect(0);
    let ran = place
        .run_with_input(["-o", "-", "-"], HELLO.as_bytes())
        .expect(0);
    assert_eq!(ran.out, place.bytes("hello.cvm"));
    assert_eq!(place.names(), ["hello.cvm", "hello.cvma"]);
    place
        .run_with_input(["-"], HELLO.as_bytes())
        .expect(64)
        .says("-o FILE");
    place
        .run_with_input(["-o", "x.cvm", "-"], WRONG.as_bytes())
        .expect(1)
        .says("<stdin>:3:5");
}

#[test]
fn several_sources_share_their_names() {
    let place = Place::new(&[
        (
            "main.cvma",
            ".entry main\n.func main () -> 1\n    call answer\n    ret\n.end\n",
        ),
        (
            "answer.cvma",
            ".func answer () -> 1\n    push 42\n    ret\n.end\n",
        ),
    ]);
    place.run(["main.cvma", "answer.cvma"]).expect(0);
    assert_eq!(place.image("main.cvm").functions.len(), 2);
    place.run(["main.cvma"]).expect(1).says("answer");
}

#[test]
fn inputs_that_cannot_be_read() {
    let place = Place::new(&[("hello.cvma", HELLO), ("sub/x.cvma", HELLO)]);
    let ran = place.run(["missing.cvma"]).expect(66);
    assert_eq!(
        ran.err,
        "error: cannot read `missing.cvma`: No such file or directory\n"
    );
    place
        .run(["hello"])
        .expect(66)
        .says("did you mean `hello.cvma`?");
    place
        .run(["sub"])
        .expect(66)
        .says("cannot read `sub`: Is a directory");
    place.run(["hello.cvma"]).expect(0);
    place
        .run(["hello.cvm"])
        .expect(65)
        .says("is an image, not assembly");
    place
        .run(["hello.cvma", "./hello.cvma"])
        .expect(64)
        .says("given twice");
    place.run(["hello.cvma/x.cvma"]).expect(66);
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = Place::new(&[("hello.cvma", HELLO), ("sub/x", "")]);
    place
        .run(["-o", "none/x.cvm", "hello.cvma"])
        .expect(73)
        .says("cannot create `none/x.cvm`");
    place
        .run(["-o", "sub", "hello.cvma"])
        .expect(73)
        .says("cannot create `sub`");
    place
        .run(["-o", "/dev/full", "hello.cvma"])
        .expect(74)
        .says("No space left on device");
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let mut to_full = place.command(["-o", "-", "hello.cvma"]);
    let output = to_full.stdout(full).output().expect("cvm-asm starts");
    Ran::of(output)
        .expect(74)
        .says("cannot write standard output: No space left on device");
    assert_eq!(place.names(), ["hello.cvma", "sub"]);
}

#[test]
fn sources_are_never_overwritten() {
    let place = Place::new(&[
        ("hello.cvma", HELLO),
        ("part.inc", "; nothing\n"),
        ("main.cvma", &[".include \"part.inc\"\n", HELLO].concat()),
    ]);
    for arguments in [
        &["-o", "hello.cvma", "hello.cvma"][..],
        &["--map", "./hello.cvma", "hello.cvma"],
        &["--listing", "part.inc", "main.cvma"],
        &["-o", "part.inc", "main.cvma"],
    ] {
        place
            .run(arguments)
            .expect(73)
            .says("is a source and will not be overwritten");
    }
    assert_eq!(place.text("hello.cvma"), HELLO);
    assert_eq!(place.text("part.inc"), "; nothing\n");
    place
        .run(["-o", "a", "--map", "./a", "hello.cvma"])
        .expect(64)
        .says("two outputs");
}

#[test]
fn errors_leave_nothing_and_change_nothing() {
    let place = Place::new(&[
        ("bad.cvma", WRONG),
        ("bad.cvm", "old"),
        ("bad.map", "old map"),
    ]);
    let before = place.names();
    place
        .run([
            "bad.cvma",
            "--map",
            "bad.map",
            "--listing",
            "bad.lst",
            "--deps",
            "bad.d",
        ])
        .expect(1);
    assert_eq!(place.names(), before);
    assert_eq!(place.text("bad.cvm"), "old");

    place.write("good.cvma", HELLO);
    place.write("good.cvm", "old");
    let before = place.names();
    place
        .run([
            "good.cvma",
            "--listing",
            "good.lst",
            "--map",
            "none/good.map",
        ])
        .expect(73);
    assert_eq!(
        place.names(),
        before,
        "one output cannot be written, so none is"
    );
    assert_eq!(place.text("good.cvm"), "old");
    assert_eq!(place.text("bad.map"), "old map");
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::new(&[("hello.cvma", HELLO), ("real.cvm", "old")]);
    fs::set_permissions(place.path("real.cvm"), fs::Permissions::from_mode(0o750)).expect("chmod");
    symlink("real.cvm", place.path("link.cvm")).expect("a link");
    place.run(["-o", "link.cvm", "hello.cvma"]).expect(0);
    assert!(place.path("link.cvm").is_symlink());
    assert_eq!(place.image("real.cvm").entry, Some(0));
    let mode = fs::metadata(place.path("real.cvm"))
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o750);

    let plain = File::create(place.path("plain"))
        .expect("a file")
        .metadata()
        .expect("metadata");
    place.run(["hello.cvma"]).expect(0);
    let made = fs::metadata(place.path("hello.cvm")).expect("it is there");
    assert_eq!(
        made.permissions().mode(),
        plain.permissions().mode(),
        "as the umask says"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    let first = place.run(["-g", "-o", "-", "hello.cvma"]).expect(0).out;
    let second = place.run(["-g", "-o", "-", "hello.cvma"]).expect(0).out;
    assert_eq!(first, second);
    assert!(!image(&first).lines.is_empty());
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let place = Place::new(&[("warned.cvma", WARNED), ("bad.cvma", WRONG)]);
    for arguments in [
        &["-o", "-", "--allow", "unused-label", "warned.cvma"][..],
        &["--explain", "all"],
        &["--help"],
        &["--man"],
    ] {
        let mut command = place.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
    }
    let mut command = place.command(["bad.cvma"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stderr.take());
    assert_eq!(
        child.wait().expect("it ends").code(),
        Some(1),
        "nobody reads, yet it failed"
    );
}
