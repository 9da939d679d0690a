//! A module of a script, translated and loaded on one engine.

use std::sync::Arc;
use std::time::Duration;

use cvm::host::Host;
use cvm::machine::{Engine, Exit, Limits, Machine, MachineError, Tiering};
use cvm::verify::verify;
use cvm_spec::codec::decode;
use cvm_spec::image::{ExportKind, Image, link};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};
use cvm_wasm::{Options, Provided, TranslateError, translate};

/// The module that the suite's scripts import from.
const SPECTEST: &str = "spectest";

/// Why a module cannot be instantiated.
pub(crate) enum Refusal {
    /// The translator refuses it.
    Translation(TranslateError),
    /// It imports what only another module of the script can provide.
    Linking,
    /// Instantiation traps, with this message.
    Trap(String),
    /// Something that must not happen.
    Defect(String),
}

/// How an action on an instance ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Returned(Vec<u64>),
    /// WebAssembly's name of the trap.
    Trap(String),
    Defect(String),
}

pub(crate) struct Instance {
    machine: Machine,
}

fn options() -> Options {
    let mut options = Options::default();
    options.host.push(SPECTEST.to_string());
    let mut provide = |name: &str, provided| {
        let entry = (SPECTEST.to_string(), name.to_string(), provided);
        options.provided.push(entry);
    };
    provide("global_i32", Provided::Global(666));
    provide("global_i64", Provided::Global(666));
    let single = f64::from(666.6_f32) as f32;
    provide("global_f32", Provided::Global(u64::from(single.to_bits())));
    provide("global_f64", Provided::Global(666.6_f64.to_bits()));
    provide(
        "memory",
        Provided::Memory {
            first: 1,
            largest: 2,
        },
    );
    provide(
        "table",
        Provided::Table {
            first: 10,
            largest: Some(20),
        },
    );
    options
}

fn host() -> Host {
    let mut host = Host::new();
    host.register("spectest.print", || {});
    host.register("spectest.print_i32", |_: i32| {});
    host.register("spectest.print_i64", |_: i64| {});
    host.register("spectest.print_f32", |_: f32| {});
    host.register("spectest.print_f64", |_: f64| {});
    host.register("spectest.print_i32_f32", |_: i32, _: f32| {});
    host.register("spectest.print_f64_f64", |_: f64, _: f64| {});
    host
}

/// A module that others can import from, if it holds no state: every module that imports from it is linked with a copy.
pub(crate) fn shared(bytes: &[u8]) -> Option<Image> {
    let options = Options {
        shared: true,
        ..options()
    };
    let image = translate(bytes, &options).ok()?;
    let has_state = image.bss_size > 0 || image.owns_heap || !image.initialisers.is_empty();
    (!has_state).then_some(image)
}

/// The image with what it imports from these modules.
fn linked(image: &Image, modules: &[(String, Image)]) -> Option<Image> {
    let others = modules.iter().map(|(name, image)| link::Input {
        name,
        origin: "",
        image,
    });
    let first = link::Input {
        name: "",
        origin: "",
        image,
    };
    let inputs: Vec<link::Input<'_>> = std::iter::once(first).chain(others).collect();
    link::link(&inputs, link::Options::default()).ok()
}

/// Whether the program uses a memory that another module has.
fn lacks_memory(image: &Image) -> bool {
    let mut at = 0;
    let uses_heap = std::iter::from_fn(|| {
        let (instruction, next) = decode(&image.text, at).ok()?;
        at = next;
        Some(instruction)
    })
    .any(|instruction| instruction.opcode == Opcode::HeapSize);
    !image.owns_heap && uses_heap
}

/// Whether the translator lets a module pass.
pub(crate) fn check(bytes: &[u8]) -> Result<(), TranslateError> {
    translate(bytes, &options()).map(|_| ())
}

impl Instance {
    /// Instantiates a module that may import from others.
    pub(crate) fn new(
        bytes: &[u8],
        engine: Engine,
        modules: &[(String, Image)],
    ) -> Result<Instance, Refusal> {
        let mut image = translate(bytes, &options()).map_err(|error| match error {
            TranslateError::Import { .. } => Refusal::Linking,
            error => Refusal::Translation(error),
        })?;
        // Only what other modules provide makes an image that can be linked, which has a symbol for all variables.
        let mut symbols = image.symbols.iter();
        if symbols.any(|symbol| image.string(symbol.name) == Some("(variables)")) {
            image = linked(&image, modules).ok_or(Refusal::Linking)?;
            if lacks_memory(&image) {
                return Err(Refusal::Linking);
            }
        }
        let module = verify(image).map_err(|error| Refusal::Defect(error.to_string()))?;
        let limits = Limits {
            timeout: Some(Duration::from_secs(60)),
            call_stack: 1 << 20,
            ..Limits::default()
        };
        let mut machine =
            Machine::new(Arc::new(module), host(), limits).map_err(|error| match error {
                MachineError::Unsupported { .. }
                | MachineError::MissingImport { .. }
                | MachineError::ImportType { .. } => Refusal::Linking,
                error => Refusal::Defect(error.to_string()),
            })?;
        machine.set_engine(engine);
        machine.set_tiering(Tiering {
            threshold: 2,
            waits: true,
            unit_bytes: 0,
        });
        match outcome(machine.initialise()) {
            Outcome::Returned(_) => Ok(Instance { machine }),
            Outcome::Trap(message) => Err(Refusal::Trap(message)),
            Outcome::Defect(message) => Err(Refusal::Defect(message)),
        }
    }

    /// Calls an exported function.
    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Outcome {
        outcome(self.machine.call(&cvm_wasm::export_name(name), args))
    }

    /// All bytes of linear memory.
    pub(crate) fn memory(&mut self) -> Vec<u8> {
        let memory = self.machine.memory();
        let length = memory.segment_size(Tag::Heap);
        let start = Pointer::new(Tag::Heap, 0).0;
        memory
            .read(start, length)
            .map(<[u8]>::to_vec)
            .unwrap_or_default()
    }

    /// The value of an exported global.
    pub(crate) fn global(&mut self, name: &str) -> Option<u64> {
        let name = cvm_wasm::export_name(name);
        let image = self.machine.module().image();
        let mut exports = image.exports.iter();
        let found = exports.find(|export| {
            export.kind == ExportKind::Object && image.string(export.name) == Some(&name)
        })?;
        let pointer = ShortPointer(found.value).widen();
        let bytes = self.machine.memory().read(pointer.0, 8).ok()?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }
}

fn outcome(exit: Result<Exit, MachineError>) -> Outcome {
    match exit {
        Ok(Exit::Returned(results)) => Outcome::Returned(results),
        Ok(Exit::Fault(fault)) => match fault.trap() {
            Some(trap) => Outcome::Trap(trap.message().to_string()),
            None => Outcome::Defect(format!("the fault {}", fault.code.code())),
        },
        Ok(other) => Outcome::Defect(format!("{other:?}")),
        Err(error) => Outcome::Defect(error.to_string()),
    }
}
