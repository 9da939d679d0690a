//! Arguments, environment, clocks, random numbers, waiting, and the end.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use super::descriptors::Descriptor;
use super::errno::{Errno, Stop};
use super::guest::{self, word};
use super::{Wasi, arguments};
use crate::host::HostStop;
use crate::memory::Memory;

/// Bytes that are filled between two looks at the clock.
const CHUNK: usize = 1 << 22;

pub(super) fn proc_exit(_: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [status] = arguments(cells)?;
    Err(HostStop::Exit(status as u8).into())
}

pub(super) fn not_supported(_: &mut Wasi, _: &mut Memory, _: &[u64]) -> Result<(), Stop> {
    Err(Errno::NotSupported.into())
}

/// No descriptor is a socket.
pub(super) fn no_socket(wasi: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor] = arguments(cells)?;
    wasi.descriptors.get(word(descriptor))?;
    Err(Errno::NotSocket.into())
}

pub(super) fn sched_yield(_: &mut Wasi, _: &mut Memory, _: &[u64]) -> Result<(), Stop> {
    std::thread::yield_now();
    Ok(())
}

pub(super) fn args_sizes_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let strings: Vec<Vec<u8>> = wasi.shared.words().collect();
    sizes(memory, cells, &strings)
}

pub(super) fn args_get(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let strings: Vec<Vec<u8>> = wasi.shared.words().collect();
    list(memory, cells, &strings)
}

fn environment(wasi: &Wasi) -> Vec<Vec<u8>> {
    let pairs = wasi.shared.env.iter();
    pairs
        .map(|(name, value)| [name.as_slice(), b"=", value].concat())
        .collect()
}

pub(super) fn environ_sizes_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    sizes(memory, cells, &environment(wasi))
}

pub(super) fn environ_get(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    list(memory, cells, &environment(wasi))
}

/// Writes how many strings there are, and their bytes with a NUL behind each.
fn sizes(memory: &mut Memory, cells: &[u64], strings: &[Vec<u8>]) -> Result<(), Stop> {
    let [count, size] = arguments(cells)?;
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    guest::store_word(memory, word(count), strings.len() as u32)?;
    guest::store_word(memory, word(size), bytes as u32)
}

/// Writes an array of addresses, and the strings with a NUL behind each.
fn list(memory: &mut Memory, cells: &[u64], strings: &[Vec<u8>]) -> Result<(), Stop> {
    let [pointers, buffer] = arguments(cells)?;
    let (mut pointer, mut at) = (word(pointers), word(buffer));
    for string in strings {
        guest::store_word(memory, pointer, at)?;
        guest::store(memory, at, string)?;
        at = at.wrapping_add(string.len() as u32);
        guest::store(memory, at, &[0])?;
        at = at.wrapping_add(1);
        pointer = pointer.wrapping_add(4);
    }
    Ok(())
}

fn clock(number: u64) -> Result<ClockId, Stop> {
    Ok(match word(number) {
        0 => ClockId::Realtime,
        1 => ClockId::Monotonic,
        2 => ClockId::ProcessCPUTime,
        3 => ClockId::ThreadCPUTime,
        _ => return Err(Errno::Invalid.into()),
    })
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = (time.tv_sec as u64).wrapping_mul(1_000_000_000);
    seconds.wrapping_add(time.tv_nsec as u64)
}

/// The time of a clock. The monotonic one begins with the program: when the computer started is none of its business.
fn now(wasi: &Wasi, number: u64) -> Result<u64, Stop> {
    let id = clock(number)?;
    Ok(match id {
        ClockId::Monotonic => wasi.start.elapsed().as_nanos() as u64,
        id => nanoseconds(clock_gettime(id)),
    })
}

pub(super) fn clock_res_get(_: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [id, result] = arguments(cells)?;
    let resolution = nanoseconds(clock_getres(clock(id)?));
    guest::store_long(memory, word(result), resolution)
}

pub(super) fn clock_time_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [id, _precision, result] = arguments(cells)?;
    guest::store_long(memory, word(result), now(wasi, id)?)
}

pub(super) fn random_get(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [address, length] = arguments(cells)?;
    let bytes = guest::buffer(memory, word(address), word(length))?;
    for chunk in bytes.chunks_mut(CHUNK) {
        getrandom::fill(chunk).map_err(|_| Errno::Io)?;
        wasi.watch.check()?;
    }
    Ok(())
}

/// Bytes of a subscription, and of an event.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
/// Flag of a subscription to a clock: the time is not relative.
const ABSOLUTE: u8 = 1;

/// Waits for a clock. Descriptors are always ready: what reads from one that is not waits there.
pub(super) fn poll_oneoff(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [subscriptions, events, count, result] = arguments(cells)?;
    let (subscriptions, events, count) = (word(subscriptions), word(events), word(count));
    if count == 0 {
        return Err(Errno::Invalid.into());
    }
    let length = count.checked_mul(SUBSCRIPTION).ok_or(Errno::Invalid)?;
    guest::bytes(memory, subscriptions, length)?;
    guest::buffer(memory, events, count * EVENT)?;
    // First all that is ready at once; if there is nothing, the clock that is due first.
    let mut written = 0;
    let mut first: Option<(u64, [u8; SUBSCRIPTION as usize])> = None;
    for number in 0..count {
        let subscription: [u8; SUBSCRIPTION as usize] =
            guest::structure(memory, subscriptions + number * SUBSCRIPTION)?;
        let long = |at: usize| {
            subscription[at..at + 8]
                .iter()
                .rev()
                .fold(0, |n, b| n << 8 | u64::from(*b))
        };
        match subscription[8] {
            0 => {
                let timeout = long(24);
                let wait = match subscription[40] & ABSOLUTE {
                    0 => timeout,
                    _ => timeout.saturating_sub(now(wasi, long(16) & 0xffff_ffff)?),
                };
                if first.as_ref().is_none_or(|(known, _)| wait < *known) {
                    first = Some((wait, subscription));
                }
            }
            1 | 2 => {
                let errno = match wasi.descriptors.get(word(long(16))) {
                    Ok(Descriptor::Directory(_)) | Err(_) => Errno::BadFile as u16,
                    Ok(_) => 0,
                };
                event(memory, events + written * EVENT, &subscription, errno)?;
                written += 1;
            }
            _ => return Err(Errno::Invalid.into()),
        }
    }
    if let (0, Some((wait, subscription))) = (written, first) {
        wasi.streams.flush()?;
        wasi.watch.sleep(Duration::from_nanos(wait))?;
        event(memory, events, &subscription, 0)?;
        written = 1;
    }
    guest::store_word(memory, word(result), written)
}

/// Writes the event that a subscription asked for.
fn event(memory: &mut Memory, at: u32, subscription: &[u8], errno: u16) -> Result<(), Stop> {
    let mut event = [0; EVENT as usize];
    event[..8].copy_from_slice(&subscription[..8]);
    event[8..10].copy_from_slice(&errno.to_le_bytes());
    event[10] = subscription[8];
    if subscription[8] != 0 && errno == 0 {
        // At least one byte can be read or written.
        event[16] = 1;
    }
    guest::store(memory, at, &event)
}
