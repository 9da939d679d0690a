//! Calls of C functions whose values all travel in registers, prebuilt for the common signatures.
//!
//! The System V calling convention for x86-64 numbers integer and float registers on their own, leaves the upper bits
//! of narrow values undefined, and ignores registers that the callee does not name. So a function that takes up to six
//! integers and up to eight floats, in any order, can be called with all of them in place.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::transmute;

/// Integer arguments that travel in registers.
pub(crate) const INTEGER_REGISTERS: usize = 6;
/// Float arguments that travel in registers.
pub(crate) const FLOAT_REGISTERS: usize = 8;

/// Calls a function with cells as arguments and puts its result into the first cell.
///
/// As unsafe as the C function, whose signature must be the one that the shim was chosen for.
pub(crate) type Direct = unsafe fn(address: *const c_void, cells: *mut u64);

/// What the cells of a direct call are to C, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Integers of 32 or 64 bits, in integer registers.
    Words(usize),
    /// Values of type double, as the result is.
    Doubles(usize),
}

/// A value in a register.
pub(crate) trait Register: Copy {
    /// The value of a cell.
    fn of(cell: u64) -> Self;
    /// The cell of a value.
    fn cell(self) -> u64;
}

impl Register for u64 {
    #[inline(always)]
    fn of(cell: u64) -> u64 {
        cell
    }

    #[inline(always)]
    fn cell(self) -> u64 {
        self
    }
}

impl Register for f64 {
    #[inline(always)]
    fn of(cell: u64) -> f64 {
        f64::from_bits(cell)
    }

    #[inline(always)]
    fn cell(self) -> u64 {
        self.to_bits()
    }
}

/// What a function with integer arguments returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// void
    Nothing,
    /// 64 bits.
    Word,
    /// 32 bits, sign-extended into the cell.
    Signed32,
    /// 32 bits, zero-extended into the cell.
    Unsigned32,
}

const NOTHING: u8 = Return::Nothing as u8;
const SIGNED: u8 = Return::Signed32 as u8;
const UNSIGNED: u8 = Return::Unsigned32 as u8;

/// Stores a result as its type says; a function without a result may have no cell at all.
#[inline(always)]
unsafe fn store<const RETURN: u8>(cells: *mut u64, value: u64) {
    // SAFETY: a function with a result has a cell for it.
    unsafe {
        match RETURN {
            NOTHING => {}
            SIGNED => *cells = value as i32 as u64,
            UNSIGNED => *cells = u64::from(value as u32),
            _ => *cells = value,
        }
    }
}

macro_rules! integer_shims {
    ($($name:ident $count:literal ($($word:ident $number:literal)*);)*) => {
        $(unsafe fn $name<const RETURN: u8>(address: *const c_void, cells: *mut u64) {
            // SAFETY: the caller vouches for address and signature, and that there are as many cells.
            unsafe {
                let function: unsafe extern "C" fn($($word),*) -> u64 = transmute(address);
                let value = function($(*cells.add($number)),*);
                store::<RETURN>(cells, value);
            }
        })*

        /// The shim for so many arguments of 32 or 64 bits.
        pub(crate) fn integers(count: usize, result: Return) -> Option<Direct> {
            Some(match (count, result) {
                $(
                    ($count, Return::Nothing) => $name::<NOTHING> as Direct,
                    ($count, Return::Word) => $name::<{ Return::Word as u8 }>,
                    ($count, Return::Signed32) => $name::<SIGNED>,
                    ($count, Return::Unsigned32) => $name::<UNSIGNED>,
                )*
                _ => return None,
            })
        }
    };
}

type W = u64;
integer_shims! {
    integers_0 0 ();
    integers_1 1 (W 0);
    integers_2 2 (W 0 W 1);
    integers_3 3 (W 0 W 1 W 2);
    integers_4 4 (W 0 W 1 W 2 W 3);
    integers_5 5 (W 0 W 1 W 2 W 3 W 4);
    integers_6 6 (W 0 W 1 W 2 W 3 W 4 W 5);
}

macro_rules! double_shims {
    ($($name:ident $count:literal ($($word:ident $number:literal)*);)*) => {
        $(unsafe fn $name(address: *const c_void, cells: *mut u64) {
            // SAFETY: as for the integer shims.
            unsafe {
                let function: unsafe extern "C" fn($($word),*) -> f64 = transmute(address);
                let value = function($(f64::from_bits(*cells.add($number))),*);
                *cells = value.to_bits();
            }
        })*

        /// The shim for so many arguments of type double and a result of type double.
        pub(crate) fn doubles(count: usize) -> Option<Direct> {
            Some(match count {
                $($count => $name as Direct,)*
                _ => return None,
            })
        }
    };
}

type D = f64;
double_shims! {
    doubles_1 1 (D 0);
    doubles_2 2 (D 0 D 1);
    doubles_3 3 (D 0 D 1 D 2);
    doubles_4 4 (D 0 D 1 D 2 D 3);
}

/// The values of a call, each kind in the order of the signature.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    pub(crate) integers: [u64; INTEGER_REGISTERS],
    /// Bits; those of a `float` in the low half.
    pub(crate) floats: [u64; FLOAT_REGISTERS],
}

/// Calls a function without floats.
///
/// # Safety
/// As unsafe as the C function, which takes what the registers hold.
#[inline]
pub(crate) unsafe fn call_integers(address: *const c_void, registers: &Registers) -> u64 {
    type Function = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64;
    let [a, b, c, d, e, f] = registers.integers;
    // SAFETY: the caller vouches for address and signature.
    unsafe {
        let function: Function = transmute(address);
        function(a, b, c, d, e, f)
    }
}

macro_rules! float_call {
    ($name:ident $result:ty) => {
        /// Calls a function with float arguments; the type of its result is in the name.
        ///
        /// # Safety
        /// As for [`call_integers`].
        pub(crate) unsafe fn $name(address: *const c_void, registers: &Registers) -> $result {
            type Function = unsafe extern "C" fn(
                u64,
                u64,
                u64,
                u64,
                u64,
                u64,
                f64,
                f64,
                f64,
                f64,
                f64,
                f64,
                f64,
                f64,
            ) -> $result;
            let [a, b, c, d, e, f] = registers.integers;
            let [p, q, r, s, t, u, v, w] = registers.floats.map(f64::from_bits);
            // SAFETY: the caller vouches for address and signature.
            unsafe {
                let function: Function = transmute(address);
                function(a, b, c, d, e, f, p, q, r, s, t, u, v, w)
            }
        }
    };
}

float_call!(call_to_integer u64);
float_call!(call_to_double f64);
float_call!(call_to_float f32);
