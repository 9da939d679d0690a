//! Calls of functions and of the host, and ways to end a function.

use cvm_spec::image::FunctionType;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, Tag};

use super::Item;
use super::body::Body;
use crate::programs::world::{self, Function};

impl Body<'_, '_> {
    fn callee(&mut self) -> usize {
        let recurses = match self.is_deep {
            true => !self.random.one_in(3),
            false => self.random.one_in(40),
        };
        // Mostly functions further up, so that recursion has an end.
        match self.own {
            own if own > 0 && !recurses => self.random.below(own),
            _ => self.random.below(self.types.len()),
        }
    }

    pub(super) fn call(&mut self, floor: usize) {
        let callee = self.callee();
        let FunctionType { args, results, .. } = self.types[callee];
        if !self.random.one_in(3) {
            self.need(floor, usize::from(args));
            self.plain(Opcode::Call, callee as u64);
            self.depth = self.depth - usize::from(args) + usize::from(results);
            return;
        }
        let wanted = match self.random.below(20) {
            0 => self.random.below(self.types.len()),
            _ => callee,
        };
        let FunctionType { args, results, .. } = self.types[wanted];
        self.need(floor, usize::from(args));
        self.push_target(callee);
        self.plain(Opcode::CallI, wanted as u64);
        self.depth = self.depth - 1 - usize::from(args) + usize::from(results);
    }

    /// Pushes a pointer to a function's entry, or to something else.
    fn push_target(&mut self, callee: usize) {
        self.depth += 1;
        match self.random.below(40) {
            0 => {
                let tag = self.random.pick(&Tag::ALL);
                let offset =
                    self.random.next() & self.random.pick(&[0xff, 0xffff_ffff, u64::MAX >> 3]);
                self.plain(Opcode::PushQ, Pointer::new(tag, offset).0);
            }
            1 => {
                self.items.push(Item::PushFunction(callee));
                self.plain(Opcode::PushB, 1);
                self.plain(Opcode::IAdd, 0);
            }
            2 => {
                // One of two, chosen while it runs.
                let other = self.random.below(self.types.len());
                self.items.push(Item::PushFunction(callee));
                self.items.push(Item::PushFunction(other));
                self.read_local();
                self.depth -= 1;
                self.plain(Opcode::Select, 0);
            }
            _ => self.items.push(Item::PushFunction(callee)),
        }
    }

    /// A call of the world outside.
    pub(super) fn host(&mut self, floor: usize) {
        let import = self.random.below(world::FUNCTIONS.len());
        let (_, args, results) = world::FUNCTIONS[import];
        match Function::ALL[import] {
            Function::Put | Function::Get => {
                self.pointer(Function::ALL[import] == Function::Get);
                let length = self.length();
                self.push_constant(length);
            }
            Function::Grow => {
                let pages = self.random.pick(&[0, 1, 1, 2, u64::MAX]);
                self.push_constant(pages);
            }
            Function::Mix => self.need(floor, usize::from(args)),
            Function::Stop | Function::Fail => {
                let value = self.random.below(40) as u64;
                self.push_constant(value);
            }
        }
        self.plain(Opcode::CallX, import as u64);
        self.depth = self.depth - usize::from(args) + usize::from(results);
    }

    /// Ends the function.
    pub(super) fn leave(&mut self) {
        let results = usize::from(self.types[self.own].results);
        let same: Vec<usize> = (0..self.types.len())
            .filter(|f| self.types[*f].results == self.types[self.own].results)
            .filter(|f| *f < self.own || self.own == 0 || self.is_deep)
            .collect();
        if !same.is_empty() && self.random.one_in(6) {
            let callee = self.random.pick(&same);
            self.need(0, usize::from(self.types[callee].args));
            if self.random.one_in(2) {
                self.push_target(callee);
                self.plain(Opcode::RetCallI, callee as u64);
            } else {
                self.plain(Opcode::RetCall, callee as u64);
            }
            return;
        }
        self.need(0, results);
        match self.random.below(200) {
            0 => self.plain(Opcode::Halt, 0),
            1 => self.plain(Opcode::Abort, 7),
            2 => {
                self.plain(Opcode::Brk, 0);
                self.plain(Opcode::Ret, 0);
            }
            _ => self.plain(Opcode::Ret, 0),
        }
    }
}
