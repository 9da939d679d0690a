//! The targets: each takes arbitrary bytes, gives whether they were accepted, and panics if a promise is broken.

use std::io;
use std::sync::Arc;

use cvm::host::Host;
use cvm::machine::{Engine, Limits, Machine, Tiering};
use cvm_asm::SourceFile;
use cvm_asm::source::SourceMap;
use cvm_disasm::{DisassembleError, Options};
use cvm_spec::codec;
use cvm_spec::fault::FaultCode;
use cvm_spec::foreign::Signature;
use cvm_spec::host::host_function;
use cvm_spec::image::link::{self, Input};
use cvm_spec::image::{Image, Import, ImportKind, reader, writer};

use crate::programs::compare::{Seen, Ways, compare};
use crate::programs::random::Random;
use crate::programs::{generate, listing, reduce};

/// The reader rejects with a place inside the file, or accepts what the writer makes of the image.
pub fn reader(bytes: &[u8]) -> bool {
    match reader::read(bytes) {
        Ok(read) => {
            assert!(
                writer::write(&read.image) == bytes,
                "reading and writing changed an accepted file"
            );
            for warning in read.warnings {
                assert!(warning.offset < bytes.len() as u64, "{}", warning.message);
            }
            true
        }
        Err(error) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            assert!(error.rule().is_some(), "{error}");
            false
        }
    }
}

/// The translator refuses a module with a place inside it, or makes an image that the verifier accepts.
pub fn wasm(bytes: &[u8]) -> bool {
    use cvm_wasm::TranslateError::{Import, Invalid, TooLarge, Unsupported};
    match cvm_wasm::translate(bytes, &cvm_wasm::Options::default()) {
        Ok(image) => {
            let file = writer::write(&image);
            if let Err(error) = cvm::verify::load(&file) {
                panic!("the verifier refuses what was translated: {error}");
            }
            true
        }
        Err(error) => {
            if let Invalid { offset, .. }
            | Unsupported { offset, .. }
            | TooLarge { offset, .. }
            | Import { offset, .. } = &error
            {
                assert!(*offset <= bytes.len() as u64, "{error}");
            }
            false
        }
    }
}

/// Modules of a generator are translated.
pub fn wasm_smith(bytes: &[u8]) -> bool {
    let config = wasm_smith::Config {
        max_imports: 0,
        max_tags: 0,
        max_memories: 1,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..wasm_smith::Config::default()
    };
    let mut choices = arbitrary::Unstructured::new(bytes);
    let Ok(module) = wasm_smith::Module::new(config, &mut choices) else {
        return false;
    };
    wasm(&module.to_bytes())
}

/// The verifier takes whatever the reader accepts.
pub fn verifier(bytes: &[u8]) -> bool {
    cvm::verify::load(bytes).is_ok()
}

/// Whatever the verifier accepts does the same on every engine.
pub fn engines(bytes: &[u8]) -> bool {
    let Ok(module) = cvm::verify::load(bytes) else {
        return false;
    };
    let module = Arc::new(module);
    let limits = Limits {
        fuel: Some(20_000),
        max_heap: 1 << 20,
        call_stack: 64 << 10,
        ..Limits::default()
    };
    let mut first = None;
    for engine in [Engine::Interpreter, Engine::Jit, Engine::Auto] {
        // Imports need a host, and most images that were damaged have none to name.
        let Ok(mut machine) = Machine::new(Arc::clone(&module), Host::new(), limits) else {
            return false;
        };
        machine.set_engine(engine);
        machine.set_tiering(Tiering {
            threshold: 2,
            waits: true,
            unit_bytes: 0,
        });
        let Ok(exit) = machine.run() else {
            return false;
        };
        if exit.fault_code() == Some(FaultCode::CallStackOverflow) {
            return true;
        }
        let end = (exit, machine.fuel_used());
        match &first {
            None => first = Some(end),
            Some(first) => assert_eq!(*first, end, "{engine:?}"),
        }
    }
    true
}

/// Linking two images that the reader accepts gives an image that it accepts, or an error; the second image is whatever
/// the first imports. What is left open may be linked again.
pub fn link(bytes: &[u8]) -> bool {
    let Some((size, rest)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    let Some((first, second)) = rest.split_at_checked(u32::from_le_bytes(*size) as usize) else {
        return false;
    };
    let (Ok(first), Ok(second)) = (reader::read(first), reader::read(second)) else {
        return false;
    };
    let is_module =
        |import: &&Import| matches!(import.kind, ImportKind::Module | ImportKind::ModuleData);
    let mut imports = first.image.imports.iter();
    let imported = imports.find(is_module);
    let name = imported.and_then(|import| first.image.string(import.module));
    let (root, module) = (first.image.clone(), second.image);
    let inputs = [
        Input {
            name: "root",
            origin: "",
            image: &root,
        },
        Input {
            name: name.unwrap_or("module"),
            origin: "",
            image: &module,
        },
    ];
    let options = link::Options {
        keep_open: true,
        strip: false,
    };
    let Ok(image) = link::link(&inputs, options) else {
        return false;
    };
    let file = writer::write(&image);
    let read = reader::read(&file).expect("what is linked is an image");
    assert!(read.image == image, "reading changed what was linked");
    let again = Input {
        image: &image,
        ..inputs[0]
    };
    let _ = link::link(&[again, inputs[1]], options);
    let sound = |image: Image| cvm::verify::verify(image).is_ok();
    if sound(root) && sound(module) {
        assert!(
            sound(image),
            "two sound images were linked to one that is not"
        );
    }
    true
}

/// A whole program, made of these choices, does the same on every engine and in a second implementation.
pub fn programs(bytes: &[u8]) -> bool {
    let program = generate::program(&mut Random::of_bytes(bytes));
    match compare(&program, bytes.len() as u64, Ways::All) {
        Ok(Seen::Ended) => true,
        Ok(Seen::Faulted(_)) => false,
        Err(_) => {
            let (smaller, text) = reduce(program, bytes.len() as u64, Ways::All);
            panic!("{text}\n{}", listing(&smaller));
        }
    }
}

/// The disassembler prints every form of whatever the reader accepts.
pub fn disassembler(bytes: &[u8]) -> bool {
    let Ok(read) = reader::read(bytes) else {
        return false;
    };
    let image = &read.image;
    let mut out = io::sink();
    let options = Options { hex: true };
    cvm_disasm::exact(image, options, &mut out).expect("a sink takes everything");
    cvm_disasm::headers(image, &mut out).expect("a sink takes everything");
    cvm_disasm::json(image, &mut out).expect("a sink takes everything");
    cvm_disasm::cfg(image, &mut out).expect("a sink takes everything");
    true
}

/// The exact disassembly of whatever the reader accepts assembles to the same bytes.
pub fn exact(bytes: &[u8]) -> bool {
    let Ok(read) = reader::read(bytes) else {
        return false;
    };
    let mut text = Vec::new();
    let options = Options::default();
    cvm_disasm::exact(&read.image, options, &mut text).expect("memory takes everything");
    let again = assemble(text);
    assert!(
        again.as_deref() == Some(bytes),
        "the exact form lost something"
    );
    true
}

/// The readable disassembly of whatever the verifier accepts assembles, and the verifier accepts it again. Images whose
/// `sys` imports are not those of this machine are left out: the assembler knows them and says so.
pub fn readable(bytes: &[u8]) -> bool {
    let Ok(read) = reader::read(bytes) else {
        return false;
    };
    let mut text = Vec::new();
    let printed = cvm_disasm::readable(&read.image, Options::default(), &mut text);
    if cvm::verify::load(bytes).is_err() || !sys_is_known(&read.image) {
        return false;
    }
    match printed {
        // It says so of what assembly has no words for.
        Err(DisassembleError::Image { .. }) => return false,
        printed => printed.expect("memory takes everything"),
    }
    let again = assemble(text).expect("the readable form assembles");
    cvm::verify::load(&again).expect("the verifier accepts what it accepted before");
    true
}

/// Whether every import from `sys` exists with its counts.
fn sys_is_known(image: &Image) -> bool {
    image.imports.iter().all(|import| {
        if import.kind != ImportKind::Host || image.string(import.module) != Some("sys") {
            return true;
        }
        let name = image.string(import.name).unwrap_or_default();
        let arity = image.types[import.type_index as usize].arity();
        host_function(name).is_some_and(|function| {
            let (args, results) = (function.args.len(), function.results.len());
            !name.contains('.') && arity == (args as u16, results as u16)
        })
    })
}

/// The file that a source assembles to, if it has no error. The first diagnostics are printed to nowhere.
fn assemble(text: Vec<u8>) -> Option<Vec<u8>> {
    let name = "fuzz.cvma".to_owned();
    let sources = [SourceFile { name, text }];
    let assembled = cvm_asm::assemble(&sources, &cvm_asm::Options::default());
    let map = SourceMap::new(sources.iter().chain(&assembled.included));
    let first = &assembled.diagnostics[..assembled.diagnostics.len().min(20)];
    let printed = cvm_asm::render::render(first, &map, false);
    assert!(
        assembled.image.is_some() || !printed.is_empty(),
        "no image and no reason"
    );
    assembled.image.map(|image| writer::write(&image))
}

/// The assembler takes any text, and what it makes of it is an image without damage.
pub fn assembler(bytes: &[u8]) -> bool {
    // Text that names other files would make the outcome depend on them.
    if bytes.windows(4).any(|word| word == b".inc") {
        return false;
    }
    let Some(file) = assemble(bytes.to_vec()) else {
        return false;
    };
    let read = reader::read(&file).expect("the assembler makes sound images");
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    true
}

/// A signature that parses prints as one that parses to the same.
pub fn signature(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match Signature::parse(text) {
        Ok(signature) => {
            let printed = signature.to_string();
            assert_eq!(Signature::parse(&printed), Ok(signature), "{printed}");
            true
        }
        Err(error) => {
            assert!(error.offset + error.length <= text.len(), "{error}");
            assert!(text.is_char_boundary(error.offset), "{error}");
            false
        }
    }
}

/// Instructions that decode encode to the same bytes.
pub fn decode(bytes: &[u8]) -> bool {
    let (mut at, mut again) = (0, Vec::new());
    while at < bytes.len() {
        match codec::decode(bytes, at) {
            Ok((instruction, next)) => {
                assert!(next > at && next <= bytes.len());
                codec::encode_instruction(&mut again, &instruction);
                at = next;
            }
            Err(_) => return false,
        }
        assert!(again == bytes[..at]);
    }
    true
}

/// Whatever a file says that it is, reading its exports ends with them or with an error.
pub fn library(bytes: &[u8]) -> bool {
    match cvm_symbols::Library::parse(std::path::Path::new("fuzz"), bytes) {
        Ok(library) => {
            let _ = (library.near("second"), library.needed(), library.soname());
            true
        }
        Err(_) => false,
    }
}
