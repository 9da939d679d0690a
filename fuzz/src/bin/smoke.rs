//! Runs every fuzz target on damaged inputs, on a stable compiler.
//!
//! ```text
//! cargo run --release --manifest-path fuzz/Cargo.toml --bin smoke
//! ```
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CVM_FUZZ_ITERATIONS` | inputs for each target | 100000 |
//! | `CVM_FUZZ_SEED` | where all randomness begins; printed | random |
//! | `CVM_FUZZ_FIRST` | number of the first iteration, to repeat a failure | 0 |
//! | `CVM_FUZZ_TARGETS` | names of targets, with commas | all |
//! | `CVM_FUZZ_SEEDS` | directories with images, with colons | `tests`, `examples` |
//!
//! Exit status 1 if a target panicked: the input is kept in `fuzz/artifacts/`, and the line that repeats it is printed.

use std::env;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cvm_fuzz::inputs::Inputs;
use cvm_fuzz::{TARGETS, Target};
use fastrand::Rng;

/// An input that takes longer than this is a failure, even on a busy machine: targets are linear, inputs are small.
const SLOW: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let iterations = number("CVM_FUZZ_ITERATIONS", 100_000);
    let seed = number("CVM_FUZZ_SEED", fastrand::u64(..));
    let first = number("CVM_FUZZ_FIRST", 0);
    let wanted = env::var("CVM_FUZZ_TARGETS").unwrap_or_default();
    let is_wanted =
        |target: &&Target| wanted.is_empty() || wanted.split(',').any(|name| name == target.name);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = match env::var("CVM_FUZZ_SEEDS") {
        Ok(list) => list.split(':').map(PathBuf::from).collect(),
        Err(_) => vec![root.join("../tests"), root.join("../examples")],
    };
    let directories: Vec<&Path> = directories.iter().map(PathBuf::as_path).collect();
    let inputs = Inputs::new(seed, &directories);
    println!("CVM_FUZZ_SEED={seed}, {} images to damage", inputs.images());

    let mut failed = false;
    for target in TARGETS.iter().filter(is_wanted) {
        let run = Run {
            target,
            inputs: &inputs,
            seed,
        };
        failed |= !run.iterations(first, iterations.div_ceil(target.share));
    }
    match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// The number in an environment variable.
fn number(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Err(_) => default,
        Ok(text) => text.replace('_', "").parse().unwrap_or_else(|_| {
            eprintln!("{name} is not a number: {text}");
            std::process::exit(64);
        }),
    }
}

/// One target with its inputs.
struct Run<'a> {
    target: &'a Target,
    inputs: &'a Inputs,
    seed: u64,
}

impl Run<'_> {
    /// Runs iterations until one fails; true if none did.
    fn iterations(&self, first: u64, count: u64) -> bool {
        let (mut accepted, mut slowest) = (0u64, Duration::ZERO);
        let begin = Instant::now();
        for iteration in first..first + count {
            let input = self.input(iteration);
            let start = Instant::now();
            let result = panic::catch_unwind(|| (self.target.run)(&input));
            slowest = slowest.max(start.elapsed());
            match result {
                Ok(was_accepted) => accepted += u64::from(was_accepted),
                Err(_) => return self.report(iteration, &input, "panicked"),
            }
            if slowest > SLOW {
                return self.report(iteration, &input, "took too long");
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{:<14} {count} inputs, {:.1} % accepted, {:.0} a second, slowest {:.1} ms",
            self.target.name,
            100.0 * accepted as f64 / count.max(1) as f64,
            count as f64 / seconds,
            slowest.as_secs_f64() * 1e3,
        );
        true
    }

    /// The input of an iteration; it depends on nothing but the seed, the iteration and the images to damage.
    fn input(&self, iteration: u64) -> Vec<u8> {
        let mut rng = Rng::with_seed(self.seed ^ iteration.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.inputs.damaged(self.target.input, &mut rng)
    }

    /// Keeps the input of a failure and says how to repeat it.
    fn report(&self, iteration: u64, input: &[u8], what: &str) -> bool {
        let name = self.target.name;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
        let path = folder.join(format!("{name}-{:016x}-{iteration}", self.seed));
        println!("{name} {what} at iteration {iteration}");
        match fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)) {
            Ok(()) => println!("  input: {}", path.display()),
            Err(error) => println!("  the input could not be kept: {error}"),
        }
        println!(
            "  repeat: CVM_FUZZ_SEED={} CVM_FUZZ_FIRST={iteration} CVM_FUZZ_ITERATIONS=1 CVM_FUZZ_TARGETS={name}",
            self.seed
        );
        false
    }
}
