//! The types section.

use std::collections::HashMap;

use super::layout::Layout;
use super::names::{Pool, quote};
use super::record::Record;
use super::{Checked, ReadCode, broken};
use crate::foreign::{SIGNATURE_MAX, Signature};
use crate::image::{FunctionType, SectionKind, StringRef, Type};
use crate::limits::ARITY_MAX;

pub(super) fn read(layout: &Layout<'_>, pool: &Pool<'_>) -> Checked<Vec<Type>> {
    // Signatures that many types share are parsed once.
    let mut arities = HashMap::new();
    layout
        .section(SectionKind::Types)
        .parse(SectionKind::Types, |record| {
            read_type(record, pool, &mut arities)
        })
}

fn read_type(
    record: Record<'_>,
    pool: &Pool<'_>,
    arities: &mut HashMap<StringRef, (u16, u16)>,
) -> Checked<Type> {
    let (args, results) = (record.u16(4), record.u16(6));
    for (at, what, count) in [(4, "arguments", args), (6, "results", results)] {
        if count > ARITY_MAX {
            let expected = format!("at most {ARITY_MAX} {what}");
            return broken(ReadCode::ArityTooLarge, record.field(at), expected, count);
        }
    }
    match record.u32(0) {
        0 => {
            record.reserved(12)?;
            Ok(Type::Function(FunctionType {
                args,
                results,
                brand: record.u32(8),
            }))
        }
        1 => {
            let signature = record.string(8);
            let arity = match arities.get(&signature) {
                Some(arity) => *arity,
                None => signature_arity(record, pool, signature)?,
            };
            arities.insert(signature, arity);
            if arity != (args, results) {
                return broken(
                    ReadCode::SignatureArity,
                    record.field(4),
                    format!("{} and {} cells, as the signature says", arity.0, arity.1),
                    format!("{args} and {results}"),
                );
            }
            Ok(Type::Foreign {
                args,
                results,
                signature,
            })
        }
        kind => broken(
            ReadCode::UnknownTypeKind,
            record.offset,
            "type kind 0 or 1",
            kind,
        ),
    }
}

fn signature_arity(
    record: Record<'_>,
    pool: &Pool<'_>,
    signature: StringRef,
) -> Checked<(u16, u16)> {
    if signature.length as usize > SIGNATURE_MAX {
        let expected = format!("a signature of at most {SIGNATURE_MAX} bytes");
        let found = format!("{} bytes", signature.length);
        return broken(ReadCode::BadSignature, record.field(12), expected, found);
    }
    let text = pool.text(signature, record.field(8), "a signature")?;
    let text_offset = pool.section.offset + u64::from(signature.offset);
    match Signature::parse(text) {
        // Beside being one form for one signature, this bounds the references that share bytes: a pool full of spaces
        // around one signature would otherwise make many of them, each long to parse.
        Ok(parsed) => match parsed.to_string() {
            canonical if canonical == text => Ok(parsed.arity()),
            canonical => broken(
                ReadCode::SignatureForm,
                text_offset + common_prefix(text, &canonical) as u64,
                format!("the canonical form {}", quote(&canonical)),
                quote(text),
            ),
        },
        Err(error) => broken(
            ReadCode::BadSignature,
            text_offset + error.offset as u64,
            error.expected,
            error.found,
        ),
    }
}

/// Bytes that two texts have in common at their beginning.
fn common_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}
