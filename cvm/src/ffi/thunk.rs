//! C functions made at run time for the common callbacks: arguments and result in registers.
//!
//! A thunk is three instructions in a page of its own: it loads its data's address and jumps to [`common`], which keeps
//! the argument registers in memory and calls Rust. The result goes back in the registers for integers and for floats,
//! of which C reads the one that its type says. Other signatures have closures of libffi.

#![allow(unsafe_code)]

use std::arch::naked_asm;
use std::ffi::c_void;
use std::ptr;

use super::callback::{Data, entered_in_registers};
use super::plan::{Argument, Kind, Plan, Shape};
use super::shim::{FLOAT_REGISTERS, INTEGER_REGISTERS};

/// Bytes of a thunk's mapping.
const PAGE: usize = 4096;

/// A C function that enters CVM.
#[derive(Debug)]
pub(super) struct Thunk(*mut c_void);

/// What each argument of a callback type is, and its place among the registers that [`common`] keeps, if its values
/// travel in registers alone.
pub(super) fn registers(plan: &Plan) -> Option<Box<[(Kind, usize)]>> {
    let (mut integers, mut floats) = (0..INTEGER_REGISTERS, 0..FLOAT_REGISTERS);
    let place = |argument: &Argument| match argument.shape {
        Shape::One(kind) if kind.is_float() => Some((kind, INTEGER_REGISTERS + floats.next()?)),
        Shape::One(kind) => Some((kind, integers.next()?)),
        _ => None,
    };
    let is_struct = matches!(plan.result, Shape::Struct { .. });
    plan.args
        .iter()
        .map(place)
        .collect::<Option<_>>()
        .filter(|_| !is_struct)
}

impl Thunk {
    /// A C function that calls [`entered_in_registers`] with this data, which must live as long.
    pub(super) fn new(data: *const Data) -> Option<Thunk> {
        // mov r10, data; mov r11, common; jmp r11
        let mut code = vec![0x49, 0xba];
        code.extend((data as u64).to_le_bytes());
        code.extend([0x49, 0xbb]);
        code.extend((common as *const () as u64).to_le_bytes());
        code.extend([0x41, 0xff, 0xe3]);
        // SAFETY: a new anonymous mapping of the system's choice; it is written before it becomes executable, and never
        // again.
        unsafe {
            let page = libc::mmap(
                ptr::null_mut(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if page == libc::MAP_FAILED {
                return None;
            }
            let thunk = Thunk(page);
            ptr::copy_nonoverlapping(code.as_ptr(), page.cast(), code.len());
            let access = libc::PROT_READ | libc::PROT_EXEC;
            (libc::mprotect(page, PAGE, access) == 0).then_some(thunk)
        }
    }

    /// The C function's address.
    pub(super) fn address(&self) -> u64 {
        self.0 as u64
    }
}

impl Drop for Thunk {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own and unmapped once; C was told (spec/ffi.md) that the function lives as
        // long as the machine.
        unsafe { libc::munmap(self.0, PAGE) };
    }
}

/// What all thunks do: r10 holds the data's address.
///
/// # Safety
/// Only thunks jump here, in place of a C function.
#[unsafe(naked)]
unsafe extern "C" fn common() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 112",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "movsd [rsp + 48], xmm0",
        "movsd [rsp + 56], xmm1",
        "movsd [rsp + 64], xmm2",
        "movsd [rsp + 72], xmm3",
        "movsd [rsp + 80], xmm4",
        "movsd [rsp + 88], xmm5",
        "movsd [rsp + 96], xmm6",
        "movsd [rsp + 104], xmm7",
        "mov rdi, r10",
        "mov rsi, rsp",
        "call {entered}",
        "movq xmm0, rax",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        entered = sym entered_in_registers,
    )
}
