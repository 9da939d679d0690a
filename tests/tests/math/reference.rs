//! Exact values, to about 128 bits, and distances from them.

use astro_float_num::{BigFloat, Consts, RoundingMode, Sign};

/// Bits of results.
const PRECISION: usize = 128;
/// Bits of what is subtracted from something close.
const WIDE: usize = 256;
const ROUNDING: RoundingMode = RoundingMode::ToEven;

/// Computes.
pub(crate) struct Reference {
    constants: Consts,
}

/// The functions that the library has as they are.
macro_rules! of_the_library {
    ($($name:ident)*) => {
        $(pub(crate) fn $name(&mut self, x: f64) -> BigFloat {
            number(x).$name(PRECISION, ROUNDING, &mut self.constants)
        })*
    };
}

impl Reference {
    pub(crate) fn new() -> Reference {
        Reference {
            constants: Consts::new().expect("memory for constants"),
        }
    }

    of_the_library! { exp sin cos tan atan asin acos sinh cosh tanh }

    pub(crate) fn log(&mut self, x: f64) -> BigFloat {
        number(x).ln(PRECISION, ROUNDING, &mut self.constants)
    }

    pub(crate) fn log2(&mut self, x: f64) -> BigFloat {
        number(x).log2(PRECISION, ROUNDING, &mut self.constants)
    }

    pub(crate) fn log10(&mut self, x: f64) -> BigFloat {
        number(x).log10(PRECISION, ROUNDING, &mut self.constants)
    }

    pub(crate) fn exp2(&mut self, x: f64) -> BigFloat {
        self.pow(2.0, x)
    }

    /// x must be above 0, or y an integer.
    pub(crate) fn pow(&mut self, x: f64, y: f64) -> BigFloat {
        let odd = y % 2.0 != 0.0;
        let (x, negative) = (x.abs(), x < 0.0 && odd);
        let power = number(y);
        let mut result = number(x).pow(&power, PRECISION, ROUNDING, &mut self.constants);
        if negative {
            result.inv_sign();
        }
        result
    }

    pub(crate) fn log1p(&mut self, x: f64) -> BigFloat {
        let number = number(x);
        if x.abs() < 2f64.powi(-100) {
            return Self::series(x, -0.5);
        }
        let sum = number.add(&BigFloat::from_f64(1.0, 64), WIDE, ROUNDING);
        sum.ln(PRECISION, ROUNDING, &mut self.constants)
    }

    pub(crate) fn expm1(&mut self, x: f64) -> BigFloat {
        if x.abs() < 2f64.powi(-100) {
            return Self::series(x, 0.5);
        }
        let power = number(x).exp(WIDE, ROUNDING, &mut self.constants);
        power.sub(&BigFloat::from_f64(1.0, 64), WIDE, ROUNDING)
    }

    /// x + c x^2, the start of a series, for a tiny x.
    fn series(x: f64, c: f64) -> BigFloat {
        let x = number(x);
        let square = x.mul(&x, WIDE, ROUNDING);
        let term = square.mul(&BigFloat::from_f64(c, 64), WIDE, ROUNDING);
        x.add(&term, PRECISION, ROUNDING)
    }

    pub(crate) fn cbrt(&mut self, x: f64) -> BigFloat {
        number(x).cbrt(PRECISION, ROUNDING)
    }

    pub(crate) fn hypot(&mut self, x: f64, y: f64) -> BigFloat {
        let (x, y) = (number(x), number(y));
        let x2 = x.mul(&x, WIDE, ROUNDING);
        let y2 = y.mul(&y, WIDE, ROUNDING);
        x2.add(&y2, WIDE, ROUNDING).sqrt(PRECISION, ROUNDING)
    }

    pub(crate) fn fmod(&mut self, x: f64, y: f64) -> BigFloat {
        number(x).rem(&number(y))
    }

    /// Of arguments that are not 0.
    pub(crate) fn atan2(&mut self, y: f64, x: f64) -> BigFloat {
        let (ny, nx) = (number(y), number(x));
        let quotient = ny.div(&nx, WIDE, ROUNDING);
        let angle = quotient.atan(WIDE, ROUNDING, &mut self.constants);
        if x > 0.0 {
            return angle;
        }
        let pi = self.constants.pi(WIDE, ROUNDING);
        match y > 0.0 {
            true => angle.add(&pi, WIDE, ROUNDING),
            false => angle.sub(&pi, WIDE, ROUNDING),
        }
    }
}

/// A finite number.
pub(crate) fn number(x: f64) -> BigFloat {
    assert!(x.is_finite());
    if x.is_subnormal() {
        return scaled(BigFloat::from_f64(x * 2f64.powi(100), 64), -100);
    }
    BigFloat::from_f64(x, 64)
}

/// A number times a power of two.
fn scaled(mut number: BigFloat, power: i32) -> BigFloat {
    if let Some(exponent) = number.exponent().filter(|_| !number.is_zero()) {
        number.set_exponent(exponent + power);
    }
    number
}

/// How far a result is from the exact value, in units of the last place that the binary64 nearest to that has. An
/// infinite result is taken as 2^1024, and right for everything beyond.
pub(crate) fn error_in_ulps(result: f64, exact: &BigFloat) -> f64 {
    if exact.is_zero() {
        return if result == 0.0 { 0.0 } else { f64::INFINITY };
    }
    let negative = exact.sign() == Some(Sign::Neg);
    if result.is_nan() || result == 0.0 && result.is_sign_negative() != negative {
        return f64::INFINITY;
    }
    let exponent = exact.exponent().expect("a result of finite arguments");
    // The library's fractions are from 1/2 to 1.
    let place = (exponent - 1).max(-1022) - 52;
    let result = if result.is_infinite() {
        let limit = scaled(BigFloat::from_f64(1f64.copysign(result), 64), 1024);
        if exponent > 1024 && negative == (result < 0.0) {
            return 0.0;
        }
        limit
    } else {
        number(result)
    };
    let difference = result.sub(exact, WIDE, ROUNDING);
    let Some((words, _, _, exponent, _)) = difference.as_raw_parts() else {
        return f64::INFINITY;
    };
    let top = words.last().copied().unwrap_or(0);
    top as f64 * 2f64.powi(-64) * 2f64.powi((exponent - place).clamp(-1000, 1000))
}
