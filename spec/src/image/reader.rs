//! Placeholder while the reader is being written.
use super::Image;
/// What the reader gives.
#[derive(Debug)]
pub struct Read {
    /// The image.
    pub image: Image,
    /// Damaged debug information and the like.
    pub warnings: Vec<ReadWarning>,
}
/// A warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadWarning {
    /// Byte offset in the file.
    pub offset: u64,
    /// What is damaged and what is ignored because of it.
    pub message: String,
}
/// Why a file is not an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} at byte {offset}: expected {expected}, found {found}")]
pub struct ReadError {
    /// Stable kebab-case code of the rule.
    pub code: &'static str,
    /// Byte offset in the file.
    pub offset: u64,
    /// What the rule expects.
    pub expected: String,
    /// What was found.
    pub found: String,
}
/// Reads an image.
///
/// # Errors
/// If the bytes break a rule of `spec/format.md`.
pub fn read(_bytes: &[u8]) -> Result<Read, ReadError> {
    Err(ReadError {
        code: "unwritten",
        offset: 0,
        expected: String::new(),
        found: String::new(),
    })
}
