//! Memory: loads and stores by address form, bulk operations, the heap.
//!
//! Address forms, in the handlers' names: `_rr` base and offset in slots, `_rk` base in a slot and a constant offset,
//! `_kr` a constant base (short pointer) and the offset in a slot, `_kc` a constant base and a constant offset in a
//! data cell, `_or` a local object and the offset in a slot; `_rs` and `_ks` are `_rr` and `_kr` with an offset that
//! counts elements of the access's width. Stores name the value behind: `r` a slot, `i` a 16-bit
//! immediate.
//!
//! Where the constant base is in the heap, as in every access of a translated WebAssembly program, the descriptor is known:
//! `_hr` a constant distance from `h:` and the offset in a slot. From `h:0` on, with offsets that are sums of 32 bits: `_hw`
//! a slot and a constant, `_hs` the same with elements of the access's width, `_hww` two slots.

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{OFFSET_MASK, Tag};

use super::absolute::{load_beyond, store_beyond};
use super::fault::raise_code;
use super::refuse::{Form, Shape, refuse};
use super::{handlers, slot};
use crate::bulk;
use crate::fault::Fault;
use crate::interp::context::{Context, Stop};
use crate::interp::op::{Op, goto};
use crate::memory::Descriptor;

/// The descriptor of a pointer's tag and the access's offset in the segment.
#[inline(always)]
unsafe fn resolve(table: *mut Descriptor, base: u64, offset: u64) -> (*mut Descriptor, u64) {
    // SAFETY: the table has 8 entries and a tag has 3 bits.
    let descriptor = unsafe { table.add((base >> 61) as usize) };
    (descriptor, (base & OFFSET_MASK).wrapping_add(offset))
}

/// The same for a constant base.
#[inline(always)]
unsafe fn resolve_short(table: *mut Descriptor, base: u32, offset: u64) -> (*mut Descriptor, u64) {
    // SAFETY: the table has 8 entries and a tag has 3 bits.
    let descriptor = unsafe { table.add((base >> 29) as usize) };
    (
        descriptor,
        u64::from(base & 0x1fff_ffff).wrapping_add(offset),
    )
}

/// A value at any address. A plain load or store of its field keeps the handler free of stack slots even without
/// optimisation, which `read_unaligned` does not.
#[repr(C, packed)]
struct Unaligned<T>(T);

/// The address in `l:` of the object that a data cell describes: csp less its distance.
#[inline(always)]
unsafe fn object_address(table: *mut Descriptor, distance: u32) -> u64 {
    // SAFETY: the table has 8 entries.
    unsafe {
        (*table.add(Tag::Local as usize))
            .size
            .wrapping_sub(u64::from(distance))
    }
}

/// A load from the heap.
macro_rules! heap_load {
    ($memory:ty, $extend:ty, $log:literal, $off:ident, $form:ident,
     $ip:ident, $fp:ident, $shadow:ident, $table:ident, $ctx:ident) => {{
        let descriptor = $table.add(Tag::Heap as usize);
        if $off < (*descriptor).read_limit[$log] {
            let value = (*(*descriptor)
                .base
                .add($off as usize)
                .cast::<Unaligned<$memory>>())
            .0;
            slot!($fp, (*$ip).a) = value as $extend as u64;
            goto($ip.add(1), $fp, $shadow, $table, $ctx)
        } else {
            refuse($ip, $fp, $ctx, Form::$form, Shape::read(1 << $log))
        }
    }};
}

/// A store to the heap.
macro_rules! heap_store {
    ($memory:ty, $log:literal, $off:ident, $value:expr, $form:ident,
     $ip:ident, $fp:ident, $shadow:ident, $table:ident, $ctx:ident) => {{
        let value = $value;
        let descriptor = $table.add(Tag::Heap as usize);
        if $off < (*descriptor).write_limit[$log] {
            (*(*descriptor)
                .base
                .add($off as usize)
                .cast::<Unaligned<$memory>>())
            .0 = value as $memory;
            goto($ip.add(1), $fp, $shadow, $table, $ctx)
        } else {
            refuse($ip, $fp, $ctx, Form::$form, Shape::write(1 << $log))
        }
    }};
}

/// Loads: name, type in memory, type that extends it to a cell, index of the limit.
macro_rules! loads {
    ($($name:ident $memory:ty, $extend:ty, $log:literal;)*) => {
        pastey::paste! { handlers! { $(
            fn [<$name _rr>](ip, fp, shadow, table, ctx) {
                let (base, offset) = (slot!(fp, (*ip).b), slot!(fp, (*ip).c));
                let (descriptor, off) = resolve(table, base, offset);
                if off < (*descriptor).read_limit[$log] {
                    let value = (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    load_beyond::<{ Form::Rr as u8 }, $log, { <$extend>::MIN != 0 }>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _rk>](ip, fp, shadow, table, ctx) {
                let (base, offset) = (slot!(fp, (*ip).b), (*ip).c as i32 as u64);
                let (descriptor, off) = resolve(table, base, offset);
                if off < (*descriptor).read_limit[$log] {
                    let value = (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    load_beyond::<{ Form::Rk as u8 }, $log, { <$extend>::MIN != 0 }>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _kr>](ip, fp, shadow, table, ctx) {
                let offset = slot!(fp, (*ip).b);
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).read_limit[$log] {
                    let value = (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    load_beyond::<{ Form::Kr as u8 }, $log, { <$extend>::MIN != 0 }>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _rs>](ip, fp, shadow, table, ctx) {
                let (base, offset) = (slot!(fp, (*ip).b), slot!(fp, (*ip).c) << $log);
                let (descriptor, off) = resolve(table, base, offset);
                if off < (*descriptor).read_limit[$log] {
                    let value = (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    load_beyond::<{ Form::Rs as u8 }, $log, { <$extend>::MIN != 0 }>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _ks>](ip, fp, shadow, table, ctx) {
                let offset = slot!(fp, (*ip).b) << $log;
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).read_limit[$log] {
                    let value = (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    load_beyond::<{ Form::Ks as u8 }, $log, { <$extend>::MIN != 0 }>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _kc>](ip, fp, shadow, table, ctx) {
                let offset = (*ip.add(1)).word.number;
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).read_limit[$log] {
                    let value = (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(2), fp, shadow, table, ctx)
                } else {
                    load_beyond::<{ Form::Kc as u8 }, $log, { <$extend>::MIN != 0 }>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _hr>](ip, fp, shadow, table, ctx) {
                let off = slot!(fp, (*ip).b).wrapping_add(u64::from((*ip).c));
                heap_load!($memory, $extend, $log, off, Hr, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hw>](ip, fp, shadow, table, ctx) {
                let off = u64::from((slot!(fp, (*ip).b) as u32).wrapping_add((*ip).c));
                heap_load!($memory, $extend, $log, off, Hw, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hs>](ip, fp, shadow, table, ctx) {
                let off = u64::from(((slot!(fp, (*ip).b) as u32) << $log).wrapping_add((*ip).c));
                heap_load!($memory, $extend, $log, off, Hs, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hww>](ip, fp, shadow, table, ctx) {
                let off = u64::from((slot!(fp, (*ip).b) as u32).wrapping_add(slot!(fp, (*ip).c) as u32));
                heap_load!($memory, $extend, $log, off, Hww, ip, fp, shadow, table, ctx)
            }
            fn [<$name _or>](ip, fp, shadow, table, ctx) {
                let offset = slot!(fp, (*ip).b);
                let address = object_address(table, (*ip).c);
                // The data cell holds size - width + 1 of the object.
                if offset < (*ip.add(1)).word.number {
                    let base = (*table.add(Tag::Local as usize)).base;
                    let value = (*base.add((address + offset) as usize).cast::<Unaligned<$memory>>()).0;
                    slot!(fp, (*ip).a) = value as $extend as u64;
                    goto(ip.add(2), fp, shadow, table, ctx)
                } else {
                    refuse(ip, fp, ctx, Form::Or, Shape::read(1 << $log))
                }
            }
        )* } }
    };
}

/// Stores: name, type in memory, index of the limit.
macro_rules! stores {
    ($($name:ident $memory:ty, $log:literal;)*) => {
        pastey::paste! { handlers! { $(
            fn [<$name _rrr>](ip, fp, shadow, table, ctx) {
                let (base, offset, value) = (slot!(fp, (*ip).a), slot!(fp, (*ip).b), slot!(fp, (*ip).c));
                let (descriptor, off) = resolve(table, base, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Rrr as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _rkr>](ip, fp, shadow, table, ctx) {
                let (base, offset, value) = (slot!(fp, (*ip).a), (*ip).c as i32 as u64, slot!(fp, (*ip).b));
                let (descriptor, off) = resolve(table, base, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Rkr as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _krr>](ip, fp, shadow, table, ctx) {
                let (offset, value) = (slot!(fp, (*ip).a), slot!(fp, (*ip).b));
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Krr as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _kri>](ip, fp, shadow, table, ctx) {
                let (offset, value) = (slot!(fp, (*ip).a), (*ip).b as i16 as u64);
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Kri as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _rsr>](ip, fp, shadow, table, ctx) {
                let (base, offset, value) = (slot!(fp, (*ip).a), slot!(fp, (*ip).b) << $log, slot!(fp, (*ip).c));
                let (descriptor, off) = resolve(table, base, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Rsr as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _ksr>](ip, fp, shadow, table, ctx) {
                let (offset, value) = (slot!(fp, (*ip).a) << $log, slot!(fp, (*ip).b));
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Ksr as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _ksi>](ip, fp, shadow, table, ctx) {
                let (offset, value) = (slot!(fp, (*ip).a) << $log, (*ip).b as i16 as u64);
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(1), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Ksi as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _kcr>](ip, fp, shadow, table, ctx) {
                let (offset, value) = ((*ip.add(1)).word.number, slot!(fp, (*ip).a));
                let (descriptor, off) = resolve_short(table, (*ip).c, offset);
                if off < (*descriptor).write_limit[$log] {
                    (*(*descriptor).base.add(off as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(2), fp, shadow, table, ctx)
                } else {
                    store_beyond::<{ Form::Kcr as u8 }, $log>(ip, fp, shadow, table, ctx)
                }
            }
            fn [<$name _hrr>](ip, fp, shadow, table, ctx) {
                let off = slot!(fp, (*ip).a).wrapping_add(u64::from((*ip).c));
                heap_store!($memory, $log, off, slot!(fp, (*ip).b), Hrr, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hri>](ip, fp, shadow, table, ctx) {
                let off = slot!(fp, (*ip).a).wrapping_add(u64::from((*ip).c));
                heap_store!($memory, $log, off, (*ip).b as i16 as u64, Hri, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hwr>](ip, fp, shadow, table, ctx) {
                let off = u64::from((slot!(fp, (*ip).a) as u32).wrapping_add((*ip).c));
                heap_store!($memory, $log, off, slot!(fp, (*ip).b), Hwr, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hwi>](ip, fp, shadow, table, ctx) {
                let off = u64::from((slot!(fp, (*ip).a) as u32).wrapping_add((*ip).c));
                heap_store!($memory, $log, off, (*ip).b as i16 as u64, Hwi, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hsr>](ip, fp, shadow, table, ctx) {
                let off = u64::from(((slot!(fp, (*ip).a) as u32) << $log).wrapping_add((*ip).c));
                heap_store!($memory, $log, off, slot!(fp, (*ip).b), Hsr, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hsi>](ip, fp, shadow, table, ctx) {
                let off = u64::from(((slot!(fp, (*ip).a) as u32) << $log).wrapping_add((*ip).c));
                heap_store!($memory, $log, off, (*ip).b as i16 as u64, Hsi, ip, fp, shadow, table, ctx)
            }
            fn [<$name _hwwr>](ip, fp, shadow, table, ctx) {
                let off = u64::from((slot!(fp, (*ip).a) as u32).wrapping_add(slot!(fp, (*ip).b) as u32));
                heap_store!($memory, $log, off, slot!(fp, (*ip).c), Hwwr, ip, fp, shadow, table, ctx)
            }
            fn [<$name _orr>](ip, fp, shadow, table, ctx) {
                let (offset, value) = (slot!(fp, (*ip).a), slot!(fp, (*ip).b));
                let address = object_address(table, (*ip).c);
                if offset < (*ip.add(1)).word.number {
                    let base = (*table.add(Tag::Local as usize)).base;
                    (*base.add((address + offset) as usize).cast::<Unaligned<$memory>>()).0 = value as $memory;
                    goto(ip.add(2), fp, shadow, table, ctx)
                } else {
                    refuse(ip, fp, ctx, Form::Orr, Shape::write(1 << $log))
                }
            }
        )* } }
    };
}
loads! {
    b_read u8, u64, 0;
    w_read u16, u64, 1;
    d_read u32, u64, 2;
    q_read u64, u64, 3;
    b_read_s i8, i64, 0;
    w_read_s i16, i64, 1;
    d_read_s i32, i64, 2;
}

stores! {
    b_write u8, 0;
    w_write u16, 1;
    d_write u32, 2;
    q_write u64, 3;
}

handlers! {
    /// a = 8 bytes at the constant address c, which the verifier checked.
    fn load_constant(ip, fp, shadow, table, ctx) {
        let (descriptor, off) = resolve_short(table, (*ip).c, 0);
        slot!(fp, (*ip).a) = (*(*descriptor).base.add(off as usize).cast::<Unaligned<u64>>()).0;
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// 8 bytes at the constant address c, which the verifier checked, = a.
    fn store_constant(ip, fp, shadow, table, ctx) {
        let (descriptor, off) = resolve_short(table, (*ip).c, 0);
        (*(*descriptor).base.add(off as usize).cast::<Unaligned<u64>>()).0 = slot!(fp, (*ip).a);
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// a = 8 bytes of the frame, c bytes below csp.
    fn load_local(ip, fp, shadow, table, ctx) {
        let base = (*table.add(Tag::Local as usize)).base;
        let address = object_address(table, (*ip).c);
        slot!(fp, (*ip).a) = (*base.add(address as usize).cast::<Unaligned<u64>>()).0;
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// 8 bytes of the frame, c bytes below csp, = a.
    fn store_local(ip, fp, shadow, table, ctx) {
        let base = (*table.add(Tag::Local as usize)).base;
        let address = object_address(table, (*ip).c);
        (*base.add(address as usize).cast::<Unaligned<u64>>()).0 = slot!(fp, (*ip).a);
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// a = pointer to the object c bytes below csp.
    fn local_address(ip, fp, shadow, table, ctx) {
        slot!(fp, (*ip).a) = (Tag::Local as u64) << 61 | object_address(table, (*ip).c);
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// Zeroes the object c bytes below csp; the data cell holds its size.
    fn zero_local(ip, fp, shadow, table, ctx) {
        let base = (*table.add(Tag::Local as usize)).base;
        let address = object_address(table, (*ip).c);
        base.add(address as usize).write_bytes(0, (*ip.add(1)).word.number as usize);
        goto(ip.add(2), fp, shadow, table, ctx)
    }

    /// `mem_copy` of the three slots from a on.
    fn mem_copy(ip, fp, shadow, table, ctx) {
        let operands = fp.add((*ip).a as usize);
        match super::memory::bulk_copy(ip, ctx, operands) {
            true => goto(ip.add(1), fp, shadow, table, ctx),
            false => crate::interp::op::stop(),
        }
    }

    /// `mem_fill` of the three slots from a on.
    fn mem_fill(ip, fp, shadow, table, ctx) {
        let operands = fp.add((*ip).a as usize);
        match super::memory::bulk_fill(ip, ctx, operands) {
            true => goto(ip.add(1), fp, shadow, table, ctx),
            false => crate::interp::op::stop(),
        }
    }

    /// `mem_compare` of the three slots from a on; the result goes to a.
    fn mem_compare(ip, fp, shadow, table, ctx) {
        let operands = fp.add((*ip).a as usize);
        match super::memory::bulk_compare(ip, ctx, operands) {
            true => goto(ip.add(1), fp, shadow, table, ctx),
            false => crate::interp::op::stop(),
        }
    }

    /// a = the heap's size in pages.
    fn heap_size(ip, fp, shadow, table, ctx) {
        slot!(fp, (*ip).a) = (*(*ctx).memory).heap_pages();
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// a = the heap's former size in pages, or -1; grows by b pages.
    fn heap_grow(ip, fp, shadow, table, ctx) {
        let old = super::memory::grow(ctx, slot!(fp, (*ip).b));
        slot!(fp, (*ip).a) = old;
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// a = the host address of the c bytes that the pointer in b names.
    fn ptr_to_host(ip, fp, shadow, table, ctx) {
        match super::memory::to_host(ip, ctx, slot!(fp, (*ip).b), slot!(fp, (*ip).c)) {
            Some(host) => {
                slot!(fp, (*ip).a) = host;
                goto(ip.add(1), fp, shadow, table, ctx)
            }
            None => crate::interp::op::stop(),
        }
    }

    /// a = the tagged pointer for the host address in b, if it lies in a segment.
    fn ptr_from_host(ip, fp, shadow, table, ctx) {
        let host = slot!(fp, (*ip).b);
        if !(*(*ctx).memory).grants_absolute() {
            return raise_code(ip, ctx, FaultCode::AbsoluteAccess, host, 0);
        }
        slot!(fp, (*ip).a) = (*(*ctx).memory).pointer_from_host(host);
        goto(ip.add(1), fp, shadow, table, ctx)
    }
}

/// The host address of a range, or the fault noted.
#[inline(never)]
unsafe fn to_host(ip: *const Op, ctx: *mut Context, pointer: u64, length: u64) -> Option<u64> {
    // SAFETY: ctx and its memory belong to the running machine.
    unsafe {
        let memory = &*(*ctx).memory;
        match bulk::to_host(memory, pointer, length) {
            Ok(host) => Some(host),
            Err(fault) => {
                stopped(ip, ctx, fault);
                None
            }
        }
    }
}

#[inline(never)]
unsafe fn grow(ctx: *mut Context, pages: u64) -> u64 {
    // SAFETY: ctx and its memory belong to the running machine; no reference into it is alive in a handler.
    unsafe { (*(*ctx).memory).heap_grow(pages) }.unwrap_or(u64::MAX)
}

type Operands = *mut u64;

/// Fuel, if it is counted.
unsafe fn fuel<'f>(ctx: *mut Context) -> bulk::Fuel<'f> {
    // SAFETY: ctx is the running machine's context, which nothing else refers to during the instruction.
    unsafe { (*ctx).metered.then(|| &mut (*ctx).fuel) }
}

/// Notes a fault; false, because the program stops.
unsafe fn stopped(ip: *const Op, ctx: *mut Context, fault: Box<Fault>) -> bool {
    // SAFETY: ctx is the running machine's context.
    unsafe { (*ctx).stop = Stop::Fault { fault, op: ip } };
    false
}

#[inline(never)]
unsafe fn bulk_copy(ip: *const Op, ctx: *mut Context, operands: Operands) -> bool {
    // SAFETY: operands are three slots of the frame; ctx and its memory belong to the running machine.
    unsafe {
        let result = bulk::copy(&mut *(*ctx).memory, fuel(ctx), *operands.cast());
        result.map_or_else(|fault| stopped(ip, ctx, fault), |()| true)
    }
}

#[inline(never)]
unsafe fn bulk_fill(ip: *const Op, ctx: *mut Context, operands: Operands) -> bool {
    // SAFETY: as in `bulk_copy`.
    unsafe {
        let result = bulk::fill(&mut *(*ctx).memory, fuel(ctx), *operands.cast());
        result.map_or_else(|fault| stopped(ip, ctx, fault), |()| true)
    }
}

#[inline(never)]
unsafe fn bulk_compare(ip: *const Op, ctx: *mut Context, operands: Operands) -> bool {
    // SAFETY: as in `bulk_copy`.
    unsafe {
        match bulk::compare(&*(*ctx).memory, fuel(ctx), *operands.cast()) {
            Ok(result) => {
                *operands = result;
                true
            }
            Err(fault) => stopped(ip, ctx, fault),
        }
    }
}
