//! The reader and the writer are inverse, and the reader survives everything.

mod sample;

use cvm_spec::image::Image;
use cvm_spec::image::reader::read;
use cvm_spec::image::writer::write;
use proptest::prelude::*;

#[test]
fn an_empty_image_is_its_header() {
    let file = write(&Image::default());
    assert_eq!(file.len(), 48);
    assert_eq!(read(&file).expect("reads").image, Image::default());
}

#[test]
fn the_sample_reads_without_a_warning_and_comes_back() {
    let image = sample::image();
    let file = write(&image);
    let read = read(&file).expect("reads");
    assert_eq!(read.warnings, []);
    assert_eq!(read.image, image);
    assert_eq!(write(&read.image), file);
}

#[test]
fn every_truncation_is_rejected() {
    let file = write(&sample::image());
    for length in 0..file.len() {
        let error = read(&file[..length]).expect_err("a part of a file is no image");
        assert!(error.offset <= file.len() as u64, "{length}: {error}");
    }
}

#[test]
fn every_flipped_bit_is_rejected_or_round_trips() {
    let file = write(&sample::image());
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        check(&damaged);
    }
}

/// Whatever the bytes are: an error inside the file, or an image that is written as the same bytes.
fn check(file: &[u8]) {
    match read(file) {
        Ok(read) => {
            assert!(write(&read.image) == file, "an accepted file changed");
            for warning in read.warnings {
                assert!(warning.offset < file.len() as u64, "{}", warning.message);
            }
        }
        Err(error) => {
            assert!(error.offset <= file.len() as u64, "{error}");
            assert!(!error.expected.is_empty() && !error.found.is_empty());
            assert!(error.rule().is_some(), "{error}");
        }
    }
}

/// A change of a file: somewhere, to something that is likely to be interesting.
fn change() -> impl Strategy<Value = (prop::sample::Index, u8, u32)> {
    let value = prop_oneof![
        any::<u32>(),
        0..64u32,
        (0..32u32).prop_map(|bit| 1 << bit),
        Just(u32::MAX),
    ];
    (any::<prop::sample::Index>(), 0..5u8, value)
}

fn mutate(mut file: Vec<u8>, changes: &[(prop::sample::Index, u8, u32)]) -> Vec<u8> {
    for (place, how, value) in changes {
        if file.is_empty() {
            break;
        }
        let at = place.index(file.len());
        let word = at & !3;
        match how {
            0 => file[at] = *value as u8,
            1 if word + 4 <= file.len() => {
                file[word..word + 4].copy_from_slice(&value.to_le_bytes());
            }
            2 if word + 4 <= file.len() => {
                let old = file[word].wrapping_add(*value as u8 % 9).wrapping_sub(4);
                file[word] = old;
            }
            3 => file.truncate(at),
            _ => file.insert(at, *value as u8),
        }
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn mutated_files_never_panic(changes in prop::collection::vec(change(), 1..6)) {
        check(&mutate(write(&sample::image()), &changes));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
        let mut with_magic = write(&Image::default());
        with_magic.truncate(20);
        with_magic.extend_from_slice(&bytes);
        check(&with_magic);
    }
}
