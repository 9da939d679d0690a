//! Directives: comments that begin with `;!`.

/// A directive of a case file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether a statement stands before it on the line.
    pub inline: bool,
    /// The word before the colon, or the whole of it.
    pub name: String,
    /// What stands behind the colon and one space; trailing blanks are kept.
    pub value: String,
}

/// All directives of a file, in order.
pub fn directives(text: &str) -> Vec<Directive> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let at = marker(line)?;
            let body = line[at + 2..].trim_start();
            let (name, value) = body.split_once(':').unwrap_or((body, ""));
            Some(Directive {
                line: index as u32 + 1,
                inline: !line[..at].trim().is_empty(),
                name: name.trim().to_string(),
                value: value.strip_prefix(' ').unwrap_or(value).to_string(),
            })
        })
        .collect()
}

/// Where `;!` begins on a line, outside strings and other comments.
fn marker(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut quote = None;
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], quote) {
            (b'\\', Some(_)) => at += 1,
            (b, Some(q)) if b == q => quote = None,
            (_, Some(_)) => {}
            (b @ (b'"' | b'\''), None) => quote = Some(b),
            (b';', None) => return (bytes.get(at + 1) == Some(&b'!')).then_some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_stand_alone_or_behind_a_statement() {
        let text = "; plain ;! exit: 1\n;! exit: 3\n  push x ;! error: undefined-name: x\n .ascii \";! no\"\n;!stdout:  two\n";
        let found = directives(text);
        assert_eq!(found.len(), 3);
        assert_eq!(
            (found[0].line, found[0].inline, found[0].value.as_str()),
            (2, false, "3")
        );
        assert_eq!(
            (found[1].line, found[1].inline, found[1].name.as_str()),
            (3, true, "error")
        );
        assert_eq!(found[2].value, " two");
    }
}
