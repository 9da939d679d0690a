//! Random programs run on every engine and on a second, plain implementation; everything observable must agree.
//!
//! `CVM_DIFFERENTIAL_PROGRAMS` sets how many (2,000 by default), `CVM_DIFFERENTIAL_SEED` the first seed, which a
//! failure prints.

mod generate;
mod reference;

use std::sync::Arc;
use std::time::Duration;

use cvm::host::Host;
use cvm::machine::{Engine, Exit, Limits, Machine, Tiering};
use cvm::verify::verify;
use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{Pointer, Tag};

use generate::Random;
use reference::{Outcome, Reference};

const FUEL: u64 = 20_000;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    }
}

/// An engine's exit in the oracle's terms.
fn outcome(exit: Exit) -> Outcome {
    match exit {
        Exit::Returned(results) => Outcome::Returned(results),
        Exit::Exited(_) | Exit::BrokenPipe | Exit::OutputFailed(_) => Outcome::Halted,
        Exit::Fault(fault) => Outcome::Fault {
            code: fault.code,
            ip: fault.registers.ip,
            osp: fault.registers.osp,
            csp: fault.registers.csp,
            fp: fault.registers.fp,
            access: fault.access.map(|access| (access.pointer.0, access.width)),
            backtrace: fault.backtrace.iter().map(|f| (f.function, f.ip)).collect(),
        },
    }
}

/// Keeps of a backtrace what a report shows.
fn shorten(mut outcome: Outcome) -> Outcome {
    if let Outcome::Fault { backtrace, .. } = &mut outcome {
        backtrace.truncate(40);
    }
    outcome
}

#[test]
fn the_engines_agree_with_the_reference() {
    let programs = setting("CVM_DIFFERENTIAL_PROGRAMS", 2_000);
    let first = setting("CVM_DIFFERENTIAL_SEED", 1);
    let (mut returned, mut faulted) = (0, 0);
    for seed in first..first + programs {
        let image = generate::program(&mut Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        let mut reference = Reference::new(&image, FUEL, 1 << 20);
        let entry = image.functions.len() - 1;
        let expected = shorten(reference.run(entry));
        let module = verify(image.clone()).unwrap_or_else(|error| {
            panic!("seed {seed}: the generator's program is rejected: {error}")
        });
        let module = Arc::new(module);
        let limits = Limits {
            max_heap: 1 << 20,
            ..Limits::default()
        };
        // Code is translated differently when it counts fuel and when it looks at the clock.
        let mut ways = vec![Limits {
            fuel: Some(FUEL),
            ..limits
        }];
        let ran_dry = matches!(
            expected,
            Outcome::Fault {
                code: FaultCode::OutOfFuel,
                ..
            }
        );
        if !ran_dry {
            let timeout = Some(Duration::from_secs(60));
            ways.extend([limits, Limits { timeout, ..limits }]);
        }
        let engines = [Engine::Interpreter, Engine::Jit, Engine::Auto].into_iter();
        let engines = engines.filter(|engine| engine.is_available());
        for (engine, limits) in
            engines.flat_map(|engine| ways.iter().map(move |way| (engine, *way)))
        {
            let what = format!(
                "seed {seed}, {engine:?}, fuel {:?}, timeout {:?}",
                limits.fuel, limits.timeout
            );
            let mut machine = Machine::new(Arc::clone(&module), Host::new(), limits)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            machine.set_engine(engine);
            // Some programs change engines at once, some later.
            machine.set_tiering(Tiering {
                threshold: 1 + (seed % 4) as u32,
                waits: true,
            });
            let found = shorten(outcome(machine.run().expect("it has an entry")));
            assert_eq!(found, expected, "{what}: how the run ended");
            if limits.fuel.is_some() {
                let used = Some(FUEL - reference.fuel);
                assert_eq!(machine.fuel_used(), used, "{what}: fuel");
            }
            let memory = machine.memory();
            let bss = memory.read(Pointer::new(Tag::Bss, 0).0, reference.bss.len() as u64);
            assert!(bss == Ok(&reference.bss), "{what}: bss differs");
            let size = reference.heap.len() as u64;
            assert_eq!(memory.segment_size(Tag::Heap), size, "{what}: heap size");
            let heap = memory.read(Pointer::new(Tag::Heap, 0).0, size);
            assert!(heap == Ok(&reference.heap), "{what}: heap differs");
        }
        match expected {
            Outcome::Returned(_) | Outcome::Halted => returned += 1,
            Outcome::Fault { .. } => faulted += 1,
        }
    }
    println!("{programs} programs from seed {first}: {returned} returned, {faulted} faulted");
    // A generator whose programs all end the same way would test little.
    assert!(returned * 20 > programs && faulted * 20 > programs);
}
