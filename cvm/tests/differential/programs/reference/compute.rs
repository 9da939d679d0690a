//! What computes: the arithmetic of `cvm_spec::arith`, by opcode.

use cvm_spec::arith;
use cvm_spec::isa::Opcode;

use super::Stopped;

macro_rules! compute {
    (
        two { $($two:ident $two_name:ident,)* }
        two_faulting { $($twof:ident $twof_name:ident,)* }
        one { $($one:ident $one_name:ident,)* }
        one_faulting { $($onef:ident $onef_name:ident,)* }
    ) => {
        /// Pops the operands of a pure instruction and gives its result; `None` for any other. On a fault the
        /// operands stay.
        pub(super) fn compute(opcode: Opcode, stack: &mut Vec<u64>) -> Option<Result<u64, Stopped>> {
            let depth = stack.len();
            let at = |below: usize| stack[depth - below];
            let (pops, result) = match opcode {
                $(Opcode::$two => (2, Ok(arith::$two_name(at(2), at(1)))),)*
                $(Opcode::$twof => (2, arith::$twof_name(at(2), at(1))),)*
                $(Opcode::$one => (1, Ok(arith::$one_name(at(1)))),)*
                $(Opcode::$onef => (1, arith::$onef_name(at(1))),)*
                Opcode::Select => (3, Ok(if at(1) != 0 { at(3) } else { at(2) })),
                Opcode::FFma => (3, Ok(arith::f_fma(at(3), at(2), at(1)))),
                Opcode::SFma => (3, Ok(arith::s_fma(at(3), at(2), at(1)))),
                _ => return None,
            };
            if result.is_ok() {
                stack.truncate(depth - pops);
            }
            Some(result.map_err(Stopped::from))
        }
    };
}

compute! {
    two {
        IAdd i_add, ISub i_sub, IMul i_mul, IMulh i_mulh, IUmulh i_umulh, IAnd i_and, IOr i_or, IXor i_xor,
        IShl i_shl, IShr i_shr, IUshr i_ushr, IRotl i_rotl, IRotr i_rotr,
        IEq i_eq, INe i_ne, ILt i_lt, ILe i_le, IGt i_gt, IGe i_ge, IUlt i_ult, IUle i_ule, IUgt i_ugt, IUge i_uge,
        DAdd d_add, DSub d_sub, DMul d_mul, DShl d_shl, DShr d_shr, DUshr d_ushr, DRotl d_rotl, DRotr d_rotr,
        DEq d_eq, DNe d_ne, DLt d_lt, DLe d_le, DGt d_gt, DGe d_ge, DUlt d_ult, DUle d_ule, DUgt d_ugt, DUge d_uge,
        FAdd f_add, FSub f_sub, FMul f_mul, FDiv f_div, FCopysign f_copysign, FMin f_min, FMax f_max,
        FEq f_eq, FNe f_ne, FLt f_lt, FLe f_le, FGt f_gt, FGe f_ge,
        SAdd s_add, SSub s_sub, SMul s_mul, SDiv s_div, SCopysign s_copysign, SMin s_min, SMax s_max,
        SEq s_eq, SNe s_ne, SLt s_lt, SLe s_le, SGt s_gt, SGe s_ge,
    }
    two_faulting {
        IDiv i_div, IUdiv i_udiv, IRem i_rem, IUrem i_urem, DDiv d_div, DUdiv d_udiv, DRem d_rem, DUrem d_urem,
    }
    one {
        INeg i_neg, INot i_not, IClz i_clz, ICtz i_ctz, IPopcnt i_popcnt, IEqz i_eqz,
        ISextB i_sext_b, ISextW i_sext_w, ISextD i_sext_d, IZextB i_zext_b, IZextW i_zext_w, IZextD i_zext_d,
        DNeg d_neg, DNot d_not, DClz d_clz, DCtz d_ctz, DPopcnt d_popcnt, DEqz d_eqz, DSextB d_sext_b, DSextW d_sext_w,
        FSqrt f_sqrt, FAbs f_abs, FNeg f_neg, FCeil f_ceil, FFloor f_floor, FTrunc f_trunc, FNearest f_nearest,
        SSqrt s_sqrt, SAbs s_abs, SNeg s_neg, SCeil s_ceil, SFloor s_floor, STrunc s_trunc, SNearest s_nearest,
        IToF i_to_f, UToF u_to_f, DToF d_to_f, UdToF ud_to_f, IToS i_to_s, UToS u_to_s, DToS d_to_s, UdToS ud_to_s,
        FToISat f_to_i_sat, FToUSat f_to_u_sat, FToDSat f_to_d_sat, FToUdSat f_to_ud_sat,
        SToISat s_to_i_sat, SToUSat s_to_u_sat, SToDSat s_to_d_sat, SToUdSat s_to_ud_sat,
        FToS f_to_s, SToF s_to_f,
    }
    one_faulting {
        FToI f_to_i, FToU f_to_u, FToD f_to_d, FToUd f_to_ud, SToI s_to_i, SToU s_to_u, SToD s_to_d, SToUd s_to_ud,
    }
}
