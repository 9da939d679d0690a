//! The check, at its edges.

use std::sync::Arc;

use cvm_spec::fault::FaultCode;
use cvm_spec::image::{Extent, Image};
use cvm_spec::pointer::{HEAP_PAGE, OFFSET_MASK, Pointer, Tag};

use super::{AccessKind, Memory, Sizes};

const SIZES: Sizes = Sizes {
    local: 4096,
    max_heap: 4 * HEAP_PAGE,
};

fn memory() -> Memory {
    let image = Image {
        bss_size: 100,
        bss_init: vec![Extent {
            offset: 10,
            bytes: vec![1, 2, 3],
        }],
        data: b"constants".to_vec(),
        text: vec![1; 16],
        owns_heap: true,
        heap_first: HEAP_PAGE,
        heap_largest: 2 * HEAP_PAGE,
        ..Image::default()
    };
    let data = Arc::from(image.data.as_slice());
    Memory::new(&image, data, SIZES).expect("there is memory")
}

fn refused(
    memory: &Memory,
    base: u64,
    offset: u64,
    width: u64,
    kind: AccessKind,
) -> Option<FaultCode> {
    memory
        .check(base, offset, width, kind)
        .err()
        .map(|violation| violation.code)
}

fn at(tag: Tag, offset: u64) -> u64 {
    Pointer::new(tag, offset).0
}

#[test]
fn an_access_may_end_at_the_segments_end_and_not_behind_it() {
    let memory = memory();
    for width in [1, 2, 4, 8] {
        for kind in [AccessKind::Read, AccessKind::Write] {
            let last = at(Tag::Bss, 100 - width);
            assert_eq!(refused(&memory, last, 0, width, kind), None);
            let wanted = match kind {
                AccessKind::Read => FaultCode::ReadOutOfBounds,
                AccessKind::Write => FaultCode::WriteOutOfBounds,
            };
            assert_eq!(refused(&memory, last, 1, width, kind), Some(wanted));
            assert_eq!(refused(&memory, last + 1, 0, width, kind), Some(wanted));
        }
    }
}

#[test]
fn an_offset_never_changes_the_segment() {
    let memory = memory();
    // The sum is taken modulo 2^64 on the low 61 bits: a negative offset may lead back into the segment,
    let base = at(Tag::Bss, 50);
    assert_eq!(
        refused(&memory, base, 8u64.wrapping_neg(), 8, AccessKind::Read),
        None
    );
    // but no offset leads into another one.
    for offset in [1 << 61, 1 << 62, 1 << 63, OFFSET_MASK, 51u64.wrapping_neg()] {
        assert_eq!(
            refused(&memory, base, offset, 1, AccessKind::Read),
            Some(FaultCode::ReadOutOfBounds),
            "offset {offset:#x}"
        );
    }
}

#[test]
fn sums_near_the_largest_number_do_not_wrap_into_bounds() {
    let memory = memory();
    let base = at(Tag::Bss, OFFSET_MASK);
    for width in [1, 2, 4, 8, 1 << 20, u64::MAX] {
        for offset in [0, 1, 7, u64::MAX >> 1] {
            assert!(refused(&memory, base, offset, width, AccessKind::Read).is_some());
        }
    }
}

#[test]
fn every_segment_has_its_policy() {
    let mut memory = memory();
    memory.push_locals(64).expect("there is room");
    let cases = [
        (
            Tag::Absolute,
            Some(FaultCode::NullPointer),
            Some(FaultCode::NullPointer),
        ),
        (
            Tag::Text,
            Some(FaultCode::ReadFromText),
            Some(FaultCode::WriteToText),
        ),
        (Tag::Data, None, Some(FaultCode::WriteToData)),
        (Tag::Bss, None, None),
        (Tag::Local, None, None),
        (Tag::Heap, None, None),
        (
            Tag::Reserved,
            Some(FaultCode::ReservedSegment),
            Some(FaultCode::ReservedSegment),
        ),
        (
            Tag::Upper,
            Some(FaultCode::UpperHalf),
            Some(FaultCode::UpperHalf),
        ),
    ];
    for (tag, read, write) in cases {
        for width in [0, 1, 8] {
            let base = at(tag, 0);
            assert_eq!(
                refused(&memory, base, 0, width, AccessKind::Read),
                read,
                "{tag:?}"
            );
            assert_eq!(
                refused(&memory, base, 0, width, AccessKind::Write),
                write,
                "{tag:?}"
            );
        }
    }
    let far = at(Tag::Absolute, 0x7fff_0000_0000);
    assert_eq!(
        refused(&memory, far, 0, 1, AccessKind::Read),
        Some(FaultCode::AbsoluteAccess)
    );
    let crooked = at(Tag::Absolute, 1 << 50);
    assert_eq!(
        refused(&memory, crooked, 0, 1, AccessKind::Read),
        Some(FaultCode::NonCanonical)
    );
}

#[test]
fn a_pointer_at_or_above_csp_dangles() {
    let mut memory = memory();
    memory.push_locals(16).expect("there is room");
    let base = at(Tag::Local, 8);
    assert_eq!(refused(&memory, base, 0, 8, AccessKind::Write), None);
    memory.pop_locals_to(8);
    assert_eq!(
        refused(&memory, base, 0, 8, AccessKind::Read),
        Some(FaultCode::DanglingLocal)
    );
    assert!(memory.push_locals(SIZES.local).is_none());
}

#[test]
fn a_new_frame_is_zero_even_where_an_old_one_was() {
    let mut memory = memory();
    memory.push_locals(16).expect("there is room");
    memory
        .fill(at(Tag::Local, 0), 0xff, 16)
        .expect("it is writable");
    memory.pop_locals_to(0);
    memory.push_locals(16).expect("there is room");
    assert_eq!(memory.read(at(Tag::Local, 0), 16), Ok(&[0; 16][..]));
}

#[test]
fn the_heap_grows_in_place_up_to_its_limit() {
    let mut memory = memory();
    let base = memory.descriptor(Tag::Heap).base;
    memory
        .fill(at(Tag::Heap, 0), 7, HEAP_PAGE)
        .expect("it is writable");
    assert!(refused(&memory, at(Tag::Heap, HEAP_PAGE), 0, 1, AccessKind::Read).is_some());
    assert_eq!(memory.heap_grow(0), Some(1));
    assert_eq!(memory.heap_grow(1), Some(1));
    assert_eq!(memory.heap_grow(1), None);
    assert_eq!(memory.heap_grow(u64::MAX), None);
    assert_eq!(memory.heap_pages(), 2);
    assert_eq!(memory.descriptor(Tag::Heap).base, base);
    let bytes = memory
        .read(at(Tag::Heap, 0), 2 * HEAP_PAGE)
        .expect("it is readable");
    assert!(bytes[..HEAP_PAGE as usize].iter().all(|byte| *byte == 7));
    assert!(bytes[HEAP_PAGE as usize..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_refused_bulk_operation_changes_nothing() {
    let mut memory = memory();
    memory
        .fill(at(Tag::Bss, 0), 5, 100)
        .expect("it is writable");
    let before = memory
        .read(at(Tag::Bss, 0), 100)
        .expect("it is readable")
        .to_vec();
    let violation = memory
        .copy(at(Tag::Bss, 96), at(Tag::Data, 0), 5)
        .expect_err("it ends behind the segment");
    assert_eq!(violation.code, FaultCode::WriteOutOfBounds);
    // The destination is checked first, whatever the source.
    let violation = memory
        .copy(at(Tag::Data, 0), at(Tag::Text, 0), 1)
        .expect_err("data is not writable");
    assert_eq!(violation.code, FaultCode::WriteToData);
    assert_eq!(memory.read(at(Tag::Bss, 0), 100), Ok(&before[..]));
    // Length 0 is checked as well, and may stand at the very end.
    assert!(memory.fill(at(Tag::Bss, 100), 0, 0).is_ok());
    assert!(memory.fill(at(Tag::Bss, 101), 0, 0).is_err());
    assert!(memory.fill(at(Tag::Data, 0), 0, 0).is_err());
}

#[test]
fn initial_contents_lie_in_zeroed_bss() {
    let memory = memory();
    let bytes = memory.read(at(Tag::Bss, 8), 8).expect("it is readable");
    assert_eq!(bytes, [0, 0, 1, 2, 3, 0, 0, 0]);
}
