//! Why a module cannot be translated.

use cvm_spec::image;
use thiserror::Error;
use wasmparser::WasmFeatures;

use crate::MAGIC;

/// Why a module cannot be translated. Every message ends with the byte offset in the module where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TranslateError {
    /// The bytes are something else.
    #[error("not a WebAssembly module, whose first bytes are 00 61 73 6D: {found}")]
    NotAModule {
        /// What they look like.
        found: String,
    },
    /// The bytes are not a valid WebAssembly module.
    #[error("not a valid WebAssembly module: {message} (at byte {offset:#x})")]
    Invalid {
        /// What the validator says.
        message: String,
        /// Byte offset in the module.
        offset: u64,
    },
    /// The module uses a feature that is not supported.
    #[error(
        "the WebAssembly feature `{feature}` is not supported: {message} (at byte {offset:#x})"
    )]
    Unsupported {
        /// The feature's name.
        feature: String,
        /// What was found.
        message: String,
        /// Byte offset in the module.
        offset: u64,
    },
    /// The module is larger in some way than an image can be.
    #[error("{what}: {found}, the limit is {limit} (at byte {offset:#x})")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// How much of it there is.
        found: u64,
        /// The limit.
        limit: u64,
        /// Byte offset in the module.
        offset: u64,
    },
    /// The module imports something that cannot be provided.
    #[error("cannot import the {kind} `{module}.{name}`: {reason} (at byte {offset:#x})")]
    Import {
        /// What it is: function, memory, table, global.
        kind: &'static str,
        /// The module that it comes from.
        module: String,
        /// Its name there.
        name: String,
        /// Why not.
        reason: String,
        /// Byte offset in the module.
        offset: u64,
    },
    /// A name is of a form that images do not have.
    #[error("{what} `{}` {reason}", name.escape_debug())]
    Name {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<wasmparser::Error> for TranslateError {
    fn from(error: wasmparser::Error) -> TranslateError {
        let (message, offset) = (error.message().to_string(), error.offset());
        match error.missing_wasm_feature() {
            Some(missing) => TranslateError::Unsupported {
                feature: feature_name(missing),
                message,
                offset,
            },
            None => TranslateError::Invalid { message, offset },
        }
    }
}

/// Whether the bytes begin as a module does, as far as they go.
pub(crate) fn check_magic(bytes: &[u8]) -> Result<(), TranslateError> {
    let start = &bytes[..bytes.len().min(64)];
    let found = match start {
        [] => "it is empty".to_string(),
        _ if MAGIC.starts_with(start) || start.starts_with(&MAGIC) => return Ok(()),
        _ if start.starts_with(&image::MAGIC[..4]) => {
            "it is a CVM image, which `cvm run` takes as it is".to_string()
        }
        _ if start.iter().all(is_text) => {
            "it is text; if it is WebAssembly's, `wat2wasm` makes a module of it".to_string()
        }
        _ => {
            let hex: Vec<String> = start.iter().take(4).map(|b| format!("{b:02X}")).collect();
            format!("it begins with {}", hex.join(" "))
        }
    };
    Err(TranslateError::NotAModule { found })
}

fn is_text(byte: &u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)
}

/// The names of features, as the proposals spell them.
fn feature_name(features: WasmFeatures) -> String {
    let names: Vec<String> = features
        .iter_names()
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    names.join(", ")
}

/// A feature that the validator lets pass and the translator does not have.
pub(crate) fn unsupported(
    feature: &str,
    message: impl Into<String>,
    offset: u64,
) -> TranslateError {
    TranslateError::Unsupported {
        feature: feature.to_string(),
        message: message.into(),
        offset,
    }
}
