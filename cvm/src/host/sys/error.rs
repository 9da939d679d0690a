//! From the system's errors to the codes that a program sees.

use std::io::{self, ErrorKind};

use cvm_spec::host::HostError;

use crate::host::stop;

/// Why a host function has no result. The program gets the code as a negative cell.
pub(in crate::host) type Stop = stop::Stop<HostError>;

impl From<HostError> for Stop {
    fn from(error: HostError) -> Stop {
        Stop::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Error(host_error(&error))
    }
}

/// System error numbers of Linux that have no kind of their own.
const ENXIO: i32 = 6;
const EBADF: i32 = 9;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// The code of a system error.
pub(super) fn host_error(error: &io::Error) -> HostError {
    match error.raw_os_error() {
        // A socket cannot be opened, nor the device file of a device that is not there.
        Some(ENXIO) => return HostError::NotSupported,
        Some(EBADF) => return HostError::BadFile,
        Some(ENFILE | EMFILE) => return HostError::TooManyFiles,
        _ => {}
    }
    match error.kind() {
        ErrorKind::NotFound => HostError::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => HostError::NotPermitted,
        ErrorKind::AlreadyExists => HostError::Exists,
        ErrorKind::IsADirectory => HostError::IsDirectory,
        ErrorKind::NotADirectory => HostError::NotDirectory,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            HostError::NoSpace
        }
        ErrorKind::BrokenPipe => HostError::BrokenPipe,
        ErrorKind::NotSeekable => HostError::NotSeekable,
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => HostError::Invalid,
        ErrorKind::Unsupported => HostError::NotSupported,
        _ => HostError::Other,
    }
}
