//! Random programs run on every engine and on a second, plain implementation; everything observable must agree.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CVM_DIFFERENTIAL_PROGRAMS` | how many programs | 2,000 |
//! | `CVM_DIFFERENTIAL_SEED` | the first seed; a failure prints its own | 1 |
//! | `CVM_DIFFERENTIAL_THREADS` | how many at a time | as many as the machine has processors |
//! | `CVM_DIFFERENTIAL_WAYS` | `all`: every engine with fuel, with a time limit and with neither; `some`: as the seed chooses | `some` |
//! | `CVM_DIFFERENTIAL_SMALLER` | `no`: a program that fails is shown as it is | `yes` |
//!
//! A program that fails is made as small as it can be, printed, and named with its seed:
//! `CVM_DIFFERENTIAL_SEED=n CVM_DIFFERENTIAL_PROGRAMS=1` runs it again.

mod programs;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use programs::compare::{Failure, Seen, Ways, compare};
use programs::generate;
use programs::random::Random;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.replace('_', "").parse().expect("a number"),
        Err(_) => default,
    }
}

/// What came of many programs.
#[derive(Default)]
struct Tally {
    ended: u64,
    /// By code.
    faulted: BTreeMap<&'static str, u64>,
    failure: Option<String>,
}

#[test]
fn the_engines_agree_with_the_reference() {
    let count = setting("CVM_DIFFERENTIAL_PROGRAMS", 2_000);
    let first = setting("CVM_DIFFERENTIAL_SEED", 1);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = setting("CVM_DIFFERENTIAL_THREADS", processors as u64);
    let ways = match std::env::var("CVM_DIFFERENTIAL_WAYS").as_deref() {
        Ok("all") => Ways::All,
        Ok("some") | Err(_) => Ways::Some,
        Ok(other) => panic!("CVM_DIFFERENTIAL_WAYS is `{other}`, neither `all` nor `some`"),
    };
    let start = Instant::now();
    let next = AtomicU64::new(first);
    let is_over = AtomicBool::new(false);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let seen = one(seed, ways);
                    let mut tally = tally.lock().expect("no thread panics with it");
                    match seen {
                        Ok(Seen::Ended) => tally.ended += 1,
                        Ok(Seen::Faulted(code)) => {
                            *tally.faulted.entry(code.code()).or_default() += 1;
                        }
                        Err(text) => {
                            is_over.store(true, Ordering::Relaxed);
                            tally.failure.get_or_insert(text);
                        }
                    }
                    let done = tally.ended + tally.faulted.values().sum::<u64>();
                    if done % 10_000 == 0 {
                        let rate = done as f64 / start.elapsed().as_secs_f64();
                        println!("{done} programs, {rate:.0} a second");
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no thread panics with it");
    let faulted: u64 = tally.faulted.values().sum();
    println!(
        "{} programs from seed {first} in {:.0?}: {} ended, {faulted} faulted: {:?}",
        tally.ended + faulted,
        start.elapsed(),
        tally.ended,
        tally.faulted
    );
    if let Some(failure) = tally.failure {
        panic!("{failure}");
    }
    // A generator whose programs all end the same way would test little.
    if count >= 1_000 {
        assert!(tally.ended * 5 > count && faulted * 5 > count);
    }
}

/// Compares the program of a seed; if it fails, its smallest form.
fn one(seed: u64, ways: Ways) -> Result<Seen, String> {
    let program = generate::program(&mut Random::new(seed));
    match compare(&program, seed, ways) {
        Ok(seen) => Ok(seen),
        Err(Failure::Rejected(text)) => {
            let listing = programs::listing(&program);
            Err(format!(
                "seed {seed}: the verifier rejects the program: {text}\n{listing}"
            ))
        }
        Err(Failure::Different(text)) => {
            println!("seed {seed}: {text}");
            if std::env::var("CVM_DIFFERENTIAL_SMALLER").as_deref() == Ok("no") {
                let listing = programs::listing(&program);
                return Err(format!("seed {seed}: {text}\n{listing}"));
            }
            let (smaller, text) = programs::reduce(program, seed, ways);
            let listing = programs::listing(&smaller);
            Err(format!("seed {seed}, made smaller: {text}\n{listing}"))
        }
    }
}
