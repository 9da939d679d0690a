//! From sources to an image.

use crate::{Assembled, Options, SourceFile};

/// Assembles a program from its sources, which share one set of global names.
pub fn assemble(_sources: &[SourceFile], _options: &Options) -> Assembled {
    Assembled::default()
}
