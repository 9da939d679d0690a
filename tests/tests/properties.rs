//! Properties that must hold for every program and every file.
//!
//! The sizes come from the environment, so that a checkout is tested in seconds and a release for hours:
//!
//! | variable | default | full run |
//! |---|---|---|
//! | `CVM_PROPERTY_PROGRAMS` | 300 | 100000 |
//! | `CVM_PROPERTY_MUTATIONS` | 20000 | 10000000 |
//! | `CVM_PROPERTY_SEED` | a fixed one | any number |
//!
//! The seed is printed; a failure names the item, and the same seed and number give the same item again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cvm::host::Host;
use cvm::host::sys::{Capture, Stdin, Sys, SysOptions};
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::verify::{Module, verify};
use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::{Image, reader, writer};
use cvm_spec::isa::OperandKind;
use cvm_tests::assembly::{Detail, Program};
use cvm_tests::case::Case;
use cvm_tests::generate::{Style, program};
use cvm_tests::mutate::mutant;
use cvm_tests::random::Random;
use cvm_tests::{discover, round_trip};

/// Fuel of a random program.
const FUEL: u64 = 20_000;

fn from_environment(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

fn seed() -> u64 {
    let seed = from_environment("CVM_PROPERTY_SEED", 20_260_101);
    println!("CVM_PROPERTY_SEED={seed}");
    seed
}

/// Checks items 0 to `count` on all processors; a panic or an error names the item.
fn check_all(count: u64, check: impl Fn(u64) -> Result<(), String> + Sync) {
    let next = AtomicU64::new(0);
    let failures = std::sync::Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let item = next.fetch_add(1, Ordering::Relaxed);
                    if item >= count {
                        break;
                    }
                    let result = catch_unwind(AssertUnwindSafe(|| check(item)));
                    let message = match result {
                        Ok(Ok(())) => continue,
                        Ok(Err(message)) => message,
                        Err(panic) => format!("panicked: {}", panic_text(&*panic)),
                    };
                    let mut failures = failures.lock().expect("no holder panics");
                    failures.push(format!("item {item}: {message}"));
                    if failures.len() >= 300 {
                        next.store(count, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no holder panics");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "without a message".into(),
    }
}

/// What can be seen of a run, apart from its fuel.
#[derive(Debug, PartialEq)]
struct Seen {
    exit: Exit,
    output: Vec<u8>,
}

fn run(module: &Arc<Module>, fuel: Option<u64>) -> Result<(Seen, Option<u64>), String> {
    run_for(module, fuel, None)
}

fn run_for(
    module: &Arc<Module>,
    fuel: Option<u64>,
    timeout: Option<Duration>,
) -> Result<(Seen, Option<u64>), String> {
    let output = Capture::new(1 << 20);
    let options = SysOptions::default()
        .args(["one"])
        .stdin(Stdin::bytes(&b"some input"[..]))
        .stdout(output.clone());
    let mut host = Host::new();
    host.add(Sys::new(options).map_err(|error| error.to_string())?);
    let limits = Limits {
        fuel,
        timeout,
        max_heap: 1 << 20,
        call_stack: 1 << 16,
    };
    let mut machine =
        Machine::new(Arc::clone(module), host, limits).map_err(|error| error.to_string())?;
    // With an engine that is free to change, no two runs need to overflow the call stack at the same depth.
    machine.set_engine(Engine::Interpreter);
    let exit = machine.run().map_err(|error| error.to_string())?;
    let seen = Seen {
        exit,
        output: output.bytes(),
    };
    Ok((seen, machine.fuel_used()))
}

fn is_out_of_fuel(seen: &Seen) -> bool {
    seen.exit.fault_code() == Some(cvm_spec::fault::FaultCode::OutOfFuel)
}

fn load(image: Image) -> Result<Arc<Module>, String> {
    verify(image)
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

/// Whether the code is the same, wherever the types that it names stand in their section.
fn is_same_code(one: &Image, other: &Image) -> bool {
    if one.text.len() != other.text.len() {
        return false;
    }
    let mut at = 0;
    while at < one.text.len() {
        let (Ok((a, next)), Ok((b, _))) = (decode(&one.text, at), decode(&other.text, at)) else {
            return false;
        };
        let same = match (a.operand, b.operand) {
            (Operand::Index(i), Operand::Index(j)) if a.opcode.operand() == OperandKind::Type => {
                one.types.get(i as usize) == other.types.get(j as usize)
            }
            (i, j) => i == j,
        };
        if a.opcode != b.opcode || !same {
            return false;
        }
        at = next;
    }
    true
}

#[test]
fn generated_programs_come_back_from_the_disassembler() {
    let (seed, count) = (seed(), from_environment("CVM_PROPERTY_PROGRAMS", 300));
    check_all(count, |item| {
        let mut random = Random::for_item(seed, item);
        let style = random.pick(&[Style::Canonical, Style::Free]);
        let image = program(&mut random, style);
        let module = load(image.clone()).map_err(|error| format!("not valid: {error}"))?;
        round_trip::exact(&image)?;
        let again = round_trip::readable(&image)?;
        let same_code = is_same_code(&image, &again);
        if style == Style::Canonical && !same_code {
            return Err("the readable disassembly assembles to other code".into());
        }
        let again = load(again).map_err(|error| format!("readable: not valid: {error}"))?;
        let (first, fuel) = run(&module, Some(FUEL))?;
        if same_code {
            let (second, second_fuel) = run(&again, Some(FUEL))?;
            if first != second || fuel != second_fuel {
                return Err(format!(
                    "{first:?} with fuel {fuel:?}, then {second:?} {second_fuel:?}"
                ));
            }
        }
        if !is_out_of_fuel(&first) {
            let (unmetered, _) = run(&module, None)?;
            if unmetered != first {
                return Err(format!("with fuel {first:?}, without {unmetered:?}"));
            }
        }
        Ok(())
    });
}

#[test]
fn damaged_images_never_panic() {
    let (seed, count) = (seed(), from_environment("CVM_PROPERTY_MUTATIONS", 20_000));
    let images = corpus(seed);
    let files: Vec<Vec<u8>> = images
        .iter()
        .map(writer::write)
        .chain(malformed())
        .collect();
    let accepted = AtomicU64::new(0);
    let verified = AtomicU64::new(0);
    check_all(count, |item| {
        let mut random = Random::for_item(seed ^ 0x6d75_7461_7465, item);
        let bytes = mutant(&mut random, &files, &images);
        let read = match reader::read(&bytes) {
            Ok(read) => read,
            Err(error) if error.offset > bytes.len() as u64 => {
                return Err(format!("the reader's error lies behind the file: {error}"));
            }
            Err(_) => return Ok(()),
        };
        accepted.fetch_add(1, Ordering::Relaxed);
        if writer::write(&read.image) != bytes {
            return Err("the accepted image is written as other bytes".into());
        }
        if item % 4 == 0 {
            round_trip::exact(&read.image)?;
            disassemble(&read.image).map_err(|error| error.to_string())?;
        }
        let Ok(module) = verify(read.image) else {
            return Ok(());
        };
        verified.fetch_add(1, Ordering::Relaxed);
        let module = Arc::new(module);
        if module.image().heap_first <= 1 << 20 && module.image().bss_size <= 1 << 20 {
            // The machine may refuse it, for example because an import does not exist.
            // A mutant may ask for a very long sleep, which uses no fuel.
            let _ = run_for(&module, Some(FUEL), Some(Duration::from_secs(1)));
        }
        Ok(())
    });
    let (accepted, verified) = (accepted.into_inner(), verified.into_inner());
    println!("{count} mutants, {accepted} read, {verified} verified");
    assert!(
        count < 1000 || verified * 50 > count,
        "too few mutants get through for this to test much"
    );
}

/// All forms of the disassembler.
fn disassemble(image: &Image) -> Result<(), Box<dyn std::error::Error>> {
    let options = cvm_disasm::Options { hex: true };
    let out = &mut std::io::sink();
    cvm_disasm::exact(image, options, out)?;
    cvm_disasm::headers(image, out)?;
    cvm_disasm::json(image, out)?;
    cvm_disasm::cfg(image, out)?;
    match cvm_disasm::readable(image, options, out) {
        Err(cvm_disasm::DisassembleError::Io(error)) => Err(error.into()),
        // It says what assembly cannot express.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The images that are damaged: generated programs, and the assembled cases that are not too large.
fn corpus(seed: u64) -> Vec<Image> {
    let mut images: Vec<Image> = (0..60)
        .map(|item| program(&mut Random::for_item(seed ^ 0x636f_7270, item), Style::Free))
        .collect();
    for path in discover::case_files().iter().step_by(7) {
        let image = Case::load(path)
            .and_then(|case| Program::of_case(&case))
            .and_then(|program| program.image(Detail::Debug));
        images.extend(image.ok().filter(|image| image.text.len() < 2000));
    }
    images
}

/// The malformed files.
fn malformed() -> impl Iterator<Item = Vec<u8>> {
    let folder = discover::root().join("tests/malformed");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "cvm"))
        .filter_map(|path| std::fs::read(path).ok())
}
