//! The host functions of the generated programs: what they do, in an engine and in the second implementation alike.

use std::sync::{Arc, Mutex, PoisonError};

use cvm::host::{Host, HostStop};
use cvm::memory::Memory;

/// The namespace of the functions.
pub(crate) const NAMESPACE: &str = "w";

/// What a program can call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    /// Writes bytes of the program's to the output; gives their sum.
    Put,
    /// Writes a pattern into the program's memory.
    Get,
    /// Three cells to two.
    Mix,
    /// Ends the run, for some values.
    Stop,
    /// Fails, for some values.
    Fail,
    /// Grows the heap, behind the engine's back.
    Grow,
}

impl Function {
    /// All, by import number.
    pub(crate) const ALL: [Function; 6] = [
        Function::Put,
        Function::Get,
        Function::Mix,
        Function::Stop,
        Function::Fail,
        Function::Grow,
    ];
}

/// Names, argument and result counts, by import number.
pub(crate) const FUNCTIONS: [(&str, u16, u16); 6] = [
    ("put", 2, 1),
    ("get", 2, 0),
    ("mix", 3, 2),
    ("stop", 1, 0),
    ("fail", 1, 0),
    ("grow", 1, 1),
];

/// What a program has written.
pub(crate) type Output = Arc<Mutex<Vec<u8>>>;

/// What `put` answers.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

/// What `get` writes.
pub(crate) fn pattern(bytes: &mut [u8]) {
    for (number, byte) in bytes.iter_mut().enumerate() {
        *byte = (number as u8).wrapping_mul(37) ^ 0x5a;
    }
}

/// What `mix` answers.
pub(crate) fn mix(a: u64, b: u64, c: u64) -> (u64, u64) {
    (a.wrapping_add(b.rotate_left(7)), b ^ c)
}

/// The status with which `stop` ends the run, if it does.
pub(crate) fn stops(value: u64) -> Option<u8> {
    (value.is_multiple_of(13)).then_some(value as u8)
}

/// The message with which `fail` fails, if it does.
pub(crate) fn fails(value: u64) -> Option<String> {
    (value.is_multiple_of(13)).then(|| format!("no {value}, please"))
}

/// A host for a machine, and its output.
pub(crate) fn host() -> (Host, Output) {
    let output = Output::default();
    let written = Arc::clone(&output);
    let mut host = Host::new();
    host.register(
        "w.put",
        move |memory: &mut Memory, at: u64, length: u64| -> Result<u64, HostStop> {
            let bytes = memory.read(at, length)?;
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            written.extend_from_slice(bytes);
            Ok(sum(bytes))
        },
    );
    host.register(
        "w.get",
        |memory: &mut Memory, at: u64, length: u64| -> Result<(), HostStop> {
            pattern(memory.write(at, length)?);
            Ok(())
        },
    );
    host.register("w.mix", mix);
    host.register("w.stop", |value: u64| -> Result<(), HostStop> {
        stops(value).map_or(Ok(()), |status| Err(HostStop::Exit(status)))
    });
    host.register("w.fail", |value: u64| -> Result<(), HostStop> {
        fails(value).map_or(Ok(()), |message| Err(HostStop::Error(message)))
    });
    host.register("w.grow", |memory: &mut Memory, pages: u64| -> u64 {
        memory.heap_grow(pages).unwrap_or(u64::MAX)
    });
    (host, output)
}
