//! From items with labels to text.

use cvm_spec::codec::{encode, encode_switch};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::pointer::{ShortPointer, Tag};

use super::body::{Body, Item, Operand};

impl Item {
    /// Bytes of the encoded instruction.
    fn size(&self) -> u32 {
        let tail = match &self.operand {
            Operand::Table(labels) => 4 * labels.len(),
            _ => 0,
        };
        (1 + self.opcode.operand().size() + tail) as u32
    }
}

/// Text offset of each body.
pub(super) fn place(bodies: &[Body]) -> Vec<u32> {
    let mut at = 0;
    bodies
        .iter()
        .map(|body| {
            let start = at;
            at += body.size();
            start
        })
        .collect()
}

impl Body {
    /// Bytes of text.
    pub(super) fn size(&self) -> u32 {
        self.items.iter().map(Item::size).sum()
    }

    /// Offsets of the instructions from the body's start, and that of its end.
    pub(super) fn offsets(&self) -> Vec<u32> {
        let mut offsets = Vec::with_capacity(self.items.len() + 1);
        let mut at = 0;
        for item in &self.items {
            offsets.push(at);
            at += item.size();
        }
        offsets.push(at);
        offsets
    }

    /// Appends the encoded body; `starts` are the text offsets of all functions.
    pub(super) fn encode(&self, starts: &[u32], text: &mut Vec<u8>) {
        let start = text.len() as u32;
        let offsets = self.offsets();
        let label = |number: usize| offsets[self.labels[number]];
        for (index, item) in self.items.iter().enumerate() {
            let next = offsets[index + 1];
            let distance = |number: usize| label(number) as i32 - next as i32;
            match &item.operand {
                Operand::Number(number) => encode(text, item.opcode, *number),
                Operand::Label(number) if item.opcode.operand() == OperandKind::Jump => {
                    encode(text, item.opcode, distance(*number) as u64);
                }
                Operand::Label(number) => {
                    encode(text, item.opcode, text_pointer(start + label(*number)));
                }
                Operand::Function(number) => {
                    encode(text, item.opcode, text_pointer(starts[*number]));
                }
                Operand::Table(labels) => {
                    let distances: Vec<i32> = labels.iter().map(|n| distance(*n)).collect();
                    encode_switch(text, distances.into_iter());
                }
            }
        }
        debug_assert_eq!(text.len() as u32 - start, self.size());
        debug_assert!(
            self.items
                .iter()
                .all(|item| item.opcode != Opcode::Switch
                    || matches!(item.operand, Operand::Table(_)))
        );
    }
}

fn text_pointer(offset: u32) -> u64 {
    let pointer = ShortPointer::new(Tag::Text, offset).expect("generated text is small");
    u64::from(pointer.0)
}
