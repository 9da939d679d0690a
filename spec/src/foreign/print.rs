//! Canonical printing of signatures.

use std::fmt;

use super::{ForeignType, Length, Signature};

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Length::Bytes(bytes) => write!(f, "{bytes}"),
            Length::Argument { index, scale: 1 } => write!(f, "arg{index}"),
            Length::Argument { index, scale } => write!(f, "arg{index}*{scale}"),
            Length::Product(a, b) => write!(f, "arg{a}*arg{b}"),
        }
    }
}

impl fmt::Display for ForeignType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Void => f.write_str("void"),
            Self::Scalar(scalar) => f.write_str(scalar.name()),
            Self::Pointer { constant, length } => {
                f.write_str(if *constant { "const ptr" } else { "ptr" })?;
                match length {
                    Some(length) => write!(f, "[{length}]"),
                    None => Ok(()),
                }
            }
            Self::CString => f.write_str("cstr"),
            Self::Struct(members) => {
                f.write_str("{")?;
                list(f, members, None)?;
                f.write_str("}")
            }
            Self::Array { count, element } => write!(f, "[{count} x {element}]"),
            Self::Callback { args, result } => {
                f.write_str("fn(")?;
                list(f, args, None)?;
                write!(f, ") -> {result}")
            }
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        list(f, &self.args, self.fixed)?;
        write!(f, ") -> {}", self.result)?;
        match &self.owner {
            Some(owner) => write!(f, " owned {owner}"),
            None => Ok(()),
        }
    }
}

/// Types with commas between them, and `...` behind the first `fixed`.
fn list(f: &mut fmt::Formatter<'_>, types: &[ForeignType], fixed: Option<u16>) -> fmt::Result {
    let fixed = fixed.map(usize::from);
    for (i, ty) in types.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        if fixed == Some(i) {
            f.write_str("..., ")?;
        }
        write!(f, "{ty}")?;
    }
    if fixed == Some(types.len()) {
        f.write_str(", ...")?;
    }
    Ok(())
}
