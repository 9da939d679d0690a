//! `errno`, for programs that import `sys.errno`: 0 before each C call, and kept right after it, on the thread that
//! made the call.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use super::Foreign;

impl Foreign {
    /// Before a call.
    #[inline]
    pub(super) fn forget_errno(&self) {
        if self.errno.is_some() {
            // SAFETY: the location is this thread's own.
            unsafe { *libc::__errno_location() = 0 };
        }
    }

    /// Right after a call.
    #[inline]
    pub(super) fn save_errno(&self) {
        if let Some(saved) = &self.errno {
            // SAFETY: the location is this thread's own.
            saved.store(unsafe { *libc::__errno_location() }, Ordering::Relaxed);
        }
    }
}
