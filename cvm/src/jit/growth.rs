//! Which functions may let the heap grow.
//!
//! The heap's limit is loaded once and kept as long as it cannot have changed: behind an instruction that may let the heap
//! grow it is loaded again. A limit that is too small costs time only, because code out of line looks again, so nothing is
//! lost where a host function of an embedding program lets it grow.

use std::collections::HashMap;

use cvm_spec::codec::Operand;
use cvm_spec::image::Image;
use cvm_spec::isa::Opcode;

use crate::verify::body::Body;

/// Functions and types whose calls may let the heap grow.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    /// By function number; empty if nothing grows.
    functions: Vec<bool>,
    /// By the number of a type: whether a function of it may.
    types: Vec<bool>,
}

impl Growth {
    /// Looks at a verified image. `types` are the numbers of its types, by index in the types section.
    pub(super) fn find(image: &Image, types: &[u32]) -> Growth {
        let mut body = Body::default();
        // By function: those that call it; by type number: those that call through a pointer of the type.
        let mut callers: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut callers_of_type: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut work = Vec::new();
        for (number, record) in (0..).zip(&image.functions) {
            body.decode(&image.text, number, record)
                .expect("the module was verified");
            for (_, instruction) in &body.instructions {
                match (instruction.opcode, instruction.operand) {
                    (Opcode::HeapGrow, _) => work.push(number),
                    (Opcode::Call | Opcode::RetCall, Operand::Index(callee)) => {
                        callers.entry(callee).or_default().push(number);
                    }
                    (Opcode::CallI | Opcode::RetCallI, Operand::Index(index)) => {
                        let wanted = types[index as usize];
                        callers_of_type.entry(wanted).or_default().push(number);
                    }
                    _ => {}
                }
            }
        }
        if work.is_empty() {
            return Growth::default();
        }
        let numbers = image.functions.iter().map(|f| types[f.type_index as usize]);
        let count = numbers.max().map_or(0, |most| most as usize + 1);
        let mut growth = Growth {
            functions: vec![false; image.functions.len()],
            types: vec![false; count],
        };
        while let Some(function) = work.pop() {
            if std::mem::replace(&mut growth.functions[function as usize], true) {
                continue;
            }
            work.extend(callers.remove(&function).unwrap_or_default());
            let number = types[image.functions[function as usize].type_index as usize];
            growth.types[number as usize] = true;
            work.extend(callers_of_type.remove(&number).unwrap_or_default());
        }
        growth
    }

    /// Whether a call of this function may let the heap grow.
    pub(super) fn may_call(&self, function: u32) -> bool {
        let known = self.functions.get(function as usize);
        known.copied().unwrap_or(false)
    }

    /// Whether a call through a pointer may, of the type with this number.
    pub(super) fn may_call_type(&self, number: u32) -> bool {
        let known = self.types.get(number as usize);
        known.copied().unwrap_or(false)
    }
}
