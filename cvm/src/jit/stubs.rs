//! The ways into compiled code and out of it, in assembly for x86-64.
//!
//! Compiled code runs on a stack of its own. [`enter`] saves the host's registers and stack pointer and switches;
//! [`call_out`] and [`raise`] switch back for the time of a call of the machine. When the machine wants to stop,
//! they leave: they drop the compiled frames, which own nothing, and return from [`enter`]. No Rust frame is ever
//! dropped this way, because the machine's functions return first.
//!
//! Every frame has a frame pointer, so the compiled frames can be walked from `Native::frame`: a pair of the caller's
//! frame pointer and the return address; the chain ends with a frame pointer of 0.

#![allow(unsafe_code)]

use std::arch::naked_asm;

use super::context::offset;
use crate::memory::Descriptor;

/// Runs `adapter(table, code, cells)` on the stack that ends at `stack`. 0 if it returned, 1 if it was left.
///
/// # Safety
/// The adapter is one that was compiled for the type of the function at `code`; table and cells are those of a run
/// that was set up; `stack` is aligned to 16 and has room below it as its limit in the context says.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter(
    table: *mut Descriptor,
    adapter: *const u8,
    code: *const u8,
    cells: *mut u64,
    stack: *mut u8,
) -> u64 {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push qword ptr [rdi + {HOST_SP}]",
        "mov [rdi + {HOST_SP}], rsp",
        "mov rbx, rdi",
        "mov rax, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov rsp, r8",
        "push rdi",
        "push rdi",
        "xor ebp, ebp",
        "call rax",
        "mov rsp, [rbx + {HOST_SP}]",
        "xor eax, eax",
        "jmp {back}",
        HOST_SP = const offset::HOST_SP,
        back = sym back,
    )
}

/// The end of [`enter`]: rbx is the table, rsp the host's, rax the result.
#[unsafe(naked)]
unsafe extern "C" fn back() {
    naked_asm!(
        "pop qword ptr [rbx + {HOST_SP}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        HOST_SP = const offset::HOST_SP,
    )
}

/// Calls `targets[number](table, a, b, c, d)` on the host's stack; gives its value, or leaves if it says stop.
///
/// # Safety
/// Called by compiled code, below [`enter`], with its own table.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn call_out(
    table: *mut Descriptor,
    number: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "mov rbx, rdi",
        "mov [rbx + {FRAME}], rbp",
        "mov rsp, [rbx + {HOST_SP}]",
        "mov rax, [rdi + rsi * 8 + {TARGETS}]",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov rcx, r8",
        "mov r8, r9",
        "call rax",
        "test rax, rax",
        "jnz 2f",
        "mov rax, rdx",
        "mov rbx, [rbp - 8]",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        "2:",
        "mov rsp, [rbx + {HOST_SP}]",
        "mov eax, 1",
        "jmp {back}",
        FRAME = const offset::FRAME,
        HOST_SP = const offset::HOST_SP,
        TARGETS = const offset::TARGETS,
        back = sym back,
    )
}

/// Calls `raise_target(table)` on the host's stack and leaves. To its caller it is a function that takes nothing and
/// keeps all registers, because it never returns: so a check that may end here binds no register on its good path.
/// The table is what [`enter`] left above the outermost frame.
///
/// # Safety
/// Called by compiled code, below [`enter`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn raise() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov rax, rbp",
        "2:",
        "mov rbx, rax",
        "mov rax, [rax]",
        "test rax, rax",
        "jnz 2b",
        "mov rbx, [rbx + 16]",
        "mov [rbx + {FRAME}], rbp",
        "mov rsp, [rbx + {HOST_SP}]",
        "mov rdi, rbx",
        "call qword ptr [rbx + {RAISE_TARGET}]",
        "mov rsp, [rbx + {HOST_SP}]",
        "mov eax, 1",
        "jmp {back}",
        FRAME = const offset::FRAME,
        HOST_SP = const offset::HOST_SP,
        RAISE_TARGET = const offset::RAISE_TARGET,
        back = sym back,
    )
}

/// Integer arguments of a call of C that a stub leaves below its frame pointer, for the report of a crash; eight floats
/// follow.
#[cfg(feature = "ffi")]
pub(super) const INTEGERS_SAVED: usize = 6;

/// Stubs that call C on the host's stack: the C function's arguments come in their registers, and behind its integers
/// the table and the function's address. One for each number of integers; the second of each pair also keeps floats.
#[cfg(feature = "ffi")]
macro_rules! call_c {
    ($($integers:literal $name:ident $with_floats:ident $($move:literal)* => $table:literal $target:literal;)*) => {
        $(
            #[unsafe(naked)]
            unsafe extern "C" fn $name() {
                naked_asm!(
                    "push rbp",
                    "mov rbp, rsp",
                    "mov [rbp - 8], rdi",
                    "mov [rbp - 16], rsi",
                    "mov [rbp - 24], rdx",
                    "mov [rbp - 32], rcx",
                    "mov [rbp - 40], r8",
                    "mov [rbp - 48], r9",
                    $($move,)*
                    concat!("mov [", $table, " + {FRAME}], rbp"),
                    concat!("mov rsp, [", $table, " + {HOST_SP}]"),
                    concat!("call ", $target),
                    "mov rsp, rbp",
                    "pop rbp",
                    "ret",
                    FRAME = const offset::FRAME,
                    HOST_SP = const offset::HOST_SP,
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn $with_floats() {
                naked_asm!(
                    "movsd [rsp - 64], xmm0",
                    "movsd [rsp - 72], xmm1",
                    "movsd [rsp - 80], xmm2",
                    "movsd [rsp - 88], xmm3",
                    "movsd [rsp - 96], xmm4",
                    "movsd [rsp - 104], xmm5",
                    "movsd [rsp - 112], xmm6",
                    "movsd [rsp - 120], xmm7",
                    "jmp {plain}",
                    plain = sym $name,
                )
            }
        )*

        /// The stub that calls a C function with so many integer arguments and, perhaps, floats.
        pub(super) fn call_c(integers: usize, floats: bool) -> Option<usize> {
            Some(match (integers, floats) {
                $(
                    ($integers, false) => $name as *const () as usize,
                    ($integers, true) => $with_floats as *const () as usize,
                )*
                _ => return None,
            })
        }
    };
}

#[cfg(feature = "ffi")]
call_c! {
    0 call_c_0 call_c_0f => "rdi" "rsi";
    1 call_c_1 call_c_1f => "rsi" "rdx";
    2 call_c_2 call_c_2f => "rdx" "rcx";
    3 call_c_3 call_c_3f => "rcx" "r8";
    4 call_c_4 call_c_4f => "r8" "r9";
    5 call_c_5 call_c_5f "mov r11, [rbp + 16]" => "r9" "r11";
    6 call_c_6 call_c_6f "mov r10, [rbp + 16]" "mov r11, [rbp + 24]" => "r10" "r11";
}
