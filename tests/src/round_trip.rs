//! Through the disassembler and back.

use cvm_spec::image::{Image, reader, writer};

use crate::assembly::{Detail, Program};

/// Image → exact disassembly → assembler → bytes, which must be the same.
///
/// # Errors
/// Where the round trip ends.
pub fn exact(image: &Image) -> Result<(), String> {
    let bytes = writer::write(image);
    let read = reader::read(&bytes).map_err(|error| format!("the image does not read: {error}"))?;
    if read.image != *image {
        return Err("the image differs after writing and reading".into());
    }
    let mut text = Vec::new();
    cvm_disasm::exact(&read.image, cvm_disasm::Options::default(), &mut text)
        .map_err(|error| error.to_string())?;
    let again = Program::of_text("exact.cvma", text)
        .image(Detail::Plain)
        .map_err(|error| format!("the exact disassembly does not assemble:\n{error}"))?;
    let again = writer::write(&again);
    if again == bytes {
        return Ok(());
    }
    let at = bytes.iter().zip(&again).take_while(|(a, b)| a == b).count();
    Err(format!(
        "the exact disassembly assembles to other bytes: {} and {} bytes, first difference at {at:#x}",
        bytes.len(),
        again.len()
    ))
}

/// Image → readable disassembly → assembler → an image that must behave the same.
///
/// # Errors
/// If the disassembly does not assemble.
pub fn readable(image: &Image) -> Result<Image, String> {
    let mut text = Vec::new();
    cvm_disasm::readable(image, cvm_disasm::Options::default(), &mut text)
        .map_err(|error| error.to_string())?;
    Program::of_text("readable.cvma", text)
        .image(Detail::Plain)
        .map_err(|error| format!("the readable disassembly does not assemble:\n{error}"))
}
