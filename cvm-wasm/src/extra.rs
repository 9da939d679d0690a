//! The code of functions that the translator adds.

use cvm_spec::image::Function;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{SHORT_OFFSET_MAX, ShortPointer, Tag};
use cvm_spec::wasm::Trap;

use crate::constant::Constant;
use crate::error::TranslateError;
use crate::layout::{CELL, Size};
use crate::module::{Global, Placement};
use crate::program::{Extra, Program};
use crate::types::is_narrow;

impl Program<'_, '_> {
    /// Writes all added functions; writing one may add others.
    pub(crate) fn write_extras(&mut self) -> Result<(), TranslateError> {
        let mut next = 0;
        while let Some(extra) = self.extras.get(next).copied() {
            let start = self.text.here();
            let type_index = self.write_extra(extra);
            self.text.check_size(0)?;
            let size = self.text.here() - start;
            self.functions.push(Function {
                start,
                size,
                type_index,
            });
            next += 1;
        }
        Ok(())
    }

    /// Writes one, and gives its type.
    fn write_extra(&mut self, extra: Extra) -> u32 {
        match extra {
            Extra::Import(function) => return self.import(function),
            Extra::Export(function) => return self.export(function),
            Extra::MemoryInit(segment) => self.memory_init(segment),
            Extra::TableInit(table, segment) => self.table_init(table, segment),
            Extra::TableCopy(to, from) => self.table_copy(to, from),
            Extra::TableFill(table) => self.table_fill(table),
            Extra::TableGrow(table) => {
                self.table_grow(table);
                return self.types.of_counts(2, 1);
            }
            Extra::Instantiate => {
                self.instantiate();
                return self.types.of_counts(0, 0);
            }
            Extra::Entry => {
                self.text.op(Opcode::Ret);
                return self.types.of_counts(0, 0);
            }
        }
        self.types.of_counts(3, 0)
    }

    /// The image's type of a function of the module.
    fn type_of(&self, function: u32) -> u32 {
        let type_index = self.module.functions[function as usize];
        self.types.of_module(type_index)
    }

    fn import(&mut self, function: u32) -> u32 {
        let found = self.module.function_type(function);
        let args = found.params().len() as u32;
        let results: Vec<_> = found.results().iter().map(|v| is_narrow(*v)).collect();
        for _ in &results {
            self.text.with(Opcode::Declare, 1);
        }
        for argument in 0..args {
            self.text.local_get(argument);
        }
        self.text.with(Opcode::CallX, u64::from(function));
        for (number, is_narrow) in results.iter().enumerate().rev() {
            if *is_narrow {
                self.text.op(Opcode::IZextD);
            }
            self.text.local_set(args + number as u32);
        }
        for number in 0..results.len() as u32 {
            self.text.local_get(args + number);
        }
        self.text.op(Opcode::Ret);
        self.type_of(function)
    }

    fn export(&mut self, function: u32) -> u32 {
        let params = self.module.function_type(function).params();
        for (number, value_type) in params.iter().enumerate() {
            self.text.local_get(number as u32);
            if is_narrow(*value_type) {
                self.text.op(Opcode::IZextD);
            }
        }
        self.return_call(function);
        self.type_of(function)
    }

    /// Demands that `start + count` is at most a size.
    fn check_range(&mut self, start: u32, count: u32, size: Size, trap: Trap) {
        self.text.local_get(start);
        self.text.local_get(count);
        self.text.op(Opcode::IAdd);
        self.push_size(size);
        self.text.op(Opcode::IUle);
        self.text.demand(trap);
    }

    /// Pushes the pointer to an entry, whose number is in a local.
    fn push_entry(&mut self, tag: Tag, base: u32, local: u32) {
        self.text.at(Opcode::PushA, tag, base);
        self.push_times_8(local);
        self.text.op(Opcode::IAdd);
    }

    fn push_times_8(&mut self, local: u32) {
        self.text.local_get(local);
        self.text.push(3);
        self.text.op(Opcode::IShl);
    }

    /// (to, from, count)
    fn memory_init(&mut self, segment: u32) {
        let size = self.layout.data_sizes[segment as usize];
        self.check_range(1, 2, size, Trap::OutOfBoundsMemory);
        self.text.at(Opcode::PushA, Tag::Heap, 0);
        self.text.local_get(0);
        self.text.op(Opcode::IAdd);
        let base = self.layout.data[segment as usize];
        self.text.at(Opcode::PushA, Tag::Data, base);
        self.text.local_get(1);
        self.text.op(Opcode::IAdd);
        self.text.local_get(2);
        self.text.op(Opcode::MemCopy);
        self.text.op(Opcode::Ret);
    }

    /// (to, from, count)
    fn table_init(&mut self, table: u32, segment: u32) {
        let size = self.layout.element_sizes[segment as usize];
        let place = self.layout.tables[table as usize];
        self.check_range(1, 2, size, Trap::OutOfBoundsTable);
        self.check_range(0, 2, place.size, Trap::OutOfBoundsTable);
        self.push_entry(Tag::Bss, place.base, 0);
        self.push_entry(Tag::Data, self.layout.elements[segment as usize], 1);
        self.push_times_8(2);
        self.text.op(Opcode::MemCopy);
        self.text.op(Opcode::Ret);
    }

    /// (to, from, count)
    fn table_copy(&mut self, to: u32, from: u32) {
        let (to, from) = (
            self.layout.tables[to as usize],
            self.layout.tables[from as usize],
        );
        self.check_range(1, 2, from.size, Trap::OutOfBoundsTable);
        self.check_range(0, 2, to.size, Trap::OutOfBoundsTable);
        self.push_entry(Tag::Bss, to.base, 0);
        self.push_entry(Tag::Bss, from.base, 1);
        self.push_times_8(2);
        self.text.op(Opcode::MemCopy);
        self.text.op(Opcode::Ret);
    }

    /// (first, value, count)
    fn table_fill(&mut self, table: u32) {
        let place = self.layout.tables[table as usize];
        self.check_range(0, 2, place.size, Trap::OutOfBoundsTable);
        self.fill(place.base, 0, 1, 2);
        self.text.op(Opcode::Ret);
    }

    /// Writes a value to entries, whose first number and count are in locals, which it changes.
    fn fill(&mut self, base: u32, first: u32, value: u32, count: u32) {
        let test = self.text.jump(Opcode::Jmp);
        let head = self.text.here();
        self.push_times_8(first);
        self.text.local_get(value);
        self.text.at(Opcode::QWriteA, Tag::Bss, base);
        self.text.local_get(first);
        self.text.push(1);
        self.text.op(Opcode::IAdd);
        self.text.local_set(first);
        self.text.local_get(count);
        self.text.push(1);
        self.text.op(Opcode::ISub);
        self.text.local_set(count);
        self.text.land(test);
        self.text.local_get(count);
        self.text.jump_to(Opcode::Jnz, head);
    }

    /// (value, count) -> former size, or -1
    fn table_grow(&mut self, table: u32) {
        let place = self.layout.tables[table as usize];
        // Local 2: where new entries begin.
        self.text.with(Opcode::Declare, 1);
        self.push_size(place.size);
        self.text.op(Opcode::Dup);
        self.text.local_set(2);
        self.text.local_get(1);
        self.text.op(Opcode::IAdd);
        self.text.push(place.capacity);
        self.text.op(Opcode::IUle);
        let fits = self.text.jump(Opcode::Jnz);
        self.text.push(u64::from(u32::MAX));
        self.text.op(Opcode::Ret);
        self.text.land(fits);
        // The result lies below until the end.
        self.push_size(place.size);
        if let Size::Cell(cell) = place.size {
            self.push_size(place.size);
            self.text.local_get(1);
            self.text.op(Opcode::IAdd);
            self.text.at(Opcode::IWriteA, Tag::Bss, cell);
            self.fill(place.base, 2, 0, 1);
        }
        self.text.op(Opcode::Ret);
    }

    /// Segments that are put in place while the program runs, and the start function.
    fn instantiate(&mut self) {
        let module = self.module;
        if let Some(memory) = module.memory.filter(|memory| memory.is_imported) {
            self.text.op(Opcode::HeapSize);
            self.text.push(memory.first);
            self.text.op(Opcode::IUge);
            self.text.demand(Trap::OutOfBoundsMemory);
        }
        for element in &module.elements {
            let Placement::Active { table, offset } = element.placement else {
                continue;
            };
            // What fits is part of the image.
            let size = module.tables[table as usize].first;
            if offset + element.items.len() as u64 > size {
                self.text.trap(Trap::OutOfBoundsTable);
                return;
            }
        }
        for (number, data) in module.data.iter().enumerate() {
            let Placement::Active { offset, .. } = data.placement else {
                continue;
            };
            let fits = offset + data.bytes.len() as u64 <= self.layout.heap_first;
            if data.bytes.is_empty() && fits {
                continue;
            }
            self.push_heap(offset);
            let base = self.layout.data[number];
            self.text.at(Opcode::PushA, Tag::Data, base);
            self.text.push(data.bytes.len() as u64);
            self.text.op(Opcode::MemCopy);
        }
        if let Some(start) = module.start {
            self.call(start);
        }
        if let Some(initialize) = module.initialize() {
            self.call(initialize);
        }
        self.text.op(Opcode::Ret);
    }

    /// Pushes a pointer into the heap, which may lie behind its end.
    fn push_heap(&mut self, offset: u64) {
        let largest = match self.layout.heap_largest {
            // The image leaves the heap's limit to others.
            0 => u64::from(SHORT_OFFSET_MAX),
            largest => largest.min(u64::from(SHORT_OFFSET_MAX)),
        };
        if offset <= largest {
            self.text.at(Opcode::PushA, Tag::Heap, offset as u32);
            return;
        }
        let base = ShortPointer::new(Tag::Heap, 0).map_or(0, |base| base.widen().0);
        self.text.push(base + offset);
    }

    /// Whether there is something to do before the program runs.
    pub(crate) fn needs_instantiation(&self) -> bool {
        let module = self.module;
        let is_active = |placement| matches!(placement, Placement::Active { .. });
        module.start.is_some()
            || module.initialize().is_some()
            || module.memory.is_some_and(|memory| memory.is_imported)
            || module.data.iter().any(|data| is_active(data.placement))
            || module.elements.iter().any(|e| is_active(e.placement))
    }

    /// Values of `b:` at the start, as (offset, value), in no order; later ones replace earlier ones.
    pub(crate) fn initial_cells(&self) -> Vec<(u32, Constant)> {
        let module = self.module;
        let mut cells: Vec<(u32, Constant)> = Vec::new();
        for (number, global) in module.globals.iter().enumerate() {
            if let Global::Own(value) = global {
                cells.push((number as u32 * CELL as u32, *value));
            }
        }
        let mut size = |size: Size, value: u64| {
            if let Size::Cell(at) = size {
                cells.push((at, Constant::Number(value)));
            }
        };
        for (data, place) in module.data.iter().zip(&self.layout.data_sizes) {
            size(*place, data.bytes.len() as u64);
        }
        for (element, place) in module.elements.iter().zip(&self.layout.element_sizes) {
            size(*place, element.items.len() as u64);
        }
        for (table, place) in module.tables.iter().zip(&self.layout.tables) {
            size(place.size, table.first);
        }
        for (table, place) in module.tables.iter().zip(&self.layout.tables) {
            if table.fill != Constant::NULL {
                let entries = 0..table.first as u32;
                cells.extend(entries.map(|entry| (place.base + entry * CELL as u32, table.fill)));
            }
        }
        for element in &module.elements {
            let Placement::Active { table, offset } = element.placement else {
                continue;
            };
            if offset + element.items.len() as u64 > module.tables[table as usize].first {
                // Instantiation ends here with a trap.
                break;
            }
            let base = self.layout.tables[table as usize].base + offset as u32 * CELL as u32;
            let items = element.items.iter().enumerate();
            cells.extend(items.map(|(item, value)| (base + item as u32 * CELL as u32, *value)));
        }
        cells
    }
}
