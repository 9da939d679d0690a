//! WASI preview 1: the namespace that programs translated from WebAssembly import (`spec/wasm.md`, "WASI").
//!
//! It shows what [`Sys`](super::Sys) shows, in another form: arguments, environment, standard streams, the granted
//! directories. Everything that was not granted is denied.
//!
//! Invariants:
//! - a program reaches no file outside the directories that it was granted: every path goes through a capability to a
//!   directory;
//! - no call allocates memory in proportion to a number that the program gives, but for one that its memory holds;
//! - an error of the system is an error number, an address outside memory is a fault.

mod descriptors;
mod errno;
mod files;
mod guest;
mod paths;
mod process;
mod transfer;

use std::sync::Arc;
use std::time::Instant;

use cvm_spec::image::FunctionType;

use super::sys::{Shared, SharedStreams};
use super::{HostModule, HostStop, Watch};
use crate::memory::Memory;
use descriptors::{Descriptors, Directory};
use errno::{Errno, Stop};

/// The namespace `wasi_snapshot_preview1`. [`Sys::wasi`](super::Sys::wasi) makes it.
#[derive(Debug)]
pub struct Wasi {
    shared: Arc<Shared>,
    streams: SharedStreams,
    descriptors: Descriptors,
    start: Instant,
    watch: Watch,
}

/// What a function does with its arguments. Its result, the error number, is made of the outcome.
type Call = fn(&mut Wasi, &mut Memory, &[u64]) -> Result<(), Stop>;

/// Name, number of arguments, function. All but `proc_exit` have one result.
const CALLS: [(&str, u16, Call); 46] = [
    ("args_get", 2, process::args_get),
    ("args_sizes_get", 2, process::args_sizes_get),
    ("clock_res_get", 2, process::clock_res_get),
    ("clock_time_get", 3, process::clock_time_get),
    ("environ_get", 2, process::environ_get),
    ("environ_sizes_get", 2, process::environ_sizes_get),
    ("fd_advise", 4, files::fd_advise),
    ("fd_allocate", 3, files::fd_allocate),
    ("fd_close", 1, files::fd_close),
    ("fd_datasync", 1, files::fd_datasync),
    ("fd_fdstat_get", 2, files::fd_fdstat_get),
    ("fd_fdstat_set_flags", 2, files::fd_fdstat_set_flags),
    ("fd_fdstat_set_rights", 3, files::fd_fdstat_set_rights),
    ("fd_filestat_get", 2, files::fd_filestat_get),
    ("fd_filestat_set_size", 2, files::fd_filestat_set_size),
    ("fd_filestat_set_times", 4, files::fd_filestat_set_times),
    ("fd_pread", 5, transfer::fd_pread),
    ("fd_prestat_dir_name", 3, files::fd_prestat_dir_name),
    ("fd_prestat_get", 2, files::fd_prestat_get),
    ("fd_pwrite", 5, transfer::fd_pwrite),
    ("fd_read", 4, transfer::fd_read),
    ("fd_readdir", 5, files::fd_readdir),
    ("fd_renumber", 2, files::fd_renumber),
    ("fd_seek", 4, transfer::fd_seek),
    ("fd_sync", 1, files::fd_sync),
    ("fd_tell", 2, transfer::fd_tell),
    ("fd_write", 4, transfer::fd_write),
    ("path_create_directory", 3, paths::path_create_directory),
    ("path_filestat_get", 5, paths::path_filestat_get),
    ("path_filestat_set_times", 7, paths::path_filestat_set_times),
    ("path_link", 7, paths::path_link),
    ("path_open", 9, paths::path_open),
    ("path_readlink", 6, paths::path_readlink),
    ("path_remove_directory", 3, paths::path_remove_directory),
    ("path_rename", 6, paths::path_rename),
    ("path_symlink", 5, paths::path_symlink),
    ("path_unlink_file", 3, paths::path_unlink_file),
    ("poll_oneoff", 4, process::poll_oneoff),
    ("proc_exit", 1, process::proc_exit),
    ("proc_raise", 1, process::not_supported),
    ("random_get", 2, process::random_get),
    ("sched_yield", 0, process::sched_yield),
    ("sock_accept", 3, process::no_socket),
    ("sock_recv", 6, process::no_socket),
    ("sock_send", 5, process::no_socket),
    ("sock_shutdown", 2, process::no_socket),
];

/// The name of the one function without a result.
const EXIT: &str = "proc_exit";

impl Wasi {
    /// The granted directories become descriptors from 3 on, in their order.
    pub(super) fn new(shared: Arc<Shared>, streams: SharedStreams) -> std::io::Result<Wasi> {
        let mut directories = Vec::new();
        for granted in shared.grants.all() {
            directories.push(Directory {
                granted_as: Some(granted.guest_name()),
                ..Directory::new(granted.dir.try_clone()?, granted.read_only)
            });
        }
        Ok(Wasi {
            shared,
            streams,
            descriptors: Descriptors::new(directories.into_iter()),
            start: Instant::now(),
            watch: Watch::default(),
        })
    }
}

/// The first `N` arguments; the machine has checked their number against the table.
fn arguments<const N: usize>(cells: &[u64]) -> Result<[u64; N], Stop> {
    cells
        .first_chunk()
        .copied()
        .ok_or_else(|| Errno::Invalid.into())
}

impl HostModule for Wasi {
    fn namespace(&self) -> &str {
        "wasi_snapshot_preview1"
    }

    fn function(&self, name: &str) -> Option<(FunctionType, u32)> {
        let number = CALLS.iter().position(|(known, ..)| *known == name)?;
        let function_type = FunctionType {
            args: CALLS[number].1,
            results: u16::from(name != EXIT),
            brand: 0,
        };
        Some((function_type, number as u32))
    }

    fn names(&self) -> Vec<String> {
        let names = CALLS.iter();
        names.map(|(name, ..)| (*name).to_string()).collect()
    }

    fn call(
        &mut self,
        number: u32,
        memory: &mut Memory,
        cells: &mut [u64],
    ) -> Result<(), HostStop> {
        let Some((.., call)) = CALLS.get(number as usize) else {
            return Err(HostStop::Error(format!("WASI has no function {number}")));
        };
        let errno = match call(self, memory, cells) {
            Ok(()) => 0,
            Err(Stop::Error(errno)) => errno as u64,
            Err(Stop::Host(stop)) => return Err(stop),
        };
        if let Some(cell) = cells.first_mut() {
            *cell = errno;
        }
        Ok(())
    }

    fn start(&mut self, watch: &Watch) {
        self.watch = watch.clone();
    }

    fn flush(&mut self) -> Result<(), HostStop> {
        self.streams.flush()
    }
}
