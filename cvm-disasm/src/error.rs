//! Why an image cannot be printed.

use std::io;

use cvm_spec::codec::DecodeError;

/// Why an image cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum DisassembleError {
    /// The destination failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Bytes of the text are no instruction; only the exact form can show them.
    #[error("{function} does not decode at text offset {offset}: {reason}; --exact can show it")]
    Undecodable {
        /// Text offset of the bytes.
        offset: usize,
        /// The function that they belong to.
        function: String,
        /// What is wrong with them.
        reason: DecodeError,
    },
    /// An instruction is one that assembly cannot express; only the exact form can show it.
    #[error("{function}, text offset {offset}: {what}; --exact can show it")]
    Instruction {
        /// Text offset of the instruction.
        offset: usize,
        /// The function that it belongs to.
        function: String,
        /// What assembly cannot express.
        what: String,
    },
    /// A part of the image is one that assembly cannot express; only the exact form can show it.
    #[error("{what}; --exact can show it")]
    Image {
        /// What assembly cannot express.
        what: String,
    },
}
