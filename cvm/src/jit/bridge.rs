//! Functions between compiled code and its callers and callees of other kinds: an *adapter* passes cells to a function, a
//! *returner* hands a call back to the interpreter.

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cvm_spec::image::FunctionType;

use super::context::{CallOut, offset};
use super::control::call_out_signature;
use super::function::{loop_signature, signature};

/// In place of an argument count: the adapter of a loop entry.
pub(super) const LOOP: u16 = u16::MAX;

/// The signature of an adapter, a function in the system's calling convention: (table, code, cells).
pub(super) fn adapter_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(I64); 3];
    signature
}

/// Builds a function that passes cells to a function of this type with so many arguments, or, for [`LOOP`], to a loop
/// entry, which takes the cells themselves.
pub(super) fn build_adapter(b: &mut FunctionBuilder<'_>, args: u16, function_type: FunctionType) {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let [table, code, cells] = *b.block_params(entry) else {
        unreachable!("the signature has three parameters")
    };
    let flags = MemFlagsData::trusted();
    let mut arguments = vec![table];
    let signature = if args == LOOP {
        arguments.push(cells);
        loop_signature(function_type)
    } else {
        for position in 0..i32::from(args) {
            arguments.push(b.ins().load(I64, flags, cells, 8 * position));
        }
        signature(function_type)
    };
    let signature = b.import_signature(signature);
    let inst = b.ins().call_indirect(signature, code, &arguments);
    for (position, result) in b.inst_results(inst).to_vec().into_iter().enumerate() {
        b.ins().store(flags, result, cells, 8 * position as i32);
    }
    b.ins().return_(&[]);
}

/// Builds a function of this type that hands its arguments to [`CallOut::Interpret`] and gives its results.
pub(super) fn build_returner(b: &mut FunctionBuilder<'_>, function_type: FunctionType) {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let parameters = b.block_params(entry).to_vec();
    let table = parameters[0];
    let count = function_type.args.max(function_type.results).max(1);
    let area = b.create_sized_stack_slot(StackSlotData::new(
        StackSlotKind::ExplicitSlot,
        u32::from(count) * 8,
        3,
    ));
    for (position, argument) in (0..).zip(&parameters[1..]) {
        b.ins().stack_store(I64, *argument, area, position * 8);
    }
    let flags = MemFlagsData::trusted();
    let function = b.ins().load(I64, flags, table, offset::CALLED);
    let stub = b.ins().load(I64, flags, table, offset::CALL_OUT);
    let number = b.ins().iconst(I64, CallOut::Interpret as i64);
    let cells = b.ins().stack_addr(I64, area, 0);
    let signature = b.import_signature(call_out_signature());
    let operands = [table, number, function, cells, cells, cells];
    b.ins().call_indirect(signature, stub, &operands);
    let results = (0..i32::from(function_type.results))
        .map(|position| b.ins().stack_load(I64, I64, area, position * 8))
        .collect::<Vec<Value>>();
    b.ins().return_(&results);
}
