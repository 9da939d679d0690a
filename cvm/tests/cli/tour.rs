//! The reports of the guided tour, whole: what people read, and what tools read.
//!
//! `INSTA_UPDATE=always cargo test -p cvm --test cli tour` rewrites `snapshots/`; read the difference.

use std::path::Path;

use super::support::Bench;

#[test]
fn every_fault_of_the_tour_is_reported_like_this() {
    let tour = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/faults");
    let mut programs: Vec<_> = std::fs::read_dir(&tour)
        .expect("the tour is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cvma")
        })
        .collect();
    programs.sort();
    assert!(programs.len() > 20);
    for program in programs {
        let name = program.file_stem().and_then(|name| name.to_str());
        let name = name.expect("names are text");
        let text = std::fs::read_to_string(&program).expect("it can be read");
        // All files of the tour in one directory, so that reports name them without one.
        let text = text.replace("../print.cvmi", "print.cvmi");
        let bench = Bench::with(&format!("{name}.cvma"), text);
        let print = std::fs::read(tour.join("../print.cvmi")).expect("it can be read");
        bench.file("print.cvmi", print);
        // How deep a recursion gets is the engine's own affair, and one program needs a limit.
        let limit = if name == "endless-loop" {
            "--fuel 1000000"
        } else {
            ""
        };
        let run =
            |flags: &str| bench.cvm(&format!("run --engine interp {limit} {flags} {name}.cvma"));
        let (as_text, as_json) = (run(""), run("--fault-format json"));
        assert_eq!(as_text.status, as_json.status, "{name}");
        assert_eq!(as_json.json()["type"], "fault", "{name}: {as_json:?}");
        let report = format!(
            "{}{}exit status {}\n\n{:#}\n",
            as_text.stdout,
            as_text.stderr,
            as_text.status,
            as_json.json()
        );
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, report);
        });
    }
}
