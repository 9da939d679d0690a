//! Bits that are not ordinary numbers: compared with Rust's own functions, and on every engine.

use cvm::machine::Engine;
use cvm_tests::random::Random;

use crate::BATCH;
use crate::subject::Subject;

/// Limits of binary64, numbers at which functions have poles, zeros or their largest result, and their neighbours.
const CENTRES: &[f64] = &[
    0.0,
    f64::from_bits(1),
    f64::MIN_POSITIVE,
    1e-300,
    f64::EPSILON,
    0.25,
    0.5,
    1.0,
    1.5,
    2.0,
    3.0,
    10.0,
    22.0,
    709.782712893384,
    745.1332191019411,
    1022.0,
    1024.0,
    1075.0,
    9_007_199_254_740_991.0,
    9_007_199_254_740_992.0,
    1e22,
    1e300,
    f64::MAX,
    f64::INFINITY,
];

/// The centres with both signs, what is beside each, and two NaNs.
fn specials() -> Vec<f64> {
    let mut numbers = vec![f64::NAN, f64::from_bits(0xfff8_0000_0000_0001)];
    for centre in CENTRES {
        for near in [centre.next_down(), *centre, centre.next_up()] {
            numbers.extend([near, -near]);
        }
    }
    numbers
}

/// A function's name, its arguments, and the same function from elsewhere.
type Same = (&'static str, usize, fn(f64, f64) -> f64);

const SAME: &[Same] = &[
    ("exp", 1, |x, _| x.exp()),
    ("exp2", 1, |x, _| x.exp2()),
    ("expm1", 1, |x, _| x.exp_m1()),
    ("log", 1, |x, _| x.ln()),
    ("log2", 1, |x, _| x.log2()),
    ("log10", 1, |x, _| x.log10()),
    ("log1p", 1, |x, _| x.ln_1p()),
    ("pow", 2, f64::powf),
    ("sin", 1, |x, _| x.sin()),
    ("cos", 1, |x, _| x.cos()),
    ("tan", 1, |x, _| x.tan()),
    ("asin", 1, |x, _| x.asin()),
    ("acos", 1, |x, _| x.acos()),
    ("atan", 1, |x, _| x.atan()),
    ("atan2", 2, f64::atan2),
    ("sinh", 1, |x, _| x.sinh()),
    ("cosh", 1, |x, _| x.cosh()),
    ("tanh", 1, |x, _| x.tanh()),
    ("cbrt", 1, |x, _| x.cbrt()),
    ("hypot", 2, f64::hypot),
    ("fmod", 2, |x, y| x % y),
];

/// What is a NaN, a zero or an infinity must be the same one, and all else within a few units in the last place, which
/// those of another library may be off.
#[test]
fn special_cases_are_those_of_another_library() {
    let specials = specials();
    for (name, arguments, same) in SAME {
        let mut subject = Subject::new(name, *arguments, 1, Engine::Auto);
        let points: Vec<[f64; 2]> = match arguments {
            1 => specials.iter().map(|x| [*x, 0.0]).collect(),
            _ => {
                let pairs = |x: &f64| specials.iter().map(|y| [*x, *y]).collect::<Vec<_>>();
                specials.iter().flat_map(pairs).collect()
            }
        };
        for batch in points.chunks(BATCH) {
            for ([x, y], found) in batch.iter().zip(subject.run_floats(batch)) {
                let expected = same(*x, *y);
                let alike = if expected.is_nan() {
                    found.to_bits() == f64::NAN.to_bits()
                } else if expected == 0.0 || expected.is_infinite() {
                    found.to_bits() == expected.to_bits()
                } else {
                    found.to_bits().abs_diff(expected.to_bits()) <= 4
                };
                assert!(
                    alike,
                    "{name} of {x:e}, {y:e}: {found:e}, expected {expected:e}"
                );
            }
        }
    }
}

/// Results and whether there is one at all: a fault would end the machine.
#[test]
fn any_bits_give_the_same_on_every_engine() {
    let others = [("frexp", 1, 2), ("ldexp", 2, 1), ("modf", 1, 2)];
    let names = SAME
        .iter()
        .map(|(name, arguments, _)| (*name, *arguments, 1));
    for (name, arguments, results) in names.chain(others) {
        let mut random = Random::for_item(7, arguments as u64);
        let cells: Vec<[u64; 2]> = (0..BATCH)
            .map(|_| {
                [0; 2].map(|_| {
                    if random.one_in(2) {
                        random.next()
                    } else {
                        random.cell()
                    }
                })
            })
            .collect();
        let engines = [Engine::Interpreter, Engine::Jit];
        let [first, second] = engines
            .map(|engine| match engine.is_available() {
                true => engine,
                false => Engine::Interpreter,
            })
            .map(|engine| Subject::new(name, arguments, results, engine).run(&cells));
        for (at, (one, other)) in first.iter().zip(second).enumerate() {
            assert_eq!(*one, other, "{name} of {:x?}", cells[at]);
        }
    }
}
