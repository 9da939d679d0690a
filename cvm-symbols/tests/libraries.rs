//! Libraries of every format, and files that only look like one.

use std::path::{Path, PathBuf};

use cvm_symbols::{Format, Library, LibraryError, Name, Search, missing_dependency};
use proptest::prelude::*;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn read(path: &Path) -> Library {
    Library::read(path).expect("the library is right")
}

#[test]
fn an_elf_library_has_versions_and_dependencies() {
    let path = Search::default()
        .find("libc.so.6")
        .expect("there is a C library");
    let library = read(&path);
    assert_eq!(library.format(), Format::Elf);
    assert_eq!(library.soname(), Some("libc.so.6"));
    assert!(library.exports("strlen"));
    assert!(library.exports("environ"));
    assert!(!library.exports("strlne"));
    assert_eq!(library.near("strlne").first(), Some(&"strlen"));
    assert!(
        library
            .needed()
            .iter()
            .any(|name| name.starts_with("ld-linux"))
    );
    // A version that is not the default one has to be asked for.
    let memcpy = library.versions("memcpy");
    assert!(memcpy.len() >= 2, "{memcpy:?}");
    assert!(
        memcpy
            .iter()
            .all(|version| library.exports(&format!("memcpy@{version}")))
    );
    assert!(!library.exports("memcpy@GLIBC_9.9"));
    assert_eq!(missing_dependency(&Search::default(), &path), None);
}

#[test]
fn a_mach_o_library_exports_names_without_their_underscore() {
    let library = read(&fixture("libfixture.dylib"));
    assert_eq!(library.format(), Format::MachO);
    assert!(library.exports("first") && library.exports("second_function"));
    assert!(!library.exports("_first"));
    assert_eq!(library.soname(), Some("@rpath/libfixture.dylib"));
    assert_eq!(library.needed(), ["/usr/lib/libSystem.B.dylib"]);
    assert_eq!(library.near("second_funtcion"), ["second_function"]);
}

#[test]
fn a_pe_library_exports_names() {
    let library = read(&fixture("fixture.dll"));
    assert_eq!(library.format(), Format::Pe);
    assert!(library.exports("first") && library.exports("second_function"));
    assert_eq!(library.soname(), Some("fixture.dll"));
    assert_eq!(library.needed(), ["KERNEL32.dll"]);
}

#[test]
fn names_are_those_of_linkers_and_of_dlopen() {
    assert_eq!(Name::of("-lm"), Name::Linker("m"));
    assert_eq!(Name::of("-l m"), Name::Linker("m"));
    assert_eq!(Name::of("libm.so.6"), Name::File("libm.so.6"));
    assert_eq!(Name::of("./libm.so"), Name::Path("./libm.so"));
    let m = Search::default().find("-l m").expect("there is a libm");
    assert_eq!(m.file_name(), Some("libm.so.6".as_ref()), "{}", m.display());
    let error = Search::default()
        .find("libnowhere.so.1")
        .expect_err("there is none");
    assert!(
        error
            .tried
            .iter()
            .any(|path| path.ends_with("libnowhere.so.1"))
    );
    assert!(error.tried.len() > 2);
}

#[test]
fn given_directories_come_first_and_versions_count() {
    let folder = TempDir::new().expect("a folder");
    let search = Search::new([folder.path().to_path_buf()]);
    for name in [
        "libx.so.2",
        "libx.so.10",
        "libx.so.9.9",
        "libx.so.old",
        "libxy.so.99",
    ] {
        std::fs::write(folder.path().join(name), "").expect("written");
    }
    assert_eq!(search.find("-lx"), Ok(folder.path().join("libx.so.10")));
    assert_eq!(
        search.find("libx.so.2"),
        Ok(folder.path().join("libx.so.2"))
    );
    assert_eq!(
        search.find("./libx.so.2"),
        Ok(folder.path().join("./libx.so.2"))
    );
    // A linker script names the library that it stands for.
    let target = folder.path().join("libx.so.2");
    let script = format!(
        "/* GNU ld script */\nGROUP ( {} AS_NEEDED ( /lib/other.a ) )\n",
        target.display()
    );
    std::fs::write(folder.path().join("libx.so"), script).expect("written");
    assert_eq!(search.find("-lx"), Ok(target));
}

#[test]
fn what_is_no_library_is_an_error() {
    let path = Path::new("x");
    for bytes in [
        &b""[..],
        b"\x7fELF",
        b"MZ",
        b"\xcf\xfa\xed\xfe",
        b"GROUP ( )",
        &[0; 4096],
    ] {
        let error = Library::parse(path, bytes).expect_err("it is no library");
        assert!(matches!(error, LibraryError::Malformed { .. }), "{error}");
    }
    let missing = Library::read(Path::new("/no/such/library"));
    assert!(matches!(missing, Err(LibraryError::Unreadable { .. })));
}

/// Bytes of a real library of each format, small enough to damage often.
fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![
        std::fs::read(fixture("libfixture.dylib")).expect("it is there"),
        std::fs::read(fixture("fixture.dll")).expect("it is there"),
    ];
    let small = ["libdl.so.2", "libpthread.so.0", "libutil.so.1"]
        .iter()
        .find_map(|name| std::fs::read(Search::default().find(name).ok()?).ok());
    samples.extend(small);
    samples
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage gives an error or another library, never a panic and never much memory.
    #[test]
    fn damaged_libraries_never_take_the_process_down(
        sample in 0usize..3,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        wide in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..3),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let samples = samples();
        let mut bytes = samples[sample % samples.len()].clone();
        for (at, byte) in damage {
            // Headers and tables stand at the start; most damage goes there.
            let reach = bytes.len().min(1024);
            bytes[at.index(reach)] = byte;
        }
        for (at, value) in wide {
            let at = at.index(bytes.len().saturating_sub(8).max(1));
            let end = bytes.len().min(at + 8);
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(library) = Library::parse(Path::new("x"), &bytes) {
            let _ = (library.near("second"), library.needed(), library.soname());
        }
    }
}
