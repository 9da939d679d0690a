//! Text of unknown origin, made safe for a terminal.

/// Characters of a name or message that are shown.
const LONGEST: usize = 400;

/// Whether a terminal might act on a character, or show the text in another order.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// A name or message with control characters as escapes, cut if it is very long.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(LONGEST) {
        match is_control(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// A character of a source line; control characters become one visible character, so that columns stay.
pub(super) fn visible(character: char) -> char {
    match character as u32 {
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7F => '␡',
        _ if is_control(character) => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_control_character() {
        assert_eq!(
            escaped("a\x1b[31m\r\nb\u{202e}c"),
            "a\\u{1b}[31m\\r\\nb\\u{202e}c"
        );
        assert_eq!(escaped("größe"), "größe");
        assert_eq!(escaped(&"x".repeat(1000)).chars().count(), LONGEST + 1);
        assert_eq!(visible('\x1b'), '␛');
        assert_eq!(visible('ä'), 'ä');
    }
}
