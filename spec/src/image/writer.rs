//! Placeholder while the writer is being written.
use super::Image;
/// Writes an image.
pub fn write(_image: &Image) -> Vec<u8> {
    Vec::new()
}
