//! Linking on the command line: modules that are given, `--static`, `--shared`.

use super::Place;

const MAIN: &str = ".entry main\n.import \"geo\" area (2) -> 1\n.import \"std/mem\" fill (3)\n.bss\nx: .quad 1\n.func main () -> 1\n push b:x\n push 0\n push 8\n call fill\n push 2\n push 3\n call area\n ret\n.end\n";
const GEO: &str = ".export area\n.func area (w, h) -> 1\n i_read l:w\n i_read l:h\n i_mul\n ret\n.end\n.func unused ()\n ret\n.end\n";

fn place() -> Place {
    Place::new(&[("main.cvma", MAIN), ("geo.cvma", GEO)])
}

#[test]
fn a_module_that_is_given_goes_in() {
    let place = place();
    place.run(["--shared", "geo.cvma"]).expect(0);
    assert_eq!(place.image("geo.cvm").entry, None);
    place.run(["main.cvma"]).expect(0);
    assert_eq!(place.image("main.cvm").imports.len(), 2);
    place
        .run(["-o", "app.cvm", "main.cvma", "geo.cvm"])
        .expect(0);
    let app = place.image("app.cvm");
    assert_eq!(
        (app.imports.len(), app.functions.len()),
        (1, 2),
        "std/mem stays open"
    );
    place
        .run(["--static", "-o", "whole.cvm", "main.cvma", "geo.cvm"])
        .expect(0);
    let whole = place.image("whole.cvm");
    assert!(whole.imports.is_empty());
    // The steps do not matter.
    place
        .run(["--static", "-o", "steps.cvm", "app.cvm"])
        .expect(0);
    assert_eq!(place.image("steps.cvm").text.len(), whole.text.len());
}

#[test]
fn static_linking_finds_modules() {
    let place = place();
    place
        .run(["--static", "-o", "app.cvm", "--deps", "app.d", "main.cvma"])
        .expect(0);
    assert!(place.image("app.cvm").imports.is_empty());
    assert!(place.text("app.d").contains("geo.cvma"));
    place.write("sub/geo.cvma", GEO.replace("i_mul", "i_add"));
    place
        .run(["--static", "-L", "sub", "-o", "other.cvm", "main.cvma"])
        .expect(0);
    assert_ne!(place.bytes("app.cvm"), place.bytes("other.cvm"));
    std::fs::remove_file(place.path("geo.cvma")).expect("it is there");
    place
        .run(["--static", "-o", "none.cvm", "main.cvma"])
        .expect(66)
        .says("there is no module `geo` [missing-module]")
        .says("looked in: ");
    assert!(!place.names().contains(&"none.cvm".to_string()));
}

#[test]
fn a_module_exports_something() {
    let place = Place::new(&[(
        "both.cvma",
        ".entry main\n.export main\n.func main ()\n ret\n.end\n",
    )]);
    place.run(["--shared", "both.cvma"]).expect(0);
    assert_eq!(place.image("both.cvm").entry, None);
    place.write("none.cvma", ".func f ()\n ret\n.end\n");
    place
        .run(["--shared", "none.cvma"])
        .expect(1)
        .says("a module exports something");
}

#[test]
fn what_does_not_fit_is_said_with_both_places() {
    let place = place();
    let main = MAIN
        .replace("area (2)", "area (3)")
        .replace(" push 2\n", " push 1\n push 2\n");
    place.write("main.cvma", main);
    place
        .run(["-g", "--static", "-o", "app.cvm", "main.cvma"])
        .expect(65)
        .says("[signature-mismatch]")
        .says("at: main.cvma:14:2")
        .says("and: ./geo.cvma:3:2");
}

#[test]
fn constants_of_a_module_are_defined_from_outside() {
    let place = Place::new(&[
        (
            "main.cvma",
            ".entry main\n.import \"level\" level () -> 1\n.func main () -> 1\n call level\n ret\n.end\n",
        ),
        (
            "level.cvma",
            ".export level\n.func level () -> 1\n push LEVEL\n ret\n.end\n",
        ),
    ]);
    place
        .run(["--static", "main.cvma"])
        .expect(1)
        .says("`LEVEL` is not defined");
    place
        .run(["--static", "-D", "level:LEVEL=5", "main.cvma"])
        .expect(0);
    assert!(place.image("main.cvm").imports.is_empty());
    place
        .run(["-D", "level:5", "main.cvma"])
        .expect(64)
        .says("is not a name");
}
