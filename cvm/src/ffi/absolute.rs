//! Loads and stores at addresses that C gave, where there may be nothing.
//!
//! Each routine begins with the one instruction that touches memory. If the system refuses it, the signal handler
//! ([`super::signal`]) recognises the place and continues at [`recover`], so that the routine returns "failed" to its
//! caller. Nothing else in the process is ever resumed this way.
//!
//! A compiled engine may call these routines as they are: they are leaf functions of the C calling convention.

#![allow(unsafe_code)]

use std::arch::naked_asm;

/// What a routine returns, in two registers.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Outcome {
    /// The loaded value, zero-extended; nothing for a store.
    pub(crate) value: u64,
    /// 0, or 1 if the system refused the access.
    pub(crate) failed: u64,
}

macro_rules! routines {
    ($($(#[$meta:meta])* $name:ident ($($argument:ident),*) $access:literal;)*) => {
        $(
            $(#[$meta])*
            ///
            /// # Safety
            /// The signal handler is installed, and the bytes are no Rust object that is borrowed.
            #[unsafe(naked)]
            pub(crate) unsafe extern "C" fn $name($($argument: u64),*) -> Outcome {
                naked_asm!($access, "xor edx, edx", "ret")
            }
        )*

        /// Whether a fault at this address of code is one of a routine here.
        pub(crate) fn is_site(pc: usize) -> bool {
            $(pc == $name as *const () as usize)||*
        }
    };
}

routines! {
    /// Loads 1 byte.
    load_1(address) "movzx eax, byte ptr [rdi]";
    /// Loads 2 bytes.
    load_2(address) "movzx eax, word ptr [rdi]";
    /// Loads 4 bytes.
    load_4(address) "mov eax, dword ptr [rdi]";
    /// Loads 8 bytes.
    load_8(address) "mov rax, qword ptr [rdi]";
    /// Stores 1 byte.
    store_1(address, value) "mov byte ptr [rdi], sil";
    /// Stores 2 bytes.
    store_2(address, value) "mov word ptr [rdi], si";
    /// Stores 4 bytes.
    store_4(address, value) "mov dword ptr [rdi], esi";
    /// Stores 8 bytes.
    store_8(address, value) "mov qword ptr [rdi], rsi";
    /// Writes the byte back that stands there, in one step that no other thread can see.
    touch(address) "lock or byte ptr [rdi], 0";
}

/// Where a refused routine continues: it returns with `failed` set. The refused instruction was its first, so the
/// stack is as the caller left it.
///
/// # Safety
/// Only the signal handler may lead here, from a routine of this module.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn recover() {
    naked_asm!("xor eax, eax", "mov edx, 1", "ret")
}

/// Loads `1 << log` bytes.
///
/// # Safety
/// As for the routines.
#[inline]
pub(crate) unsafe fn load(address: u64, log: u32) -> Outcome {
    // SAFETY: the caller's promise is that of the routines.
    unsafe {
        match log {
            0 => load_1(address),
            1 => load_2(address),
            2 => load_4(address),
            _ => load_8(address),
        }
    }
}

/// Stores `1 << log` bytes.
///
/// # Safety
/// As for the routines.
#[inline]
pub(crate) unsafe fn store(address: u64, value: u64, log: u32) -> Outcome {
    // SAFETY: the caller's promise is that of the routines.
    unsafe {
        match log {
            0 => store_1(address, value),
            1 => store_2(address, value),
            2 => store_4(address, value),
            _ => store_8(address, value),
        }
    }
}

/// Bytes for which the system decides at once whether they can be accessed: the smallest page.
const PAGE: u64 = 4096;

/// Whether all of some bytes can be read, and written if `write`. An empty range can.
///
/// # Safety
/// As for the routines.
pub(crate) unsafe fn probe(address: u64, length: u64, write: bool) -> bool {
    let Some(end) = address.checked_add(length) else {
        return false;
    };
    let mut at = address;
    while at < end {
        // SAFETY: the caller's promise is that of the routines; the access changes nothing.
        let outcome = unsafe { if write { touch(at) } else { load_1(at) } };
        if outcome.failed != 0 {
            return false;
        }
        at = (at / PAGE + 1) * PAGE;
    }
    true
}
