//! As much of WASI as a program needs to write to standard output and return. wasmi and wasmtime have the same interface for
//! this, so the runners of both include this file; whoever does brings the types, and `failure`, an error of its runtime.

use std::io::Write as _;

use super::{Caller, Engine, Error, Extern, Linker, failure};

/// The functions of WASI that a program needs to write to standard output and return: `fd_write`, and answers that files
/// cannot be asked or closed.
pub(super) fn linker(engine: &Engine) -> Result<Linker<()>, Error> {
    const NAMESPACE: &str = "wasi_snapshot_preview1";
    /// `EBADF` and `EINVAL` of WASI.
    const BAD_FILE: i32 = 8;
    const INVALID: i32 = 28;
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        NAMESPACE,
        "fd_write",
        |mut caller: Caller<'_, ()>, file: i32, list: i32, count: i32, written: i32| {
            let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                return INVALID;
            };
            if file != 1 {
                return BAD_FILE;
            }
            let done = print_all(memory.data_mut(&mut caller), list, count, written);
            done.map_or(INVALID, |()| 0)
        },
    )?;
    linker.func_wrap(NAMESPACE, "fd_close", |_: i32| BAD_FILE)?;
    linker.func_wrap(NAMESPACE, "fd_seek", |_: i32, _: i64, _: i32, _: i32| {
        BAD_FILE
    })?;
    linker.func_wrap(NAMESPACE, "fd_fdstat_get", |_: i32, _: i32| BAD_FILE)?;
    linker.func_wrap(NAMESPACE, "proc_exit", |_: i32| {
        Err::<(), _>(failure("the program failed"))
    })?;
    Ok(linker)
}

/// Writes what a list of (address, length) says to standard output, and how many bytes that were to `written`.
fn print_all(memory: &mut [u8], list: i32, count: i32, written: i32) -> Option<()> {
    let word = |memory: &[u8], at: u32| {
        let bytes = memory.get(at as usize..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let mut total = 0u32;
    let mut output = std::io::stdout().lock();
    for number in 0..count as u32 {
        let entry = (list as u32).checked_add(number.checked_mul(8)?)?;
        let (start, length) = (word(memory, entry)?, word(memory, entry.checked_add(4)?)?);
        let text = memory.get(start as usize..)?.get(..length as usize)?;
        output.write_all(text).ok()?;
        total = total.checked_add(length)?;
    }
    output.flush().ok()?;
    let place = memory
        .get_mut(written as u32 as usize..)?
        .first_chunk_mut()?;
    *place = total.to_le_bytes();
    Some(())
}
