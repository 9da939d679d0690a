//! Segments: the check, loads and stores.

use cvm::fault::{RefusedAccess, Tried};
use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{OFFSET_MASK, Pointer, Tag};

use super::{Reference, Stopped};

impl Reference<'_> {
    /// Bytes of a segment now.
    fn size(&self, tag: Tag) -> u64 {
        match tag {
            Tag::Text => self.image.text.len() as u64,
            Tag::Data => self.image.data.len() as u64,
            Tag::Bss => self.bss.len() as u64,
            Tag::Local => self.local.len() as u64,
            Tag::Heap => self.heap.len() as u64,
            Tag::Absolute | Tag::Reserved | Tag::Upper => 0,
        }
    }

    /// A refused access, jump or call.
    pub(super) fn refuse(
        &self,
        code: FaultCode,
        pointer: u64,
        width: u64,
        tried: Tried,
    ) -> Stopped {
        let pointer = Pointer(pointer);
        Stopped {
            access: Some(RefusedAccess {
                pointer,
                width,
                segment_size: self.size(pointer.tag()),
                tried,
            }),
            ..code.into()
        }
    }

    /// The bytes of an access, checked; a store gives them to be changed.
    pub(super) fn bytes(
        &mut self,
        base: u64,
        offset: u64,
        width: u64,
        write: bool,
    ) -> Result<&mut [u8], Stopped> {
        let tag = Tag::from_bits((base >> 61) as u8);
        let off = (base & OFFSET_MASK).wrapping_add(offset);
        let pointer = base >> 61 << 61 | off & OFFSET_MASK;
        let tried = if write { Tried::Write } else { Tried::Read };
        let refuse = |code| Err(self.refuse(code, pointer, width, tried));
        let size = self.size(tag);
        let is_inside = width <= size && off <= size - width;
        match tag {
            Tag::Absolute if off < 65536 => return refuse(FaultCode::NullPointer),
            Tag::Absolute if off >> 47 != 0 && off >> 47 != 0x3fff => {
                return refuse(FaultCode::NonCanonical);
            }
            Tag::Absolute => return refuse(FaultCode::AbsoluteAccess),
            Tag::Text if write => return refuse(FaultCode::WriteToText),
            Tag::Text => return refuse(FaultCode::ReadFromText),
            Tag::Data if write => return refuse(FaultCode::WriteToData),
            Tag::Local if !is_inside => return refuse(FaultCode::DanglingLocal),
            Tag::Reserved => return refuse(FaultCode::ReservedSegment),
            Tag::Upper => return refuse(FaultCode::UpperHalf),
            Tag::Data | Tag::Bss | Tag::Local | Tag::Heap if is_inside => {}
            _ if write => return refuse(FaultCode::WriteOutOfBounds),
            _ => return refuse(FaultCode::ReadOutOfBounds),
        }
        let range = off as usize..(off + width) as usize;
        Ok(match tag {
            Tag::Bss => &mut self.bss[range],
            Tag::Local => &mut self.local[range],
            Tag::Heap => &mut self.heap[range],
            _ => {
                // A copy: data is never written.
                self.scratch.clear();
                self.scratch.extend_from_slice(&self.image.data[range]);
                &mut self.scratch
            }
        })
    }

    pub(super) fn load(
        &mut self,
        base: u64,
        offset: u64,
        width: u64,
        signed: bool,
    ) -> Result<u64, Stopped> {
        let bytes = self.bytes(base, offset, width, false)?;
        let mut cell = [0; 8];
        cell[..width as usize].copy_from_slice(bytes);
        let value = u64::from_le_bytes(cell);
        let unused = 64 - 8 * width as u32;
        Ok(if signed {
            ((value << unused) as i64 >> unused) as u64
        } else {
            value
        })
    }

    pub(super) fn store(
        &mut self,
        base: u64,
        offset: u64,
        width: u64,
        value: u64,
    ) -> Result<(), Stopped> {
        let bytes = self.bytes(base, offset, width, true)?;
        bytes.copy_from_slice(&value.to_le_bytes()[..width as usize]);
        Ok(())
    }
}
