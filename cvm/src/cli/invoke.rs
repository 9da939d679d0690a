//! `cvm run --invoke`: a call of an export, with arguments and results as text.
//!
//! A cell of assembly is what its function makes of it: integers are read and printed as such, a float is read where it is
//! written like one. A function that was translated from WebAssembly says what its values are.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;

use cvm::machine::{Exit, Machine};
use cvm::report::Problem;
use cvm_spec::image::{ExportKind, FunctionType, Image};
use cvm_spec::wasm::{self, Kind};

use super::{Failure, values};

/// Calls an export with numbers as arguments.
pub(super) fn call(
    machine: &mut Machine,
    name: &str,
    program_args: &[OsString],
) -> Result<Exit, Failure> {
    let module = machine.module().clone();
    let image = module.image();
    let name = exported_name(image, name);
    let found = function_type(image, &name);
    let kinds = kinds(image, &name);
    let cell = |(number, arg): (usize, &OsString)| {
        let text = arg.to_str();
        let kind = kinds
            .get(number)
            .filter(|_| number < usize::from(found.args));
        let cell = text.and_then(|text| match kind {
            Some(kind) => values::cell_of(text, *kind),
            None => values::cell(text),
        });
        cell.ok_or_else(|| -> Failure {
            let what = kind.map_or("a number", |kind| values::name_of(*kind));
            let message = format!("`{}` is not {what}", Path::new(arg).display());
            Problem::new("usage", message)
                .hint("--invoke takes integers (10, -1, 0xff) and floats (1.5)")
                .into()
        })
    };
    let cells: Vec<u64> = program_args
        .iter()
        .enumerate()
        .map(cell)
        .collect::<Result<_, _>>()?;
    machine.call(&name, &cells).map_err(|error| {
        Problem::new("usage", error.to_string())
            .hint("--invoke calls functions with an `.export`; `cvm info` lists them")
            .into()
    })
}

/// The results of such a call, a line each.
pub(super) fn results(image: &Image, name: &str, results: &[u64]) -> String {
    let name = exported_name(image, name);
    let args = usize::from(function_type(image, &name).args);
    let kinds = kinds(image, &name);
    let kinds = kinds.iter().skip(args).map(Some);
    let kinds = kinds.chain(std::iter::repeat(None));
    let line = |(cell, kind): (&u64, Option<&Kind>)| match kind {
        Some(kind) => values::text_of(*cell, *kind) + "\n",
        None => format!("{}\n", *cell as i64),
    };
    results.iter().zip(kinds).map(line).collect()
}

/// The name in the image of what is called so in the module of WebAssembly, if the image has no such name.
fn exported_name<'a>(image: &Image, name: &'a str) -> Cow<'a, str> {
    match wasm::is_translated(image) && export(image, name).is_none() {
        true => Cow::Owned(wasm::export_name(name)),
        false => Cow::Borrowed(name),
    }
}

/// Index of an exported function.
fn export(image: &Image, name: &str) -> Option<u32> {
    let mut functions = image
        .exports
        .iter()
        .filter(|export| export.kind == ExportKind::Function);
    let found = functions.find(|export| image.string(export.name) == Some(name));
    found.map(|export| export.value)
}

/// The type of an exported function; that of none has no arguments.
fn function_type(image: &Image, name: &str) -> FunctionType {
    let function = export(image, name).and_then(|number| image.functions.get(number as usize));
    function
        .and_then(|function| image.function_type(function))
        .unwrap_or_default()
}

/// The kinds of arguments and results of an exported function, if it was translated from WebAssembly and its type says them.
fn kinds(image: &Image, name: &str) -> Vec<Kind> {
    match wasm::is_translated(image) {
        true => wasm::kinds(&function_type(image, name)).unwrap_or_default(),
        false => Vec::new(),
    }
}
