//! The names in a Mach-O library's export trie.
//!
//! A node is the length of what it says of a symbol that ends there (0 if none does), that, the number of children, and
//! for each child a piece of the name, ended by a NUL, and the child's offset in the trie. Numbers but the children's are
//! in LEB128, 7 bits a byte. Nothing keeps a damaged file from pointing back to a node, so each is visited once at most, and nothing
//! here calls itself.

use std::collections::HashSet;

/// No name is longer.
const NAME_MAX: usize = 4096;
/// Bytes of all names, with those that are only on the way to others.
const NAMES_MAX: usize = 256 << 20;

/// What is wrong with a trie.
pub(crate) type Broken = &'static str;

/// Tells the names, as they stand in the trie, until `tell` says `false`.
pub(crate) fn names(trie: &[u8], mut tell: impl FnMut(&str) -> bool) -> Result<(), Broken> {
    if trie.is_empty() {
        return Ok(());
    }
    let mut seen = HashSet::from([0]);
    let mut work = vec![(0, String::new())];
    let mut made = 0;
    while let Some((start, name)) = work.pop() {
        let mut at = start;
        let terminal = number(trie, &mut at)?;
        if terminal != 0 && !tell(&name) {
            return Ok(());
        }
        at = at.checked_add(terminal).ok_or(OUTSIDE)?;
        let children = *trie.get(at).ok_or(OUTSIDE)?;
        at += 1;
        for _ in 0..children {
            let rest = trie.get(at..).ok_or(OUTSIDE)?;
            let length = rest.iter().position(|byte| *byte == 0).ok_or(OUTSIDE)?;
            let piece = std::str::from_utf8(&rest[..length]).map_err(|_| "a name is not UTF-8")?;
            at += length + 1;
            let child = number(trie, &mut at)?;
            if child >= trie.len() {
                return Err(OUTSIDE);
            }
            made += name.len() + length;
            if name.len() + length > NAME_MAX || made > NAMES_MAX {
                return Err("the names in its export trie are too long");
            }
            if !seen.insert(child) {
                return Err("its export trie comes back to a node");
            }
            work.push((child, format!("{name}{piece}")));
        }
    }
    Ok(())
}

const OUTSIDE: Broken = "its export trie leads out of itself";

/// A number in LEB128.
fn number(trie: &[u8], at: &mut usize) -> Result<usize, Broken> {
    let mut value = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *trie.get(*at).ok_or(OUTSIDE)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number in its export trie is too large")
}

#[cfg(test)]
mod tests {
    use super::names;

    fn all(trie: &[u8]) -> Result<Vec<String>, &'static str> {
        let mut found = Vec::new();
        names(trie, |name| {
            found.push(name.to_string());
            true
        })?;
        found.sort();
        Ok(found)
    }

    #[test]
    fn names_are_made_of_the_pieces_on_the_way() {
        // Root: "_f" leads to 6; there "_f" ends (2 bytes of flags and address), and "oo" leads to 14.
        let trie = b"\0\x01_f\0\x06\x02\0\x10\x01oo\0\x0e\x02\0\x20\0";
        assert_eq!(all(trie).unwrap(), ["_f", "_foo"]);
        assert_eq!(all(b"").unwrap(), [""; 0]);
    }

    #[test]
    fn a_trie_that_comes_back_to_itself_is_refused() {
        assert!(all(b"\0\x01a\0\0").is_err());
        assert!(all(b"\0\x02a\0\x09b\0\x09\0\0\0").is_err());
    }

    #[test]
    fn a_trie_that_ends_early_is_refused() {
        let trie = b"\0\x01_f\0\x06\x02\0\x10\x01oo\0\x0e\x02\0\x20\0";
        for length in 1..trie.len() {
            assert!(all(&trie[..length]).is_err(), "{length}");
        }
    }
}
