//! Where everything goes: the first input stays where it is, and the others follow in order.

use super::identity::alignment;
use super::reach::Kept;
use super::{Input, LinkCode, LinkError};
use crate::limits::SEGMENT_MAX;
use crate::pointer::Tag;

/// Where one input goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    /// For each function that is kept its new index and start.
    pub(super) functions: Vec<Option<(u32, u32)>>,
    /// Where its data begins, if it is kept.
    pub(super) data: Option<u32>,
    /// Where its bss begins, if it is kept.
    pub(super) bss: Option<u32>,
}

impl Placed {
    /// Where a segment of the input begins.
    pub(super) fn base(&self, tag: Tag) -> Option<u32> {
        match tag {
            Tag::Data => self.data,
            Tag::Bss => self.bss,
            _ => None,
        }
    }
}

/// Where all inputs go.
pub(super) struct Layout {
    pub(super) placed: Vec<Placed>,
    pub(super) bss_size: u32,
}

/// Lays out what is kept.
pub(super) fn lay_out(
    inputs: &[Input<'_>],
    order: &[usize],
    kept: &[Kept],
) -> Result<Layout, Box<LinkError>> {
    let mut placed = vec![Placed::default(); inputs.len()];
    let (mut text, mut count, mut data, mut bss) = (0u64, 0u32, 0u64, 0u64);
    for number in order {
        let input = &inputs[*number];
        let (image, kept) = (input.image, &kept[*number]);
        let place = &mut placed[*number];
        place.functions = vec![None; image.functions.len()];
        for (index, function) in image.functions.iter().enumerate() {
            if kept.functions[index] {
                place.functions[index] = Some((count, fits(input, "text", text)?));
                text += u64::from(function.size);
                count += 1;
            }
        }
        fits(input, "text", text)?;
        let alignment = u64::from(alignment(image));
        if kept.data && !image.data.is_empty() {
            data = data.next_multiple_of(alignment);
            place.data = Some(fits(input, "data", data)?);
            data += image.data.len() as u64;
            fits(input, "data", data)?;
        }
        if kept.bss && image.bss_size > 0 {
            bss = bss.next_multiple_of(alignment);
            place.bss = Some(fits(input, "bss", bss)?);
            bss += u64::from(image.bss_size);
            fits(input, "bss", bss)?;
        }
        // A pointer to the start of an empty segment is one of no object.
        if kept.data {
            place.data.get_or_insert(data as u32);
        }
        if kept.bss {
            place.bss.get_or_insert(bss as u32);
        }
    }
    Ok(Layout {
        placed,
        bss_size: bss as u32,
    })
}

fn fits(input: &Input<'_>, segment: &str, size: u64) -> Result<u32, Box<LinkError>> {
    if size <= SEGMENT_MAX {
        return Ok(size as u32);
    }
    let message =
        format!("with this module the {segment} segment is larger than {SEGMENT_MAX} bytes");
    LinkError::new(LinkCode::SegmentOverflow, input.name, message).boxed()
}
