//! Signatures of C functions: parsing, canonical printing, errors with their place.

use cvm_spec::foreign::{ForeignType, Length, NESTING_MAX, Scalar, Signature};
use proptest::prelude::*;

fn parse(text: &str) -> Signature {
    Signature::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn signatures_print_in_one_form() {
    for (text, canonical) in [
        ("()", "() -> void"),
        ("( ) -> void", "() -> void"),
        ("(cstr)->u64", "(cstr) -> u64"),
        (
            "(i8,i16,i32,i64,u8,u16,u32,u64,f32,f64,bool)",
            "(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool) -> void",
        ),
        ("(ptr, const  ptr) -> ptr", "(ptr, const ptr) -> ptr"),
        (
            "(ptr[16], ptr[arg2], u64) -> i32",
            "(ptr[16], ptr[arg2], u64) -> i32",
        ),
        ("(ptr[arg1*1], u64)", "(ptr[arg1], u64) -> void"),
        (
            "(const ptr[arg1*8], u64)",
            "(const ptr[arg1*8], u64) -> void",
        ),
        (
            "(ptr[arg1 * arg2], u64, u64, ptr) -> u64",
            "(ptr[arg1*arg2], u64, u64, ptr) -> u64",
        ),
        ("({i32,f64}) -> {i32, i32}", "({i32, f64}) -> {i32, i32}"),
        (
            "({[4x f32], {u8, [2 x [3 x i16]]}})",
            "({[4 x f32], {u8, [2 x [3 x i16]]}}) -> void",
        ),
        (
            "(ptr, u64, u64, fn(const ptr, const ptr) -> i32)",
            "(ptr, u64, u64, fn(const ptr, const ptr) -> i32) -> void",
        ),
        ("(fn(), fn(i32))", "(fn() -> void, fn(i32) -> void) -> void"),
        (
            "(fn(fn() -> i8) -> fn(ptr) -> i8) -> cstr",
            "(fn(fn() -> i8) -> fn(ptr) -> i8) -> cstr",
        ),
        ("(cstr, ...) -> i32", "(cstr, ...) -> i32"),
        ("(cstr,...,i32,f64) -> i32", "(cstr, ..., i32, f64) -> i32"),
        (
            "(u64) -> ptr[arg0] owned free",
            "(u64) -> ptr[arg0] owned free",
        ),
    ] {
        let signature = parse(text);
        assert_eq!(signature.to_string(), canonical, "{text}");
        assert_eq!(parse(canonical), signature, "{text}");
    }
}

#[test]
fn arity_counts_cells() {
    for (text, arity) in [
        ("()", (0, 0)),
        ("(cstr) -> u64", (1, 1)),
        ("(i32, {i32, f64}, ptr) -> {i32, i32}", (4, 2)),
        ("({[4 x f32], {u8, [2 x [3 x i16]]}})", (11, 0)),
        ("(cstr, ..., i32, f64) -> i32", (3, 1)),
    ] {
        assert_eq!(parse(text).arity(), arity, "{text}");
    }
}

/// Sizes and alignments as the System V x86-64 ABI has them (`sizeof`, `_Alignof` in C).
#[test]
fn structs_are_laid_out_as_in_c() {
    for (text, layout) in [
        ("({i8})", (1, 1)),
        ("({i8, i32})", (8, 4)),
        ("({i32, f64})", (16, 8)),
        ("({f64, i8})", (16, 8)),
        ("({i8, [3 x i16], i8})", (10, 2)),
        ("({i8, {i8, i64}, i8})", (32, 8)),
        ("({ptr, cstr, fn()})", (24, 8)),
    ] {
        assert_eq!(parse(text).args[0].layout(), layout, "{text}");
    }
}

#[test]
fn a_prefix_leaves_the_rest_of_the_line() {
    for (line, rest) in [
        ("(cstr) -> u64 as length leaf", " as length leaf"),
        ("(cstr) -> u64", ""),
        ("() ; comment", " ; comment"),
        ("(u64) -> ptr owned free as alloc", " as alloc"),
    ] {
        let (_, end) = Signature::parse_prefix(line).expect("parses");
        assert_eq!(&line[end..], rest, "{line}");
    }
    let long = format!("(cstr) -> u64 ; {}", "é".repeat(5000));
    assert!(Signature::parse_prefix(&long).is_ok());
}

#[test]
fn errors_name_the_place() {
    for (text, offset, expected) in [
        ("", 0, "`(`"),
        ("i32 -> i32", 0, "`(`"),
        ("(i32", 4, "`,` or `)`"),
        ("(i32,)", 5, "a type"),
        ("(int)", 1, "a type"),
        ("(void)", 1, "`()`"),
        ("(i32) -> ", 9, "a result type"),
        ("(i32) -> i32 i32", 13, "the end"),
        ("(const i32)", 7, "`ptr`"),
        ("(ptr[])", 5, "a length"),
        ("(ptr[0])", 5, "a length"),
        ("(ptr[arg0])", 5, "integer"),
        ("(ptr[arg3], u64)", 5, "one of 2 arguments"),
        ("(ptr[arg01], u64)", 5, "a length"),
        ("(f64, ptr[arg0])", 10, "integer"),
        ("(ptr[4294967296])", 5, "a length"),
        ("([4 x i32])", 1, "only in a struct"),
        ("({})", 2, "a member"),
        ("({[0 x i8]})", 3, "at least 1"),
        ("({ptr[4]})", 5, "no length"),
        ("({[16 x [17 x i8]]})", 2, "at most 256 scalars"),
        ("(...)", 1, "at least one argument"),
        ("(cstr, ..., ...)", 12, "behind `...`"),
        ("(cstr, ..., {i32})", 12, "behind `...`"),
        ("(fn(i32, ...))", 9, "never variadic"),
        ("(fn(ptr[8]))", 7, "no length"),
        ("() -> i32 owned free", 10, "only a pointer"),
        ("() -> ptr owned 3", 16, "frees the result"),
        ("(i32) -> i32\0", 12, "the end"),
    ] {
        let error = Signature::parse(text).expect_err(text);
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(error.expected.contains(expected), "{text}: {error}");
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("({}i8{})", "{".repeat(depth), "}".repeat(depth));
    assert!(Signature::parse(&nested(NESTING_MAX as usize)).is_ok());
    let error = Signature::parse(&nested(NESTING_MAX as usize + 1)).expect_err("too deep");
    assert_eq!(error.offset, 1 + NESTING_MAX as usize);
    assert!(Signature::parse(&"(fn".repeat(1300)).is_err());
}

#[test]
fn the_canonical_form_is_limited_too() {
    let text = format!("({}i8)", "f32,".repeat(900));
    let error = Signature::parse(&text).expect_err("too long with spaces");
    assert_eq!((error.offset, error.length), (0, text.len()));
    assert!(error.found.contains("in canonical form"), "{error}");
}

fn scalar() -> impl Strategy<Value = ForeignType> {
    prop::sample::select(Scalar::ALL.to_vec()).prop_map(ForeignType::Scalar)
}

fn plain() -> impl Strategy<Value = ForeignType> {
    prop_oneof![
        4 => scalar(),
        1 => any::<bool>().prop_map(|constant| ForeignType::Pointer { constant, length: None }),
        1 => Just(ForeignType::CString),
    ]
}

/// A struct or callback of up to five levels, few enough for every limit.
fn compound() -> impl Strategy<Value = ForeignType> {
    let member = plain().prop_recursive(5, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(ForeignType::Struct),
            (1..3u32, inner.clone()).prop_map(|(count, element)| ForeignType::Array {
                count,
                element: Box::new(element),
            }),
            inner.prop_map(|inner| ForeignType::Struct(vec![inner])),
        ]
    });
    let structure = prop::collection::vec(member, 1..3).prop_map(ForeignType::Struct);
    structure.prop_flat_map(|structure| {
        let callback = (
            prop::collection::vec(plain(), 0..3),
            prop_oneof![Just(ForeignType::Void), plain()],
        );
        prop_oneof![
            Just(structure),
            callback.prop_map(|(args, result)| ForeignType::Callback {
                args,
                result: Box::new(result),
            }),
        ]
    })
}

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        (1..u32::MAX).prop_map(Length::Bytes),
        (1..100u32).prop_map(|scale| Length::Argument { index: 0, scale }),
        Just(Length::Product(0, 0)),
    ]
}

/// Signatures whose first argument is an integer, so that lengths can name it.
fn signature() -> impl Strategy<Value = Signature> {
    let sized = (any::<bool>(), prop::option::of(length()))
        .prop_map(|(constant, length)| ForeignType::Pointer { constant, length });
    let arg = prop_oneof![plain(), compound(), sized];
    (
        prop::collection::vec(arg, 0..5),
        prop::option::of(prop::collection::vec(plain(), 0..3)),
        prop_oneof![Just(ForeignType::Void), plain(), compound()],
        any::<bool>(),
    )
        .prop_map(|(mut args, variadic, result, owned)| {
            args.insert(0, ForeignType::Scalar(Scalar::U64));
            let fixed = variadic.map(|types| {
                let fixed = args.len() as u16;
                args.extend(types);
                fixed
            });
            let is_pointer = matches!(result, ForeignType::Pointer { .. } | ForeignType::CString);
            let owner = (owned && is_pointer).then(|| "free".to_owned());
            Signature {
                args,
                fixed,
                result,
                owner,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_prints_parses_to_the_same(signature in signature()) {
        let text = signature.to_string();
        prop_assert_eq!(Signature::parse(&text), Ok(signature), "{}", text);
    }

    #[test]
    fn any_text_parses_or_fails_inside_it(text in "[(){}\\[\\],.*>a-z0-9é -]{0,60}|\\PC{0,40}") {
        if let Err(error) = Signature::parse(&text) {
            prop_assert!(error.offset + error.length <= text.len());
            prop_assert!(text.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn damaged_signatures_never_panic(
        signature in signature(),
        at in any::<prop::sample::Index>(),
        piece in "[(){}\\[\\],*]|fn|arg9|\\.\\.\\.|->|const|owned",
    ) {
        let mut text = signature.to_string();
        text.insert_str(at.index(text.len() + 1), &piece);
        if let Ok(parsed) = Signature::parse(&text) {
            prop_assert_eq!(Signature::parse(&parsed.to_string()), Ok(parsed));
        }
    }
}
