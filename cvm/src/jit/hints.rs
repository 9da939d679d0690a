//! What is found out about functions before they are compiled: their own form, and what all of the module's code tells.

use cvm_spec::image::{FunctionType, Image};
use cvm_spec::isa::Opcode;

use crate::verify::blocks::{self, Leader};
use crate::verify::body::Body;
use crate::verify::flow::Depths;
use crate::verify::frame::Frame;

use super::compile::type_numbers;
use super::growth::Growth;
use super::plan::{ArgumentHints, Passed, Plan, Planner};
use super::shape::Shape;

/// What the calls of a verified image tell about its functions' arguments.
pub(super) fn find_hints(image: &Image) -> Hints {
    Loaded::default().hints(image)
}

/// What is known about a module's functions from all of its code.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    arguments: ArgumentHints,
    pub(super) uses_heap: bool,
    pub(super) growth: Growth,
}

/// A function, decoded.
#[derive(Default)]
pub(super) struct Loaded<'a> {
    pub(super) body: Body<'a>,
    pub(super) frame: Frame,
    pub(super) depths: Depths,
    pub(super) leaders: Vec<Leader>,
    pub(super) shape: Shape,
}

impl<'a> Loaded<'a> {
    /// Decodes a function and finds its frame and depths again; the verifier did not keep them.
    pub(super) fn load(&mut self, image: &'a Image, number: u32) -> FunctionType {
        let record = &image.functions[number as usize];
        let function_type = image.function_type(record).unwrap_or_default();
        self.body
            .decode(&image.text, number, record)
            .and_then(|()| self.frame.lay_out(&self.body, number, function_type.args))
            .and_then(|()| {
                self.depths
                    .compute(image, &self.body, number, function_type, self.frame.slots)
            })
            .expect("the module was verified");
        self.leaders = blocks::leaders(&self.body, &self.depths);
        self.shape = Shape::find(&self.body, &self.depths, &mut self.leaders);
        function_type
    }

    /// Makes a plan; gives what the function's calls tell as well.
    fn plan_and_tell(&self, image: &'a Image, number: u32, hints: &Hints) -> (Plan, Vec<Passed>) {
        Planner::new(
            image,
            (&self.body, &self.frame, &self.depths),
            &self.leaders,
            number,
            &hints.arguments,
            hints.uses_heap,
        )
        .plan()
    }

    pub(super) fn plan(&self, image: &'a Image, number: u32, hints: &Hints) -> Plan {
        self.plan_and_tell(image, number, hints).0
    }

    /// Looks at all functions, twice: the second time with what the first found out about arguments.
    fn hints(&mut self, image: &'a Image) -> Hints {
        let args = |record| image.function_type(record).unwrap_or_default().args;
        let mut hints = Hints {
            arguments: image
                .functions
                .iter()
                .map(|record| vec![None; usize::from(args(record))])
                .collect(),
            uses_heap: image.owns_heap,
            growth: Growth::find(image, &type_numbers(image)),
        };
        for _ in 0..2 {
            for number in 0..image.functions.len() as u32 {
                self.load(image, number);
                let mut instructions = self.body.instructions.iter();
                hints.uses_heap |= instructions.any(|(_, i)| i.opcode == Opcode::HeapGrow);
                let (_, passed) = self.plan_and_tell(image, number, &hints);
                for Passed {
                    callee,
                    position,
                    tag,
                } in passed
                {
                    if let Some(hint) = hints.arguments[callee as usize].get_mut(position) {
                        hint.get_or_insert(tag);
                    }
                }
            }
        }
        hints
    }
}
