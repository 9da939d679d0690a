//! Stands in for frames that wait for C in a build without foreign access.

use cvm_spec::image::Image;

use crate::locate::Place;

/// There are none.
#[derive(Debug)]
pub(crate) enum Segment {}

#[allow(unsafe_code)]
impl Segment {
    /// Never called.
    pub(crate) unsafe fn add_to(&self, _: &Image, _: &mut Place) {
        match *self {}
    }
}
