//! A function's frame: the stack check, room in `l:`, objects set to zero.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8X16, I32, I64};
use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, MemFlagsData, Signature, Value};
use cranelift_codegen::isa::CallConv;
use cvm_spec::isa::Flow;
use cvm_spec::pointer::{ShortPointer, Tag};

use crate::interp::translate::first_operand_slot;
use crate::unchecked;
use crate::verify::frame::{Home, Object};

use super::context::offset;
use super::function::{LocalFrame, Lowering};
use super::memory::SLACK;
use super::site::Site;
use super::value::Cell;

/// Where the descriptor of `l:` is, in bytes from the table.
const LOCAL: i32 = (Tag::Local as i32) << offset::DESCRIPTOR_LOG;

/// Up to so many bytes are set to zero by stores; more by a call.
const ZERO_INLINE: u32 = 512;

impl Lowering<'_, '_> {
    pub(super) fn prologue(&mut self, entry: Block) {
        self.check_stack();
        if self.frame.local_size != 0 {
            self.enter_local_frame();
        }
        let args = usize::from(self.function_type.args);
        for number in 0..self.frame.slots as usize {
            self.declare_slot(number);
            let cell = match number < args {
                true => Cell::new(self.b.block_params(entry)[number + 1]),
                false => Cell::constant(0),
            };
            self.write_slot(number as u32, cell);
        }
        for number in 0..args {
            if let Home::Address(address) = self.frame.objects[number].home {
                let value = self.b.block_params(entry)[number + 1];
                let flags = self.guest();
                let base = self.local().base;
                self.b.ins().store(flags, value, base, address as i32);
            }
        }
    }

    /// The function goes on at a loop head: with the private locals and operands that the interpreter left in the
    /// frame's cells, and the frame in `l:` that it made.
    pub(super) fn enter_loop(&mut self, entry: Block, head: usize) {
        self.check_stack();
        let cells = self.b.block_params(entry)[1];
        if self.frame.local_size != 0 {
            let csp = self.load_field(LOCAL + offset::SIZE);
            let fp = self
                .b
                .ins()
                .iadd_imm_s(csp, -i64::from(self.frame.local_size));
            let segment = self.load_field(LOCAL + offset::BASE);
            let base = self.b.ins().iadd(segment, fp);
            self.local_frame = Some(LocalFrame { fp, base });
        }
        let flags = MemFlagsData::trusted();
        let load = |lowering: &mut Self, number: usize| {
            let value = lowering.b.ins().load(I64, flags, cells, 8 * number as i32);
            Cell::new(value)
        };
        for number in 0..self.frame.slots as usize {
            self.declare_slot(number);
            let cell = load(self, number);
            self.write_slot(number as u32, cell);
        }
        let first = first_operand_slot(self.frame.slots) as usize;
        for position in 0..self.depths.before[head] as usize {
            let cell = load(self, first + position);
            self.stack.push(cell);
        }
        self.stack.settle(&mut self.b);
        let block = self.blocks[head].expect("a loop head is a jump's target");
        self.b.ins().jump(block, &[]);
    }

    /// A function that calls no other and is small fits the slack below the limit.
    fn check_stack(&mut self) {
        let calls = self.body.instructions.iter().any(|(_, instruction)| {
            matches!(instruction.opcode.flow(), Flow::Call | Flow::TailCall)
        });
        // Each cell could be spilled twice, as a cell and as a float.
        let cells = (self.frame.slots + self.depths.max) as usize;
        if !calls && cells * 16 < SLACK / 64 || unchecked::stack() {
            return;
        }
        let pointer = self.b.ins().get_stack_pointer(I64);
        let limit = self.load_field(offset::STACK_LIMIT);
        let is_over = self.b.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
        self.raise_if(is_over, Site::StackOverflow, Self::no_operands);
    }

    fn enter_local_frame(&mut self) {
        let size = self.frame.local_size;
        let fp = self.load_field(LOCAL + offset::SIZE);
        let top = self.b.ins().iadd_imm_s(fp, i64::from(size));
        let capacity = self.load_field(offset::LOCAL_CAPACITY);
        if !unchecked::stack() {
            let is_over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, top, capacity);
            self.raise_if(is_over, Site::LocalOverflow, Self::no_operands);
        }
        self.set_csp(top, true);
        let segment = self.load_field(LOCAL + offset::BASE);
        let base = self.b.ins().iadd(segment, fp);
        self.local_frame = Some(LocalFrame { fp, base });
        self.zero(base, size);
    }

    /// Before the function returns: csp is its fp again.
    pub(super) fn leave_local_frame(&mut self) {
        if let Some(frame) = self.local_frame {
            self.set_csp(frame.fp, false);
        }
    }

    /// Stores csp, and the limits that follow from it.
    fn set_csp(&mut self, csp: Value, is_positive: bool) {
        self.store_field(csp, LOCAL + offset::SIZE);
        // The machine's own checks look at the first.
        let limits = if unchecked::accesses() { 1 } else { 4 };
        for log in 0..limits {
            // csp counts whole cells: it is 0, or not below any width.
            let less = (1 << log) - 1;
            let limit = match (less, is_positive) {
                (0, _) => csp,
                (_, true) => self.b.ins().iadd_imm_s(csp, -less),
                (_, false) => {
                    let least = self.constant(less as u64);
                    let at_least = self.b.ins().umax(csp, least);
                    self.b.ins().iadd_imm_s(at_least, -less)
                }
            };
            self.store_field(limit, LOCAL + offset::READ_LIMIT + 8 * log);
            self.store_field(limit, LOCAL + offset::WRITE_LIMIT + 8 * log);
        }
    }

    /// The frame in `l:`; only asked for by functions that have one.
    pub(super) fn local(&self) -> LocalFrame {
        self.local_frame
            .expect("an object with an address makes a frame in l:")
    }

    /// `push l:x` or another constant pointer.
    pub(super) fn push_address(&mut self, pointer: ShortPointer) {
        if pointer.tag() != Tag::Local {
            let hint = Some(pointer.tag()).filter(|tag| *tag != Tag::Text);
            self.stack
                .push(Cell::constant(pointer.widen().0).hinted(hint));
            return;
        }
        let (object, _) = self.object(pointer.offset());
        let Home::Address(address) = object.home else {
            unreachable!("an object whose address is pushed has one")
        };
        let fp = self.local().fp;
        let tag = (Tag::Local as u64) << 61;
        let top = self.constant(tag | u64::from(address));
        let value = self.b.ins().iadd(fp, top);
        self.stack.push(Cell::new(value).hinted(Some(Tag::Local)));
    }

    /// The object that holds a frame offset, and the offset's distance in it.
    pub(super) fn object(&self, offset: u32) -> (Object, u32) {
        let number = self
            .frame
            .containing(offset)
            .expect("the verifier checked local operands");
        let object = self.frame.objects[number];
        (object, offset - object.offset)
    }

    pub(super) fn zero_object(&mut self, object: Object) {
        match object.home {
            Home::Slot(slot) => self.write_slot(slot, Cell::constant(0)),
            Home::Address(address) => {
                let base = self.local().base;
                let start = self.b.ins().iadd_imm_s(base, i64::from(address));
                self.zero(start, object.size);
            }
        }
    }

    /// Sets bytes, whole cells, to zero.
    fn zero(&mut self, address: Value, size: u32) {
        let flags = self.guest();
        if size <= ZERO_INLINE {
            let mut done = 0;
            if size >= 16 {
                let zero = self.b.ins().iconst(I64, 0);
                let zero = self
                    .b
                    .ins()
                    .splat(cranelift_codegen::ir::types::I64X2, zero);
                let zero = self.b.ins().bitcast(
                    I8X16,
                    cranelift_codegen::ir::MemFlagsData::new()
                        .with_endianness(cranelift_codegen::ir::Endianness::Little),
                    zero,
                );
                while done + 16 <= size {
                    self.b.ins().store(flags, zero, address, done as i32);
                    done += 16;
                }
            }
            if done < size {
                let zero = self.constant(0);
                self.b.ins().store(flags, zero, address, done as i32);
            }
            return;
        }
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(I64), AbiParam::new(I32), AbiParam::new(I64)];
        let signature = self.import_signature(signature);
        let function = self.load_field(offset::SET_MEMORY);
        let zero = self.b.ins().iconst(I32, 0);
        let size = self.constant(u64::from(size));
        self.b
            .ins()
            .call_indirect(signature, function, &[address, zero, size]);
    }
}
