//! One program on every engine, compared with the second implementation in everything that can be seen: how the run
//! ended, the whole fault report, output, memory, fuel.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cvm::machine::{Engine, Exit, Limits, Machine, Tiering};
use cvm::report::Reporter;
use cvm::verify::{Module, verify};
use cvm_spec::fault::FaultCode;
use cvm_spec::image::Image;
use cvm_spec::pointer::{Pointer, Tag};

use super::generate::Program;
use super::random::Random;
use super::reference::{Full, Reference, Shapes};
use super::world;

/// Enough for most programs to end by themselves.
const FUEL: u64 = 4_000;
/// Deep recursion takes more.
const DEEP_FUEL: u64 = 30_000;
const MAX_HEAP: u64 = 1 << 20;

/// Why a comparison did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The verifier rejects the program.
    Rejected(String),
    /// The engines do not agree with the second implementation.
    Different(String),
}

/// How thoroughly a program is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ways {
    /// Each engine once or a few times, with or without fuel and polling as the seed chooses.
    Some,
    /// Every engine with fuel, with a time limit, and with neither.
    All,
}

/// How the program ended, when nothing cut it short.
pub(crate) enum Seen {
    Ended,
    Faulted(FaultCode),
}

/// What the second implementation says of a run.
struct Expected {
    budget: u64,
    exit: Exit,
    fuel_used: u64,
    bss: Vec<u8>,
    heap: Vec<u8>,
    output: Vec<u8>,
}

struct Comparison<'p> {
    image: Image,
    shapes: Shapes,
    module: Arc<Module>,
    program: &'p Program,
    call_stack: u64,
    threshold: u32,
    unit_bytes: u32,
    looks_at_report: bool,
}

/// Compares; the seed chooses limits.
pub(crate) fn compare(program: &Program, seed: u64, ways: Ways) -> Result<Seen, Failure> {
    let mut random = Random::new(seed ^ 0x5eed);
    let image = program.image();
    let module = match verify(image.clone()) {
        Ok(module) => Arc::new(module),
        Err(error) => return Err(Failure::Rejected(error.to_string())),
    };
    let comparison = Comparison {
        shapes: Shapes::of(&image),
        image,
        module,
        program,
        call_stack: match program.is_deep {
            true => random.pick(&[1 << 10, 8 << 10, 64 << 10]),
            false => Limits::default().call_stack,
        },
        threshold: random.pick(&[1, 1, 2, 2, 3, 4, 5, 9]),
        unit_bytes: random.pick(&[0, 0, 100, 300, 8 << 10]),
        looks_at_report: random.one_in(8),
    };
    comparison
        .run(&mut random, ways)
        .map_err(Failure::Different)
}

impl Comparison<'_> {
    fn run(&self, random: &mut Random<'_>, ways: Ways) -> Result<Seen, String> {
        let fuel = if self.program.is_deep {
            DEEP_FUEL
        } else {
            FUEL
        };
        let whole = self.expect(fuel, None);
        // Budgets that end it early: anywhere, and at what is charged first.
        let most = whole.fuel_used as usize + 1;
        let budgets = [random.below(most), random.below(most.min(30))];
        let cut = budgets.map(|fuel| self.expect(fuel as u64, None));
        let limits = Limits {
            fuel: None,
            timeout: None,
            max_heap: MAX_HEAP,
            call_stack: self.call_stack,
        };
        let metered = |expected: &Expected| Limits {
            fuel: Some(expected.budget),
            ..limits
        };
        let polled = Limits {
            timeout: Some(Duration::from_secs(600)),
            ..limits
        };
        let ran_dry =
            matches!(&whole.exit, Exit::Fault(fault) if fault.code == FaultCode::OutOfFuel);
        for engine in [Engine::Interpreter, Engine::Jit, Engine::Auto] {
            if !engine.is_available() {
                continue;
            }
            let choice = random.below(4);
            let all = ways == Ways::All;
            if all || ran_dry || choice < 2 {
                self.check(engine, metered(&whole), &whole)?;
                for expected in &cut {
                    self.check(engine, metered(expected), expected)?;
                }
            }
            if !ran_dry && (all || choice == 2) {
                self.check(engine, limits, &whole)?;
            }
            if !ran_dry && (all || choice == 3) {
                self.check(engine, polled, &whole)?;
            }
        }
        Ok(match whole.exit {
            Exit::Fault(fault) => Seen::Faulted(fault.code),
            _ => Seen::Ended,
        })
    }

    fn expect(&self, budget: u64, full: Option<Full>) -> Expected {
        let mut reference = Reference::new(&self.image, &self.shapes, budget, MAX_HEAP);
        if let Some(full) = full {
            reference = reference.full_at(full);
        }
        let exit = reference.run();
        Expected {
            budget,
            exit,
            fuel_used: reference.fuel_used(),
            bss: reference.bss,
            heap: reference.heap,
            output: reference.output,
        }
    }

    /// Runs the program and compares.
    fn check(&self, engine: Engine, limits: Limits, expected: &Expected) -> Result<(), String> {
        let what = format!(
            "{engine:?}, threshold {}, fuel {:?}, timeout {:?}, call stack {}",
            self.threshold, limits.fuel, limits.timeout, limits.call_stack
        );
        let failed = |text: String| format!("{what}: {text}");
        let (host, output) = world::host();
        let mut machine = Machine::new(Arc::clone(&self.module), host, limits)
            .map_err(|error| failed(error.to_string()))?;
        machine.set_engine(engine);
        machine.set_tiering(Tiering {
            threshold: self.threshold,
            waits: true,
            unit_bytes: self.unit_bytes,
        });
        let exit = machine.run().map_err(|error| failed(error.to_string()))?;
        let mut again = None;
        if let Exit::Fault(fault) = &exit
            && fault.code == FaultCode::CallStackOverflow
        {
            if !self.program.is_deep {
                return Err(failed("the call stack is full".into()));
            }
            let Some(fuel_used) = machine.fuel_used() else {
                // Where it is full may differ, and without fuel nothing says when that was.
                return Ok(());
            };
            let omitted = fault.omitted.map_or(0, |(_, count)| count as usize);
            again = Some(self.expect(
                expected.budget,
                Some(Full {
                    fuel_used,
                    frames: fault.backtrace.len() + omitted,
                    ip: fault.registers.ip,
                }),
            ));
        }
        let expected = again.as_ref().unwrap_or(expected);
        if exit != expected.exit {
            let wanted = &expected.exit;
            return Err(failed(format!(
                "the run ended with\n{exit:#x?}\nnot\n{wanted:#x?}"
            )));
        }
        if let Some(used) = machine.fuel_used()
            && used != expected.fuel_used
        {
            let wanted = expected.fuel_used;
            return Err(failed(format!("it used {used} fuel, not {wanted}")));
        }
        let written = output.lock().unwrap_or_else(PoisonError::into_inner);
        if *written != expected.output {
            let wanted = &expected.output;
            return Err(failed(format!("it wrote {written:?}, not {wanted:?}")));
        }
        let memory = machine.memory();
        for (tag, wanted) in [(Tag::Bss, &expected.bss), (Tag::Heap, &expected.heap)] {
            let size = memory.segment_size(tag);
            let found = memory.read(Pointer::new(tag, 0).0, size);
            if found != Ok(wanted.as_slice()) {
                let found = found.unwrap_or_default();
                let differ = found
                    .iter()
                    .zip(wanted)
                    .position(|(found, wanted)| found != wanted);
                return Err(failed(format!(
                    "{tag:?} differs: {size} bytes, not {}; first at {differ:?}",
                    wanted.len()
                )));
            }
        }
        match &exit {
            Exit::Fault(fault) if self.looks_at_report => {
                // The debug information gives the instruction at offset n the line n + 1.
                let report = Reporter::new().image(&self.image).fault_json(fault);
                let line = format!("\"line\":{}", fault.registers.ip + 1);
                match report.contains(&line) {
                    true => Ok(()),
                    false => Err(failed(format!("no {line} in {report}"))),
                }
            }
            _ => Ok(()),
        }
    }
}
