//! Paragraphs as lines.

/// A paragraph in lines of at most `width` characters where words allow it; each ends in a line feed.
///
/// ```
/// assert_eq!(cvm_cli::paragraph::wrapped("one two three", 8), "one two\nthree\n");
/// ```
pub fn wrapped(paragraph: &str, width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in paragraph.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}
