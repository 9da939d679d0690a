//! Instructions that compute: what `cvm_spec::arith` defines, in Cranelift's terms.
//!
//! Float instructions leave a NaN as the hardware makes it, and mark the result as lazy: it is made canonical when its
//! bits are looked at, which sums and products in a loop are not.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Opcode as Clif, Type, Value};
use cvm_spec::isa::Opcode;

use super::function::Lowering;
use super::plan::Kind;
use super::site::Site;
use super::value::{self, Cell, Form};

impl Lowering<'_, '_> {
    /// Compiles an instruction that computes; false if it is another one.
    pub(super) fn value(&mut self, opcode: Opcode) -> bool {
        use Opcode::*;
        match opcode {
            IAdd => self.add_or_subtract(Clif::Iadd),
            ISub => self.add_or_subtract(Clif::Isub),
            IMul => self.binary(Clif::Imul, I64),
            IMulh => self.binary(Clif::Smulhi, I64),
            IUmulh => self.binary(Clif::Umulhi, I64),
            IAnd => self.binary(Clif::Band, I64),
            IOr => self.binary(Clif::Bor, I64),
            IXor => self.binary(Clif::Bxor, I64),
            IShl => self.binary(Clif::Ishl, I64),
            IShr => self.binary(Clif::Sshr, I64),
            IUshr => self.binary(Clif::Ushr, I64),
            IRotl => self.binary(Clif::Rotl, I64),
            IRotr => self.binary(Clif::Rotr, I64),
            INeg => self.unary(Clif::Ineg, I64),
            INot => self.unary(Clif::Bnot, I64),
            IClz => self.unary(Clif::Clz, I64),
            ICtz => self.unary(Clif::Ctz, I64),
            IPopcnt => self.unary(Clif::Popcnt, I64),
            IDiv => self.divide(Clif::Sdiv, I64),
            IUdiv => self.divide(Clif::Udiv, I64),
            IRem => self.divide(Clif::Srem, I64),
            IUrem => self.divide(Clif::Urem, I64),
            ISextB => self.extend(I8, true, I64),
            ISextW => self.extend(I16, true, I64),
            ISextD => self.extend(I32, true, I64),
            IZextB => self.extend(I8, false, I64),
            IZextW => self.extend(I16, false, I64),
            IZextD => self.extend(I32, false, I64),
            DAdd => self.binary(Clif::Iadd, I32),
            DSub => self.binary(Clif::Isub, I32),
            DMul => self.binary(Clif::Imul, I32),
            DShl => self.binary(Clif::Ishl, I32),
            DShr => self.binary(Clif::Sshr, I32),
            DUshr => self.binary(Clif::Ushr, I32),
            DRotl => self.binary(Clif::Rotl, I32),
            DRotr => self.binary(Clif::Rotr, I32),
            DNeg => self.unary(Clif::Ineg, I32),
            DNot => self.unary(Clif::Bnot, I32),
            DClz => self.unary(Clif::Clz, I32),
            DCtz => self.unary(Clif::Ctz, I32),
            DPopcnt => self.unary(Clif::Popcnt, I32),
            DDiv => self.divide(Clif::Sdiv, I32),
            DUdiv => self.divide(Clif::Udiv, I32),
            DRem => self.divide(Clif::Srem, I32),
            DUrem => self.divide(Clif::Urem, I32),
            DSextB => self.extend(I8, true, I32),
            DSextW => self.extend(I16, true, I32),
            IEqz => self.is_zero(),
            DEqz => self.compare_word_with_zero(),
            IEq => self.compare(IntCC::Equal, I64),
            INe => self.compare(IntCC::NotEqual, I64),
            ILt => self.compare(IntCC::SignedLessThan, I64),
            ILe => self.compare(IntCC::SignedLessThanOrEqual, I64),
            IGt => self.compare(IntCC::SignedGreaterThan, I64),
            IGe => self.compare(IntCC::SignedGreaterThanOrEqual, I64),
            IUlt => self.compare(IntCC::UnsignedLessThan, I64),
            IUle => self.compare(IntCC::UnsignedLessThanOrEqual, I64),
            IUgt => self.compare(IntCC::UnsignedGreaterThan, I64),
            IUge => self.compare(IntCC::UnsignedGreaterThanOrEqual, I64),
            DEq => self.compare(IntCC::Equal, I32),
            DNe => self.compare(IntCC::NotEqual, I32),
            DLt => self.compare(IntCC::SignedLessThan, I32),
            DLe => self.compare(IntCC::SignedLessThanOrEqual, I32),
            DGt => self.compare(IntCC::SignedGreaterThan, I32),
            DGe => self.compare(IntCC::SignedGreaterThanOrEqual, I32),
            DUlt => self.compare(IntCC::UnsignedLessThan, I32),
            DUle => self.compare(IntCC::UnsignedLessThanOrEqual, I32),
            DUgt => self.compare(IntCC::UnsignedGreaterThan, I32),
            DUge => self.compare(IntCC::UnsignedGreaterThanOrEqual, I32),
            FAdd => self.float_binary(Clif::Fadd, Kind::Float),
            FSub => self.float_binary(Clif::Fsub, Kind::Float),
            FMul => self.float_binary(Clif::Fmul, Kind::Float),
            FDiv => self.float_binary(Clif::Fdiv, Kind::Float),
            FMin => self.float_binary(Clif::Fmin, Kind::Float),
            FMax => self.float_binary(Clif::Fmax, Kind::Float),
            FSqrt => self.float_unary(Clif::Sqrt, Kind::Float),
            FCeil => self.float_unary(Clif::Ceil, Kind::Float),
            FFloor => self.float_unary(Clif::Floor, Kind::Float),
            FTrunc => self.float_unary(Clif::Trunc, Kind::Float),
            FNearest => self.float_unary(Clif::Nearest, Kind::Float),
            FFma => self.fma(Kind::Float),
            FAbs => self.sign_unary(Clif::Fabs, Kind::Float),
            FNeg => self.sign_unary(Clif::Fneg, Kind::Float),
            FCopysign => self.copy_sign(Kind::Float),
            SAdd => self.float_binary(Clif::Fadd, Kind::Single),
            SSub => self.float_binary(Clif::Fsub, Kind::Single),
            SMul => self.float_binary(Clif::Fmul, Kind::Single),
            SDiv => self.float_binary(Clif::Fdiv, Kind::Single),
            SMin => self.float_binary(Clif::Fmin, Kind::Single),
            SMax => self.float_binary(Clif::Fmax, Kind::Single),
            SSqrt => self.float_unary(Clif::Sqrt, Kind::Single),
            SCeil => self.float_unary(Clif::Ceil, Kind::Single),
            SFloor => self.float_unary(Clif::Floor, Kind::Single),
            STrunc => self.float_unary(Clif::Trunc, Kind::Single),
            SNearest => self.float_unary(Clif::Nearest, Kind::Single),
            SFma => self.fma(Kind::Single),
            SAbs => self.sign_unary(Clif::Fabs, Kind::Single),
            SNeg => self.sign_unary(Clif::Fneg, Kind::Single),
            SCopysign => self.copy_sign(Kind::Single),
            FEq => self.float_compare(FloatCC::Equal, Kind::Float),
            FNe => self.float_compare(FloatCC::NotEqual, Kind::Float),
            FLt => self.float_compare(FloatCC::LessThan, Kind::Float),
            FLe => self.float_compare(FloatCC::LessThanOrEqual, Kind::Float),
            FGt => self.float_compare(FloatCC::GreaterThan, Kind::Float),
            FGe => self.float_compare(FloatCC::GreaterThanOrEqual, Kind::Float),
            SEq => self.float_compare(FloatCC::Equal, Kind::Single),
            SNe => self.float_compare(FloatCC::NotEqual, Kind::Single),
            SLt => self.float_compare(FloatCC::LessThan, Kind::Single),
            SLe => self.float_compare(FloatCC::LessThanOrEqual, Kind::Single),
            SGt => self.float_compare(FloatCC::GreaterThan, Kind::Single),
            SGe => self.float_compare(FloatCC::GreaterThanOrEqual, Kind::Single),
            IToF => self.integer_to_float(Clif::FcvtFromSint, I64, Kind::Float),
            UToF => self.integer_to_float(Clif::FcvtFromUint, I64, Kind::Float),
            DToF => self.integer_to_float(Clif::FcvtFromSint, I32, Kind::Float),
            UdToF => self.integer_to_float(Clif::FcvtFromUint, I32, Kind::Float),
            IToS => self.integer_to_float(Clif::FcvtFromSint, I64, Kind::Single),
            UToS => self.integer_to_float(Clif::FcvtFromUint, I64, Kind::Single),
            DToS => self.integer_to_float(Clif::FcvtFromSint, I32, Kind::Single),
            UdToS => self.integer_to_float(Clif::FcvtFromUint, I32, Kind::Single),
            FToI => self.float_to_integer(Kind::Float, I64, true, true),
            FToU => self.float_to_integer(Kind::Float, I64, false, true),
            FToD => self.float_to_integer(Kind::Float, I32, true, true),
            FToUd => self.float_to_integer(Kind::Float, I32, false, true),
            SToI => self.float_to_integer(Kind::Single, I64, true, true),
            SToU => self.float_to_integer(Kind::Single, I64, false, true),
            SToD => self.float_to_integer(Kind::Single, I32, true, true),
            SToUd => self.float_to_integer(Kind::Single, I32, false, true),
            FToISat => self.float_to_integer(Kind::Float, I64, true, false),
            FToUSat => self.float_to_integer(Kind::Float, I64, false, false),
            FToDSat => self.float_to_integer(Kind::Float, I32, true, false),
            FToUdSat => self.float_to_integer(Kind::Float, I32, false, false),
            SToISat => self.float_to_integer(Kind::Single, I64, true, false),
            SToUSat => self.float_to_integer(Kind::Single, I64, false, false),
            SToDSat => self.float_to_integer(Kind::Single, I32, true, false),
            SToUdSat => self.float_to_integer(Kind::Single, I32, false, false),
            FToS => {
                let operand = self.pop();
                let operand = value::float(&mut self.b, operand, false);
                let result = self.b.ins().fdemote(F32, operand);
                self.stack.push(Cell::float(Kind::Single, result, true));
            }
            SToF => {
                let operand = self.pop();
                let operand = value::single(&mut self.b, operand, false);
                let result = self.b.ins().fpromote(F64, operand);
                self.stack.push(Cell::float(Kind::Float, result, true));
            }
            Select => self.select(),
            // Not computing: see `instruction`. Without a wildcard a new instruction does not compile until it is
            // placed.
            Nop | Halt | Brk | Abort | Jmp | Jz | Jnz | Switch | JmpI | Land | Declare | Call
            | CallI | RetCall | RetCallI | CallX | CallXi | Ret | PushB | PushW | PushD
            | PushUd | PushQ | PushA | Drop | Dup | Swap | Over | Rot | Pick | Slide | MemCopy
            | MemFill | MemCompare | HeapSize | HeapGrow | PtrToHost | PtrFromHost => return false,
            BRead | WRead | DRead | QRead | BReadS | WReadS | DReadS | IRead | FRead | BWrite
            | WWrite | DWrite | QWrite | IWrite | FWrite | BReadA | WReadA | DReadA | QReadA
            | BReadSA | WReadSA | DReadSA | IReadA | FReadA | BWriteA | WWriteA | DWriteA
            | QWriteA | IWriteA | FWriteA => return false,
        }
        true
    }

    /// An operand as an integer of 64 or 32 bits.
    fn integer(&mut self, cell: Cell, ty: Type) -> Value {
        match ty {
            I64 => value::cell(&mut self.b, cell),
            _ => value::word(&mut self.b, cell),
        }
    }

    /// Pushes an integer; one of 32 bits is zero-extended.
    fn push_integer(&mut self, value: Value, ty: Type) {
        self.push_bounded(value, ty, largest(ty));
    }

    fn push_bounded(&mut self, value: Value, ty: Type, bound: u64) {
        let value = match ty {
            I64 => value,
            _ => self.b.ins().uextend(I64, value),
        };
        self.stack.push(Cell::new(value).bounded(bound));
    }

    fn binary(&mut self, clif: Clif, ty: Type) {
        let (right, left) = (self.pop(), self.pop());
        let bound = bound(clif, ty, left, right);
        let left = self.integer(left, ty);
        let right = self.integer(right, ty);
        let (inst, dfg) = self.b.ins().Binary(clif, ty, left, right);
        let result = dfg.first_result(inst);
        self.push_bounded(result, ty, bound);
    }

    /// Addition keeps what is known about a pointer; two constants are one.
    fn add_or_subtract(&mut self, clif: Clif) {
        let (right, left) = (self.pop(), self.pop());
        let hint = left.hint.or(right.hint);
        if let (Some(left), Some(right)) = (left.as_constant(), right.as_constant()) {
            let result = match clif {
                Clif::Iadd => left.wrapping_add(right),
                _ => left.wrapping_sub(right),
            };
            self.stack.push(Cell::constant(result).hinted(hint));
            return;
        }
        let bound = bound(clif, I64, left, right);
        let left = self.cell(left);
        let right = self.cell(right);
        let (inst, dfg) = self.b.ins().Binary(clif, I64, left, right);
        let result = dfg.first_result(inst);
        self.stack
            .push(Cell::new(result).hinted(hint).bounded(bound));
    }

    fn unary(&mut self, clif: Clif, ty: Type) {
        let operand = self.pop();
        let operand = self.integer(operand, ty);
        let (inst, dfg) = self.b.ins().Unary(clif, ty, operand);
        let result = dfg.first_result(inst);
        self.push_integer(result, ty);
    }

    /// The low bits, extended to `ty`.
    fn extend(&mut self, narrow: Type, is_signed: bool, ty: Type) {
        let operand = self.pop_cell();
        let low = self.b.ins().ireduce(narrow, operand);
        let result = match is_signed {
            true => self.b.ins().sextend(ty, low),
            false => self.b.ins().uextend(ty, low),
        };
        let bound = match is_signed {
            true => largest(ty),
            false => largest(narrow),
        };
        self.push_bounded(result, ty, bound);
    }

    fn divide(&mut self, clif: Clif, ty: Type) {
        let (right_cell, left_cell) = (self.pop(), self.pop());
        let left = self.integer(left_cell, ty);
        let right = self.integer(right_cell, ty);
        let report = |lowering: &mut Self| {
            let x = lowering.cell(left_cell);
            let y = lowering.cell(right_cell);
            [x, y, x]
        };
        let divisor = right_cell.as_constant().map(|constant| match ty {
            I64 => constant as i64,
            _ => i64::from(constant as i32),
        });
        if divisor.is_none_or(|divisor| divisor == 0) {
            let is_zero = self.b.ins().icmp_imm_s(IntCC::Equal, right, 0);
            self.raise_if(is_zero, Site::Arithmetic, report);
        }
        if clif == Clif::Sdiv && divisor.is_none_or(|divisor| divisor == -1) {
            let least = match ty {
                I64 => i64::MIN,
                _ => i64::from(i32::MIN),
            };
            let is_least = self.b.ins().icmp_imm_s(IntCC::Equal, left, least);
            let is_minus_one = self.b.ins().icmp_imm_s(IntCC::Equal, right, -1);
            let is_over = self.b.ins().band(is_least, is_minus_one);
            self.raise_if(is_over, Site::Arithmetic, report);
        }
        let (inst, dfg) = self.b.ins().Binary(clif, ty, left, right);
        let result = dfg.first_result(inst);
        let bound = match (clif, right_cell.as_constant()) {
            (Clif::Urem, Some(divisor)) => largest(ty).min(divisor.wrapping_sub(1)),
            _ => largest(ty),
        };
        self.push_bounded(result, ty, bound);
    }

    fn is_zero(&mut self) {
        let operand = self.pop();
        let result = value::is_zero(&mut self.b, operand);
        self.stack.push(Cell::truth(result));
    }

    fn compare_word_with_zero(&mut self) {
        let operand = self.pop();
        let operand = value::word(&mut self.b, operand);
        let result = self.b.ins().icmp_imm_s(IntCC::Equal, operand, 0);
        self.stack.push(Cell::truth(result));
    }

    fn compare(&mut self, condition: IntCC, ty: Type) {
        let (right, left) = (self.pop(), self.pop());
        let left = self.integer(left, ty);
        let right = self.integer(right, ty);
        let result = self.b.ins().icmp(condition, left, right);
        self.stack.push(Cell::truth(result));
    }

    fn float_binary(&mut self, clif: Clif, kind: Kind) {
        let (right, left) = (self.pop(), self.pop());
        let left = value::of_kind(&mut self.b, kind, left, false);
        let right = value::of_kind(&mut self.b, kind, right, false);
        let (inst, dfg) = self.b.ins().Binary(clif, clif_type(kind), left, right);
        let result = dfg.first_result(inst);
        self.stack.push(Cell::float(kind, result, true));
    }

    fn float_unary(&mut self, clif: Clif, kind: Kind) {
        let operand = self.pop();
        let operand = value::of_kind(&mut self.b, kind, operand, false);
        let (inst, dfg) = self.b.ins().Unary(clif, clif_type(kind), operand);
        let result = dfg.first_result(inst);
        self.stack.push(Cell::float(kind, result, true));
    }

    fn fma(&mut self, kind: Kind) {
        let (c, right, left) = (self.pop(), self.pop(), self.pop());
        let [left, right, c] =
            [left, right, c].map(|cell| value::of_kind(&mut self.b, kind, cell, false));
        let result = self.b.ins().fma(left, right, c);
        self.stack.push(Cell::float(kind, result, true));
    }

    /// Functions of the sign bit keep a NaN's other bits, so they need the exact operand.
    fn sign_unary(&mut self, clif: Clif, kind: Kind) {
        let operand = self.pop();
        let operand = value::of_kind(&mut self.b, kind, operand, true);
        let (inst, dfg) = self.b.ins().Unary(clif, clif_type(kind), operand);
        let result = dfg.first_result(inst);
        self.stack.push(Cell::float(kind, result, false));
    }

    fn copy_sign(&mut self, kind: Kind) {
        let (right, left) = (self.pop(), self.pop());
        let left = value::of_kind(&mut self.b, kind, left, true);
        let right = value::of_kind(&mut self.b, kind, right, true);
        let result = self.b.ins().fcopysign(left, right);
        self.stack.push(Cell::float(kind, result, false));
    }

    fn float_compare(&mut self, condition: FloatCC, kind: Kind) {
        let (right, left) = (self.pop(), self.pop());
        let left = value::of_kind(&mut self.b, kind, left, false);
        let right = value::of_kind(&mut self.b, kind, right, false);
        let result = self.b.ins().fcmp(condition, left, right);
        self.stack.push(Cell::truth(result));
    }

    fn integer_to_float(&mut self, clif: Clif, ty: Type, kind: Kind) {
        let operand = self.pop();
        let operand = self.integer(operand, ty);
        let (inst, dfg) = self.b.ins().Unary(clif, clif_type(kind), operand);
        let result = dfg.first_result(inst);
        self.stack.push(Cell::float(kind, result, true));
    }

    /// A float to an integer. What `cvm_spec::arith` calls out of range faults, or saturates.
    fn float_to_integer(&mut self, kind: Kind, ty: Type, is_signed: bool, faults: bool) {
        let operand = self.pop();
        let float = value::of_kind(&mut self.b, kind, operand, false);
        if faults {
            let (least, is_open, limit) = range(kind, ty, is_signed);
            let least = self.float_constant(kind, least);
            let limit = self.float_constant(kind, limit);
            let condition = match is_open {
                true => FloatCC::GreaterThan,
                false => FloatCC::GreaterThanOrEqual,
            };
            let is_above = self.b.ins().fcmp(condition, float, least);
            let is_below = self.b.ins().fcmp(FloatCC::LessThan, float, limit);
            let is_inside = self.b.ins().band(is_above, is_below);
            let is_outside = self.b.ins().icmp_imm_s(IntCC::Equal, is_inside, 0);
            self.raise_if(is_outside, Site::Arithmetic, |lowering| {
                let bits = lowering.cell(operand);
                let zero = lowering.constant(0);
                [bits, zero, zero]
            });
        }
        let result = match is_signed {
            true => self.b.ins().fcvt_to_sint_sat(ty, float),
            false => self.b.ins().fcvt_to_uint_sat(ty, float),
        };
        self.push_integer(result, ty);
    }

    fn float_constant(&mut self, kind: Kind, value: f64) -> Value {
        match kind {
            Kind::Single => self.b.ins().f32const(Ieee32::with_float(value as f32)),
            _ => self.b.ins().f64const(Ieee64::with_float(value)),
        }
    }

    fn select(&mut self) {
        let (condition, right, left) = (self.pop(), self.pop(), self.pop());
        let hint = left.hint.or(right.hint);
        let condition = value::condition(&mut self.b, condition);
        let (kind, lazy) = match (left.form, right.form) {
            (Form::Float { lazy: a, .. }, Form::Float { lazy: b, .. }) => (Kind::Float, a && b),
            (Form::Single { lazy: a, .. }, Form::Single { lazy: b, .. }) => (Kind::Single, a && b),
            (Form::Float { .. }, Form::Constant(_)) | (Form::Constant(_), Form::Float { .. }) => {
                (Kind::Float, false)
            }
            _ => (Kind::Cell, false),
        };
        let left = value::of_kind(&mut self.b, kind, left, !lazy);
        let right = value::of_kind(&mut self.b, kind, right, !lazy);
        let result = self.b.ins().select(condition, left, right);
        self.stack
            .push(Cell::float(kind, result, lazy).hinted(hint));
    }
}

/// The largest number of an integer type.
fn largest(ty: Type) -> u64 {
    u64::MAX >> (64 - ty.bits())
}

/// What the result of an operation cannot be above.
fn bound(clif: Clif, ty: Type, left: Cell, right: Cell) -> u64 {
    let most = largest(ty);
    // Of 32-bit operations only the low halves count.
    let (a, b) = (left.bound.min(most), right.bound.min(most));
    let shift = right.as_constant().map(|shift| shift as u32 % ty.bits());
    let bound = match (clif, shift) {
        (Clif::Band, _) => Some(a.min(b)),
        (Clif::Iadd, _) => a.checked_add(b),
        (Clif::Imul, _) => a.checked_mul(b),
        (Clif::Ishl, Some(shift)) => a.checked_mul(1 << shift),
        (Clif::Ushr, Some(shift)) => Some(a >> shift),
        (Clif::Bor | Clif::Bxor, _) => {
            Some(u64::MAX.checked_shr((a | b).leading_zeros()).unwrap_or(0))
        }
        _ => None,
    };
    bound.filter(|bound| *bound <= most).unwrap_or(most)
}

fn clif_type(kind: Kind) -> Type {
    match kind {
        Kind::Cell => I64,
        Kind::Float => F64,
        Kind::Single => F32,
    }
}

/// The range of a conversion that faults, as in `cvm_spec::arith`: the least float, whether it is itself outside, and
/// the first float above.
fn range(kind: Kind, ty: Type, is_signed: bool) -> (f64, bool, f64) {
    const TWO_31: f64 = 2_147_483_648.0;
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    match (ty, is_signed) {
        (I64, true) => (-TWO_63, false, TWO_63),
        (I64, false) => (-1.0, true, 2.0 * TWO_63),
        // A binary32 has no values between -2^31 - 1 and -2^31.
        (_, true) if kind == Kind::Single => (-TWO_31, false, TWO_31),
        (_, true) => (-TWO_31 - 1.0, true, TWO_31),
        (_, false) => (-1.0, true, 2.0 * TWO_31),
    }
}
