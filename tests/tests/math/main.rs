//! The error of every function of `std/math`, measured against a multi-precision library.
//!
//! By default a few thousand points a function are computed; `CVM_MATH_POINTS=1000000` takes a million, and
//! `CVM_MATH_SEED` other ones. A test's output (`--nocapture`) is the largest error and where it is. The points of a
//! function are drawn from its whole domain, by exponent, and from around the places where it changes its method.

mod points;
mod reference;
mod special;
mod subject;

use std::env;
use std::thread;

use cvm::machine::Engine;
use cvm_tests::random::Random;

use crate::points::FUNCTIONS;
use crate::reference::{Reference, error_in_ulps, number};
use crate::subject::Subject;

const DEFAULT_POINTS: usize = 3_000;

/// How many points run in one call of the machine.
const BATCH: usize = 4_096;

fn setting(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = text.replace('_', "").parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// The largest error of a function, in ulps, and its arguments.
fn measure(function: &points::Function, points: usize, seed: u64) -> (f64, [f64; 2]) {
    let mut random = Random::for_item(seed, 0);
    let mut reference = Reference::new();
    let mut subject = Subject::new(function.name, function.arguments, 1, Engine::Auto);
    let mut worst = (0.0, [0.0; 2]);
    let mut left = points;
    while left > 0 {
        let count = left.min(BATCH);
        left -= count;
        let arguments: Vec<[f64; 2]> = (0..count).map(|_| (function.draw)(&mut random)).collect();
        let results = subject.run_floats(&arguments);
        for (arguments, result) in arguments.iter().zip(results) {
            let exact = (function.exact)(&mut reference, *arguments);
            let error = error_in_ulps(result, &exact);
            assert!(
                error < 1.0,
                "{} of {arguments:?} ({:#018x}, {:#018x}) is {result:e} ({:#018x}): {error} ulp from the exact value",
                function.name,
                arguments[0].to_bits(),
                arguments[1].to_bits(),
                result.to_bits(),
            );
            if error > worst.0 {
                worst = (error, *arguments);
            }
        }
    }
    worst
}

#[test]
fn every_function_is_less_than_an_ulp_from_the_exact_value() {
    let points = setting("CVM_MATH_POINTS").map_or(DEFAULT_POINTS, |points| points as usize);
    let seed = setting("CVM_MATH_SEED").unwrap_or(1);
    let only = env::var("CVM_MATH_FUNCTION").ok();
    let chosen: Vec<_> = FUNCTIONS
        .iter()
        .filter(|function| only.as_deref().is_none_or(|only| only == function.name))
        .collect();
    assert!(!chosen.is_empty(), "there is no function {only:?}");
    let half = chosen.len().div_ceil(2);
    thread::scope(|scope| {
        for part in chosen.chunks(half) {
            scope.spawn(move || {
                for function in part {
                    let (error, at) = measure(function, points, seed);
                    let at = &at[..function.arguments];
                    println!("{:8} {error:.4} ulp at {at:?}", function.name);
                }
            });
        }
    });
}

#[test]
fn the_measure_measures() {
    let one = number(1.0);
    assert_eq!(error_in_ulps(1.0, &one), 0.0);
    assert_eq!(error_in_ulps(1.0 + f64::EPSILON, &one), 1.0);
    assert_eq!(error_in_ulps(1.0 - f64::EPSILON / 2.0, &one), 0.5);
    assert_eq!(error_in_ulps(f64::NAN, &one), f64::INFINITY);
    assert_eq!(error_in_ulps(-1.0, &one), 2f64.powi(53));
    let smallest = number(5e-324);
    assert_eq!(error_in_ulps(0.0, &smallest), 1.0);
    assert_eq!(error_in_ulps(-0.0, &smallest), f64::INFINITY);
    assert_eq!(error_in_ulps(1.5e-323, &smallest), 2.0);
    let largest = number(f64::MAX);
    assert_eq!(error_in_ulps(f64::INFINITY, &largest), 1.0);
}

#[test]
fn every_export_is_measured() {
    let module = cvm_std::module("std/math").expect("there is a module std/math");
    let exports = module
        .text
        .lines()
        .filter_map(|line| line.strip_prefix(".export "));
    // What only takes numbers apart is exact; cases show it.
    let exact = ["frexp", "ldexp", "modf"];
    for name in exports.filter(|name| !exact.contains(name)) {
        assert!(
            FUNCTIONS.iter().any(|function| function.name == name),
            "{name} is not measured"
        );
    }
}
