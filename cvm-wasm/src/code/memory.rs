//! Loads, stores and bulk instructions on linear memory, which is the heap.
//!
//! An address is an i32 whose cell has an upper half of 0, so adding an offset of 32 bits never wraps, and the machine
//! checks the sum. The offset stands in the instruction where a short pointer holds it.

use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{SHORT_OFFSET_MAX, Tag};
use wasmparser::{MemArg, Operator};

use super::Body;
use crate::program::Extra;

/// What comes behind a load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    /// The instruction sign-extends to 64 bits where 32 are wanted.
    Narrow,
}

impl Body<'_, '_, '_> {
    /// A load, by this instruction.
    pub(super) fn load(&mut self, memarg: &MemArg, opcode: Opcode, after: After) {
        let offset = self.offset(memarg, false);
        self.program.text.at(opcode, Tag::Heap, offset);
        self.is_dirty = after == After::Narrow;
    }

    /// A store, by this instruction.
    pub(super) fn store(&mut self, memarg: &MemArg, opcode: Opcode) {
        let offset = self.offset(memarg, true);
        self.program.text.at(opcode, Tag::Heap, offset);
    }

    /// The offset that the access instruction can hold. One that it cannot is added to the address, which lies under
    /// the value of a store.
    fn offset(&mut self, memarg: &MemArg, is_store: bool) -> u32 {
        let largest = self.program.layout.heap_largest;
        let most = match largest {
            // The image leaves the heap's limit to the machine.
            0 => u64::from(SHORT_OFFSET_MAX),
            largest => largest.min(u64::from(SHORT_OFFSET_MAX)),
        };
        if memarg.offset <= most {
            return memarg.offset as u32;
        }
        let text = &mut self.program.text;
        if is_store {
            text.op(Opcode::Swap);
        }
        text.push(memarg.offset);
        text.op(Opcode::IAdd);
        if is_store {
            text.op(Opcode::Swap);
        }
        0
    }

    /// Translates what works on the whole memory or on ranges of it; whether it was such an instruction.
    pub(super) fn bulk(&mut self, operator: &Operator<'_>) -> bool {
        let memory = self.program.module.memory;
        let has_no_pages = memory.is_some_and(|memory| memory.largest == 0 && !memory.is_imported);
        let text = &mut self.program.text;
        match operator {
            Operator::MemoryGrow { .. } if has_no_pages => {
                // The image cannot say that the heap has no page at all: 0 for 0 pages, else -1.
                text.op(Opcode::DEqz);
                text.push(1);
                text.op(Opcode::DSub);
            }
            Operator::MemoryGrow { .. } => {
                text.op(Opcode::HeapGrow);
                self.is_dirty = true;
            }
            Operator::MemoryCopy { .. } => {
                // (to from length), as pointers.
                for _ in 0..2 {
                    text.op(Opcode::Rot);
                    text.at(Opcode::PushA, Tag::Heap, 0);
                    text.op(Opcode::IAdd);
                }
                text.op(Opcode::Rot);
                // (length to from) has become (to from length).
                text.op(Opcode::MemCopy);
            }
            Operator::MemoryFill { .. } => {
                text.op(Opcode::Rot);
                text.at(Opcode::PushA, Tag::Heap, 0);
                text.op(Opcode::IAdd);
                text.op(Opcode::Rot);
                text.op(Opcode::Rot);
                text.op(Opcode::MemFill);
            }
            Operator::MemoryInit { data_index, .. } => {
                self.program.call_extra(Extra::MemoryInit(*data_index));
            }
            Operator::DataDrop { data_index } => {
                let size = self.program.layout.data_sizes[*data_index as usize];
                self.program.set_size_to_zero(size);
            }
            _ => return false,
        }
        true
    }
}
