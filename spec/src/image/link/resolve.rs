//! Names: which modules belong to the program, and what each import means.

use std::collections::{HashMap, HashSet};

use super::error::quote;
use super::identity::{module_version, requirements};
use super::{Input, LinkCode, LinkError, LinkPlace, Version};
use crate::codec::{Operand, decode};
use crate::image::{ExportKind, FunctionType, Image, Import, ImportKind};
use crate::isa::OperandKind;
use crate::pointer::{ShortPointer, Tag};
use crate::suggest;

/// What an import means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// It is no import of a module.
    Outside,
    /// Its module is not there; it stays an import.
    Open,
    /// An export of an input.
    Export(Target),
}

impl Resolution {
    /// Whether it is an export of an input.
    pub(super) fn is_export(&self) -> bool {
        matches!(self, Resolution::Export(_))
    }
}

/// An export, by the numbers of the input and of the export in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) input: usize,
    pub(super) export: usize,
}

/// The modules that belong to the program, and what their imports mean.
pub(super) struct Resolved<'a> {
    /// The inputs that the first needs, itself included, in the order in which they are laid out.
    pub(super) order: Vec<usize>,
    /// The same in the order in which they are initialised.
    pub(super) initialised: Vec<usize>,
    /// For each input, what its imports mean; empty for inputs that nobody needs.
    pub(super) imports: Vec<Vec<Resolution>>,
    /// Versions that are asked for of modules that are not there.
    pub(super) open_requirements: Vec<(&'a str, Version)>,
}

/// The exports of all modules by name.
struct Names<'a> {
    inputs: &'a [Input<'a>],
    /// The inputs that make up a module.
    parts: HashMap<&'a str, Vec<usize>>,
    exports: HashMap<&'a str, HashMap<&'a str, Target>>,
}

/// Resolves all imports that the first input needs.
pub(super) fn resolve<'a>(
    inputs: &'a [Input<'a>],
    keep_open: bool,
) -> Result<Resolved<'a>, Box<LinkError>> {
    let names = Names::new(inputs)?;
    let mut resolved = Resolved {
        order: Vec::new(),
        initialised: Vec::new(),
        imports: vec![Vec::new(); inputs.len()],
        open_requirements: Vec::new(),
    };
    // Depth first: a module comes behind those that it imports, unless they import it in turn.
    let mut met = vec![false; inputs.len()];
    let mut path: Vec<(usize, std::vec::IntoIter<usize>)> = Vec::new();
    let mut next = (!inputs.is_empty()).then_some(0);
    loop {
        if let Some(input) = next.take() {
            met[input] = true;
            resolved.order.push(input);
            let (imports, needed) = names.imports_of(input, keep_open)?;
            resolved.imports[input] = imports;
            path.push((input, needed.into_iter()));
        }
        let Some((input, needed)) = path.last_mut() else {
            break;
        };
        match needed.find(|module| !met[*module]) {
            Some(module) => next = Some(module),
            None => {
                resolved.initialised.push(*input);
                path.pop();
            }
        }
    }
    resolved.open_requirements = names.check_versions(&resolved.order)?;
    Ok(resolved)
}

impl<'a> Names<'a> {
    fn new(inputs: &'a [Input<'a>]) -> Result<Self, Box<LinkError>> {
        let mut names = Names {
            inputs,
            parts: HashMap::new(),
            exports: HashMap::new(),
        };
        for (number, input) in inputs.iter().enumerate() {
            names.parts.entry(input.name).or_default().push(number);
            let exports = names.exports.entry(input.name).or_default();
            for (index, export) in input.image.exports.iter().enumerate() {
                let name = input.image.string(export.name).unwrap_or_default();
                let target = Target {
                    input: number,
                    export: index,
                };
                let Some(first) = exports.insert(name, target) else {
                    continue;
                };
                let message = format!("module {} exports {} twice", quote(input.name), quote(name));
                return LinkError::new(LinkCode::DuplicateExport, input.name, message)
                    .symbol(name)
                    .at(export_place(inputs, target))
                    .other(export_place(inputs, first))
                    .boxed();
            }
        }
        Ok(names)
    }

    /// What the imports of an input mean, and the inputs that it needs, in the order of its imports.
    fn imports_of(
        &self,
        number: usize,
        keep_open: bool,
    ) -> Result<(Vec<Resolution>, Vec<usize>), Box<LinkError>> {
        let image = self.inputs[number].image;
        let mut seen = HashSet::new();
        let mut needed = Vec::new();
        let mut resolutions = Vec::with_capacity(image.imports.len());
        for (index, import) in image.imports.iter().enumerate() {
            if !matches!(import.kind, ImportKind::Module | ImportKind::ModuleData) {
                resolutions.push(Resolution::Outside);
                continue;
            }
            let module = image.string(import.module).unwrap_or_default();
            let resolution = match self.parts.get(module) {
                Some(parts) => {
                    if seen.insert(module) {
                        needed.extend(parts);
                    }
                    Resolution::Export(self.find(number, index, import, module)?)
                }
                None if keep_open => Resolution::Open,
                None => return self.missing_module(number, index, import, module),
            };
            resolutions.push(resolution);
        }
        Ok((resolutions, needed))
    }

    /// The export that an import of a module means.
    fn find(
        &self,
        number: usize,
        index: usize,
        import: &Import,
        module: &'a str,
    ) -> Result<Target, Box<LinkError>> {
        let importer = &self.inputs[number];
        let name = importer.image.string(import.name).unwrap_or_default();
        let exports = self.exports.get(module);
        let error = |code, message: String| {
            LinkError::new(code, module, message)
                .symbol(name)
                .at(import_place(importer, index))
        };
        let Some(target) = exports.and_then(|exports| exports.get(name)).copied() else {
            let message = format!("module {} does not export {}", quote(module), quote(name));
            let mut error = error(LinkCode::MissingSymbol, message);
            let mut names: Vec<&str> = exports
                .into_iter()
                .flatten()
                .map(|(name, _)| *name)
                .collect();
            names.sort_unstable();
            error.near = suggest::closest(name, names).map(str::to_string);
            let parts = self.parts.get(module).into_iter().flatten();
            error.looked = parts
                .map(|part| self.inputs[*part].origin.to_string())
                .filter(|origin| !origin.is_empty())
                .collect();
            return error.boxed();
        };
        let exporter = &self.inputs[target.input];
        let export = exporter.image.exports[target.export];
        let (wanted, found) = match (import.kind, export.kind) {
            (ImportKind::ModuleData, ExportKind::Object) => return Ok(target),
            (ImportKind::Module, ExportKind::Function) => (
                import_type(importer.image, import),
                exported_type(exporter.image, export.value),
            ),
            (_, kind) => {
                let (is, imported) = match kind {
                    ExportKind::Object => ("an object", "a function"),
                    ExportKind::Function => ("a function", "an object"),
                };
                let (name, module) = (quote(name), quote(module));
                let message =
                    format!("{name} of module {module} is {is} and is imported as {imported}");
                return error(LinkCode::WrongKind, message)
                    .other(export_place(self.inputs, target))
                    .boxed();
            }
        };
        let same_counts = (wanted.args, wanted.results) == (found.args, found.results);
        if same_counts && (wanted.brand == found.brand || wanted.brand == 0) {
            return Ok(target);
        }
        let message = format!(
            "{} of module {} is imported as {} and is {}",
            quote(name),
            quote(module),
            shown(wanted),
            shown(found)
        );
        error(LinkCode::SignatureMismatch, message)
            .other(export_place(self.inputs, target))
            .boxed()
    }

    fn missing_module<T>(
        &self,
        number: usize,
        index: usize,
        import: &Import,
        module: &str,
    ) -> Result<T, Box<LinkError>> {
        let importer = &self.inputs[number];
        let name = importer.image.string(import.name).unwrap_or_default();
        let message = format!("there is no module {}", quote(module));
        let mut error = LinkError::new(LinkCode::MissingModule, module, message)
            .symbol(name)
            .at(import_place(importer, index));
        let mut given: Vec<&str> = self.parts.keys().copied().collect();
        given.sort_unstable();
        error.near = suggest::closest(module, given).map(str::to_string);
        error.boxed()
    }

    /// Checks the versions of all modules in use; gives those that are asked for of modules that are not there.
    fn check_versions(&self, order: &[usize]) -> Result<Vec<(&'a str, Version)>, Box<LinkError>> {
        let mut asked: Vec<(&'a str, Version, usize)> = Vec::new();
        let mut asked_by_name: HashMap<&'a str, usize> = HashMap::new();
        for number in order {
            let asking = &self.inputs[*number];
            for (module, version) in requirements(asking.image, asking.name)? {
                let Some(known) = asked_by_name.get(module) else {
                    asked_by_name.insert(module, asked.len());
                    asked.push((module, version, *number));
                    continue;
                };
                let (_, before, by) = &mut asked[*known];
                if !version.suits(*before) && !before.suits(version) {
                    let first = &self.inputs[*by];
                    let message = format!(
                        "module {} requires {} {version}, and module {} requires {before}",
                        quote(asking.name),
                        quote(module),
                        quote(first.name)
                    );
                    return LinkError::new(LinkCode::TwoVersions, asking.name, message)
                        .symbol(module)
                        .at(origin_place(asking))
                        .other(origin_place(first))
                        .boxed();
                }
                if version > *before {
                    (*before, *by) = (version, *number);
                }
            }
        }
        let mut found: HashMap<&str, (Option<Version>, usize)> = HashMap::new();
        for number in order {
            let input = &self.inputs[*number];
            let version = stated_version(input)?;
            let Some((first, part)) = found.insert(input.name, (version, *number)) else {
                continue;
            };
            if first != version {
                let message = format!(
                    "module {} is there in two versions, {} and {}",
                    quote(input.name),
                    shown_version(first),
                    shown_version(version)
                );
                return LinkError::new(LinkCode::TwoVersions, input.name, message)
                    .at(origin_place(input))
                    .other(origin_place(&self.inputs[part]))
                    .boxed();
            }
        }
        let mut open = Vec::new();
        for (module, wanted, by) in asked {
            let Some((version, part)) = found.get(module) else {
                open.push((module, wanted));
                continue;
            };
            if version.is_some_and(|version| version.suits(wanted)) {
                continue;
            }
            let asking = &self.inputs[by];
            let message = format!(
                "module {} requires version {wanted} of {}, which is {}",
                quote(asking.name),
                quote(module),
                shown_version(*version)
            );
            return LinkError::new(LinkCode::WrongVersion, asking.name, message)
                .symbol(module)
                .at(origin_place(asking))
                .other(origin_place(&self.inputs[*part]))
                .boxed();
        }
        Ok(open)
    }
}

/// The version that an input states.
pub(super) fn stated_version(input: &Input<'_>) -> Result<Option<Version>, Box<LinkError>> {
    module_version(input.image).or_else(|text| {
        let message = format!("the module's version is {text}");
        LinkError::new(LinkCode::BadVersion, input.name, message)
            .at(origin_place(input))
            .boxed()
    })
}

fn shown_version(version: Option<Version>) -> String {
    version.map_or("without a version".into(), |version| version.to_string())
}

fn shown(ty: FunctionType) -> String {
    let FunctionType {
        args,
        results,
        brand,
    } = ty;
    match brand {
        0 => format!("({args}) -> {results}"),
        _ => format!("({args}) -> {results}, brand {brand}"),
    }
}

fn import_type(image: &Image, import: &Import) -> FunctionType {
    match image.types.get(import.type_index as usize) {
        Some(crate::image::Type::Function(ty)) => *ty,
        _ => FunctionType::default(),
    }
}

fn exported_type(image: &Image, function: u32) -> FunctionType {
    let function = image.functions.get(function as usize);
    function
        .and_then(|function| image.function_type(function))
        .unwrap_or_default()
}

/// The place of an input as a whole.
fn origin_place(input: &Input<'_>) -> Option<LinkPlace> {
    Some(LinkPlace {
        module: input.name.to_string(),
        origin: input.origin.to_string(),
        segment: Tag::Text,
        offset: 0,
        source: None,
    })
}

/// Where an export is.
fn export_place(inputs: &[Input<'_>], target: Target) -> Option<LinkPlace> {
    let input = &inputs[target.input];
    let export = input.image.exports.get(target.export)?;
    let (segment, offset) = match export.kind {
        ExportKind::Function => {
            let function = input.image.functions.get(export.value as usize)?;
            (Tag::Text, function.start)
        }
        ExportKind::Object => {
            let pointer = ShortPointer(export.value);
            (pointer.tag(), pointer.offset())
        }
    };
    Some(input.place(segment, offset))
}

/// Where an import is used first.
fn import_place(input: &Input<'_>, index: usize) -> Option<LinkPlace> {
    let image = input.image;
    for function in &image.functions {
        let text = image.text.get(..function.end() as usize)?;
        let mut at = function.start as usize;
        while let Ok((instruction, next)) = decode(text, at) {
            let is_import = instruction.opcode.operand() == OperandKind::Import;
            if is_import && instruction.operand == Operand::Index(index as u32) {
                return Some(input.place(Tag::Text, at as u32));
            }
            at = next;
        }
    }
    origin_place(input)
}
