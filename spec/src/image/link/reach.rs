//! What of the modules a program needs: functions one by one, data and bss of a module as a whole, because programs
//! may count on what lies side by side.

use super::Input;
use super::check::{Pointee, callee, in_text, pointee};
use super::resolve::{Resolution, Resolved, Target};
use crate::image::{ExportKind, ImportKind, Relocation, RelocationKind};
use crate::pointer::{ShortPointer, Tag};

/// What of one input is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) functions: Vec<bool>,
    pub(super) imports: Vec<bool>,
    pub(super) data: bool,
    pub(super) bss: bool,
}

/// What of all inputs is kept.
pub(super) struct Reached {
    pub(super) kept: Vec<Kept>,
    /// `sys.symbol` is used, so that every export may be asked for by name.
    pub(super) by_name: bool,
}

/// Something whose references have to be followed.
enum Item {
    Function(usize, u32),
    Data(usize),
    Bss(usize),
}

struct Walk<'a> {
    inputs: &'a [Input<'a>],
    resolved: &'a Resolved<'a>,
    reached: Reached,
    waiting: Vec<Item>,
}

/// Follows all references from the first input, which is kept whole, and from the initialisers.
pub(super) fn reach(inputs: &[Input<'_>], resolved: &Resolved<'_>) -> Reached {
    let kept = |input: &Input<'_>| Kept {
        functions: vec![false; input.image.functions.len()],
        imports: vec![false; input.image.imports.len()],
        ..Kept::default()
    };
    let mut walk = Walk {
        inputs,
        resolved,
        reached: Reached {
            kept: inputs.iter().map(kept).collect(),
            by_name: false,
        },
        waiting: Vec::new(),
    };
    for (position, number) in resolved.order.iter().enumerate() {
        let image = inputs[*number].image;
        for function in &image.initialisers {
            walk.function(*number, *function);
        }
        if position == 0 {
            walk.reached.kept[*number].imports.fill(true);
            for function in 0..image.functions.len() as u32 {
                walk.function(*number, function);
            }
            walk.segment(*number, Tag::Data);
            walk.segment(*number, Tag::Bss);
        }
    }
    while let Some(item) = walk.waiting.pop() {
        walk.follow(&item);
    }
    walk.reached
}

impl Walk<'_> {
    fn function(&mut self, input: usize, function: u32) {
        let kept = self.reached.kept[input]
            .functions
            .get_mut(function as usize);
        if let Some(kept) = kept
            && !std::mem::replace(kept, true)
        {
            self.waiting.push(Item::Function(input, function));
        }
    }

    fn segment(&mut self, input: usize, tag: Tag) {
        let kept = &mut self.reached.kept[input];
        let (kept, item) = match tag {
            Tag::Data => (&mut kept.data, Item::Data(input)),
            _ => (&mut kept.bss, Item::Bss(input)),
        };
        if !std::mem::replace(kept, true) {
            self.waiting.push(item);
        }
    }

    fn export(&mut self, target: Target) {
        let export = &self.inputs[target.input].image.exports[target.export];
        match export.kind {
            ExportKind::Function => self.function(target.input, export.value),
            ExportKind::Object => self.segment(target.input, ShortPointer(export.value).tag()),
        }
    }

    fn follow(&mut self, item: &Item) {
        let (input, relocations) = match *item {
            Item::Function(input, function) => (input, self.of_function(input, function)),
            Item::Data(input) => (input, self.of_segment(input, Tag::Data)),
            Item::Bss(input) => (input, self.of_segment(input, Tag::Bss)),
        };
        for relocation in relocations {
            self.follow_relocation(input, relocation);
        }
    }

    fn follow_relocation(&mut self, input: usize, relocation: &Relocation) {
        let image = self.inputs[input].image;
        match relocation.kind {
            RelocationKind::Call => {
                if let Some(function) = callee(image, relocation) {
                    self.function(input, function);
                }
            }
            RelocationKind::ShortPointer | RelocationKind::Pointer => {
                match pointee(image, relocation) {
                    Some(Pointee::Code(function, _)) => self.function(input, function),
                    Some(Pointee::Object(tag, _)) => self.segment(input, tag),
                    None => {}
                }
            }
            RelocationKind::Import => self.import(input, relocation.target as usize),
            RelocationKind::Type => {}
        }
    }

    fn import(&mut self, input: usize, index: usize) {
        let Some(kept) = self.reached.kept[input].imports.get_mut(index) else {
            return;
        };
        *kept = true;
        match self.resolved.imports[input].get(index) {
            Some(Resolution::Export(target)) => self.export(*target),
            Some(Resolution::Outside) if self.is_symbol(input, index) => self.all_exports(),
            _ => {}
        }
    }

    /// Whether an import is `sys.symbol`.
    fn is_symbol(&self, input: usize, index: usize) -> bool {
        let image = self.inputs[input].image;
        let import = &image.imports[index];
        import.kind == ImportKind::Host
            && image.string(import.name) == Some("symbol")
            && image.string(import.module) == Some("sys")
    }

    fn all_exports(&mut self) {
        if std::mem::replace(&mut self.reached.by_name, true) {
            return;
        }
        for input in self.resolved.order.clone() {
            for export in 0..self.inputs[input].image.exports.len() {
                self.export(Target { input, export });
            }
        }
    }
}

impl<'a> Walk<'a> {
    fn of_function(&self, input: usize, function: u32) -> &'a [Relocation] {
        let image = self.inputs[input].image;
        let text = &image.relocations[..in_text(image)];
        let Some(function) = image.functions.get(function as usize) else {
            return &[];
        };
        let from = text.partition_point(|relocation| relocation.offset < function.start);
        let to = text.partition_point(|relocation| relocation.offset < function.end());
        &text[from..to]
    }

    fn of_segment(&self, input: usize, tag: Tag) -> &'a [Relocation] {
        let relocations = &self.inputs[input].image.relocations;
        let from = relocations.partition_point(|relocation| relocation.segment < tag);
        let to = relocations.partition_point(|relocation| relocation.segment <= tag);
        &relocations[from..to]
    }
}
