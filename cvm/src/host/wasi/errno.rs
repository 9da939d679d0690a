//! Error numbers of WASI preview 1, and which of them an error of the system is.

use std::io::{self, ErrorKind};

use rustix::io::Errno as System;

use crate::host::stop;
use crate::host::sys::Stop as SysStop;
use cvm_spec::host::HostError;

macro_rules! errnos {
    ($($name:ident = $number:literal $($system:ident)*;)*) => {
        /// An error number of WASI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(super) enum Errno { $($name = $number,)* }

        impl Errno {
            /// The number for an error number of the system.
            fn of_system(error: System) -> Errno {
                match error {
                    $($(System::$system => Errno::$name,)*)*
                    _ => Errno::Io,
                }
            }
        }
    };
}

errnos! {
    Access = 2 ACCESS;
    Again = 6 AGAIN;
    BadFile = 8 BADF;
    Busy = 10 BUSY;
    Exists = 20 EXIST;
    FileTooLarge = 22 FBIG;
    IllegalSequence = 25 ILSEQ;
    Interrupted = 27 INTR;
    Invalid = 28 INVAL;
    Io = 29 IO;
    IsDirectory = 31 ISDIR;
    Loop = 32 LOOP;
    TooManyFiles = 33 MFILE;
    TooManyLinks = 34 MLINK;
    NameTooLong = 37 NAMETOOLONG;
    NotFound = 44 NOENT;
    NoSpace = 51 NOSPC DQUOT;
    NotDirectory = 54 NOTDIR;
    NotEmpty = 55 NOTEMPTY;
    NotSocket = 57 NOTSOCK;
    NotSupported = 58 NOTSUP NXIO;
    Overflow = 61 OVERFLOW;
    NotPermitted = 63 PERM;
    BrokenPipe = 64 PIPE;
    ReadOnly = 69 ROFS;
    NotSeekable = 70 SPIPE;
    TextBusy = 74 TXTBSY;
    OtherDevice = 75 XDEV;
}

/// Why a function has no result. The program gets the number.
pub(super) type Stop = stop::Stop<Errno>;

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Error(errno)
    }
}

impl From<System> for Stop {
    fn from(error: System) -> Stop {
        Stop::Error(Errno::of_system(error))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        if let Some(system) = System::from_io_error(&error) {
            return system.into();
        }
        // Errors that the capability to a directory raises by itself.
        Stop::Error(match error.kind() {
            ErrorKind::PermissionDenied => Errno::NotPermitted,
            ErrorKind::NotFound => Errno::NotFound,
            ErrorKind::AlreadyExists => Errno::Exists,
            ErrorKind::InvalidInput => Errno::Invalid,
            ErrorKind::StorageFull => Errno::NoSpace,
            ErrorKind::BrokenPipe => Errno::BrokenPipe,
            _ => Errno::Io,
        })
    }
}

impl From<SysStop> for Stop {
    fn from(stop: SysStop) -> Stop {
        Stop::Error(match stop {
            SysStop::Host(stop) => return Stop::Host(stop),
            SysStop::Error(error) => match error {
                HostError::NotFound => Errno::NotFound,
                HostError::NotPermitted => Errno::NotPermitted,
                HostError::BadFile => Errno::BadFile,
                HostError::Exists => Errno::Exists,
                HostError::IsDirectory => Errno::IsDirectory,
                HostError::NotDirectory => Errno::NotDirectory,
                HostError::NoSpace => Errno::NoSpace,
                HostError::BrokenPipe => Errno::BrokenPipe,
                HostError::NotSeekable => Errno::NotSeekable,
                HostError::Invalid => Errno::Invalid,
                HostError::NotSupported => Errno::NotSupported,
                HostError::TooManyFiles => Errno::TooManyFiles,
                _ => Errno::Io,
            },
        })
    }
}
