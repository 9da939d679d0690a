//! The targets: each takes arbitrary bytes, gives whether they were accepted, and panics if a promise is broken.

use std::io;

use cvm_disasm::Options;
use cvm_spec::codec;
use cvm_spec::foreign::Signature;
use cvm_spec::image::{reader, writer};

/// The reader rejects with a place inside the file, or accepts what the writer makes of the image.
pub fn reader(bytes: &[u8]) -> bool {
    match reader::read(bytes) {
        Ok(read) => {
            assert!(
                writer::write(&read.image) == bytes,
                "reading and writing changed an accepted file"
            );
            for warning in read.warnings {
                assert!(warning.offset < bytes.len() as u64, "{}", warning.message);
            }
            true
        }
        Err(error) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            assert!(error.rule().is_some(), "{error}");
            false
        }
    }
}

/// The verifier takes whatever the reader accepts.
pub fn verifier(bytes: &[u8]) -> bool {
    cvm::verify::load(bytes).is_ok()
}

/// The disassembler prints every form of whatever the reader accepts.
pub fn disassembler(bytes: &[u8]) -> bool {
    let Ok(read) = reader::read(bytes) else {
        return false;
    };
    let image = &read.image;
    let mut out = io::sink();
    cvm_disasm::exact(image, Options { hex: true }, &mut out).expect("a sink takes everything");
    cvm_disasm::headers(image, &mut out).expect("a sink takes everything");
    cvm_disasm::json(image, &mut out).expect("a sink takes everything");
    cvm_disasm::cfg(image, &mut out).expect("a sink takes everything");
    true
}

/// A signature that parses prints as one that parses to the same.
pub fn signature(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match Signature::parse(text) {
        Ok(signature) => {
            let printed = signature.to_string();
            assert_eq!(Signature::parse(&printed), Ok(signature), "{printed}");
            true
        }
        Err(error) => {
            assert!(error.offset + error.length <= text.len(), "{error}");
            assert!(text.is_char_boundary(error.offset), "{error}");
            false
        }
    }
}

/// Instructions that decode encode to the same bytes.
pub fn decode(bytes: &[u8]) -> bool {
    let (mut at, mut again) = (0, Vec::new());
    while at < bytes.len() {
        match codec::decode(bytes, at) {
            Ok((instruction, next)) => {
                assert!(next > at && next <= bytes.len());
                codec::encode_instruction(&mut again, &instruction);
                at = next;
            }
            Err(_) => return false,
        }
        assert!(again == bytes[..at]);
    }
    true
}
