//! The example `plugins` does what it says.

#[allow(dead_code)]
#[path = "../examples/plugins.rs"]
mod plugins;

use std::path::Path;

#[test]
fn sound_plugins_answer_and_others_are_reported() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/plugins");
    let logs = plugins::serve_all(&directory).expect("the directory can be read");
    let log = |name: &str| {
        let found = logs.iter().find(|log| log.starts_with(name));
        found
            .unwrap_or_else(|| panic!("no plug-in {name}"))
            .as_str()
    };
    assert_eq!(
        log("count"),
        "count:\n  number 1\n  number 5\n  number 2\n  number 26\n  number 3\n  number 29\n"
    );
    assert_eq!(
        log("upper"),
        "upper:\n  says \"HELLO\"\n  says \"A LONGER LINE OF TEXT\"\n  says \"BYE\"\n"
    );
    assert!(log("endless").contains("[out-of-fuel]"));
    let faulty = log("faulty");
    assert!(faulty.contains("[write-out-of-bounds]"), "{faulty}");
    assert!(
        faulty.contains("`line` (16 bytes), reaching 48 bytes past its end"),
        "{faulty}"
    );
}
