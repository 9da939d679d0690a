//! Mnemonics to opcodes, as a small open hash table over the rows of the instruction table.

use std::sync::OnceLock;

use cvm_spec::isa::{Opcode, ROWS};

const SLOTS: usize = 1024;

/// The forms of a mnemonic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forms {
    name: &'static str,
    /// Without an address operand.
    pub(super) plain: Opcode,
    /// With an address operand, if the mnemonic has two forms.
    pub(super) immediate: Option<Opcode>,
}

struct Table([Option<Forms>; SLOTS]);

fn slot(name: &[u8]) -> usize {
    let mut hash = 0xcbf2_9ce4u32;
    for byte in name {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    (hash ^ hash >> 15) as usize % SLOTS
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut slots: [Option<Forms>; SLOTS] = [None; SLOTS];
        for row in ROWS {
            let mut at = slot(row.mnemonic.as_bytes());
            while slots[at].is_some_and(|forms| forms.name != row.mnemonic) {
                at = (at + 1) % SLOTS;
            }
            match &mut slots[at] {
                Some(forms) => forms.immediate = Some(row.opcode),
                empty => {
                    *empty = Some(Forms {
                        name: row.mnemonic,
                        plain: row.opcode,
                        immediate: None,
                    });
                }
            }
        }
        Table(slots)
    })
}

/// The forms of a mnemonic, if it is one.
#[inline]
pub(super) fn forms(name: &[u8]) -> Option<Forms> {
    let slots = &table().0;
    let mut at = slot(name);
    loop {
        let forms = slots[at]?;
        if forms.name.as_bytes() == name {
            return Some(forms);
        }
        at = (at + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found() {
        for row in ROWS {
            let forms = forms(row.mnemonic.as_bytes()).expect("is a mnemonic");
            assert!(forms.plain == row.opcode || forms.immediate == Some(row.opcode));
        }
        assert!(forms(b"push").is_none());
        assert!(forms(b"").is_none());
    }
}
