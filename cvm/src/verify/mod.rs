//! The verifier: Image → Module.

use cvm_spec::image::Image;
use thiserror::Error;

/// A verified image. Its existence is the proof of verification.
#[derive(Debug)]
pub struct Module {
    image: Image,
}

impl Module {
    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

/// A rejection by the verifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{rule}: in function {function} at text offset {offset:#x}: {message}")]
pub struct VerifyError {
    /// Stable kebab-case code of the rule.
    pub rule: &'static str,
    /// Index of the function.
    pub function: u32,
    /// Text offset of the instruction.
    pub offset: u32,
    /// What was found and what was expected.
    pub message: String,
}

/// Verifies an image.
///
/// # Errors
/// The first rule that it breaks.
pub fn verify(image: Image) -> Result<Module, VerifyError> {
    Ok(Module { image })
}
