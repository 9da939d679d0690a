//! Objects of a module by name, for embedders that look at a program's memory.

use cvm_spec::image::{ExportKind, SymbolKind};
use cvm_spec::pointer::{Pointer, ShortPointer};

use super::Module;

/// An object in data or bss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its first byte, for [`Memory::read`](crate::memory::Memory::read) and
    /// [`write`](crate::memory::Memory::write).
    pub pointer: Pointer,
    /// Bytes.
    pub size: u64,
}

impl Object {
    fn new(value: u32, size: u32) -> Object {
        Object {
            pointer: ShortPointer(value).widen(),
            size: size.into(),
        }
    }
}

impl Module {
    /// The object that is exported under this name (`.export`).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cvm::{host::Host, machine::{Limits, Machine}, verify::verify};
    ///
    /// let source = cvm_asm::SourceFile {
    ///     name: "counter.cvma".into(),
    ///     text: b".export count\n.export step\n.bss\ncount: .quad 40\n.text\n\
    ///             .func step ()\n i_read b:count\n push 1\n i_add\n i_write b:count\n ret\n.end\n".to_vec(),
    /// };
    /// let image = cvm_asm::assemble(&[source], &Default::default()).image.expect("the source is right");
    /// let module = Arc::new(verify(image)?);
    /// let count = module.exported_object("count").expect("it is exported");
    /// assert_eq!(count.size, 8);
    ///
    /// let mut machine = Machine::new(module, Host::new(), Limits::default())?;
    /// machine.call("step", &[])?;
    /// let bytes = machine.memory().read(count.pointer.0, count.size)?;
    /// assert_eq!(bytes, 41u64.to_le_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exported_object(&self, name: &str) -> Option<Object> {
        let image = self.image();
        image
            .exports
            .iter()
            .filter(|export| export.kind == ExportKind::Object)
            .find(|export| image.string(export.name) == Some(name))
            .map(|export| Object::new(export.value, export.size))
    }

    /// The object with this symbol, exported or not. Symbols are debug information: `cvm-asm` writes them unless it is
    /// told not to, other tools may leave them out, and of several objects of one name this is the first.
    pub fn object_symbol(&self, name: &str) -> Option<Object> {
        let image = self.image();
        image
            .symbols
            .iter()
            .filter(|symbol| symbol.kind == SymbolKind::Object)
            .find(|symbol| image.string(symbol.name) == Some(name))
            .map(|symbol| Object::new(symbol.value, symbol.size))
    }
}
