//! The verifier: Image → [`Module`]. What it proved, engines rely on; what it did not, they check.
//!
//! The rules ([`Rule`] has their codes), in the order in which a function is checked:
//! 1. every byte of a function belongs to one instruction that decodes (`unknown-opcode`, `truncated-instruction`,
//!    `switch-size`);
//! 2. operands name what exists: functions, imports, types of the right kind, tail-call results
//!    (`bad-function-index`, `bad-import-index`, `bad-type-index`, `wrong-type-kind`, `result-count`), jump targets
//!    (`jump-outside-function`, `jump-into-instruction`), constant addresses (`reserved-tag`,
//!    `constant-out-of-bounds`, `constant-access`);
//! 3. the frame has a shape: `declare-size`, `frame-too-large`, `local-not-object`, `local-out-of-bounds`;
//! 4. the operand depth agrees on all paths, never underflows, and no path falls off the end (`stack-underflow`,
//!    `depth-mismatch`, `land-stack`, `jmp-i-stack`, `too-many-cells`, `falls-off-end`).
//!
//! That functions tile the text, that the entry is a function and that tables refer to what exists is checked by the
//! image reader; [`verify`] checks it again, because an image need not come from a file. Each instruction is visited
//! a fixed number of times, so the time is linear in the image's size.

pub(crate) mod blocks;
pub(crate) mod body;
pub(crate) mod flow;
pub(crate) mod frame;
mod objects;
mod operands;
mod rules;

use std::sync::{Arc, OnceLock};

use cvm_spec::image::reader::{Read, ReadError, ReadWarning};
use cvm_spec::image::{Image, reader, writer};
use thiserror::Error;

use crate::interp::{CODES, Code, CodeOptions, NATIVE_CODES};
use crate::jit::tier::Published;
use crate::jit::{CompileError, NativeCode};
use body::Body;
use flow::Depths;
use frame::Frame;

pub use objects::Object;
pub use rules::Rule;

/// A verified image. Its existence is the proof of verification.
///
/// Machines share one module; it never changes.
#[derive(Debug)]
pub struct Module {
    image: Image,
    data: Arc<[u8]>,
    warnings: Vec<ReadWarning>,
    code: [OnceLock<Code>; CODES],
    native: [OnceLock<Result<NativeCode, CompileError>>; NATIVE_CODES],
    published: [OnceLock<Arc<Published>>; NATIVE_CODES],
}

impl Module {
    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// What the reader found damaged and ignored: debug information only.
    pub fn warnings(&self) -> &[ReadWarning] {
        &self.warnings
    }

    /// The data segment, shared by all machines.
    pub(crate) fn data(&self) -> Arc<[u8]> {
        Arc::clone(&self.data)
    }

    /// The interpreter's form of the code, translated at first use.
    pub(crate) fn code(&self, options: CodeOptions) -> &Code {
        self.code[options.index()].get_or_init(|| Code::translate(&self.image, options))
    }

    /// Machine code, compiled at first use.
    pub(crate) fn native_code(&self, options: CodeOptions) -> Result<&NativeCode, &CompileError> {
        self.native[options.native_index()]
            .get_or_init(|| NativeCode::compile(&self.image, options))
            .as_ref()
    }

    /// What was compiled of it for runs that begin in the interpreter.
    pub(crate) fn published(&self, options: CodeOptions) -> Arc<Published> {
        let published = self.published[options.native_index()]
            .get_or_init(|| Arc::new(Published::new(self.image.functions.len(), options)));
        Arc::clone(published)
    }

    /// Machine code, if it was compiled.
    pub(crate) fn compiled(&self, options: CodeOptions) -> Option<&NativeCode> {
        self.native[options.native_index()].get()?.as_ref().ok()
    }

    /// Name of a function: its symbol, else `function N`.
    pub fn function_name(&self, function: u32) -> String {
        use cvm_spec::image::SymbolKind;
        self.image
            .symbols
            .iter()
            .find(|symbol| symbol.kind == SymbolKind::Function && symbol.value == function)
            .and_then(|symbol| self.image.string(symbol.name))
            .map_or_else(|| format!("function {function}"), str::to_string)
    }
}

/// A rejection by the verifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: in function {function} at text offset {offset:#x}: {message}", rule.code())]
pub struct VerifyError {
    /// The rule that is broken.
    pub rule: Rule,
    /// Index of the function.
    pub function: u32,
    /// Text offset of the instruction.
    pub offset: u32,
    /// What was found and what was expected.
    pub message: String,
}

impl VerifyError {
    pub(crate) fn new(rule: Rule, function: u32, offset: u32, message: String) -> VerifyError {
        VerifyError {
            rule,
            function,
            offset,
            message,
        }
    }
}

/// Why an image is no module.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ModuleError {
    /// The image's tables do not fit together, as the image reader would have said.
    #[error(transparent)]
    Image(#[from] ReadError),
    /// A function breaks a rule.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// Verifies an image that the reader gave.
///
/// # Errors
/// The first rule that it breaks. An image that did not come from the reader and whose tables do not fit together is
/// [`ModuleError::Image`].
pub fn verify(image: Image) -> Result<Module, ModuleError> {
    // The reader's rules are the ground that everything below stands on. Images are built by other programs too, so
    // they are held to the same rules by the same code.
    verify_read(reader::read(&writer::write(&image))?)
}

/// Reads and verifies a `.cvm` file's bytes.
///
/// # Errors
/// If they are not an image, or the image breaks a rule.
pub fn load(bytes: &[u8]) -> Result<Module, ModuleError> {
    verify_read(reader::read(bytes)?)
}

/// Verifies an image that has just passed the reader.
fn verify_read(read: Read) -> Result<Module, ModuleError> {
    let Read { image, warnings } = read;
    let mut body = Body::default();
    let mut frame = Frame::default();
    let mut depths = Depths::default();
    for (number, function) in image.functions.iter().enumerate() {
        let number = number as u32;
        let function_type = image.function_type(function).unwrap_or_default();
        body.decode(&image.text, number, function)?;
        operands::check(&image, &body, number, function_type)?;
        frame.lay_out(&body, number, function_type.args)?;
        depths.compute(&image, &body, number, function_type, frame.slots)?;
    }
    drop(body);
    let data = Arc::from(image.data.as_slice());
    Ok(Module {
        image,
        data,
        warnings,
        code: [const { OnceLock::new() }; CODES],
        native: [const { OnceLock::new() }; NATIVE_CODES],
        published: [const { OnceLock::new() }; NATIVE_CODES],
    })
}
