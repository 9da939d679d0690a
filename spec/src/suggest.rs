//! "Did you mean …?": the known name that is closest to a misspelt one.

/// Longest names that are compared; nobody mistypes longer ones in a way that distance explains.
const LONGEST: usize = 64;

/// The closest candidate, if one is close enough: up to a third of the letters changed, swapped, missing or added.
/// Of equally close ones the first. Upper and lower case count as half a difference.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let word_letters = letters(word);
    let limit = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        if candidate == word || candidate.len().abs_diff(word.len()) > limit {
            continue;
        }
        let different = word_letters ^ letters(candidate);
        if different.count_ones() as usize > 2 * limit {
            continue; // one change of a letter makes at most two differ
        }
        let distance = strsim::osa_distance(&lower, &candidate.to_ascii_lowercase()) * 2
            + usize::from(candidate.eq_ignore_ascii_case(word));
        if distance <= limit * 2 && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The set of bytes in a word, as bits; upper and lower case are the same.
fn letters(word: &str) -> u64 {
    word.bytes()
        .fold(0, |set, byte| set | 1 << (byte.to_ascii_lowercase() & 63))
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["i_add", "i_and", "push", "push_b", "sys.write", "total"];
        assert_eq!(closest("i_ad", names), Some("i_add"));
        assert_eq!(closest("psuh", names), Some("push"));
        assert_eq!(closest("PUSH", names), Some("push"));
        assert_eq!(closest("sys.wriet", names), Some("sys.write"));
        assert_eq!(closest("tota", names), Some("total"));
        assert_eq!(closest("q", names), None);
        assert_eq!(closest("completely_else", names), None);
        assert_eq!(closest("", names), None);
    }
}
