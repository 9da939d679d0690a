//! Diagnostics and other messages: text, JSON, warnings' levels, help.

use super::{HELLO, Place, Ran, WARNED, WRONG};
use cvm_asm::diagnostic::{DiagnosticCode, Severity};
use serde_json::Value;

#[test]
fn errors_have_a_place_a_source_line_and_a_closing_line() {
    let place = Place::new(&[("bad.cvma", WRONG)]);
    let ran = place.run(["bad.cvma"]).expect(1);
    assert!(
        ran.err.starts_with("error[unknown-mnemonic]: "),
        "{}",
        ran.err
    );
    let ran = ran
        .says(" --> bad.cvma:3:5\n")
        .says("\n3 |     pusj 0\n  |     ^^^^");
    assert!(ran.err.ends_with("\n1 error, 0 warnings\n"), "{}", ran.err);
    assert!(ran.out.is_empty());
}

#[test]
fn no_colour_in_pipes() {
    let place = Place::new(&[("bad.cvma", WRONG)]);
    let mut command = place.command(["bad.cvma"]);
    let output = command
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .output();
    let ran = Ran::of(output.expect("it starts")).expect(1);
    assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    assert!(!place.run(["--nonsense"]).expect(64).err.contains('\u{1b}'));
}

#[test]
fn warnings_can_be_denied_and_allowed() {
    let place = Place::new(&[("w.cvma", WARNED)]);
    place
        .run(["w.cvma"])
        .expect(0)
        .says("warning[unused-label]")
        .says("0 errors, 1 warning\n");
    assert_eq!(place.names(), ["w.cvm", "w.cvma"]);
    std::fs::remove_file(place.path("w.cvm")).expect("it is there");
    for deny in ["warnings", "unused-label"] {
        let ran = place.run(["--deny", deny, "w.cvma"]).expect(1);
        ran.says("error[unused-label]")
            .says("1 error, 0 warnings\n");
        assert_eq!(place.names(), ["w.cvma"]);
    }
    let ran = place
        .run(["--deny", "warnings", "--allow", "unused-label", "w.cvma"])
        .expect(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
    place.run(["--deny", "unused-local", "w.cvma"]).expect(0);
}

#[test]
fn levels_take_names_of_warnings_only() {
    let place = Place::new(&[("w.cvma", WARNED)]);
    let ran = place.run(["--deny", "unused-labels", "w.cvma"]).expect(64);
    ran.says("no warning is called `unused-labels`; did you mean `unused-label`?");
    let ran = place
        .run(["--allow", "unknown-mnemonic", "w.cvma"])
        .expect(64);
    ran.says("`unknown-mnemonic` is an error, not a warning");
    place
        .run(["--deny", "warning", "w.cvma"])
        .expect(64)
        .says("did you mean `warnings`?");
}

#[test]
fn the_number_of_messages_is_bounded() {
    let body = "    pusj 0\n".repeat(70);
    let text = format!(".entry main\n.func main ()\n{body}    ret\n.end\n");
    let place = Place::new(&[("many.cvma", &text)]);
    let count = |ran: &Ran| ran.err.matches("error[").count();
    let ran = place.run(["many.cvma"]).expect(1);
    assert_eq!(count(&ran), 50);
    ran.says("\n70 errors, 0 warnings (20 not shown; --max-errors 0 shows all)\n");
    assert_eq!(
        count(&place.run(["--max-errors", "3", "many.cvma"]).expect(1)),
        3
    );
    let all = place.run(["--max-errors", "0", "many.cvma"]).expect(1);
    assert_eq!(count(&all), 70);
    assert!(all.err.ends_with("\n70 errors, 0 warnings\n"));
    let json = place
        .run(["--max-errors", "3", "--diagnostics", "json", "many.cvma"])
        .expect(1);
    let lines = objects(&json.err);
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3]["errors"], 70);
    assert_eq!(lines[3]["omitted"], 67);
    place.run(["--max-errors", "many", "many.cvma"]).expect(64);
}

#[test]
fn json_keeps_to_its_schema() {
    let text = "; ä\n.entry main\n.func main () -> 1\n.unused:\n    pusj 0\n    i_write b:nothing\n    push 0\n    ret\n.end\n";
    let place = Place::new(&[("a \"b\".cvma", text)]);
    let ran = place
        .run(["--diagnostics", "json", "a \"b\".cvma"])
        .expect(1);
    assert!(ran.out.is_empty());
    let lines = objects(&ran.err);
    let (summary, diagnostics) = lines.split_last().expect("a summary");
    let errors = diagnostics
        .iter()
        .filter(|d| d["severity"] == "error")
        .count();
    assert!(errors >= 2, "{}", ran.err);
    assert_eq!(
        fields(summary),
        ["errors", "omitted", "type", "version", "warnings"]
    );
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["errors"], errors);
    assert_eq!(summary["warnings"], diagnostics.len() - errors);
    assert_eq!(summary["omitted"], 0);
    for diagnostic in diagnostics {
        check_diagnostic(diagnostic, text);
    }
    let typo = diagnostics
        .iter()
        .find(|d| d["code"] == "unknown-mnemonic")
        .expect("the typo");
    let label = &typo["labels"][0];
    assert_eq!(label["start"]["line"], 5);
    assert_eq!(label["start"]["column"], 5);
    assert_eq!(label["end"]["column"], 9);
    assert_eq!(
        label["start"]["offset"],
        text.find("pusj").expect("it is there")
    );
    let help = typo["help"][0].as_str().expect("help");
    assert!(help.contains("`push`"), "{help}");
}

/// Every field that `spec/diagnostics.md` promises, with its type.
fn check_diagnostic(diagnostic: &Value, text: &str) {
    let expected = [
        "code", "fix", "help", "labels", "message", "notes", "severity", "type", "version",
    ];
    assert_eq!(fields(diagnostic), expected);
    assert_eq!(diagnostic["version"], 1);
    assert_eq!(diagnostic["type"], "diagnostic");
    let code = diagnostic["code"].as_str().expect("a code");
    assert!(DiagnosticCode::from_code(code).is_some());
    let message = diagnostic["message"].as_str().expect("a message");
    assert!(
        !message.is_empty() && !message.contains('\n') && !message.ends_with('.'),
        "{message}"
    );
    for list in ["help", "notes"] {
        assert!(
            diagnostic[list]
                .as_array()
                .expect(list)
                .iter()
                .all(Value::is_string)
        );
    }
    let labels = diagnostic["labels"].as_array().expect("labels");
    assert_eq!(labels[0]["primary"], true);
    for label in labels {
        assert_eq!(fields(label), ["end", "file", "primary", "start", "text"]);
        assert!(label["text"].is_string());
        check_range(label, text);
    }
    if !diagnostic["fix"].is_null() {
        assert_eq!(
            fields(&diagnostic["fix"]),
            ["end", "file", "replacement", "start"]
        );
        check_range(&diagnostic["fix"], text);
    }
}

fn check_range(range: &Value, text: &str) {
    assert_eq!(range["file"], "a \"b\".cvma");
    for end in ["start", "end"] {
        assert_eq!(fields(&range[end]), ["column", "line", "offset"]);
        let offset = range[end]["offset"].as_u64().expect("an offset") as usize;
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        assert_eq!(range[end]["line"], before.matches('\n').count() + 1);
        assert_eq!(
            range[end]["column"],
            before[line_start..].chars().count() + 1
        );
    }
}

fn objects(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .expect("each line is an object")
}

fn fields(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn json_of_other_ends() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    let good = objects(
        &place
            .run(["--diagnostics", "json", "hello.cvma"])
            .expect(0)
            .err,
    );
    assert_eq!(good.len(), 1);
    assert_eq!(good[0]["type"], "summary");
    let missing = objects(
        &place
            .run(["--diagnostics", "json", "no.cvma"])
            .expect(66)
            .err,
    );
    assert_eq!(missing.len(), 1);
    assert_eq!(
        fields(&missing[0]),
        ["exit_status", "message", "type", "version"]
    );
    assert_eq!(missing[0]["type"], "failure");
    assert_eq!(missing[0]["exit_status"], 66);
}

#[test]
fn every_code_is_explained() {
    let place = Place::new(&[]);
    let all = place.run(["--explain", "all"]).expect(0).out_text();
    assert_eq!(all.lines().count(), DiagnosticCode::ALL.len());
    for code in DiagnosticCode::ALL {
        let text = place.run(["--explain", code.code()]).expect(0).out_text();
        assert!(
            text.starts_with(code.code()) && text.contains(code.title()),
            "{text}"
        );
        assert_eq!(
            text.contains("--allow"),
            code.severity() == Severity::Warning
        );
        assert!(
            text.lines().skip(1).all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
    let ran = place.run(["--explain", "unused-lable"]).expect(64);
    ran.says("no diagnostic has the code `unused-lable`; did you mean `unused-label`?");
}

#[test]
fn help_has_examples_and_statuses() {
    let place = Place::new(&[]);
    let help = place.run(["--help"]).expect(0).out_text();
    for part in [
        "Usage: cvm-asm",
        "Examples:",
        "Exit status:",
        "-o, --output <FILE>",
        "Diagnostics:",
    ] {
        assert!(help.contains(part), "{part}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100));
    assert!(
        place
            .run(["--version"])
            .expect(0)
            .out_text()
            .starts_with("cvm-asm ")
    );
}

#[test]
fn wrong_use_is_status_64() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    place.run([] as [&str; 0]).expect(64).says("FILE");
    place
        .run(["--lsting", "x", "hello.cvma"])
        .expect(64)
        .says("--listing");
    place.run(["-g", "--strip", "hello.cvma"]).expect(64);
    place
        .run(["--diagnostics", "xml", "hello.cvma"])
        .expect(64)
        .says("json");
    place
        .run(["-o", "-", "--deps", "x.d", "hello.cvma"])
        .expect(64);
    place
        .run(["-D", "1x=2", "hello.cvma"])
        .expect(64)
        .says("`1x` is not a name");
    place
        .run(["-D", "X=", "hello.cvma"])
        .expect(64)
        .says("X has no value");
    assert_eq!(place.names(), ["hello.cvma"]);
}

#[test]
fn completions_and_manual() {
    let place = Place::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(["--completions", shell]).expect(0).out_text();
        assert!(
            script.contains("cvm-asm") && script.contains("listing"),
            "{shell}"
        );
    }
    place.run(["--completions", "tcsh"]).expect(64);
    let page = place.run(["--man"]).expect(0).out_text();
    assert!(page.contains(".TH cvm-asm 1"), "{page}");
    assert!(page.contains("EXAMPLES") || page.contains("Examples"));
}
