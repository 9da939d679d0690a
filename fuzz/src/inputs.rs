//! Where the bytes come from: sound inputs, then damage.
//!
//! Everything follows from one seed and the number of the iteration, so that a failure can be repeated.

mod damage;
mod program;

// The sample image that the tests of `cvm-spec` use.
#[allow(unreachable_pub)]
#[path = "../../spec/tests/sample/mod.rs"]
mod sample;

use std::fs;
use std::path::Path;

use cvm_asm::SourceFile;
use cvm_spec::image::{reader, writer};
use fastrand::Rng;

use crate::Input;

/// Sound inputs of each kind.
pub struct Inputs {
    images: Vec<Vec<u8>>,
    signatures: Vec<Vec<u8>>,
    sources: Vec<Vec<u8>>,
    libraries: Vec<Vec<u8>>,
    /// A program and the module that it imports.
    program: Vec<u8>,
    module: Vec<u8>,
}

/// Small libraries of each format, and one of the system's.
fn libraries() -> Vec<Vec<u8>> {
    let mut libraries = vec![
        include_bytes!("../../cvm-symbols/tests/fixtures/libfixture.dylib").to_vec(),
        include_bytes!("../../cvm-symbols/tests/fixtures/fixture.dll").to_vec(),
    ];
    let search = cvm_symbols::Search::default();
    let elf = search.find("libdl.so.2").ok();
    libraries.extend(elf.and_then(|path| fs::read(path).ok()));
    libraries
}

/// Signatures that together use the whole grammar.
const SIGNATURES: &[&str] = &[
    "()",
    "(cstr) -> u64",
    "(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool, ptr) -> void",
    "(ptr[arg1*8], u64, const ptr[arg1*arg3], u16) -> i32",
    "({i32, f64, [4 x f32], {u8, [2 x [3 x i16]]}}) -> {i32, i32}",
    "(ptr, u64, u64, fn(const ptr, const ptr) -> i32)",
    "(cstr, ..., i32, f64, ptr[16]) -> i32",
    "(u64) -> ptr[arg0] owned free",
];

/// A program with imports, and the module that has them: functions, objects, pointers in every segment.
const PROGRAM: &[u8] = include_bytes!("../../tests/cases/link/modules.cvma");
const MODULE: &[u8] = include_bytes!("../../tests/cases/link/counter.cvma");

/// A program for when there are no files to begin with.
const SOURCE: &str = "\
.entry main
.host sys.write (3) -> 1
.equ STDOUT, 1
.data
text: .ascii \"hi\\n\"
size = . - text
.bss
count: .quad 1
.macro twice what
    \\what
    \\what
.endm
.text
.func main () -> 1
    declare i
.next:
    push STDOUT
    push d:text
    push size
    call sys.write
    drop
    twice nop
    i_read l:i
    push 1
    i_add
    dup
    i_write l:i
    push 3
    i_ult
    jnz .next
    push 0
    ret
.end
";

impl Inputs {
    /// The sample image, generated programs, and the `.cvm` and `.cvma` files under these directories.
    pub fn new(seed: u64, directories: &[&Path]) -> Inputs {
        let mut rng = Rng::with_seed(seed);
        let mut images = vec![writer::write(&sample::image())];
        for _ in 0..64 {
            images.push(writer::write(&program::generate(&mut rng)));
        }
        let mut sources = vec![SOURCE.as_bytes().to_vec()];
        for directory in directories {
            collect(directory, &mut images, &mut sources);
        }
        for source in &sources {
            images.extend(assembled(source));
        }
        let signatures = SIGNATURES.iter().map(|text| text.as_bytes().to_vec());
        Inputs {
            images,
            signatures: signatures.collect(),
            sources,
            libraries: libraries(),
            program: assembled(PROGRAM).expect("the program is right"),
            module: assembled(MODULE).expect("the module is right"),
        }
    }

    /// Two images behind each other, one of them damaged; half of the time a program and its module.
    fn pair(&self, rng: &mut Rng) -> Vec<u8> {
        let (first, second) = match rng.bool() {
            true => (&self.program, &self.module),
            false => (
                rng.choice(&self.images).expect("there is a sample"),
                rng.choice(&self.images).expect("there is a sample"),
            ),
        };
        let (mut first, mut second) = (first.clone(), second.clone());
        match rng.u8(..4) {
            0 => {}
            1 => second = damage::image(&second, rng),
            2 => first = damage::image(&first, rng),
            _ => {
                first = damage::image(&first, rng);
                second = damage::image(&second, rng);
            }
        }
        let size = (first.len() as u32).to_le_bytes();
        [&size[..], &first, &second].concat()
    }

    /// Number of sound images.
    pub fn images(&self) -> usize {
        self.images.len()
    }

    /// A damaged input of a kind.
    pub fn damaged(&self, kind: Input, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = match kind {
            Input::Image => {
                let image = rng.choice(&self.images).expect("there is a sample");
                return damage::image(image, rng);
            }
            Input::Pair => return self.pair(rng),
            Input::Signature => rng.choice(&self.signatures).expect("not empty").clone(),
            Input::Source => rng.choice(&self.sources).expect("not empty").clone(),
            Input::Library => rng.choice(&self.libraries).expect("not empty").clone(),
            Input::Module => module(rng),
            Input::Code => program::code(rng),
            Input::Choices => return (0..rng.usize(..2_000)).map(|_| rng.u8(..)).collect(),
        };
        damage::bytes(&mut bytes, rng);
        bytes
    }
}

/// A WebAssembly module of a generator.
fn module(rng: &mut Rng) -> Vec<u8> {
    let choices: Vec<u8> = (0..rng.usize(..1_500)).map(|_| rng.u8(..)).collect();
    let config = wasm_smith::Config {
        max_imports: 4,
        ..wasm_smith::Config::default()
    };
    let module = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&choices));
    module.map_or_else(|_| b"\0asm\x01\0\0\0".to_vec(), |module| module.to_bytes())
}

/// The image of a source, with debug information, if it has no errors.
fn assembled(text: &[u8]) -> Option<Vec<u8>> {
    let source = SourceFile {
        name: "fuzz.cvma".to_owned(),
        text: text.to_vec(),
    };
    let options = cvm_asm::Options {
        debug: true,
        ..cvm_asm::Options::default()
    };
    let image = cvm_asm::assemble(&[source], &options).image?;
    Some(writer::write(&image))
}

/// Adds every image below a directory that the reader accepts, and every source, in order of names.
fn collect(directory: &Path, images: &mut Vec<Vec<u8>>, sources: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, images, sources);
            continue;
        }
        let extension = path.extension().unwrap_or_default();
        let Ok(bytes) = fs::read(&path) else {
            continue;
        };
        if extension == "cvma" {
            sources.push(bytes);
        } else if extension == "cvm" && reader::read(&bytes).is_ok() {
            images.push(bytes);
        }
    }
}
