//! Fault reports, as text and as JSON.
