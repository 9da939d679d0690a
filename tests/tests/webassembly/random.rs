//! Random modules on every engine and on another runtime: results, traps, memory and globals must agree.
//!
//! `CVM_WASM_MODULES=n` sets how many, `CVM_WASM_SEED=s` and `CVM_WASM_FIRST=i` repeat a failure.

use std::path::Path;

use arbitrary::Unstructured;
use cvm::machine::Engine;
use cvm_tests::random::Random;
use wasm_smith::{Config, Module as Generated};
use wasmi::{Extern, ExternType, Instance as Reference, Linker, Nullable, Store, TrapCode, Val};
use wasmparser::{Operator, Parser, Payload};

use crate::instance::{Instance, Outcome, Refusal};

/// Loops and calls of a random module, after which it traps.
const FUEL: u32 = 400;
/// Bytes of randomness for a module.
const BYTES: u64 = 12_000;

/// Half of the modules have no instruction that traps, so that more of them runs.
fn config(disallow_traps: bool) -> Config {
    Config {
        canonicalize_nans: true,
        allow_start_export: false,
        export_everything: true,
        disallow_traps,
        max_funcs: 12,
        max_globals: 12,
        max_imports: 0,
        max_instructions: 150,
        max_memories: 1,
        max_memory32_bytes: 4 << 16,
        memory_max_size_required: true,
        max_table_elements: 40,
        max_tables: 3,
        table_max_size_required: true,
        max_tags: 0,
        min_funcs: 5,
        bulk_memory_enabled: true,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: true,
        gc_enabled: false,
        memory64_enabled: false,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// Whether module `number` has instructions that may trap.
fn may_trap(number: u64) -> bool {
    number % 2 == 1
}

/// The bytes of module `number`, if the generator makes one.
fn module(seed: u64, number: u64) -> Option<Vec<u8>> {
    let mut random = Random::for_item(seed, number);
    let bytes: Vec<u8> = (0..random.range(1_000, BYTES))
        .map(|_| random.next() as u8)
        .collect();
    let mut generated =
        Generated::new(config(!may_trap(number)), &mut Unstructured::new(&bytes)).ok()?;
    generated.ensure_termination(FUEL).ok()?;
    Some(generated.to_bytes())
}

/// Whether a module converts between the widths of floats. The bits of a NaN that comes out are each runtime's own, and
/// the generator does not hide them as it does for all others.
fn converts_floats(bytes: &[u8]) -> bool {
    let bodies = Parser::new(0)
        .parse_all(bytes)
        .filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => body.get_operators_reader().ok(),
            _ => None,
        });
    let mut operators = bodies.flatten();
    operators.any(|operator| {
        matches!(
            operator,
            Ok(Operator::F32DemoteF64 | Operator::F64PromoteF32)
        )
    })
}

/// What can be seen of a step: the cells of results, or a trap.
type Seen = Result<Vec<u64>, String>;

/// WebAssembly's name of a trap of the other runtime; none where the two may differ.
fn trap_name(error: &wasmi::Error) -> Option<&'static str> {
    Some(match error.as_trap_code()? {
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::MemoryOutOfBounds => "out of bounds memory access",
        TrapCode::TableOutOfBounds => "table",
        TrapCode::IndirectCallToNull => "uninitialized element",
        TrapCode::IntegerDivisionByZero => "integer divide by zero",
        TrapCode::IntegerOverflow => "integer overflow",
        TrapCode::BadConversionToInteger => "invalid conversion to integer",
        TrapCode::BadSignature => "indirect call type mismatch",
        _ => return None,
    })
}

/// The same name for the two traps that the other runtime does not tell apart.
fn plain(message: String) -> String {
    match message.as_str() {
        "out of bounds table access" | "undefined element" => "table".to_string(),
        _ => message,
    }
}

fn cell(value: &Val) -> Option<u64> {
    Some(match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(value) => u64::from(value.to_bits()),
        Val::F64(value) => value.to_bits(),
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => 0,
        // A reference's bits are its runtime's own.
        Val::FuncRef(_) | Val::ExternRef(_) => 1,
        Val::V128(_) => return None,
    })
}

/// A call: the export, its arguments, and which results are references.
struct Step {
    name: String,
    cells: Vec<u64>,
    references: Vec<bool>,
}

fn arguments(random: &mut Random, types: &[wasmi::ValType]) -> Option<(Vec<Val>, Vec<u64>)> {
    let mut values = Vec::new();
    for value_type in types {
        let cell = random.cell();
        values.push(match value_type {
            wasmi::ValType::I32 => Val::I32(cell as i32),
            wasmi::ValType::I64 => Val::I64(cell as i64),
            wasmi::ValType::F32 => Val::F32(wasmi::F32::from_bits(cell as u32)),
            wasmi::ValType::F64 => Val::F64(wasmi::F64::from_bits(cell)),
            wasmi::ValType::FuncRef => Val::FuncRef(Nullable::Null),
            wasmi::ValType::ExternRef => Val::ExternRef(Nullable::Null),
            wasmi::ValType::V128 => return None,
        });
    }
    let cells = values.iter().map(cell).collect::<Option<Vec<u64>>>()?;
    Some((values, cells))
}

/// What the other runtime does with a module: whether it starts, the calls, and what is left behind.
struct Record {
    start: Option<Seen>,
    steps: Vec<(Step, Option<Seen>)>,
    memory: Vec<u8>,
    globals: Vec<(String, u64)>,
}

impl Record {
    /// Whether a call ended with another trap than `unreachable`, which ends what runs for too long.
    fn traps_by_an_instruction(&self) -> bool {
        let mut seen = self.steps.iter().map(|(_, seen)| seen);
        seen.any(|seen| matches!(seen, Some(Err(trap)) if trap != "unreachable"))
    }
}

fn record(bytes: &[u8], random: &mut Random) -> Result<Record, String> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, bytes).map_err(|error| error.to_string())?;
    let mut store = Store::new(&engine, ());
    let linker = Linker::<()>::new(&engine);
    let instance: Reference = match linker.instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            let start = trap_name(&error).map(|name| Err(name.to_string()));
            return Ok(Record {
                start,
                steps: Vec::new(),
                memory: Vec::new(),
                globals: Vec::new(),
            });
        }
    };
    let mut steps = Vec::new();
    for export in module.exports() {
        let ExternType::Func(found) = export.ty() else {
            continue;
        };
        let Some((args, cells)) = arguments(random, found.params()) else {
            continue;
        };
        let Some(Extern::Func(function)) = instance.get_export(&store, export.name()) else {
            continue;
        };
        let mut results: Vec<Val> = found.results().iter().map(|_| Val::I32(0)).collect();
        let outcome = function.call(&mut store, &args, &mut results);
        let references = results
            .iter()
            .map(|value| matches!(value, Val::FuncRef(_) | Val::ExternRef(_)))
            .collect();
        let seen = match outcome {
            Ok(()) => results.iter().map(cell).collect::<Option<_>>().map(Ok),
            Err(error) => trap_name(&error).map(|name| Err(name.to_string())),
        };
        let is_known = seen.is_some();
        let step = Step {
            name: export.name().to_string(),
            cells,
            references,
        };
        steps.push((step, seen));
        if !is_known {
            break;
        }
    }
    let mut memory = Vec::new();
    let mut globals = Vec::new();
    for export in module.exports() {
        match instance.get_export(&store, export.name()) {
            Some(Extern::Memory(found)) => memory = found.data(&store).to_vec(),
            Some(Extern::Global(found)) => {
                let value = found.get(&store);
                if !matches!(value, Val::FuncRef(_) | Val::ExternRef(_)) {
                    let value = cell(&value).ok_or("a vector")?;
                    globals.push((export.name().to_string(), value));
                }
            }
            _ => {}
        }
    }
    Ok(Record {
        start: Some(Ok(Vec::new())),
        steps,
        memory,
        globals,
    })
}

fn compare(bytes: &[u8], record: &Record, engine: Engine) -> Result<(), String> {
    let mut instance = match (Instance::new(bytes, engine, &[]), &record.start) {
        (Ok(instance), Some(Ok(_))) => instance,
        (Err(Refusal::Trap(_)), None) => return Ok(()),
        (Err(Refusal::Trap(found)), Some(Err(wanted))) if plain(found.clone()) == *wanted => {
            return Ok(());
        }
        (Err(Refusal::Trap(found)), wanted) => {
            return Err(format!("starts with the trap {found}, expected {wanted:?}"));
        }
        (Err(Refusal::Translation(error)), _) => return Err(error.to_string()),
        (Err(Refusal::Linking), _) => return Err("imports something".into()),
        (Err(Refusal::Defect(message)), _) => return Err(message),
        (Ok(_), wanted) => return Err(format!("starts, expected {wanted:?}")),
    };
    for (step, wanted) in &record.steps {
        let found = match instance.call(&step.name, &step.cells) {
            Outcome::Returned(mut cells) => {
                for (cell, is_reference) in cells.iter_mut().zip(&step.references) {
                    if *is_reference {
                        *cell = u64::from(*cell != 0);
                    }
                }
                Ok(cells)
            }
            Outcome::Trap(message) => Err(plain(message)),
            Outcome::Defect(message) => return Err(message),
        };
        let (Some(wanted), true) = (wanted, found != Err("call stack exhausted".into())) else {
            // Where the stack ends is each runtime's own; what is left behind differs then.
            return Ok(());
        };
        if found != *wanted {
            return Err(format!(
                "`{}` with {:x?}: {found:x?}, expected {wanted:x?}",
                step.name, step.cells
            ));
        }
    }
    for (name, wanted) in &record.globals {
        let found = instance.global(name);
        if found != Some(*wanted) {
            return Err(format!("global `{name}`: {found:x?}, expected {wanted:x}"));
        }
    }
    match instance.memory() == record.memory {
        true => Ok(()),
        false => Err("memory differs".into()),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[test]
fn random_modules_agree_with_another_runtime() {
    let seed = number("CVM_WASM_SEED", 1);
    let first = number("CVM_WASM_FIRST", 0);
    let count = number("CVM_WASM_MODULES", 300);
    let (mut modules, mut calls, mut traps, mut set_aside) = (0, 0, 0, 0);
    for item in first..first + count {
        let Some(bytes) = module(seed, item).filter(|bytes| !converts_floats(bytes)) else {
            continue;
        };
        let mut random = Random::for_item(seed ^ 0x5eed, item);
        let again = format!("CVM_WASM_SEED={seed} CVM_WASM_FIRST={item} CVM_WASM_MODULES=1");
        let record = match record(&bytes, &mut random) {
            Ok(record) => record,
            Err(error) => panic!("{again}: the other runtime refuses it: {error}"),
        };
        if !may_trap(item) && record.traps_by_an_instruction() {
            // wasmi 2.0.0 divides by the wrong one of a `select`'s operands at times; a third runtime agreed with CVM.
            set_aside += 1;
            continue;
        }
        modules += 1;
        calls += record.steps.len();
        traps += record
            .steps
            .iter()
            .filter(|(_, seen)| matches!(seen, Some(Err(_))))
            .count();
        for engine in [Engine::Interpreter, Engine::Jit, Engine::Auto] {
            if let Err(difference) = compare(&bytes, &record, engine) {
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("random.wasm");
                std::fs::write(&kept, &bytes).expect("it can be written");
                let kept = kept.display();
                let calls: Vec<_> = record
                    .steps
                    .iter()
                    .map(|(step, _)| (&step.name, &step.cells))
                    .collect();
                panic!(
                    "{again}: {engine:?}: {difference}; the module is {kept}, the calls {calls:x?}"
                );
            }
        }
    }
    println!("{modules} modules, {calls} calls, {traps} traps; {set_aside} modules set aside");
    assert!(
        set_aside * 50 <= count,
        "too many modules are set aside: {set_aside}"
    );
    assert!(
        modules * 3 > count,
        "the generator makes too few modules: {modules}"
    );
    assert!(
        calls as u64 * 4 > modules,
        "the modules have too few functions: {calls}"
    );
}
