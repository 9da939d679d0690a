//! Reading input files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::output::is_standard;

/// How many bytes show what a file is.
pub const HEAD: usize = 64;

/// Bytes that are read from a pipe at once.
const PIECE: u64 = 16 << 10;

/// The bytes of a file, or of standard input for `-`: only the first [`HEAD`] if `wanted` says of these that it is
/// another kind of file, which may be endless. Of a file with more than `largest` bytes one more is read, which shows
/// it.
///
/// # Errors
/// What the system says when the file cannot be opened or read.
pub fn read(path: &Path, largest: u64, wanted: impl FnOnce(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    if is_standard(path) {
        return contents(io::stdin().lock(), PIECE, largest, wanted);
    }
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    contents(file, size, largest, wanted)
}

/// The bytes of a file that is about as large as `size`.
fn contents(
    mut file: impl Read,
    size: u64,
    largest: u64,
    wanted: impl FnOnce(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    // One more, so that the end shows without growing. What is not wanted needs no room.
    let room = |bytes: u64| usize::try_from(bytes.min(largest)).unwrap_or(0) + 1;
    let head = HEAD as u64;
    let mut bytes = Vec::with_capacity(room(size.min(PIECE)));
    file.by_ref().take(head).read_to_end(&mut bytes)?;
    if bytes.len() == HEAD && wanted(&bytes) {
        bytes.reserve_exact(room(size).saturating_sub(bytes.len()));
        file.take((largest + 1).saturating_sub(head))
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(bytes: &[u8], size: u64, largest: u64, wanted: bool) -> Vec<u8> {
        contents(bytes, size, largest, |head| {
            assert_eq!(head, &bytes[..HEAD]);
            wanted
        })
        .expect("slices can be read")
    }

    #[test]
    fn a_file_is_read_up_to_one_byte_more_than_the_largest() {
        let bytes: Vec<u8> = (0..200).collect();
        for length in [0, 1, 63, 64, 65, 150, 200] {
            let file = &bytes[..length];
            // A size that is wrong, as for devices and files that grow, is no limit.
            for size in [0, 10, length as u64, 1000] {
                assert_eq!(read_of(file, size, 1000, true), file);
                let most = length.min(101);
                assert_eq!(read_of(file, size, 100, true), &file[..most]);
            }
        }
    }

    #[test]
    fn of_what_is_not_wanted_only_the_head_is_read() {
        let endless = io::repeat(7);
        let head = contents(endless, 0, 1 << 40, |_| false).expect("it can be read");
        assert_eq!(head, [7; HEAD]);
        assert_eq!(read_of(&[7; 65], 65, 1000, false), [7; HEAD]);
    }
}
