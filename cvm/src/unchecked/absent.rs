//! No check can be left out.

pub(crate) const fn accesses() -> bool {
    false
}

pub(crate) const fn stack() -> bool {
    false
}
