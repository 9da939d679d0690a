//! Instruction selection: which handlers an opcode becomes. The match in [`shape`] has no wildcard, so a new row of
//! the instruction table does not compile until it is translated.

use cvm_spec::arith;
use cvm_spec::fault::FaultCode;
use cvm_spec::isa::Opcode;

use crate::interp::handlers::list::Id;

/// What a pure or faulting function of cells becomes.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Two cells to one.
    Binary {
        register: Id,
        immediate: Id,
        fold: fn(u64, u64) -> Result<u64, FaultCode>,
    },
    /// One cell to one.
    Unary {
        register: Id,
        fold: fn(u64) -> Result<u64, FaultCode>,
    },
    /// Three cells to one.
    Ternary(Id),
    /// A load: by address form.
    Load(Load),
    /// A store: by address form.
    Store(Store),
    /// Translated by hand.
    Other,
}

/// The handlers of a load.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) rr: Id,
    pub(super) rk: Id,
    pub(super) rs: Id,
    pub(super) ks: Id,
    pub(super) kr: Id,
    pub(super) kc: Id,
    pub(super) hr: Id,
    pub(super) hw: Id,
    pub(super) hs: Id,
    pub(super) hww: Id,
    pub(super) object: Id,
}

/// The handlers of a store.
#[derive(Clone, Copy)]
pub(super) struct Store {
    pub(super) rrr: Id,
    pub(super) rkr: Id,
    pub(super) rsr: Id,
    pub(super) ksr: Id,
    pub(super) ksi: Id,
    pub(super) krr: Id,
    pub(super) kri: Id,
    pub(super) kcr: Id,
    pub(super) hrr: Id,
    pub(super) hri: Id,
    pub(super) hwr: Id,
    pub(super) hwi: Id,
    pub(super) hsr: Id,
    pub(super) hsi: Id,
    pub(super) hwwr: Id,
    pub(super) object: Id,
}

macro_rules! shapes {
    (
        binary { $($b:ident $bf:ident,)* }
        faulting_binary { $($fb:ident $fbf:ident,)* }
        unary { $($u:ident $uf:ident,)* }
        faulting_unary { $($fu:ident $fuf:ident,)* }
        ternary { $($t:ident $tf:ident,)* }
        load { $($load:ident $loadf:ident,)* }
        store { $($store:ident $storef:ident,)* }
        other { $($other:ident)* }
    ) => { pastey::paste! {
        /// The shape of an opcode.
        pub(super) fn shape(opcode: Opcode) -> Shape {
            match opcode {
                $(Opcode::$b => Shape::Binary {
                    register: Id::[<$bf _r>],
                    immediate: Id::[<$bf _i>],
                    fold: |a, b| Ok(arith::$bf(a, b)),
                },)*
                $(Opcode::$fb => Shape::Binary {
                    register: Id::[<$fbf _r>],
                    immediate: Id::[<$fbf _i>],
                    fold: arith::$fbf,
                },)*
                $(Opcode::$u => Shape::Unary { register: Id::[<$uf _r>], fold: |a| Ok(arith::$uf(a)) },)*
                $(Opcode::$fu => Shape::Unary { register: Id::[<$fuf _r>], fold: arith::$fuf },)*
                $(Opcode::$t => Shape::Ternary(Id::[<$tf _r>]),)*
                $(Opcode::$load => Shape::Load(Load {
                    rr: Id::[<$loadf _rr>],
                    rk: Id::[<$loadf _rk>],
                    rs: Id::[<$loadf _rs>],
                    ks: Id::[<$loadf _ks>],
                    kr: Id::[<$loadf _kr>],
                    kc: Id::[<$loadf _kc>],
                    hr: Id::[<$loadf _hr>],
                    hw: Id::[<$loadf _hw>],
                    hs: Id::[<$loadf _hs>],
                    hww: Id::[<$loadf _hww>],
                    object: Id::[<$loadf _or>],
                }),)*
                $(Opcode::$store => Shape::Store(Store {
                    rrr: Id::[<$storef _rrr>],
                    rkr: Id::[<$storef _rkr>],
                    rsr: Id::[<$storef _rsr>],
                    ksr: Id::[<$storef _ksr>],
                    ksi: Id::[<$storef _ksi>],
                    krr: Id::[<$storef _krr>],
                    kri: Id::[<$storef _kri>],
                    kcr: Id::[<$storef _kcr>],
                    hrr: Id::[<$storef _hrr>],
                    hri: Id::[<$storef _hri>],
                    hwr: Id::[<$storef _hwr>],
                    hwi: Id::[<$storef _hwi>],
                    hsr: Id::[<$storef _hsr>],
                    hsi: Id::[<$storef _hsi>],
                    hwwr: Id::[<$storef _hwwr>],
                    object: Id::[<$storef _orr>],
                }),)*
                $(Opcode::$other => Shape::Other,)*
            }
        }
    } };
}

shapes! {
    binary {
        IAdd i_add, ISub i_sub, IMul i_mul, IMulh i_mulh, IUmulh i_umulh, IAnd i_and, IOr i_or, IXor i_xor,
        IShl i_shl, IShr i_shr, IUshr i_ushr, IRotl i_rotl, IRotr i_rotr,
        DAdd d_add, DSub d_sub, DMul d_mul, DShl d_shl, DShr d_shr, DUshr d_ushr, DRotl d_rotl, DRotr d_rotr,
        FAdd f_add, FSub f_sub, FMul f_mul, FDiv f_div, FCopysign f_copysign, FMin f_min, FMax f_max,
        SAdd s_add, SSub s_sub, SMul s_mul, SDiv s_div, SCopysign s_copysign, SMin s_min, SMax s_max,
        IEq i_eq, INe i_ne, ILt i_lt, ILe i_le, IGt i_gt, IGe i_ge, IUlt i_ult, IUle i_ule, IUgt i_ugt, IUge i_uge,
        DEq d_eq, DNe d_ne, DLt d_lt, DLe d_le, DGt d_gt, DGe d_ge, DUlt d_ult, DUle d_ule, DUgt d_ugt, DUge d_uge,
        FEq f_eq, FNe f_ne, FLt f_lt, FLe f_le, FGt f_gt, FGe f_ge,
        SEq s_eq, SNe s_ne, SLt s_lt, SLe s_le, SGt s_gt, SGe s_ge,
    }
    faulting_binary {
        IDiv i_div, IUdiv i_udiv, IRem i_rem, IUrem i_urem, DDiv d_div, DUdiv d_udiv, DRem d_rem, DUrem d_urem,
    }
    unary {
        INeg i_neg, INot i_not, IClz i_clz, ICtz i_ctz, IPopcnt i_popcnt, ISextB i_sext_b, ISextW i_sext_w,
        ISextD i_sext_d, IZextB i_zext_b, IZextW i_zext_w, IZextD i_zext_d, IEqz i_eqz,
        DNeg d_neg, DNot d_not, DClz d_clz, DCtz d_ctz, DPopcnt d_popcnt, DSextB d_sext_b, DSextW d_sext_w,
        DEqz d_eqz,
        FSqrt f_sqrt, FAbs f_abs, FNeg f_neg, FCeil f_ceil, FFloor f_floor, FTrunc f_trunc, FNearest f_nearest,
        SSqrt s_sqrt, SAbs s_abs, SNeg s_neg, SCeil s_ceil, SFloor s_floor, STrunc s_trunc, SNearest s_nearest,
        IToF i_to_f, UToF u_to_f, DToF d_to_f, UdToF ud_to_f, IToS i_to_s, UToS u_to_s, DToS d_to_s, UdToS ud_to_s,
        FToISat f_to_i_sat, FToUSat f_to_u_sat, FToDSat f_to_d_sat, FToUdSat f_to_ud_sat,
        SToISat s_to_i_sat, SToUSat s_to_u_sat, SToDSat s_to_d_sat, SToUdSat s_to_ud_sat,
        FToS f_to_s, SToF s_to_f,
    }
    faulting_unary {
        FToI f_to_i, FToU f_to_u, FToD f_to_d, FToUd f_to_ud, SToI s_to_i, SToU s_to_u, SToD s_to_d, SToUd s_to_ud,
    }
    ternary { Select select, FFma f_fma, SFma s_fma, }
    load {
        BRead b_read, WRead w_read, DRead d_read, QRead q_read, BReadS b_read_s, WReadS w_read_s, DReadS d_read_s,
        IRead q_read, FRead q_read,
        BReadA b_read, WReadA w_read, DReadA d_read, QReadA q_read, BReadSA b_read_s, WReadSA w_read_s,
        DReadSA d_read_s, IReadA q_read, FReadA q_read,
    }
    store {
        BWrite b_write, WWrite w_write, DWrite d_write, QWrite q_write, IWrite q_write, FWrite q_write,
        BWriteA b_write, WWriteA w_write, DWriteA d_write, QWriteA q_write, IWriteA q_write, FWriteA q_write,
    }
    other {
        Nop Halt Brk Abort Jmp Jz Jnz Switch JmpI Land Declare
        Call CallI RetCall RetCallI CallX CallXi Ret
        PushB PushW PushD PushUd PushQ PushA Drop Dup Swap Over Rot Pick Slide
        MemCopy MemFill MemCompare HeapSize HeapGrow PtrToHost PtrFromHost
    }
}

/// The opcode that gives the same result with its operands exchanged.
pub(super) fn exchanged(opcode: Opcode) -> Option<Opcode> {
    use Opcode::*;
    Some(match opcode {
        IAdd | IMul | IAnd | IOr | IXor | IEq | INe | IMulh | IUmulh | DAdd | DMul | DEq | DNe => {
            opcode
        }
        ILt => IGt,
        IGt => ILt,
        ILe => IGe,
        IGe => ILe,
        IUlt => IUgt,
        IUgt => IUlt,
        IUle => IUge,
        IUge => IUle,
        DLt => DGt,
        DGt => DLt,
        DLe => DGe,
        DGe => DLe,
        DUlt => DUgt,
        DUgt => DUlt,
        DUle => DUge,
        DUge => DUle,
        _ => return None,
    })
}

/// The comparison that holds where another one does not. Comparing floats has none: neither may hold.
pub(super) fn opposite(opcode: Opcode) -> Option<Opcode> {
    use Opcode::*;
    Some(match opcode {
        IEqz => INe,
        DEqz => DNe,
        IEq => INe,
        INe => IEq,
        ILt => IGe,
        IGe => ILt,
        ILe => IGt,
        IGt => ILe,
        IUlt => IUge,
        IUge => IUlt,
        IUle => IUgt,
        IUgt => IUle,
        DEq => DNe,
        DNe => DEq,
        DLt => DGe,
        DGe => DLt,
        DLe => DGt,
        DGt => DLe,
        DUlt => DUge,
        DUge => DUlt,
        DUle => DUgt,
        DUgt => DUle,
        _ => return None,
    })
}

/// Whether the result of a binary or unary function always has an upper half of 0.
pub(super) fn leaves_low_half(opcode: Opcode) -> bool {
    use Opcode::*;
    opposite(opcode).is_some()
        || matches!(
            opcode,
            DAdd | DSub
                | DMul
                | DShl
                | DShr
                | DUshr
                | DRotl
                | DRotr
                | DNeg
                | DNot
                | DClz
                | DCtz
                | DPopcnt
                | DSextB
                | DSextW
                | IZextB
                | IZextW
                | IZextD
        )
}

/// The handlers of two binary functions in one.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// The inner function's right operand is a slot.
    pub(super) register: Id,
    /// It is a 16-bit immediate.
    pub(super) immediate: Id,
}

macro_rules! pairs {
    (
        pair { $($f:ident $fname:ident $s:ident $sname:ident;)* }
        left_pair { $($lf:ident $lfname:ident $ls:ident $lsname:ident;)* }
    ) => { pastey::paste! {
        /// What `second` becomes when one of its operands, the left one if `first_is_left`, is what `first` just made.
        pub(super) fn pair(first: Opcode, second: Opcode, first_is_left: bool) -> Option<Pair> {
            // The result does not depend on the operands' order.
            let is_symmetric = matches!(
                second,
                Opcode::IAdd | Opcode::IOr | Opcode::IXor | Opcode::DAdd | Opcode::FAdd | Opcode::SAdd
            );
            Some(match (first, second, first_is_left && !is_symmetric) {
                $((Opcode::$f, Opcode::$s, false) => Pair {
                    register: Id::[<$fname _ $sname _r>],
                    immediate: Id::[<$fname _ $sname _i>],
                },)*
                $((Opcode::$lf, Opcode::$ls, true) => Pair {
                    register: Id::[<$lfname _ $lsname _left_r>],
                    immediate: Id::[<$lfname _ $lsname _left_i>],
                },)*
                _ => return None,
            })
        }
    } };
}

pairs! {
    pair {
        FMul f_mul FAdd f_add; FMul f_mul FSub f_sub; SMul s_mul SAdd s_add; SMul s_mul SSub s_sub;
        IAdd i_add IAdd i_add; ISub i_sub IAdd i_add; IMul i_mul IAdd i_add; IShl i_shl IAdd i_add;
        IAnd i_and IAdd i_add; IAnd i_and IOr i_or; IShl i_shl IOr i_or; IUshr i_ushr IOr i_or;
        IShl i_shl IXor i_xor; IUshr i_ushr IXor i_xor; IAnd i_and IXor i_xor;
        DAdd d_add DAdd d_add; DSub d_sub DAdd d_add; DMul d_mul DAdd d_add; DShl d_shl DAdd d_add;
        IAnd i_and DAdd d_add; IXor i_xor DAdd d_add;
        DShl d_shl IXor i_xor; DUshr d_ushr IXor i_xor; DRotl d_rotl IXor i_xor; DRotr d_rotr IXor i_xor;
        DRotl d_rotl DAdd d_add; DRotr d_rotr DAdd d_add;
    }
    left_pair {
        FMul f_mul FSub f_sub; SMul s_mul SSub s_sub; IMul i_mul ISub i_sub; DMul d_mul DSub d_sub;
        IAdd i_add ISub i_sub; DAdd d_add DSub d_sub;
    }
}

/// The handlers of a comparison fused with a branch that is taken when it holds, or when it does not.
#[derive(Clone, Copy)]
pub(super) enum Fused {
    /// Compare a slot with another, with a 16-bit immediate, or with the constant in a data cell.
    Integer {
        register: Id,
        immediate: Id,
        wide: Id,
    },
    /// Compare two slots.
    Float(Id),
    /// Test one slot.
    Test(Id),
}

macro_rules! fused {
    ($(($opcode:ident $name:ident $inverse:ident $inverse_name:ident))* ; $($float:ident $float_name:ident)*) => { pastey::paste! {
        /// What a comparison and the branch behind it become; `holds` says when the branch is taken.
        pub(super) fn fuse(opcode: Opcode, holds: bool) -> Option<Fused> {
            Some(match (opcode, holds) {
                $(
                    (Opcode::$opcode, true) | (Opcode::$inverse, false) => Fused::Integer {
                        register: Id::[<$name _jr>],
                        immediate: Id::[<$name _ji>],
                        wide: Id::[<$name _jw>],
                    },
                    (Opcode::$inverse, true) | (Opcode::$opcode, false) => Fused::Integer {
                        register: Id::[<$inverse_name _jr>],
                        immediate: Id::[<$inverse_name _ji>],
                        wide: Id::[<$inverse_name _jw>],
                    },
                )*
                $(
                    (Opcode::$float, true) => Fused::Float(Id::[<$float_name _jr>]),
                    (Opcode::$float, false) => Fused::Float(Id::[<$float_name _nr>]),
                )*
                (Opcode::IEqz, true) => Fused::Test(Id::jump_zero),
                (Opcode::IEqz, false) => Fused::Test(Id::jump_nonzero),
                (Opcode::DEqz, true) => Fused::Test(Id::jump_zero_d),
                (Opcode::DEqz, false) => Fused::Test(Id::jump_nonzero_d),
                _ => return None,
            })
        }
    } };
}

fused! {
    (IEq i_eq INe i_ne) (ILt i_lt IGe i_ge) (ILe i_le IGt i_gt) (IUlt i_ult IUge i_uge) (IUle i_ule IUgt i_ugt)
    (DEq d_eq DNe d_ne) (DLt d_lt DGe d_ge) (DLe d_le DGt d_gt) (DUlt d_ult DUge d_uge) (DUle d_ule DUgt d_ugt);
    FEq f_eq FNe f_ne FLt f_lt FLe f_le FGt f_gt FGe f_ge
    SEq s_eq SNe s_ne SLt s_lt SLe s_le SGt s_gt SGe s_ge
}

/// The handlers of a compare-and-branch whose left operand was stepped right before, in one.
#[derive(Clone, Copy)]
pub(super) struct Counting {
    /// What steps by an immediate, down by an immediate, and by a slot.
    pub(super) add: Id,
    pub(super) sub: Id,
    pub(super) add_slot: Id,
    /// Steps by 1 up to a slot, or to a 16-bit immediate.
    pub(super) by_one_to_slot: Id,
    pub(super) by_one_to_immediate: Id,
    /// With a data cell: step by slot or immediate, limit in a slot or constant.
    pub(super) by_slot_to_slot: Id,
    pub(super) by_slot_to_constant: Id,
    pub(super) by_immediate_to_slot: Id,
    pub(super) by_immediate_to_constant: Id,
}

/// How a loop that ends in this branch counts. `branch` is the form that compares two slots.
pub(super) fn counting(branch: Id) -> Option<Counting> {
    macro_rules! countings {
        ($($op:ident $add:ident $sub:ident;)*) => { pastey::paste! {
            Some(match branch {
                $(
                    Id::[<$op _jr>] => Counting {
                        add: Id::[<$add _i>],
                        sub: Id::[<$sub _i>],
                        add_slot: Id::[<$add _r>],
                        by_one_to_slot: Id::[<$op _jr_inc>],
                        by_one_to_immediate: Id::[<$op _ji_inc>],
                        by_slot_to_slot: Id::[<$op _step_r_r>],
                        by_slot_to_constant: Id::[<$op _step_r_w>],
                        by_immediate_to_slot: Id::[<$op _step_i_r>],
                        by_immediate_to_constant: Id::[<$op _step_i_w>],
                    },
                )*
                _ => return None,
            })
        } };
    }
    countings! {
        i_ne i_add i_sub; i_lt i_add i_sub; i_le i_add i_sub; i_gt i_add i_sub; i_ge i_add i_sub;
        i_ult i_add i_sub; i_ule i_add i_sub;
        d_ne d_add d_sub; d_lt d_add d_sub; d_le d_add d_sub; d_gt d_add d_sub; d_ge d_add d_sub;
        d_ult d_add d_sub; d_ule d_add d_sub;
    }
}
