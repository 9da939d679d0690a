//! Function types as the image has them: counts of cells, and a brand that stands for the types of values.
//!
//! The brand is a function of the type alone, so that modules that are linked agree on it. Up to twelve values are
//! numbered exactly; longer types get a hash, and two of a module that have the same one are kept apart.

use std::collections::{HashMap, HashSet};

use cvm_spec::image::{FunctionType, Image, Type};
use cvm_spec::wasm::{Kind, LARGEST_EXACT_BRAND, exact_brand};
use wasmparser::{FuncType, RefType, ValType};

/// First brand that is a hash.
const HASHED: u32 = LARGEST_EXACT_BRAND + 1;

/// The image's types and which of them a type of the module is.
#[derive(Default)]
pub(crate) struct Types {
    list: Vec<Type>,
    known: HashMap<FunctionType, u32>,
    /// Image type of each type of the module.
    of_module: Vec<u32>,
}

impl Types {
    /// The types of a module.
    pub(crate) fn new(types: &[FuncType]) -> Types {
        let mut result = Types::default();
        let mut brands: HashMap<&FuncType, u32> = HashMap::new();
        let mut hashed: HashSet<u32> = HashSet::new();
        for found in types {
            let brand = *brands.entry(found).or_insert_with(|| {
                let mut brand = brand(found);
                while brand >= HASHED && !hashed.insert(brand) {
                    brand = brand.checked_add(1).unwrap_or(HASHED);
                }
                brand
            });
            let index = result.plain(counts(found, brand));
            result.of_module.push(index);
        }
        result
    }

    /// Index in the image of a type of the module.
    pub(crate) fn of_module(&self, type_index: u32) -> u32 {
        self.of_module[type_index as usize]
    }

    /// Index in the image of a type with nothing but counts.
    pub(crate) fn of_counts(&mut self, args: u16, results: u16) -> u32 {
        self.plain(FunctionType {
            args,
            results,
            brand: 0,
        })
    }

    fn plain(&mut self, wanted: FunctionType) -> u32 {
        let next = self.list.len() as u32;
        let index = *self.known.entry(wanted).or_insert(next);
        if index == next {
            self.list.push(Type::Function(wanted));
        }
        index
    }

    /// Puts the types into the image.
    pub(crate) fn finish(self, image: &mut Image) {
        image.types = self.list;
    }
}

/// Counts of cells; the validator lets a type have at most 1,000 arguments and results, as the image does.
fn counts(found: &FuncType, brand: u32) -> FunctionType {
    FunctionType {
        args: found.params().len() as u16,
        results: found.results().len() as u16,
        brand,
    }
}

/// Whether a value of this type has 32 bits: the upper half of its cell is then 0.
pub(crate) fn is_narrow(value: ValType) -> bool {
    matches!(value, ValType::I32 | ValType::F32)
}

fn kind(value: &ValType) -> Kind {
    match value {
        ValType::I32 => Kind::I32,
        ValType::I64 => Kind::I64,
        ValType::F32 => Kind::F32,
        ValType::F64 => Kind::F64,
        ValType::Ref(found) if *found == RefType::EXTERNREF => Kind::ExternRef,
        // Vectors are refused before.
        ValType::Ref(_) | ValType::V128 => Kind::FuncRef,
    }
}

fn brand(found: &FuncType) -> u32 {
    let values = found.params().iter().chain(found.results());
    let kinds: Vec<Kind> = values.map(kind).collect();
    exact_brand(&kinds).unwrap_or_else(|| {
        // FNV-1a.
        let hash = kinds.iter().fold(0x811c_9dc5_u32, |hash, kind| {
            (hash ^ *kind as u32).wrapping_mul(0x0100_0193)
        });
        HASHED + hash % (u32::MAX - HASHED)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvm_spec::wasm::BRANDED_VALUES;

    #[test]
    fn short_types_of_equal_counts_have_different_brands() {
        let all = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        let mut seen = HashSet::new();
        for a in all {
            for b in all {
                for result in all {
                    assert!(seen.insert(brand(&FuncType::new([a, b], [result]))));
                }
            }
        }
        let longest = FuncType::new([ValType::EXTERNREF; BRANDED_VALUES], []);
        assert!(brand(&longest) < HASHED);
        assert!(brand(&FuncType::new([ValType::I32; BRANDED_VALUES + 1], [])) >= HASHED);
    }
}
