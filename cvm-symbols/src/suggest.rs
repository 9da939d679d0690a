//! Names like a misspelt one.

/// Most suggestions.
const MOST: usize = 3;
/// Longest names that are compared.
const LONGEST: usize = 64;

/// Up to three names that are close to `wanted`, the closest first: a third of the letters may differ, or the name is the
/// wanted one with underscores in front.
pub(crate) fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    let limit = (wanted.chars().count() / 3).max(1);
    let letters = letters(wanted);
    let bare = wanted.trim_start_matches('_');
    let mut found: Vec<(usize, &str)> = names
        .filter(|name| *name != wanted && name.len().abs_diff(wanted.len()) <= limit.max(2))
        .filter_map(|name| {
            if name.trim_start_matches('_') == bare {
                return Some((1, name));
            }
            let different = letters ^ self::letters(name);
            if different.count_ones() as usize > 2 * limit {
                return None;
            }
            let distance = strsim::osa_distance(wanted, name);
            (distance <= limit).then_some((distance, name))
        })
        .collect();
    found.sort_unstable_by_key(|(distance, name)| (*distance, name.len(), *name));
    found.dedup();
    found.truncate(MOST);
    found.into_iter().map(|(_, name)| name).collect()
}

/// The set of letters in a name, as bits: one changed letter makes at most two differ.
fn letters(word: &str) -> u64 {
    word.bytes().fold(0, |set, byte| set | 1 << (byte & 63))
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn near_names_come_closest_first() {
        let names = ["strlen", "strnlen", "strcmp", "_exit", "puts", "fputs"];
        let near = |wanted: &str| near(wanted, names.into_iter());
        assert_eq!(near("strlne")[0], "strlen");
        assert_eq!(near("put"), ["puts"]);
        assert_eq!(near("exit"), ["_exit"]);
        assert!(near("completely_else").is_empty());
        assert!(near("").is_empty());
    }
}
