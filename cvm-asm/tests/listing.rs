//! The listing from the assembler's records, with the shapes that are rare in real programs.

use cvm_asm::SourceFile;
use cvm_asm::diagnostic::Span;
use cvm_asm::listing::{self, ListingEntry};
use cvm_asm::source::SourceMap;
use cvm_spec::image::{Extent, Image};
use cvm_spec::pointer::Tag;

fn source(name: &str, text: &str) -> SourceFile {
    SourceFile {
        name: name.to_owned(),
        text: text.into(),
    }
}

/// An entry for a line (from 0) of a file whose lines have four bytes.
fn entry(file: u32, line: u32, segment: Tag, offset: u32, size: u32, depth: u16) -> ListingEntry {
    let span = Span::new(file, line * 4, line * 4 + 3);
    ListingEntry {
        span,
        segment,
        offset,
        size,
        depth,
    }
}

fn listed(image: &Image, entries: &[ListingEntry], given: u32, files: &[SourceFile]) -> String {
    let mut out = Vec::new();
    listing::write(&mut out, image, entries, given, &SourceMap::new(files)).expect("memory");
    let text = String::from_utf8(out).expect("text");
    text.lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn files_follow_the_line_that_included_them() {
    let files = [
        source("a", "a1 \na2 \na3 \n"),
        source("b", "b1 \nb2 "),
        source("i", "i1 \ni2 \n"),
    ];
    let image = Image {
        text: (0..6).collect(),
        ..Image::default()
    };
    let text = |file, line, offset, size| entry(file, line, Tag::Text, offset, size, 0);
    let entries = [
        text(0, 0, 0, 1),
        text(0, 1, 1, 0),
        text(2, 0, 1, 1),
        text(0, 2, 2, 1),
        text(1, 0, 3, 0),
        text(2, 0, 3, 1),
        text(1, 1, 4, 2),
    ];
    let expected = "\
\n; a
     1  t:00000000 00                      a1
     2                                     a2

; i
     1  t:00000001 01                      i1
     2                                     i2

; a, continued
     3  t:00000002 02                      a3

; b
     1                                     b1

; i
     1  t:00000003 03                      i1
     2                                     i2

; b, continued
     2  t:00000004 04 05                   b2
";
    assert_eq!(listed(&image, &entries, 2, &files), expected);
}

#[test]
fn long_data_zeroed_space_and_expansions() {
    let files = [source("a", "aa \nbb \ncc \ndd \n")];
    let image = Image {
        data: vec![7; 100],
        bss_size: 32,
        bss_init: vec![Extent {
            offset: 16,
            bytes: vec![1, 2],
        }],
        ..Image::default()
    };
    let entries = [
        entry(0, 0, Tag::Data, 0, 70, 0),
        entry(0, 1, Tag::Bss, 0, 16, 0),
        entry(0, 3, Tag::Data, 70, 0, 0),
        entry(0, 2, Tag::Bss, 16, 2, 1),
        entry(0, 2, Tag::Bss, 18, 14, 2),
    ];
    let long: String = (0..8)
        .map(|row| {
            let start = if row == 0 { "     1" } else { "      " };
            let end = if row == 0 { " aa" } else { "" };
            format!("{start}  d:{:08x} 07 07 07 07 07 07 07 07{end}\n", row * 8)
        })
        .collect();
    let rest = "                   … 6 more bytes
     2  b:00000000 (16 zero bytes)         bb
     3                                     cc
     4                                     dd
     3+ b:00000010 01 02                   cc
     3++b:00000012 (14 zero bytes)         cc
";
    assert_eq!(
        listed(&image, &entries, 1, &files),
        format!("\n; a\n{long}{rest}")
    );
}

#[test]
fn sources_without_bytes_are_listed_all_the_same() {
    let files = [source("a", "a1 \n"), source("b", ""), source("c", "c1 ")];
    let expected = "\
\n; a
     1                                     a1

; b

; c
     1                                     c1
";
    assert_eq!(listed(&Image::default(), &[], 3, &files), expected);
}

#[test]
fn the_body_of_a_repetition_is_listed_once_for_each_round() {
    let files = [source("a", "rep \nbod \n;rm \nod2 \nend \nnxt \n")];
    let at = |line: u32| Span::new(0, line * 5, line * 5 + 3);
    let data = |line, offset, size, depth| ListingEntry {
        span: at(line),
        ..entry(0, 0, Tag::Data, offset, size, depth)
    };
    let image = Image {
        data: (0..5).collect(),
        ..Image::default()
    };
    let entries = [
        data(0, 0, 0, 0),
        data(1, 0, 1, 1),
        data(3, 1, 1, 1),
        data(1, 2, 1, 1),
        data(3, 3, 1, 1),
        data(5, 4, 1, 0),
    ];
    let expected = "\
\n; a
     1                                     rep
     2+ d:00000000 00                      bod
     3                                     ;rm
     4+ d:00000001 01                      od2
     2+ d:00000002 02                      bod
     4+ d:00000003 03                      od2
     5                                     end
     6  d:00000004 04                      nxt
";
    assert_eq!(listed(&image, &entries, 1, &files), expected);
}
