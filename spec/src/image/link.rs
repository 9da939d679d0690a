//! Linking: images of modules to one image (`spec/linking.md`).
//!
//! [`link`] is a function from images to an image. It does no input or output: who calls it has found the modules. The
//! assembler calls it for what is linked in, the loader for what is found when a program starts; both get the same
//! image of the same modules.
//!
//! | part | does |
//! |---|---|
//! | `identity` | names and versions of modules, in notes |
//! | `resolve` | which modules are needed, in which order, and what imports mean |
//! | `check` | whether relocations are what text and symbols say |
//! | `reach` | which functions and segments are needed |
//! | `layout` | where they go |
//! | `merge`, `tables`, `strings`, `debug` | the image |
//!
//! Invariants: images that the reader accepts never make it panic, whatever they say; the time is linear in their sizes;
//! the same images in the same order give the same image; the first image keeps its addresses.

mod check;
mod codes;
mod debug;
mod error;
mod identity;
mod layout;
mod merge;
mod reach;
mod resolve;
mod strings;
mod tables;

pub use codes::LinkCode;
pub use error::{LinkError, LinkPlace};
pub use identity::{
    ALIGNMENT, ALIGNMENT_MAX, NOTE_ALIGNMENT, NOTE_LINKED, NOTE_MODULE, NOTE_REQUIRES,
    NOTE_VERSION, NotAVersion, Version, module_name, module_version,
};

use super::Image;
use crate::pointer::Tag;
use resolve::Resolution;

/// A module that is to be linked.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The name by which others import it. Several inputs of one name make up one module.
    pub name: &'a str,
    /// Where it came from, for messages: a file, or nothing.
    pub origin: &'a str,
    /// Its image, which the reader has accepted.
    pub image: &'a Image,
}

impl Input<'_> {
    /// A place in it.
    fn place(&self, segment: Tag, offset: u32) -> LinkPlace {
        LinkPlace::new(self.name, self.origin, self.image, segment, offset)
    }
}

/// How to link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Imports of modules that are not there stay imports; otherwise they are an error.
    pub keep_open: bool,
    /// Leave out debug information, and symbols that no relocation needs.
    pub strip: bool,
}

/// Links the first image with those that it needs, directly or through others; inputs that nobody needs are left out.
///
/// ```
/// use cvm_spec::image::{Image, link::{Input, Options, link}};
/// let image = Image { data: b"hello".to_vec(), ..Image::default() };
/// let input = Input { name: "hello", origin: "hello.cvm", image: &image };
/// assert_eq!(link(&[input], Options::default()).unwrap(), image);
/// ```
///
/// # Errors
/// The first rule of [`LinkCode`] that is broken.
pub fn link(inputs: &[Input<'_>], options: Options) -> Result<Image, Box<LinkError>> {
    let resolved = resolve::resolve(inputs, options.keep_open)?;
    if let [alone] = resolved.order[..]
        && !resolved.imports[alone].iter().any(Resolution::is_export)
    {
        return Ok(inputs[alone].image.clone());
    }
    for number in &resolved.order {
        check::check(&inputs[*number])?;
    }
    let reached = reach::reach(inputs, &resolved);
    let layout = layout::lay_out(inputs, &resolved.order, &reached.kept)?;
    let plan = merge::Plan {
        inputs,
        resolved,
        reached,
        layout,
        options,
    };
    plan.merge()
}
