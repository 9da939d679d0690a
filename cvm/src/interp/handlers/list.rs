//! All handlers by name, once: the enumeration that the translator uses, the table of their addresses, and the
//! `loop { match }` that runs them where calls in tail position are not turned into jumps.

use cvm_spec::arith;

use super::branch::*;
use super::call::*;
use super::fault::raise_code;
use super::foreign::*;
use super::memory::*;
use super::tier::*;
use super::trace::*;
use super::value::*;
use super::{at_distance, handlers, slot};
use crate::interp::context::{Context, ShadowFrame};
#[cfg(feature = "loop-dispatch")]
use crate::interp::op::Flow;
use crate::interp::op::{Handler, Op, Slots, goto};
use crate::memory::Descriptor;

macro_rules! list {
    (
        binary { $($binary:ident)* }
        faulting_binary { $($faulting_binary:ident)* }
        unary { $($unary:ident)* }
        faulting_unary { $($faulting_unary:ident)* }
        ternary { $($ternary:ident)* }
        pair { $($first:ident $second:ident;)* }
        left_pair { $($left_first:ident $left_second:ident;)* }
        compare { $($compare:ident)* }
        counting { $($counting:ident $add:ident;)* }
        float_compare { $($float:ident)* }
        load { $($load:ident)* }
        store { $($store:ident)* }
        plain { $($plain:ident)* }
    ) => {
        binary! { $($binary)* $($compare)* $($float)* }
        faulting_binary! { $($faulting_binary)* }
        unary! { $($unary)* }
        faulting_unary! { $($faulting_unary)* }
        ternary! { $($ternary)* }
        pairs! { $($first $second;)* }
        left_pairs! { $($left_first $left_second;)* }
        compare_branches! { $($compare)* }
        counting_branches! { $($counting $add;)* }
        float_branches! { $($float)* }
        pastey::paste! {
            list! { @all
                $([<$binary _r>] [<$binary _i>])*
                $([<$compare _r>] [<$compare _i>] [<$compare _jr>] [<$compare _ji>] [<$compare _jw>])*
                $([<$counting _jr_inc>] [<$counting _ji_inc>])*
                $([<$counting _step_r_r>] [<$counting _step_r_w>] [<$counting _step_i_r>] [<$counting _step_i_w>])*
                $([<$float _r>] [<$float _i>] [<$float _jr>] [<$float _nr>])*
                $([<$faulting_binary _r>] [<$faulting_binary _i>])*
                $([<$unary _r>])*
                $([<$faulting_unary _r>])*
                $([<$ternary _r>])*
                $([<$first _ $second _r>] [<$first _ $second _i>])*
                $([<$left_first _ $left_second _left_r>] [<$left_first _ $left_second _left_i>])*
                $([<$load _rr>] [<$load _rk>] [<$load _rs>] [<$load _ks>] [<$load _kr>] [<$load _kc>] [<$load _or>])*
                $([<$load _hr>] [<$load _hw>] [<$load _hs>] [<$load _hww>])*
                $([<$store _rrr>] [<$store _rsr>] [<$store _ksr>] [<$store _ksi>] [<$store _rkr>] [<$store _krr>] [<$store _kri>] [<$store _kcr>] [<$store _orr>])*
                $([<$store _hrr>] [<$store _hri>] [<$store _hwr>] [<$store _hwi>] [<$store _hsr>] [<$store _hsi>] [<$store _hwwr>])*
                $($plain)*
            }
        }
    };
    (@all $($name:ident)*) => {
        /// A handler's name.
        #[allow(non_camel_case_types, reason = "variants carry the handlers' own names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Id { $($name),* }

        /// All handlers' names.
        #[cfg(all(test, not(feature = "loop-dispatch")))]
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        #[cfg(not(feature = "loop-dispatch"))]
        pub(crate) const HANDLERS: &[Handler] = &[$($name),*];

        impl Id {
            /// What an op's word holds for this handler.
            #[cfg(not(feature = "loop-dispatch"))]
            pub(crate) fn handler(self) -> Handler {
                HANDLERS[self as usize]
            }

            /// What an op's word holds for this handler.
            #[cfg(feature = "loop-dispatch")]
            pub(crate) fn handler(self) -> Handler {
                self as u64
            }
        }

        /// Runs one op.
        ///
        /// # Safety
        /// As for [`crate::interp::op::goto`].
        #[cfg(feature = "loop-dispatch")]
        #[inline(always)]
        unsafe fn step(
            ip: *const Op,
            fp: Slots,
            shadow: *mut ShadowFrame,
            table: *mut Descriptor,
            ctx: *mut Context,
        ) -> Flow {
            // SAFETY: the caller vouches that ip is an executable op; its number is that of an `Id`.
            unsafe {
                match std::mem::transmute::<u16, Id>((*ip).word.number as u16) {
                    $(Id::$name => $name(ip, fp, shadow, table, ctx),)*
                }
            }
        }
    };
}

list! {
    binary {
        i_add i_sub i_mul i_mulh i_umulh i_and i_or i_xor i_shl i_shr i_ushr i_rotl i_rotr
        d_add d_sub d_mul d_shl d_shr d_ushr d_rotl d_rotr
        f_add f_sub f_mul f_div f_copysign f_min f_max
        s_add s_sub s_mul s_div s_copysign s_min s_max
    }
    faulting_binary { i_div i_udiv i_rem i_urem d_div d_udiv d_rem d_urem }
    unary {
        i_neg i_not i_clz i_ctz i_popcnt i_sext_b i_sext_w i_sext_d i_zext_b i_zext_w i_zext_d i_eqz
        d_neg d_not d_clz d_ctz d_popcnt d_sext_b d_sext_w d_eqz
        f_sqrt f_abs f_neg f_ceil f_floor f_trunc f_nearest
        s_sqrt s_abs s_neg s_ceil s_floor s_trunc s_nearest
        i_to_f u_to_f d_to_f ud_to_f i_to_s u_to_s d_to_s ud_to_s
        f_to_i_sat f_to_u_sat f_to_d_sat f_to_ud_sat s_to_i_sat s_to_u_sat s_to_d_sat s_to_ud_sat
        f_to_s s_to_f
    }
    faulting_unary { f_to_i f_to_u f_to_d f_to_ud s_to_i s_to_u s_to_d s_to_ud }
    ternary { select f_fma s_fma }
    pair {
        f_mul f_add; f_mul f_sub; s_mul s_add; s_mul s_sub;
        i_add i_add; i_sub i_add; i_mul i_add; i_shl i_add; i_and i_add; i_and i_or; i_shl i_or; i_ushr i_or;
        i_shl i_xor; i_ushr i_xor; i_and i_xor;
        d_add d_add; d_sub d_add; d_mul d_add; d_shl d_add; i_and d_add; i_xor d_add;
        d_shl i_xor; d_ushr i_xor; d_rotl i_xor; d_rotr i_xor; d_rotl d_add; d_rotr d_add;
    }
    left_pair { f_mul f_sub; s_mul s_sub; i_mul i_sub; d_mul d_sub; i_add i_sub; d_add d_sub; }
    compare {
        i_eq i_ne i_lt i_le i_gt i_ge i_ult i_ule i_ugt i_uge
        d_eq d_ne d_lt d_le d_gt d_ge d_ult d_ule d_ugt d_uge
    }
    counting {
        i_ne i_add; i_lt i_add; i_le i_add; i_gt i_add; i_ge i_add; i_ult i_add; i_ule i_add;
        d_ne d_add; d_lt d_add; d_le d_add; d_gt d_add; d_ge d_add; d_ult d_add; d_ule d_add;
    }
    float_compare { f_eq f_ne f_lt f_le f_gt f_ge s_eq s_ne s_lt s_le s_gt s_ge }
    load { b_read w_read d_read q_read b_read_s w_read_s d_read_s }
    store { b_write w_write d_write q_write }
    plain {
        copy move_slots constant constant_wide zero
        load_constant store_constant load_local store_local local_address zero_local
        mem_copy mem_fill mem_compare heap_size heap_grow ptr_to_host ptr_from_host
        jump jump_zero jump_nonzero jump_zero_d jump_nonzero_d switch jump_indirect
        charge_fuel poll trace note_out count_call count_round breakpoint abort
        call call_indirect tail_call tail_call_indirect return_none return_slot return_constant return_slots
        enter_local leave_local call_import call_foreign call_foreign_pointer foreign_object halt finish
        call_words_0 call_words_1 call_words_2 call_words_3 call_words_4 call_words_5 call_words_6
        call_doubles_1 call_doubles_2 call_doubles_3 call_doubles_4
    }
}

/// Runs from an op until a handler stops.
///
/// # Safety
/// `ip` is an executable op whose frame is `fp`, and `table` and `ctx` are the running machine's.
pub(crate) unsafe fn run(
    ip: *const Op,
    fp: Slots,
    shadow: *mut ShadowFrame,
    table: *mut Descriptor,
    ctx: *mut Context,
) {
    #[cfg(not(feature = "loop-dispatch"))]
    {
        // SAFETY: the caller's promise is that of `goto`.
        unsafe { crate::interp::op::goto(ip, fp, shadow, table, ctx) }
    }
    #[cfg(feature = "loop-dispatch")]
    {
        let (mut ip, mut fp, mut shadow) = (ip, fp, shadow);
        while !ip.is_null() {
            // SAFETY: each step gives the next executable op and its frame, or null.
            (ip, fp, shadow) = unsafe { step(ip, fp, shadow, table, ctx) };
        }
    }
}
