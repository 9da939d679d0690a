//! `--exact` and back gives the same bytes, for every image that the reader accepts.

mod generate;

use cvm_asm::SourceFile;
use cvm_disasm::Options;
use cvm_spec::image::reader::read;
use cvm_spec::image::writer::write;
use cvm_spec::image::{Image, SectionKind};

use generate::{Random, image, mutate};

fn assemble(text: Vec<u8>) -> cvm_asm::Assembled {
    let source = SourceFile {
        name: "exact.cvma".into(),
        text,
    };
    cvm_asm::exact::assemble(&source, &cvm_asm::Options::default())
}

fn print(image: &Image, hex: bool) -> Vec<u8> {
    let mut text = Vec::new();
    cvm_disasm::exact(image, Options { hex }, &mut text).expect("a vector takes all");
    text
}

fn check(file: &[u8], image: &Image, seed: u64) {
    for hex in [false, true] {
        let text = print(image, hex);
        let assembled = assemble(text.clone());
        let again = assembled.image.as_ref().map(write);
        assert!(
            again.as_deref() == Some(file),
            "seed {seed}: {:?}\n{}",
            assembled.diagnostics,
            String::from_utf8_lossy(&text)
        );
    }
}

/// How many images; `CVM_IMAGES` asks for more.
fn count() -> u64 {
    let wanted = std::env::var("CVM_IMAGES").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(2_000)
}

#[test]
fn generated_images_come_back() {
    let mut accepted = 0;
    for seed in 0..count() {
        let mut random = Random(seed);
        let file = write(&image(&mut random));
        if let Ok(read) = read(&file) {
            accepted += 1;
            check(&file, &read.image, seed);
        }
    }
    assert!(
        accepted * 2 > count(),
        "only {accepted} images were accepted"
    );
}

#[test]
fn mutated_images_come_back_if_the_reader_takes_them() {
    let mut accepted = 0;
    for seed in 0..count() {
        let mut random = Random(seed);
        let original = write(&image(&mut random));
        for _ in 0..10 {
            let mut file = original.clone();
            mutate(&mut random, &mut file);
            if let Ok(read) = read(&file) {
                accepted += 1;
                check(&file, &read.image, seed);
            }
        }
    }
    assert!(accepted > count(), "only {accepted} images were accepted");
}

#[test]
fn mutated_text_never_panics_the_assembler() {
    for seed in 0..count() {
        let mut random = Random(seed);
        let mut text = print(&image(&mut random), false);
        for _ in 0..3 {
            mutate(&mut random, &mut text);
            assemble(text.clone());
        }
    }
}

#[test]
fn the_generator_makes_every_section() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let text = String::from_utf8(print(&image(&mut Random(seed)), false)).expect("ASCII");
        let sections = text
            .lines()
            .filter_map(|line| line.strip_prefix(".section "));
        seen.extend(sections.map(str::to_owned));
    }
    for kind in SectionKind::ALL {
        assert!(seen.contains(kind.name()), "no {} section", kind.name());
    }
    assert!(seen.iter().any(|name| name.starts_with("0x8")));
}

/// The example of the specification, between its fences.
fn example() -> String {
    let page = include_str!("../../spec/exact.md");
    let start = page
        .find(".exact 1\n.features")
        .expect("the page has an example");
    let length = page[start..].find("```").expect("the example ends");
    page[start..start + length].to_owned()
}

#[test]
fn the_specification_shows_what_is_printed() {
    let assembled = assemble(example().into_bytes());
    let image = assembled.image.expect("the example assembles");
    let text = String::from_utf8(print(&image, false)).expect("is ASCII");
    assert_eq!(text, example());
}
