//! Jumps, branches, calls and returns; bulk instructions and everything else that the machine does for the program.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, InstBuilder, JumpTableData, Signature, StackSlotData, StackSlotKind,
    Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::Switch;
use cvm_spec::codec::{JumpTable, Operand};
use cvm_spec::image::{FunctionType, ImportKind, Type};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{HEAP_PAGE, Tag};

use crate::verify::flow::UNREACHED;

use super::code::Callee;
use super::context::{CallOut, offset};
use super::function::{Link, Lowering, NEVER, signature};
use super::site::Site;
use super::value::{self, Cell};

/// The upper bits of a text pointer.
const TEXT: u64 = (Tag::Text as u64) << 61;

/// The signature of [`super::stubs::call_out`].
pub(super) fn call_out_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(I64); 6];
    signature.returns = vec![AbiParam::new(I64)];
    signature
}

impl Lowering<'_, '_> {
    /// Instructions that neither compute nor access memory.
    pub(super) fn control(&mut self, opcode: Opcode, operand: Operand<'_>) {
        match (opcode, operand) {
            (Opcode::Jmp, Operand::Jump(distance)) => {
                if let Some((first, branch)) = self.shape.copy(self.number) {
                    return self.copy_test(first, branch);
                }
                let block = self.target(distance);
                self.stack.settle(&mut self.b);
                self.b.ins().jump(block, &[]);
            }
            (Opcode::Jz, Operand::Jump(distance)) => self.branch(distance, false),
            (Opcode::Jnz, Operand::Jump(distance)) => self.branch(distance, true),
            (Opcode::Switch, Operand::Table(table)) => self.switch(table),
            (Opcode::JmpI, _) => self.jump_indirect(),
            (Opcode::Call, Operand::Index(index)) => self.call(index),
            (Opcode::CallI, Operand::Index(index)) => self.call_indirect(index),
            (Opcode::RetCall, Operand::Index(index)) => self.tail_call(index),
            (Opcode::RetCallI, Operand::Index(index)) => self.tail_call_indirect(index),
            (Opcode::CallX, Operand::Index(index)) if self.is_foreign(index) => {
                self.call_foreign_import(index);
            }
            (Opcode::CallX, Operand::Index(index)) => self.call_import(index),
            (Opcode::CallXi, Operand::Index(index)) if self.shared.options.granted => {
                self.call_foreign_pointer(index);
            }
            (Opcode::CallXi, Operand::Index(index)) => self.call_foreign(index),
            (Opcode::Ret, _) => self.return_results(),
            (Opcode::Halt, _) => self.end(Site::Halt, 0),
            (Opcode::Abort, Operand::Code(code)) => self.end(Site::Abort, u64::from(code)),
            (Opcode::Brk, _) => {
                let operands = self.no_operands();
                self.raise(Site::Breakpoint, operands);
            }
            (Opcode::PtrToHost, _) => {
                let (length, pointer) = (self.pop_cell(), self.pop_cell());
                match self.shared.options.granted {
                    true => self.translate_pointer(CallOut::PtrToHost, pointer, length),
                    false => self.translate(pointer, length),
                }
            }
            (Opcode::PtrFromHost, _) => {
                let host = self.pop_cell();
                let zero = self.constant(0);
                match self.shared.options.granted {
                    true => self.translate_pointer(CallOut::PtrFromHost, host, zero),
                    false => self.translate(host, zero),
                }
            }
            (opcode, operand) => {
                unreachable!("`{}` does not decode with {operand:?}", opcode.mnemonic())
            }
        }
    }

    // ---- inside the function

    fn target(&self, distance: i32) -> Block {
        let target = self.body.target(self.number, distance);
        target
            .and_then(|target| self.block_from(self.number, target))
            .expect("the verifier checked jump targets")
    }

    /// `jz` (`holds` false) and `jnz` (`holds` true).
    fn branch(&mut self, distance: i32, holds: bool) {
        let condition = self.pop();
        let condition = value::condition(&mut self.b, condition);
        let target = self.target(distance);
        self.stack.settle(&mut self.b);
        let next = match self.block_from(self.number, self.number + 1) {
            Some(block) => block,
            None => self.b.create_block(),
        };
        if self.is_cold && self.blocks[self.number + 1].is_none() {
            self.b.set_cold_block(next);
        }
        let stays = self
            .body
            .target(self.number, distance)
            .is_some_and(|target| self.shape.stays(self.number, target));
        match (holds, stays) {
            // The block that stays in the loop stands second, see `raise_if`.
            (true, true) => {
                let is_zero = self.b.ins().icmp_imm_s(IntCC::Equal, condition, 0);
                self.b.ins().brif(is_zero, next, &[], target, &[])
            }
            (true, false) => self.b.ins().brif(condition, target, &[], next, &[]),
            (false, _) => self.b.ins().brif(condition, next, &[], target, &[]),
        };
        match self.blocks[self.number + 1] {
            Some(_) => self.is_ended = true,
            None => self.begin(next),
        }
    }

    fn switch(&mut self, table: JumpTable<'_>) {
        let operand = self.pop();
        let index = self.cell(operand);
        self.stack.settle(&mut self.b);
        let blocks: Vec<Block> = table.distances().map(|d| self.target(d)).collect();
        let Some((default, others)) = blocks.split_last() else {
            unreachable!("the verifier demands a default")
        };
        if operand.bound > u64::from(u32::MAX) {
            // A jump that is never taken costs less than a minimum that the table has to wait for.
            let last = self.constant(others.len() as u64);
            let is_outside = self.b.ins().icmp(
                cranelift_codegen::ir::condcodes::IntCC::UnsignedGreaterThanOrEqual,
                index,
                last,
            );
            let inside = self.b.create_block();
            self.b.ins().brif(is_outside, *default, &[], inside, &[]);
            self.begin(inside);
        }
        let index = self.b.ins().ireduce(I32, index);
        let pool = &mut self.b.func.dfg.value_lists;
        let call =
            |block: &Block, pool: &mut _| cranelift_codegen::ir::BlockCall::new(*block, [], pool);
        let default = call(default, pool);
        let others: Vec<_> = others.iter().map(|block| call(block, pool)).collect();
        let table = self
            .b
            .create_jump_table(JumpTableData::new(default, &others));
        self.b.ins().br_table(index, table);
    }

    fn jump_indirect(&mut self) {
        let target = self.pop_cell();
        let mut switch = Switch::new();
        for (number, (at, instruction)) in self.body.instructions.iter().enumerate() {
            if instruction.opcode == Opcode::Land && self.depths.before[number] != UNREACHED {
                let block = self.blocks[number].expect("a land begins a block");
                switch.set_entry(u128::from(TEXT | u64::from(*at)), block);
            }
        }
        let other = self.b.create_block();
        self.b.set_cold_block(other);
        switch.emit(&mut self.b, target, other);
        self.begin(other);
        self.raise(Site::Jump, [target; 3]);
        self.b.ins().trap(NEVER);
    }

    // ---- between functions

    fn type_of(&self, function: u32) -> FunctionType {
        let record = &self.shared.image.functions[function as usize];
        self.shared.image.function_type(record).unwrap_or_default()
    }

    fn indirect_type(&self, index: u32) -> FunctionType {
        match self.shared.image.types.get(index as usize) {
            Some(Type::Function(function_type)) => *function_type,
            _ => FunctionType::default(),
        }
    }

    /// Pops a call's arguments, behind the table.
    fn arguments(&mut self, count: u16) -> Vec<Value> {
        let cells = self.stack.take(&mut self.b, usize::from(count));
        let mut arguments = vec![self.table];
        arguments.extend(cells.into_iter().map(|cell| value::cell(&mut self.b, cell)));
        arguments
    }

    fn push_results(&mut self, inst: cranelift_codegen::ir::Inst) {
        for result in self.b.inst_results(inst).to_vec() {
            self.push_value(result);
        }
    }

    fn call(&mut self, index: u32) {
        if self.inline_call(index) {
            return;
        }
        let function_type = self.type_of(index);
        let code = self.code_of(index);
        let arguments = self.arguments(function_type.args);
        let inst = match code {
            None => {
                let function = self.import_function(index);
                self.b.ins().call(function, &arguments)
            }
            Some(code) => {
                let signature = self.import_signature(signature(function_type));
                self.b.ins().call_indirect(signature, code, &arguments)
            }
        };
        self.push_results(inst);
        if self.shared.growth.may_call(index) {
            self.forget_limits();
        }
    }

    fn call_indirect(&mut self, index: u32) {
        let target = self.pop_cell();
        let function_type = self.indirect_type(index);
        let code = self.find_callee(target, index);
        let arguments = self.arguments(function_type.args);
        let signature = self.import_signature(signature(function_type));
        let inst = self.b.ins().call_indirect(signature, code, &arguments);
        self.push_results(inst);
        let number = self.shared.type_numbers[index as usize];
        if self.shared.growth.may_call_type(number) {
            self.forget_limits();
        }
    }

    fn tail_call(&mut self, index: u32) {
        let function_type = self.type_of(index);
        let code = self.code_of(index);
        let arguments = self.arguments(function_type.args);
        let Some(code) = code else {
            let function = self.import_function(index);
            self.leave_local_frame();
            self.b.ins().return_call(function, &arguments);
            return;
        };
        let signature = self.import_signature(signature(function_type));
        self.leave_local_frame();
        self.b
            .ins()
            .return_call_indirect(signature, code, &arguments);
    }

    /// The address of a function that is outside the unit. While it has no code that is a function which goes back to the
    /// interpreter.
    fn code_of(&mut self, index: u32) -> Option<Value> {
        match self.shared.link(index) {
            Link::Inside => None,
            Link::At(code) => Some(self.constant(code as u64)),
            Link::Later => {
                let type_index = self.shared.image.functions[index as usize].type_index;
                self.shared.note_returned(type_index, self.type_of(index));
                let callees = self.load_fixed(self.table, offset::CALLEES);
                let at = (index as i32 + 1) * size_of::<Callee>() as i32;
                let flags = self.machine();
                let code = self.b.ins().load(I64, flags, callees, at);
                let has_none = self.b.ins().icmp_imm_s(IntCC::Equal, code, 0);
                let function = self.constant(u64::from(index));
                Some(self.unless(has_none, code, CallOut::FindCode, [function; 3]))
            }
        }
    }

    /// A value, or, if a condition holds, which is rare, what a function of the machine says.
    fn unless(
        &mut self,
        condition: Value,
        value: Value,
        function: CallOut,
        operands: [Value; 3],
    ) -> Value {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        let found = self.b.append_block_param(next, I64);
        self.b
            .ins()
            .brif(condition, cold, &[], next, &[BlockArg::Value(value)]);
        self.begin(cold);
        let other = self.call_out(function, operands);
        self.b.ins().jump(next, &[BlockArg::Value(other)]);
        self.begin(next);
        found
    }

    fn tail_call_indirect(&mut self, index: u32) {
        let target = self.pop_cell();
        let function_type = self.indirect_type(index);
        let code = self.find_callee(target, index);
        let arguments = self.arguments(function_type.args);
        let signature = self.import_signature(signature(function_type));
        self.leave_local_frame();
        self.b
            .ins()
            .return_call_indirect(signature, code, &arguments);
    }

    /// Code of the function that a text pointer names, if it has the type that the types section has at `index`.
    fn find_callee(&mut self, target: Value, index: u32) -> Value {
        let wanted = self.shared.type_numbers[index as usize];
        let wanted = self.constant(u64::from(wanted));
        let tag = self.constant(TEXT);
        // With another tag this is 2^61 or more, and so no offset in the text.
        let place = self.b.ins().isub(target, tag);
        let size = self.load_fixed(self.table, offset::TEXT_SIZE);
        let is_outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, place, size);
        let report = |lowering: &mut Self| {
            let zero = lowering.constant(0);
            [target, wanted, zero]
        };
        self.raise_if(is_outside, Site::Call, report);
        let entries = self.load_fixed(self.table, offset::ENTRIES);
        let distance = self.b.ins().ishl_imm_u(place, 2);
        let entry = self.b.ins().iadd(entries, distance);
        let flags = self.machine();
        let number = self.b.ins().uload32(flags, entry, 0);
        let callees = self.load_fixed(self.table, offset::CALLEES);
        let distance = self.b.ins().ishl_imm_u(number, 4);
        let callee = self.b.ins().iadd(callees, distance);
        let found = self.b.ins().uload32(flags, callee, 8);
        let differs = self.b.ins().icmp(IntCC::NotEqual, found, wanted);
        if self.shared.linked.is_none() {
            self.raise_if(differs, Site::Call, report);
            return self.b.ins().load(I64, flags, callee, 0);
        }
        // It may also have no code yet.
        self.shared.note_returned(index, self.indirect_type(index));
        let (same, other) = (self.b.create_block(), self.b.create_block());
        let next = self.b.create_block();
        self.b.set_cold_block(other);
        let code = self.b.append_block_param(next, I64);
        self.b.ins().brif(differs, other, &[], same, &[]);
        self.begin(other);
        let answer = self.call_out(CallOut::FindCallee, [target, wanted, wanted]);
        self.b.ins().jump(next, &[BlockArg::Value(answer)]);
        self.begin(same);
        let known = self.b.ins().load(I64, flags, callee, 0);
        self.b.ins().jump(next, &[BlockArg::Value(known)]);
        self.begin(next);
        code
    }

    fn return_results(&mut self) {
        if self.return_inlined() {
            return;
        }
        let results = usize::from(self.function_type.results);
        let cells = self.stack.take(&mut self.b, results);
        let values: Vec<Value> = cells
            .into_iter()
            .map(|cell| value::cell(&mut self.b, cell))
            .collect();
        self.leave_local_frame();
        self.b.ins().return_(&values);
    }

    /// Ends the run, always.
    fn end(&mut self, site: Site, operand: u64) {
        let operand = self.constant(operand);
        let zero = self.constant(0);
        self.raise(site, [operand, zero, zero]);
        self.b.ins().trap(NEVER);
    }

    /// `ptr_to_host` and `ptr_from_host` without foreign access.
    fn translate(&mut self, x: Value, y: Value) {
        self.raise(Site::Translation, [x, y, x]);
        self.push_value(x);
    }

    /// `call_xi` without foreign access.
    fn call_foreign(&mut self, index: u32) {
        let target = self.pop_cell();
        self.raise(Site::ForeignCall, [target; 3]);
        let (args, results) = self.shared.image.types[index as usize].arity();
        self.stack.drop_top(usize::from(args));
        for _ in 0..results {
            self.push_value(target);
        }
    }

    // ---- the machine

    /// Whether an import is one of C that the machine was granted.
    fn is_foreign(&self, index: u32) -> bool {
        let kind = self.shared.image.imports[index as usize].kind;
        self.shared.options.granted && matches!(kind, ImportKind::Foreign | ImportKind::ForeignData)
    }

    /// Calls a function of the machine; gives its value.
    fn call_out(&mut self, function: CallOut, [a, b, c]: [Value; 3]) -> Value {
        self.call_machine(function, [a, b, c, c])
    }

    /// The same with four operands.
    pub(super) fn call_machine(&mut self, function: CallOut, operands: [Value; 4]) -> Value {
        let signature = self.import_signature(call_out_signature());
        let number = self.constant(function as u64);
        let stub = self.load_field(offset::CALL_OUT);
        let [a, b, c, d] = operands;
        let arguments = [self.table, number, a, b, c, d];
        let inst = self.b.ins().call_indirect(signature, stub, &arguments);
        self.b.inst_results(inst)[0]
    }

    /// Looks at the time limit and the interrupt flag now and then.
    pub(super) fn poll(&mut self) {
        let polls = self.load_field(offset::POLLS);
        let left = self.b.ins().iadd_imm_s(polls, -1);
        self.store_field(left, offset::POLLS);
        let is_due = self.b.ins().icmp_imm_s(IntCC::Equal, left, 0);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(is_due, cold, &[], next, &[]);
        self.begin(cold);
        let at = self.constant(u64::from(self.at));
        self.call_out(CallOut::Poll, [at; 3]);
        self.b.ins().jump(next, &[]);
        self.begin(next);
    }

    fn call_import(&mut self, index: u32) {
        let import = &self.shared.image.imports[index as usize];
        let (args, results) = self.shared.image.types[import.type_index as usize].arity();
        let cells = self.stack.take(&mut self.b, usize::from(args));
        let size = u32::from(args.max(results)).max(1) * 8;
        let area = self.b.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            size,
            3,
        ));
        for (position, cell) in cells.into_iter().enumerate() {
            let value = self.cell(cell);
            self.b
                .ins()
                .stack_store(I64, value, area, position as i32 * 8);
        }
        let number = self.constant(u64::from(index));
        let address = self.b.ins().stack_addr(I64, area, 0);
        self.call_out(CallOut::Import, [number, address, number]);
        for position in 0..i32::from(results) {
            let value = self.b.ins().stack_load(I64, I64, area, position * 8);
            self.push_value(value);
        }
    }

    pub(super) fn bulk(&mut self, opcode: Opcode) {
        let cells = self.stack.take(&mut self.b, 3);
        let mut operands = cells.into_iter().map(|cell| value::cell(&mut self.b, cell));
        let operands = [(); 3].map(|()| operands.next().expect("three were taken"));
        let function = match opcode {
            Opcode::MemCopy => CallOut::MemCopy,
            Opcode::MemFill => CallOut::MemFill,
            _ => CallOut::MemCompare,
        };
        let result = self.call_out(function, operands);
        if opcode == Opcode::MemCompare {
            self.push_value(result);
        }
    }

    pub(super) fn heap_size(&mut self) {
        let at = ((Tag::Heap as i32) << offset::DESCRIPTOR_LOG) + offset::SIZE;
        let size = self.load_field(at);
        let pages = self
            .b
            .ins()
            .ushr_imm_u(size, i64::from(HEAP_PAGE.trailing_zeros()));
        self.push_value(pages);
    }

    pub(super) fn heap_grow(&mut self) {
        let pages = self.pop_cell();
        let old = self.call_out(CallOut::HeapGrow, [pages; 3]);
        self.forget_limits();
        self.stack.push(Cell::new(old));
    }
}
