//! Tables: arrays of references in `b:`, and calls through them.

use cvm_spec::isa::Opcode;
use cvm_spec::pointer::Tag;
use cvm_spec::wasm::Trap;
use wasmparser::Operator;

use super::Body;
use crate::program::Extra;

impl Body<'_, '_, '_> {
    /// Translates what works on tables; whether it was such an instruction.
    pub(super) fn table(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(Opcode::CallI, type_index, table_index),
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                self.call_indirect(Opcode::RetCallI, type_index, table_index);
                self.dead = Some(0);
            }
            Operator::TableGet { table } => {
                self.program
                    .check_index(table, Opcode::Dup, Trap::OutOfBoundsTable);
                self.read_entry(table);
            }
            Operator::TableSet { table } => {
                self.program
                    .check_index(table, Opcode::Over, Trap::OutOfBoundsTable);
                let base = self.program.layout.tables[table as usize].base;
                let text = &mut self.program.text;
                text.op(Opcode::Swap);
                text.push(3);
                text.op(Opcode::IShl);
                text.op(Opcode::Swap);
                text.at(Opcode::QWriteA, Tag::Bss, base);
            }
            Operator::TableSize { table } => {
                let size = self.program.layout.tables[table as usize].size;
                self.program.push_size(size);
            }
            Operator::TableGrow { table } => self.program.call_extra(Extra::TableGrow(table)),
            Operator::TableFill { table } => self.program.call_extra(Extra::TableFill(table)),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self
                .program
                .call_extra(Extra::TableCopy(dst_table, src_table)),
            Operator::TableInit { elem_index, table } => {
                self.program.call_extra(Extra::TableInit(table, elem_index));
            }
            Operator::ElemDrop { elem_index } => {
                let size = self.program.layout.element_sizes[elem_index as usize];
                self.program.set_size_to_zero(size);
            }
            _ => return false,
        }
        true
    }

    /// Replaces an index by the table's entry.
    fn read_entry(&mut self, table: u32) {
        let base = self.program.layout.tables[table as usize].base;
        let text = &mut self.program.text;
        text.push(3);
        text.op(Opcode::IShl);
        text.at(Opcode::QReadA, Tag::Bss, base);
    }

    fn call_indirect(&mut self, opcode: Opcode, type_index: u32, table: u32) {
        if !self.program.layout.tables[table as usize].is_last {
            self.program
                .check_index(table, Opcode::Dup, Trap::UndefinedElement);
        }
        self.read_entry(table);
        let type_index = self.program.types.of_module(type_index);
        self.program.text.with(opcode, u64::from(type_index));
    }
}
