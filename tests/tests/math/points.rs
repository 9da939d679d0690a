//! The functions, and where they are measured.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, LN_2};

use astro_float_num::BigFloat;
use cvm_tests::random::Random;

use crate::reference::Reference;

/// A function of one or two arguments.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: usize,
    /// A point for which the exact value is a number.
    pub(crate) draw: fn(&mut Random) -> [f64; 2],
    pub(crate) exact: fn(&mut Reference, [f64; 2]) -> BigFloat,
}

/// A function of one argument, which has the same name in the reference.
macro_rules! unary {
    ($name:ident, $draw:expr) => {
        Function {
            name: stringify!($name),
            arguments: 1,
            draw: |random| {
                let draw: fn(&mut Random) -> f64 = $draw;
                [draw(random), 0.0]
            },
            exact: |reference, [x, _]| reference.$name(x),
        }
    };
}

/// One of two arguments.
macro_rules! binary {
    ($name:ident, $draw:expr) => {
        Function {
            name: stringify!($name),
            arguments: 2,
            draw: $draw,
            exact: |reference, [x, y]| reference.$name(x, y),
        }
    };
}

/// All functions that round.
pub(crate) const FUNCTIONS: &[Function] = &[
    unary!(exp, |random| match random.below(5) {
        0 => by_exponent(random, -60, 8).clamp(-745.0, 709.0),
        1 => {
            let centre = LN_2 / 256.0 * integer(random, 200_000);
            near(random, centre)
        }
        .clamp(-745.0, 709.0),
        2 => uniform(random, -745.0, -708.0),
        3 => uniform(random, -2.0, 2.0),
        _ => uniform(random, -745.0, 709.7),
    }),
    unary!(exp2, |random| match random.below(5) {
        0 => by_exponent(random, -60, 9).clamp(-1074.0, 1023.9),
        1 => {
            let centre = integer(random, 260_000) / 256.0;
            near(random, centre)
        }
        .clamp(-1074.0, 1023.9),
        2 => uniform(random, -1074.0, -1020.0),
        3 => uniform(random, -2.0, 2.0),
        _ => uniform(random, -1074.0, 1023.9),
    }),
    unary!(log, |random| positive(random)),
    unary!(log2, |random| positive(random)),
    unary!(log10, |random| positive(random)),
    unary!(log1p, |random| match random.below(4) {
        0 => -by_exponent(random, -1074, -1).abs(),
        1 => by_exponent(random, -60, -1),
        2 => {
            let centre = positive(random).min(1e300) - 1.0;
            near(random, centre)
        }
        .max(-1.0 + f64::EPSILON),
        _ => positive(random),
    }),
    binary!(pow, |random| match random.below(6) {
        // The result is anything that is finite, near 1 among them.
        0 | 1 => {
            let x = positive(random);
            let power = uniform(random, -1074.0, 1023.9);
            [x, power_to(x, power)]
        }
        2 => {
            let x = 1.0 + by_exponent(random, -52, -1);
            let power = uniform(random, -1074.0, 1023.9);
            [x, power_to(x, power)]
        }
        3 => {
            let x = positive(random);
            [x, power_to(x, by_exponent(random, -60, 9))]
        }
        4 => {
            let x = positive(random);
            [x, power_to(x, uniform(random, -1074.0, -1020.0))]
        }
        _ => {
            let x = -positive(random);
            let power = uniform(random, -1000.0, 1000.0);
            [x, power_to(-x, power).trunc()]
        }
    }),
    unary!(sin, |random| angle(random)),
    unary!(cos, |random| angle(random)),
    unary!(tan, |random| angle(random)),
    unary!(asin, |random| leg(random)),
    unary!(acos, |random| leg(random)),
    unary!(atan, |random| slope(random)),
    binary!(atan2, |random| match random.below(4) {
        // The angle is anything; the point is anywhere.
        0 => [
            by_exponent(random, -1074, 1023),
            by_exponent(random, -1074, 1023)
        ],
        1 => {
            let x = by_exponent(random, -960, 960);
            [x * slope(random).abs().clamp(1e-10, 1e10), x]
        }
        2 => {
            let exponent = random.below(2040) as i32 - 1050;
            [
                by_exponent(random, exponent, exponent + 10),
                by_exponent(random, exponent, exponent + 10),
            ]
        }
        _ => [uniform(random, -2.0, 2.0), uniform(random, -2.0, 2.0)],
    }),
    unary!(sinh, |random| hyperbolic(random)),
    unary!(cosh, |random| hyperbolic(random)),
    unary!(tanh, |random| hyperbolic(random)),
    unary!(expm1, |random| match random.below(6) {
        0 => by_exponent(random, -1074, -5),
        1 => by_exponent(random, -60, 8),
        2 => {
            let centre = LN_2 / 256.0 * integer(random, 12_000);
            near(random, centre)
        }
        3 => uniform(random, -40.0, 709.7),
        _ => uniform(random, -1.0, 1.0),
    }),
    unary!(cbrt, |random| match random.below(3) {
        0 => by_exponent(random, -1074, 1023),
        1 => {
            let centre = integer(random, 1 << 17).powi(3);
            near(random, centre)
        }
        _ => uniform(random, -8.0, 8.0),
    }),
    binary!(hypot, |random| match random.below(4) {
        0 => [
            by_exponent(random, -1074, 1023),
            by_exponent(random, -1074, 1023)
        ],
        1 => {
            let x = by_exponent(random, -1074, 1023);
            [x, x * by_exponent(random, -62, 0)]
        }
        2 => {
            let exponent = random.below(2090) as i32 - 1074;
            [
                by_exponent(random, exponent, exponent + 3),
                by_exponent(random, exponent, exponent + 3),
            ]
        }
        _ => [uniform(random, -2.0, 2.0), uniform(random, -2.0, 2.0)],
    }),
    binary!(fmod, |random| match random.below(4) {
        0 => [
            by_exponent(random, -1074, 1023),
            by_exponent(random, -1074, 1023)
        ],
        1 => {
            let y = by_exponent(random, -1074, 900);
            [y * by_exponent(random, -2, 100), y]
        }
        2 => [
            integer(random, 1 << 40),
            1.0 + integer(random, 1 << 20).abs()
        ],
        _ => [
            f64::from_bits(random.below(1 << 54)),
            f64::from_bits(1 + random.below(1 << 53))
        ],
    }),
];

/// From -1 to 1: of any exponent, or from around the ends, the middle of the arc, and what the table has.
fn leg(random: &mut Random) -> f64 {
    let leg = match random.below(6) {
        0 => by_exponent(random, -1074, -1),
        1 => by_exponent(random, -30, -1),
        2 => 1.0 - by_exponent(random, -53, -2).abs(),
        3 => {
            let centre = ((random.below(65) as f64 + 0.5) / 64.0).atan().sin();
            near(random, centre)
        }
        4 => near(random, FRAC_1_SQRT_2),
        _ => uniform(random, -1.0, 1.0),
    };
    leg.clamp(-1.0, 1.0)
}

/// A tangent: of any exponent, or from around 1 and the bounds of the table.
fn slope(random: &mut Random) -> f64 {
    match random.below(6) {
        0 => by_exponent(random, -1074, 1023),
        1 => by_exponent(random, -30, 30),
        2 => {
            let centre = (random.below(64) as f64 + 0.5) / 64.0;
            near(random, centre)
        }
        3 => {
            let centre = 64.0 / (random.below(64) as f64 + 0.5);
            near(random, centre)
        }
        4 => near(random, 1.0),
        _ => uniform(random, -2.0, 2.0),
    }
}

/// An argument of a hyperbolic function.
fn hyperbolic(random: &mut Random) -> f64 {
    match random.below(7) {
        0 => by_exponent(random, -1074, -1),
        1 => by_exponent(random, -30, 9).clamp(-710.4, 710.4),
        2 => {
            let centre = LN_2 / 256.0 * integer(random, 15_000);
            near(random, centre)
        }
        3 => {
            let bound = random_of(random, &[0.25, 22.0, 40.0, 710.0]);
            near(random, bound)
        }
        4 => uniform(random, -710.4, 710.4),
        5 => uniform(random, -40.0, 40.0),
        _ => uniform(random, -1.0, 1.0),
    }
    .clamp(-710.4, 710.4)
}

/// One of these numbers, of either sign.
fn random_of(random: &mut Random, numbers: &[f64]) -> f64 {
    let number = random.pick(numbers);
    if random.one_in(2) { number } else { -number }
}

/// The exponent y for which x^y is about 2^power.
fn power_to(x: f64, power: f64) -> f64 {
    let y = power / x.log2();
    if y.is_finite() { y } else { 2.0 }
}

/// A number above 0 of any exponent, or from around 1 or a bound of the tables of logarithms.
fn positive(random: &mut Random) -> f64 {
    match random.below(5) {
        0 => 1.0 + by_exponent(random, -52, -2),
        1 => uniform(random, 0.5, 2.0),
        2 => {
            let centre = (88 + random.below(89)) as f64 / 128.0;
            near(random, centre)
        }
        3 => f64::from_bits(1 + random.below(1 << 53)),
        _ => by_exponent(random, -1022, 1023).abs(),
    }
}

/// An angle of any exponent, or from around a multiple of a quarter or an eighth of a turn.
fn angle(random: &mut Random) -> f64 {
    match random.below(8) {
        0 => by_exponent(random, -1074, 1023),
        1 => by_exponent(random, -30, 3),
        2 => by_exponent(random, 20, 1023),
        3 => uniform(random, -4.0, 4.0),
        4 => {
            let centre = FRAC_PI_2 * integer(random, 1000);
            near(random, centre)
        }
        5 => {
            let centre = FRAC_PI_2 / 2.0 * integer(random, 1 << 28);
            near(random, centre)
        }
        6 => {
            let centre = FRAC_PI_2 * integer(random, 1 << 45);
            near(random, centre)
        }
        _ => uniform(random, -1e6, 1e6),
    }
}

/// An integer of at most this size.
fn integer(random: &mut Random, largest: u64) -> f64 {
    random.below(2 * largest + 1) as f64 - largest as f64
}

/// A number from an interval.
fn uniform(random: &mut Random, low: f64, high: f64) -> f64 {
    let fraction = (random.next() >> 11) as f64 * 2f64.powi(-53);
    low + (high - low) * fraction
}

/// A number of either sign, whose exponent is one of these; those below -1022 make subnormal numbers.
fn by_exponent(random: &mut Random, lowest: i32, highest: i32) -> f64 {
    let exponent = lowest + random.below((highest - lowest + 1) as u64) as i32;
    let bits = random.next();
    let fraction = f64::from_bits(1023 << 52 | bits >> 12);
    let magnitude = match exponent {
        ..-1022 => fraction * 2f64.powi(exponent + 200) * 2f64.powi(-200),
        _ => fraction * 2f64.powi(exponent),
    };
    if bits & 1 == 0 { magnitude } else { -magnitude }
}

/// A number within some units in the last place, or at any distance that is small against it.
fn near(random: &mut Random, centre: f64) -> f64 {
    if random.one_in(2) {
        let steps = random.below(17) as i64 - 8;
        let bits = (centre.to_bits() as i64).wrapping_add(steps) as u64;
        let moved = f64::from_bits(bits);
        return if moved.is_finite() { moved } else { centre };
    }
    centre * (1.0 + by_exponent(random, -52, -5))
}
