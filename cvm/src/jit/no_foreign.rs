//! Stands in for calls of C in a build without them: no code is compiled for a machine with foreign access.

use cranelift_codegen::ir::Value;

use super::context::CallOut;
use super::function::Lowering;

impl Lowering<'_, '_> {
    pub(super) fn call_foreign_import(&mut self, _: u32) {
        unreachable!("this build grants nothing")
    }

    pub(super) fn call_foreign_pointer(&mut self, _: u32) {
        unreachable!("this build grants nothing")
    }

    pub(super) fn translate_pointer(&mut self, _: CallOut, _: Value, _: Value) {
        unreachable!("this build grants nothing")
    }
}
