//! The merged image's types and imports, each once.

use std::collections::HashMap;

use super::Input;
use super::strings::{Pool, Strings};
use crate::image::{FunctionType, Image, Import, ImportKind, StringRef, Type};

/// A type, with the text of a foreign one.
#[derive(PartialEq, Eq, Hash)]
enum TypeKey<'a> {
    Function(FunctionType),
    Foreign(&'a str),
}

/// An import as what it names.
type ImportKey<'a> = (ImportKind, u32, u32, &'a str, &'a str);

/// The types and imports that are being gathered.
#[derive(Default)]
pub(super) struct Tables<'a> {
    pub(super) types: Vec<Type>,
    pub(super) imports: Vec<Import>,
    known_types: HashMap<TypeKey<'a>, u32>,
    known_imports: HashMap<ImportKey<'a>, u32>,
}

impl<'a> Tables<'a> {
    /// The new index of a type of an input.
    pub(super) fn add_type(
        &mut self,
        input: &Input<'a>,
        index: u32,
        strings: &mut Strings<'_>,
        pool: &mut Pool,
    ) -> u32 {
        let image: &'a Image = input.image;
        let Some(found) = image.types.get(index as usize) else {
            return u32::MAX;
        };
        let key = match *found {
            Type::Function(ty) => TypeKey::Function(ty),
            Type::Foreign { signature, .. } => {
                TypeKey::Foreign(image.string(signature).unwrap_or_default())
            }
        };
        let types = &mut self.types;
        *self.known_types.entry(key).or_insert_with(|| {
            types.push(match *found {
                Type::Function(_) => *found,
                Type::Foreign {
                    args,
                    results,
                    signature,
                } => Type::Foreign {
                    args,
                    results,
                    signature: strings.keep(pool, signature),
                },
            });
            types.len() as u32 - 1
        })
    }

    /// The new index of an import of an input that stays one.
    pub(super) fn add_import(
        &mut self,
        input: &Input<'a>,
        index: usize,
        strings: &mut Strings<'_>,
        pool: &mut Pool,
    ) -> u32 {
        let image: &'a Image = input.image;
        let Some(import) = image.imports.get(index) else {
            return u32::MAX;
        };
        let type_index = self.add_type(input, import.type_index, strings, pool);
        let text = |reference: StringRef| image.string(reference).unwrap_or_default();
        let key = (
            import.kind,
            import.flags,
            type_index,
            text(import.module),
            text(import.name),
        );
        let imports = &mut self.imports;
        *self.known_imports.entry(key).or_insert_with(|| {
            imports.push(Import {
                type_index,
                module: strings.keep(pool, import.module),
                name: strings.keep(pool, import.name),
                ..*import
            });
            imports.len() as u32 - 1
        })
    }
}
