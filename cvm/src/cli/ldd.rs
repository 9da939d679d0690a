//! `cvm ldd`.

use std::fmt::Write as _;

use cvm_spec::image::{Image, ImportKind};
use serde::Serialize;

use cvm::loader::{LinkOptions, Linked, link_program};

use super::Failure;
use super::arguments::Ldd;
use super::console::Console;
use super::input::{Input, module_problem};

/// What a program's imports resolve to.
#[derive(Serialize)]
struct Description {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    file: String,
    modules: Vec<ModuleLine>,
    missing: Vec<String>,
    host: Vec<String>,
    foreign: Vec<String>,
}

#[derive(Serialize)]
struct ModuleLine {
    name: String,
    module_version: Option<String>,
    origin: String,
    symbols: Vec<String>,
}

pub(super) fn ldd(arguments: &Ldd, console: &Console) -> Result<u8, Failure> {
    let input = Input::read(&arguments.file, console)?;
    let search = input.search(&arguments.library);
    let file = input.name.clone();
    let program = input.named(console)?;
    let options = LinkOptions {
        keep_open: true,
        ..LinkOptions::default()
    };
    let image = program.image.clone();
    let linked = link_program(program, Vec::new(), &search, options)
        .map_err(|error| Failure::from(module_problem(&error)))?;
    let description = describe(file, &image, &linked);
    let text = match arguments.json {
        true => {
            let text = serde_json::to_string_pretty(&description);
            text.expect("strings and numbers always have a JSON form") + "\n"
        }
        false => description.text(),
    };
    console.print(text.as_bytes())?;
    Ok(if linked.open.is_empty() { 0 } else { 66 })
}

fn describe(file: String, image: &Image, linked: &Linked) -> Description {
    let images: Vec<&Image> = std::iter::once(image)
        .chain(linked.modules.iter().map(|module| &module.image))
        .collect();
    let of_kind = |wanted: &[ImportKind]| {
        let mut found: Vec<(String, String)> = images
            .iter()
            .flat_map(|image| image.imports.iter().map(move |import| (*image, import)))
            .filter(|(_, import)| wanted.contains(&import.kind))
            .map(|(image, import)| {
                let text = |string| clean(image.string(string).unwrap_or("?"));
                (text(import.module), text(import.name))
            })
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let imported = of_kind(&[ImportKind::Module, ImportKind::ModuleData]);
    let modules = linked.modules.iter().map(|module| ModuleLine {
        name: clean(&module.name),
        module_version: module.version().map(|version| version.to_string()),
        origin: clean(&module.origin),
        symbols: imported
            .iter()
            .filter(|(name, _)| *name == module.name)
            .map(|(_, symbol)| symbol.clone())
            .collect(),
    });
    Description {
        version: 1,
        kind: "ldd",
        file: clean(&file),
        modules: modules.collect(),
        missing: linked.open.iter().map(|name| clean(name)).collect(),
        host: of_kind(&[ImportKind::Host])
            .into_iter()
            .map(|(module, name)| format!("{module}.{name}"))
            .collect(),
        foreign: of_kind(&[ImportKind::Foreign, ImportKind::ForeignData])
            .into_iter()
            .map(|(library, name)| format!("{name} of {library}"))
            .collect(),
    }
}

/// Text of an image, without characters that a terminal acts on.
fn clean(text: &str) -> String {
    cvm_asm::render::clean(text)
}

impl Description {
    fn text(&self) -> String {
        let mut text = format!("{}:\n", self.file);
        for module in &self.modules {
            let version = module.module_version.iter();
            let version: String = version.map(|version| format!(" {version}")).collect();
            let symbols = module.symbols.join(", ");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {}{version} => {}", module.name, module.origin);
            let _ = writeln!(text, "      {symbols}");
        }
        for name in &self.missing {
            let _ = writeln!(text, "  {name} => not found");
        }
        for (kind, names) in [("host", &self.host), ("foreign", &self.foreign)] {
            if !names.is_empty() {
                let _ = writeln!(text, "  {kind}: {}", names.join(", "));
            }
        }
        text
    }
}
