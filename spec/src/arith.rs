//! What arithmetic instructions compute, as pure functions on cells.
//!
//! The interpreter, constant evaluation and every other engine use these, so an instruction means one thing. A cell
//! is a `u64`; `i_` functions read it as two's complement, `d_` functions use its low 32 bits and zero-extend their
//! result, `f_` functions read binary64 bits, `s_` functions binary32 bits in the low half.

use crate::fault::FaultCode;

/// The canonical quiet NaN of binary64.
pub const F_NAN: u64 = 0x7ff8_0000_0000_0000;
/// The canonical quiet NaN of binary32.
pub const S_NAN: u32 = 0x7fc0_0000;

#[inline(always)]
fn f(cell: u64) -> f64 {
    f64::from_bits(cell)
}

#[inline(always)]
fn s(cell: u64) -> f32 {
    f32::from_bits(cell as u32)
}

/// Marks a branch as one that is hardly ever taken, so that it stays a branch: results then do not wait for the
/// comparison.
#[cold]
#[inline]
fn unlikely() {}

/// The bits of an arithmetic result, with NaN made canonical.
#[inline(always)]
fn f_bits(value: f64) -> u64 {
    if value.is_nan() {
        unlikely();
        F_NAN
    } else {
        value.to_bits()
    }
}

#[inline(always)]
fn s_bits(value: f32) -> u64 {
    u64::from(if value.is_nan() {
        unlikely();
        S_NAN
    } else {
        value.to_bits()
    })
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident($a:ident) $body:expr;)*) => {
        $($(#[$doc])* #[inline(always)] pub fn $name($a: u64) -> u64 { $body })*
    };
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident($a:ident, $b:ident) $body:expr;)*) => {
        $($(#[$doc])* #[inline(always)] pub fn $name($a: u64, $b: u64) -> u64 { $body })*
    };
}

macro_rules! unary_faulting {
    ($($(#[$doc:meta])* $name:ident($a:ident) $body:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// `invalid-conversion` when the value is NaN or out of range.
            #[inline(always)] pub fn $name($a: u64) -> Result<u64, FaultCode> { $body }
        )*
    };
}

macro_rules! binary_faulting {
    ($($(#[$doc:meta])* $name:ident($a:ident, $b:ident) $body:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// `divide-by-zero`, and `integer-overflow` for signed division of the smallest integer by -1.
            #[inline(always)] pub fn $name($a: u64, $b: u64) -> Result<u64, FaultCode> { $body }
        )*
    };
}

binary! {
    /// `i_add`
    i_add(a, b) a.wrapping_add(b);
    /// `i_sub`
    i_sub(a, b) a.wrapping_sub(b);
    /// `i_mul`
    i_mul(a, b) a.wrapping_mul(b);
    /// `i_mulh`
    i_mulh(a, b) ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64;
    /// `i_umulh`
    i_umulh(a, b) ((u128::from(a) * u128::from(b)) >> 64) as u64;
    /// `i_and`
    i_and(a, b) a & b;
    /// `i_or`
    i_or(a, b) a | b;
    /// `i_xor`
    i_xor(a, b) a ^ b;
    /// `i_shl`
    i_shl(a, n) a.wrapping_shl(n as u32);
    /// `i_shr`
    i_shr(a, n) (a as i64).wrapping_shr(n as u32) as u64;
    /// `i_ushr`
    i_ushr(a, n) a.wrapping_shr(n as u32);
    /// `i_rotl`
    i_rotl(a, n) a.rotate_left((n & 63) as u32);
    /// `i_rotr`
    i_rotr(a, n) a.rotate_right((n & 63) as u32);
    /// `i_eq`
    i_eq(a, b) u64::from(a == b);
    /// `i_ne`
    i_ne(a, b) u64::from(a != b);
    /// `i_lt`
    i_lt(a, b) u64::from((a as i64) < b as i64);
    /// `i_le`
    i_le(a, b) u64::from(a as i64 <= b as i64);
    /// `i_gt`
    i_gt(a, b) u64::from(a as i64 > b as i64);
    /// `i_ge`
    i_ge(a, b) u64::from(a as i64 >= b as i64);
    /// `i_ult`
    i_ult(a, b) u64::from(a < b);
    /// `i_ule`
    i_ule(a, b) u64::from(a <= b);
    /// `i_ugt`
    i_ugt(a, b) u64::from(a > b);
    /// `i_uge`
    i_uge(a, b) u64::from(a >= b);

    /// `d_add`
    d_add(a, b) u64::from((a as u32).wrapping_add(b as u32));
    /// `d_sub`
    d_sub(a, b) u64::from((a as u32).wrapping_sub(b as u32));
    /// `d_mul`
    d_mul(a, b) u64::from((a as u32).wrapping_mul(b as u32));
    /// `d_shl`
    d_shl(a, n) u64::from((a as u32).wrapping_shl(n as u32));
    /// `d_shr`
    d_shr(a, n) u64::from((a as i32).wrapping_shr(n as u32) as u32);
    /// `d_ushr`
    d_ushr(a, n) u64::from((a as u32).wrapping_shr(n as u32));
    /// `d_rotl`
    d_rotl(a, n) u64::from((a as u32).rotate_left((n & 31) as u32));
    /// `d_rotr`
    d_rotr(a, n) u64::from((a as u32).rotate_right((n & 31) as u32));
    /// `d_eq`
    d_eq(a, b) u64::from(a as u32 == b as u32);
    /// `d_ne`
    d_ne(a, b) u64::from(a as u32 != b as u32);
    /// `d_lt`
    d_lt(a, b) u64::from((a as i32) < b as i32);
    /// `d_le`
    d_le(a, b) u64::from(a as i32 <= b as i32);
    /// `d_gt`
    d_gt(a, b) u64::from(a as i32 > b as i32);
    /// `d_ge`
    d_ge(a, b) u64::from(a as i32 >= b as i32);
    /// `d_ult`
    d_ult(a, b) u64::from((a as u32) < b as u32);
    /// `d_ule`
    d_ule(a, b) u64::from(a as u32 <= b as u32);
    /// `d_ugt`
    d_ugt(a, b) u64::from(a as u32 > b as u32);
    /// `d_uge`
    d_uge(a, b) u64::from(a as u32 >= b as u32);

    /// `f_add`
    f_add(a, b) f_bits(f(a) + f(b));
    /// `f_sub`
    f_sub(a, b) f_bits(f(a) - f(b));
    /// `f_mul`
    f_mul(a, b) f_bits(f(a) * f(b));
    /// `f_div`
    f_div(a, b) f_bits(f(a) / f(b));
    /// `f_copysign`
    f_copysign(a, b) a & !(1 << 63) | b & 1 << 63;
    /// `f_min`
    f_min(a, b) f_min_max(f(a), f(b), true);
    /// `f_max`
    f_max(a, b) f_min_max(f(a), f(b), false);
    /// `f_eq`
    f_eq(a, b) u64::from(f(a) == f(b));
    /// `f_ne`
    f_ne(a, b) u64::from(f(a) != f(b));
    /// `f_lt`
    f_lt(a, b) u64::from(f(a) < f(b));
    /// `f_le`
    f_le(a, b) u64::from(f(a) <= f(b));
    /// `f_gt`
    f_gt(a, b) u64::from(f(a) > f(b));
    /// `f_ge`
    f_ge(a, b) u64::from(f(a) >= f(b));

    /// `s_add`
    s_add(a, b) s_bits(s(a) + s(b));
    /// `s_sub`
    s_sub(a, b) s_bits(s(a) - s(b));
    /// `s_mul`
    s_mul(a, b) s_bits(s(a) * s(b));
    /// `s_div`
    s_div(a, b) s_bits(s(a) / s(b));
    /// `s_copysign`
    s_copysign(a, b) a & 0x7fff_ffff | b & 0x8000_0000;
    /// `s_min`
    s_min(a, b) s_min_max(s(a), s(b), true);
    /// `s_max`
    s_max(a, b) s_min_max(s(a), s(b), false);
    /// `s_eq`
    s_eq(a, b) u64::from(s(a) == s(b));
    /// `s_ne`
    s_ne(a, b) u64::from(s(a) != s(b));
    /// `s_lt`
    s_lt(a, b) u64::from(s(a) < s(b));
    /// `s_le`
    s_le(a, b) u64::from(s(a) <= s(b));
    /// `s_gt`
    s_gt(a, b) u64::from(s(a) > s(b));
    /// `s_ge`
    s_ge(a, b) u64::from(s(a) >= s(b));
}

unary! {
    /// `i_neg`
    i_neg(a) a.wrapping_neg();
    /// `i_not`
    i_not(a) !a;
    /// `i_clz`
    i_clz(a) u64::from(a.leading_zeros());
    /// `i_ctz`
    i_ctz(a) u64::from(a.trailing_zeros());
    /// `i_popcnt`
    i_popcnt(a) u64::from(a.count_ones());
    /// `i_sext_b`
    i_sext_b(a) a as i8 as u64;
    /// `i_sext_w`
    i_sext_w(a) a as i16 as u64;
    /// `i_sext_d`
    i_sext_d(a) a as i32 as u64;
    /// `i_zext_b`
    i_zext_b(a) a & 0xff;
    /// `i_zext_w`
    i_zext_w(a) a & 0xffff;
    /// `i_zext_d`
    i_zext_d(a) a & 0xffff_ffff;
    /// `i_eqz`
    i_eqz(a) u64::from(a == 0);

    /// `d_neg`
    d_neg(a) u64::from((a as u32).wrapping_neg());
    /// `d_not`
    d_not(a) u64::from(!(a as u32));
    /// `d_clz`
    d_clz(a) u64::from((a as u32).leading_zeros());
    /// `d_ctz`
    d_ctz(a) u64::from((a as u32).trailing_zeros());
    /// `d_popcnt`
    d_popcnt(a) u64::from((a as u32).count_ones());
    /// `d_sext_b`
    d_sext_b(a) u64::from(a as i8 as u32);
    /// `d_sext_w`
    d_sext_w(a) u64::from(a as i16 as u32);
    /// `d_eqz`
    d_eqz(a) u64::from(a as u32 == 0);

    /// `f_sqrt`
    f_sqrt(a) f_bits(f(a).sqrt());
    /// `f_abs`
    f_abs(a) a & !(1 << 63);
    /// `f_neg`
    f_neg(a) a ^ 1 << 63;
    /// `f_ceil`
    f_ceil(a) f_bits(f(a).ceil());
    /// `f_floor`
    f_floor(a) f_bits(f(a).floor());
    /// `f_trunc`
    f_trunc(a) f_bits(f(a).trunc());
    /// `f_nearest`
    f_nearest(a) f_bits(f(a).round_ties_even());
    /// `s_sqrt`
    s_sqrt(a) s_bits(s(a).sqrt());
    /// `s_abs`
    s_abs(a) a & 0x7fff_ffff;
    /// `s_neg`
    s_neg(a) (a ^ 0x8000_0000) & 0xffff_ffff;
    /// `s_ceil`
    s_ceil(a) s_bits(s(a).ceil());
    /// `s_floor`
    s_floor(a) s_bits(s(a).floor());
    /// `s_trunc`
    s_trunc(a) s_bits(s(a).trunc());
    /// `s_nearest`
    s_nearest(a) s_bits(s(a).round_ties_even());

    /// `i_to_f`
    i_to_f(a) (a as i64 as f64).to_bits();
    /// `u_to_f`
    u_to_f(a) (a as f64).to_bits();
    /// `d_to_f`
    d_to_f(a) f64::from(a as i32).to_bits();
    /// `ud_to_f`
    ud_to_f(a) f64::from(a as u32).to_bits();
    /// `i_to_s`
    i_to_s(a) u64::from((a as i64 as f32).to_bits());
    /// `u_to_s`
    u_to_s(a) u64::from((a as f32).to_bits());
    /// `d_to_s`
    d_to_s(a) u64::from((a as i32 as f32).to_bits());
    /// `ud_to_s`
    ud_to_s(a) u64::from((a as u32 as f32).to_bits());
    /// `f_to_i_sat`
    f_to_i_sat(a) f(a) as i64 as u64;
    /// `f_to_u_sat`
    f_to_u_sat(a) f(a) as u64;
    /// `f_to_d_sat`
    f_to_d_sat(a) u64::from(f(a) as i32 as u32);
    /// `f_to_ud_sat`
    f_to_ud_sat(a) u64::from(f(a) as u32);
    /// `s_to_i_sat`
    s_to_i_sat(a) s(a) as i64 as u64;
    /// `s_to_u_sat`
    s_to_u_sat(a) s(a) as u64;
    /// `s_to_d_sat`
    s_to_d_sat(a) u64::from(s(a) as i32 as u32);
    /// `s_to_ud_sat`
    s_to_ud_sat(a) u64::from(s(a) as u32);
    /// `f_to_s`
    f_to_s(a) s_bits(f(a) as f32);
    /// `s_to_f`
    s_to_f(a) f_bits(f64::from(s(a)));
}

binary_faulting! {
    /// `i_div`
    i_div(a, b) match (a as i64).checked_div(b as i64) {
        Some(quotient) => Ok(quotient as u64),
        None => Err(division_fault(b == 0)),
    };
    /// `i_udiv`
    i_udiv(a, b) a.checked_div(b).ok_or(FaultCode::DivideByZero);
    /// `i_rem`
    i_rem(a, b) if b == 0 { Err(FaultCode::DivideByZero) } else { Ok((a as i64).wrapping_rem(b as i64) as u64) };
    /// `i_urem`
    i_urem(a, b) a.checked_rem(b).ok_or(FaultCode::DivideByZero);
    /// `d_div`
    d_div(a, b) match (a as i32).checked_div(b as i32) {
        Some(quotient) => Ok(u64::from(quotient as u32)),
        None => Err(division_fault(b as u32 == 0)),
    };
    /// `d_udiv`
    d_udiv(a, b) (a as u32).checked_div(b as u32).map(u64::from).ok_or(FaultCode::DivideByZero);
    /// `d_rem`
    d_rem(a, b) if b as u32 == 0 { Err(FaultCode::DivideByZero) } else { Ok(u64::from((a as i32).wrapping_rem(b as i32) as u32)) };
    /// `d_urem`
    d_urem(a, b) (a as u32).checked_rem(b as u32).map(u64::from).ok_or(FaultCode::DivideByZero);
}

unary_faulting! {
    /// `f_to_i`
    f_to_i(a) convert(f(a) >= -TWO_63 && f(a) < TWO_63, f(a) as i64 as u64);
    /// `f_to_u`
    f_to_u(a) convert(f(a) > -1.0 && f(a) < 2.0 * TWO_63, f(a) as u64);
    /// `f_to_d`
    f_to_d(a) convert(f(a) > -2_147_483_649.0 && f(a) < 2_147_483_648.0, u64::from(f(a) as i32 as u32));
    /// `f_to_ud`
    f_to_ud(a) convert(f(a) > -1.0 && f(a) < 4_294_967_296.0, u64::from(f(a) as u32));
    /// `s_to_i`
    s_to_i(a) convert(s(a) >= -(TWO_63 as f32) && s(a) < TWO_63 as f32, s(a) as i64 as u64);
    /// `s_to_u`
    s_to_u(a) convert(s(a) > -1.0 && s(a) < 2.0 * TWO_63 as f32, s(a) as u64);
    /// `s_to_d`
    s_to_d(a) convert(s(a) >= -2_147_483_648.0 && s(a) < 2_147_483_648.0, u64::from(s(a) as i32 as u32));
    /// `s_to_ud`
    s_to_ud(a) convert(s(a) > -1.0 && s(a) < 4_294_967_296.0, u64::from(s(a) as u32));
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// `f_fma`
#[inline(always)]
pub fn f_fma(a: u64, b: u64, c: u64) -> u64 {
    f_bits(f(a).mul_add(f(b), f(c)))
}

/// `s_fma`
#[inline(always)]
pub fn s_fma(a: u64, b: u64, c: u64) -> u64 {
    s_bits(s(a).mul_add(s(b), s(c)))
}

/// `select`: `a` if `condition` is not 0, else `b`.
#[inline(always)]
pub fn select(a: u64, b: u64, condition: u64) -> u64 {
    if condition != 0 { a } else { b }
}

#[inline(always)]
fn convert(in_range: bool, value: u64) -> Result<u64, FaultCode> {
    if in_range {
        Ok(value)
    } else {
        Err(FaultCode::InvalidConversion)
    }
}

#[cold]
fn division_fault(by_zero: bool) -> FaultCode {
    if by_zero {
        FaultCode::DivideByZero
    } else {
        FaultCode::IntegerOverflow
    }
}

#[inline(always)]
fn f_min_max(a: f64, b: f64, min: bool) -> u64 {
    if a.is_nan() || b.is_nan() {
        F_NAN
    } else if a == b {
        // Only zeros compare equal with different bits: `or` keeps a minus sign, `and` drops it.
        if min {
            a.to_bits() | b.to_bits()
        } else {
            a.to_bits() & b.to_bits()
        }
    } else if (a < b) == min {
        a.to_bits()
    } else {
        b.to_bits()
    }
}

#[inline(always)]
fn s_min_max(a: f32, b: f32, min: bool) -> u64 {
    u64::from(if a.is_nan() || b.is_nan() {
        S_NAN
    } else if a == b {
        if min {
            a.to_bits() | b.to_bits()
        } else {
            a.to_bits() & b.to_bits()
        }
    } else if (a < b) == min {
        a.to_bits()
    } else {
        b.to_bits()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_fault_exactly_outside_the_range() {
        let bits = |v: f64| v.to_bits();
        assert_eq!(f_to_d(bits(2_147_483_647.9)), Ok(0x7fff_ffff));
        assert!(f_to_d(bits(2_147_483_648.0)).is_err());
        assert_eq!(f_to_d(bits(-2_147_483_648.9)), Ok(0x8000_0000));
        assert!(f_to_d(bits(-2_147_483_649.0)).is_err());
        assert_eq!(f_to_u(bits(-0.9)), Ok(0));
        assert!(f_to_u(bits(-1.0)).is_err());
        assert!(f_to_u(bits(18_446_744_073_709_551_616.0)).is_err());
        assert_eq!(f_to_i(bits(-TWO_63)), Ok(1 << 63));
        assert!(f_to_i(bits(TWO_63)).is_err());
        assert!(f_to_i(bits(f64::NAN)).is_err());
    }

    #[test]
    fn min_and_max_order_zeros_and_keep_nan() {
        let (p, n) = (0.0f64.to_bits(), (-0.0f64).to_bits());
        assert_eq!(f_min(p, n), n);
        assert_eq!(f_max(n, p), p);
        assert_eq!(f_min(p, f64::NAN.to_bits()), F_NAN);
        assert_eq!(s_max(u64::from(f32::NAN.to_bits()), 0), u64::from(S_NAN));
    }

    #[test]
    fn division_faults() {
        assert_eq!(i_div(1 << 63, u64::MAX), Err(FaultCode::IntegerOverflow));
        assert_eq!(i_rem(1 << 63, u64::MAX), Ok(0));
        assert_eq!(
            d_div(0xdead_0000_8000_0000, 0xffff_ffff),
            Err(FaultCode::IntegerOverflow)
        );
        assert_eq!(d_rem(0x8000_0000, 0xffff_ffff), Ok(0));
        assert_eq!(
            d_urem(7, 0xdead_0000_0000_0000),
            Err(FaultCode::DivideByZero)
        );
    }
}
