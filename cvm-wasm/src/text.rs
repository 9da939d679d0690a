//! The text segment under construction: instructions, and jumps whose targets are not yet known.

use cvm_spec::codec::{encode, shortest_push};
use cvm_spec::isa::Opcode;
use cvm_spec::limits::SEGMENT_MAX;
use cvm_spec::pointer::{SHORT_OFFSET_BITS, Tag};
use cvm_spec::wasm::Trap;

use crate::error::TranslateError;

/// Instructions, one behind the other.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    /// Places of 4 bytes that become the short pointer to a function: (text offset, function of the module).
    pub(crate) function_pointers: Vec<(u32, u32)>,
}

/// The operand of a jump whose target is not yet known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jump {
    /// Text offset of the distance.
    at: u32,
    /// Text offset that the distance counts from.
    from: u32,
}

impl Text {
    /// An empty text, with room for what a module's code of so many bytes becomes: instructions of WebAssembly have 2 bytes
    /// on average, those of CVM 3 to 4.
    pub(crate) fn for_code(size: usize) -> Text {
        Text {
            bytes: Vec::with_capacity(size.saturating_mul(2)),
            function_pointers: Vec::new(),
        }
    }

    /// Text offset of the next instruction.
    pub(crate) fn here(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// Fails when the text is larger than a segment; called for each function, whose own size has a limit.
    pub(crate) fn check_size(&self, offset: u64) -> Result<(), TranslateError> {
        check_segment("bytes of instructions", self.bytes.len() as u64, offset)
    }

    /// An instruction without an operand.
    #[inline]
    pub(crate) fn op(&mut self, opcode: Opcode) {
        self.bytes.push(opcode.byte());
    }

    /// An instruction with a number as operand.
    pub(crate) fn with(&mut self, opcode: Opcode, operand: u64) {
        encode(&mut self.bytes, opcode, operand);
    }

    /// Pushes a constant.
    #[inline]
    pub(crate) fn push(&mut self, value: u64) {
        encode(&mut self.bytes, shortest_push(value), value);
    }

    /// An instruction with a short pointer. The offset is one that fits (29 bits).
    #[inline]
    pub(crate) fn at(&mut self, opcode: Opcode, tag: Tag, offset: u32) {
        let pointer = (tag as u32) << SHORT_OFFSET_BITS | offset;
        let [a, b, c, d] = pointer.to_le_bytes();
        self.bytes.extend_from_slice(&[opcode.byte(), a, b, c, d]);
    }

    /// Pushes the pointer to a function of the module.
    pub(crate) fn push_function(&mut self, function: u32) {
        self.at(Opcode::PushA, Tag::Text, 0);
        self.function_pointers.push((self.here() - 4, function));
    }

    /// Pushes the value of a local.
    pub(crate) fn local_get(&mut self, local: u32) {
        self.at(Opcode::IReadA, Tag::Local, local * 8);
    }

    /// Pops the value of a local.
    pub(crate) fn local_set(&mut self, local: u32) {
        self.at(Opcode::IWriteA, Tag::Local, local * 8);
    }

    /// `slide dropped, kept`, if anything is to be dropped.
    pub(crate) fn slide(&mut self, dropped: u32, kept: u32) {
        match (dropped, kept) {
            (0, _) => {}
            (1, 0) => self.op(Opcode::Drop),
            _ => self.with(Opcode::Slide, u64::from(dropped) | u64::from(kept) << 16),
        }
    }

    /// `jmp`, `jz` or `jnz` to a place that is not yet known.
    pub(crate) fn jump(&mut self, opcode: Opcode) -> Jump {
        encode(&mut self.bytes, opcode, 0);
        let from = self.here();
        Jump { at: from - 4, from }
    }

    /// `jmp`, `jz` or `jnz` to a text offset.
    pub(crate) fn jump_to(&mut self, opcode: Opcode, target: u32) {
        let jump = self.jump(opcode);
        self.resolve(jump, target);
    }

    /// A `switch` whose targets are not yet known.
    pub(crate) fn switch(&mut self, targets: u32) -> impl Iterator<Item = Jump> + use<> {
        self.op(Opcode::Switch);
        self.bytes.extend_from_slice(&targets.to_le_bytes());
        let first = self.here();
        let from = first + targets * 4;
        self.bytes.resize(from as usize, 0);
        (0..targets).map(move |n| Jump {
            at: first + n * 4,
            from,
        })
    }

    /// Lets a jump lead to a text offset.
    pub(crate) fn resolve(&mut self, jump: Jump, target: u32) {
        // Text offsets are below 2^29, so a distance fits.
        let distance = i64::from(target) - i64::from(jump.from);
        let at = jump.at as usize;
        self.bytes[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
    }

    /// Lets a jump lead to the next instruction.
    pub(crate) fn land(&mut self, jump: Jump) {
        self.resolve(jump, self.here());
    }

    /// Raises a trap that has a code for `abort`.
    pub(crate) fn trap(&mut self, trap: Trap) {
        self.with(Opcode::Abort, u64::from(trap.abort_code().unwrap_or(0)));
    }

    /// Goes on if the condition on the stack is not 0, else raises a trap.
    pub(crate) fn demand(&mut self, trap: Trap) {
        let good = self.jump(Opcode::Jnz);
        self.trap(trap);
        self.land(good);
    }
}

/// Fails if a segment has more bytes than an image may have.
pub(crate) fn check_segment(
    what: &'static str,
    found: u64,
    offset: u64,
) -> Result<(), TranslateError> {
    if found > SEGMENT_MAX {
        return Err(TranslateError::TooLarge {
            what,
            found,
            limit: SEGMENT_MAX,
            offset,
        });
    }
    Ok(())
}
