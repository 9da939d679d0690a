//! Instructions of WebAssembly that are one of CVM's, whatever stands around them.

use cvm_spec::isa::Opcode;
use wasmparser::Operator;

/// The instruction that does the same to cells whose upper half is 0 where they hold 32 bits, and leaves such cells.
#[rustfmt::skip]
pub(super) const fn same(operator: &Operator<'_>) -> Option<Opcode> {
    Some(match operator {
        Operator::Nop => Opcode::Nop,
        Operator::Drop => Opcode::Drop,
        Operator::Select | Operator::TypedSelect { .. } => Opcode::Select,
        Operator::MemorySize { .. } => Opcode::HeapSize,
        Operator::RefIsNull => Opcode::IEqz,

        Operator::I32Eqz => Opcode::DEqz,
        Operator::I32Eq => Opcode::DEq, Operator::I32Ne => Opcode::DNe,
        Operator::I32LtS => Opcode::DLt, Operator::I32LtU => Opcode::DUlt,
        Operator::I32GtS => Opcode::DGt, Operator::I32GtU => Opcode::DUgt,
        Operator::I32LeS => Opcode::DLe, Operator::I32LeU => Opcode::DUle,
        Operator::I32GeS => Opcode::DGe, Operator::I32GeU => Opcode::DUge,
        Operator::I64Eqz => Opcode::IEqz,
        Operator::I64Eq => Opcode::IEq, Operator::I64Ne => Opcode::INe,
        Operator::I64LtS => Opcode::ILt, Operator::I64LtU => Opcode::IUlt,
        Operator::I64GtS => Opcode::IGt, Operator::I64GtU => Opcode::IUgt,
        Operator::I64LeS => Opcode::ILe, Operator::I64LeU => Opcode::IUle,
        Operator::I64GeS => Opcode::IGe, Operator::I64GeU => Opcode::IUge,
        Operator::F32Eq => Opcode::SEq, Operator::F32Ne => Opcode::SNe,
        Operator::F32Lt => Opcode::SLt, Operator::F32Gt => Opcode::SGt,
        Operator::F32Le => Opcode::SLe, Operator::F32Ge => Opcode::SGe,
        Operator::F64Eq => Opcode::FEq, Operator::F64Ne => Opcode::FNe,
        Operator::F64Lt => Opcode::FLt, Operator::F64Gt => Opcode::FGt,
        Operator::F64Le => Opcode::FLe, Operator::F64Ge => Opcode::FGe,

        Operator::I32Clz => Opcode::DClz, Operator::I32Ctz => Opcode::DCtz,
        Operator::I32Popcnt => Opcode::DPopcnt,
        Operator::I32Add => Opcode::DAdd, Operator::I32Sub => Opcode::DSub,
        Operator::I32Mul => Opcode::DMul,
        Operator::I32DivS => Opcode::DDiv, Operator::I32DivU => Opcode::DUdiv,
        Operator::I32RemS => Opcode::DRem, Operator::I32RemU => Opcode::DUrem,
        Operator::I32And | Operator::I64And => Opcode::IAnd,
        Operator::I32Or | Operator::I64Or => Opcode::IOr,
        Operator::I32Xor | Operator::I64Xor => Opcode::IXor,
        Operator::I32Shl => Opcode::DShl,
        Operator::I32ShrS => Opcode::DShr, Operator::I32ShrU => Opcode::DUshr,
        Operator::I32Rotl => Opcode::DRotl, Operator::I32Rotr => Opcode::DRotr,
        Operator::I64Clz => Opcode::IClz, Operator::I64Ctz => Opcode::ICtz,
        Operator::I64Popcnt => Opcode::IPopcnt,
        Operator::I64Add => Opcode::IAdd, Operator::I64Sub => Opcode::ISub,
        Operator::I64Mul => Opcode::IMul,
        Operator::I64DivS => Opcode::IDiv, Operator::I64DivU => Opcode::IUdiv,
        Operator::I64RemS => Opcode::IRem, Operator::I64RemU => Opcode::IUrem,
        Operator::I64Shl => Opcode::IShl,
        Operator::I64ShrS => Opcode::IShr, Operator::I64ShrU => Opcode::IUshr,
        Operator::I64Rotl => Opcode::IRotl, Operator::I64Rotr => Opcode::IRotr,

        Operator::F32Abs => Opcode::SAbs, Operator::F32Neg => Opcode::SNeg,
        Operator::F32Ceil => Opcode::SCeil, Operator::F32Floor => Opcode::SFloor,
        Operator::F32Trunc => Opcode::STrunc, Operator::F32Nearest => Opcode::SNearest,
        Operator::F32Sqrt => Opcode::SSqrt,
        Operator::F32Add => Opcode::SAdd, Operator::F32Sub => Opcode::SSub,
        Operator::F32Mul => Opcode::SMul, Operator::F32Div => Opcode::SDiv,
        Operator::F32Min => Opcode::SMin, Operator::F32Max => Opcode::SMax,
        Operator::F32Copysign => Opcode::SCopysign,
        Operator::F64Abs => Opcode::FAbs, Operator::F64Neg => Opcode::FNeg,
        Operator::F64Ceil => Opcode::FCeil, Operator::F64Floor => Opcode::FFloor,
        Operator::F64Trunc => Opcode::FTrunc, Operator::F64Nearest => Opcode::FNearest,
        Operator::F64Sqrt => Opcode::FSqrt,
        Operator::F64Add => Opcode::FAdd, Operator::F64Sub => Opcode::FSub,
        Operator::F64Mul => Opcode::FMul, Operator::F64Div => Opcode::FDiv,
        Operator::F64Min => Opcode::FMin, Operator::F64Max => Opcode::FMax,
        Operator::F64Copysign => Opcode::FCopysign,

        Operator::I32TruncF32S => Opcode::SToD, Operator::I32TruncF32U => Opcode::SToUd,
        Operator::I32TruncF64S => Opcode::FToD, Operator::I32TruncF64U => Opcode::FToUd,
        Operator::I64TruncF32S => Opcode::SToI, Operator::I64TruncF32U => Opcode::SToU,
        Operator::I64TruncF64S => Opcode::FToI, Operator::I64TruncF64U => Opcode::FToU,
        Operator::I32TruncSatF32S => Opcode::SToDSat, Operator::I32TruncSatF32U => Opcode::SToUdSat,
        Operator::I32TruncSatF64S => Opcode::FToDSat, Operator::I32TruncSatF64U => Opcode::FToUdSat,
        Operator::I64TruncSatF32S => Opcode::SToISat, Operator::I64TruncSatF32U => Opcode::SToUSat,
        Operator::I64TruncSatF64S => Opcode::FToISat, Operator::I64TruncSatF64U => Opcode::FToUSat,
        Operator::F32ConvertI32S => Opcode::DToS, Operator::F32ConvertI32U => Opcode::UdToS,
        Operator::F32ConvertI64S => Opcode::IToS, Operator::F32ConvertI64U => Opcode::UToS,
        Operator::F64ConvertI32S => Opcode::DToF, Operator::F64ConvertI32U => Opcode::UdToF,
        Operator::F64ConvertI64S => Opcode::IToF, Operator::F64ConvertI64U => Opcode::UToF,
        Operator::F32DemoteF64 => Opcode::FToS, Operator::F64PromoteF32 => Opcode::SToF,

        Operator::I64ExtendI32S | Operator::I64Extend32S => Opcode::ISextD,
        Operator::I64Extend8S => Opcode::ISextB, Operator::I64Extend16S => Opcode::ISextW,
        Operator::I32Extend8S => Opcode::DSextB, Operator::I32Extend16S => Opcode::DSextW,
        _ => return None,
    })
}

/// Whether an instruction leaves the stack's cells as they are: it says how their bits are meant.
pub(super) const fn is_nothing(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I64ExtendI32U
            | Operator::I32ReinterpretF32
            | Operator::F32ReinterpretI32
            | Operator::I64ReinterpretF64
            | Operator::F64ReinterpretI64
    )
}

/// Whether an instruction pops the top cell and does not look at its upper half.
#[rustfmt::skip]
pub(super) const fn ignores_upper_half(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        Drop | I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU
        | I32Clz | I32Ctz | I32Popcnt | I32Add | I32Sub | I32Mul | I32DivS | I32DivU | I32RemS | I32RemU
        | I32Shl | I32ShrS | I32ShrU | I32Rotl | I32Rotr | I32Extend8S | I32Extend16S | I64ExtendI32S
        | F32ConvertI32S | F32ConvertI32U | F64ConvertI32S | F64ConvertI32U
        | I32Store8 { .. } | I32Store16 { .. }
    )
}
