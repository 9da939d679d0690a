//! `--profile`. Time is not measured: programs run until there are enough samples, and what is compared are shares.

use std::collections::BTreeMap;
use std::fs;

use super::support::Bench;
use super::watch::{TWO, engines};

/// Collapsed stacks: boxes from the outermost to the innermost, and milliseconds.
struct Stacks(Vec<(Vec<String>, u64)>);

impl Stacks {
    fn parse(text: &str) -> Stacks {
        let stack = |line: &str| {
            let (boxes, count) = line.rsplit_once(' ').expect("a line ends with a number");
            let boxes = boxes.split(';').map(str::to_string).collect();
            (boxes, count.parse().expect("a line ends with a number"))
        };
        Stacks(text.lines().map(stack).collect())
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Milliseconds of the stacks in which these boxes stand on each other.
    fn with(&self, wanted: &[&str]) -> u64 {
        let has = |boxes: &[String]| boxes.windows(wanted.len()).any(|found| found == wanted);
        let found = self.0.iter().filter(|(boxes, _)| has(boxes));
        found.map(|(_, count)| count).sum()
    }

    /// Milliseconds by innermost box.
    fn innermost(&self) -> BTreeMap<&str, u64> {
        let mut found = BTreeMap::new();
        for (boxes, count) in &self.0 {
            *found.entry(boxes[boxes.len() - 1].as_str()).or_default() += count;
        }
        found
    }
}

/// The profile of a program in which ROUNDS is set so that there is enough to see.
fn profile(source: &str, engine: &str) -> Stacks {
    let mut rounds = 2_000;
    loop {
        let text = source.replace("ROUNDS", &rounds.to_string());
        let bench = Bench::with("two.cvma", text);
        bench
            .cvm(&format!(
                "run --engine {engine} --profile out.folded two.cvma"
            ))
            .exits(0)
            .silently();
        let out = fs::read_to_string(bench.path().join("out.folded")).expect("it is written");
        let stacks = Stacks::parse(&out);
        if stacks.total() >= 200 {
            let entries = fs::read_dir(bench.path()).expect("it can be read");
            assert_eq!(entries.count(), 2, "nothing else is left behind");
            return stacks;
        }
        rounds *= 3;
    }
}

/// The line that holds a text, as a profile names it.
fn line_of(source: &str, text: &str) -> String {
    let number = source.lines().position(|line| line.trim() == text);
    format!("two.cvma:{}", number.expect("the source has it") + 1)
}

#[test]
fn a_profile_names_the_hot_function_and_its_lines() {
    let source = TWO.replace("FILL", "nop");
    let call = line_of(&source, "call hot");
    let (first, last) = (26, 47);
    for engine in engines() {
        let stacks = profile(&source, engine);
        let total = stacks.total();
        let hot = stacks.with(&["main", &call, "hot"]);
        assert!(
            hot * 10 > total * 8,
            "{engine}: {hot} of {total}: {:?}",
            stacks.0
        );
        let whole = stacks.with(&["main"]);
        assert_eq!(
            whole, total,
            "{engine}: all stacks are complete: {:?}",
            stacks.0
        );
        for line in stacks.innermost().keys() {
            let number = line
                .rsplit_once(':')
                .and_then(|(_, number)| number.parse().ok());
            let number: usize = number.unwrap_or_else(|| panic!("{engine}: {line}"));
            assert!((6..=53).contains(&number), "{engine}: {line}");
        }
        let inside = stacks
            .0
            .iter()
            .filter(|(boxes, _)| boxes.get(2).is_some_and(|b| b == "hot"));
        for (boxes, _) in inside {
            let number = boxes[3]
                .rsplit_once(':')
                .and_then(|(_, number)| number.parse().ok());
            assert!(
                (first..=last).contains(&number.unwrap_or(0)),
                "{engine}: {boxes:?}"
            );
        }
        if engine != "interp" {
            // The division takes much longer than all the rest.
            let division = line_of(&source, "i_rem");
            let hottest = stacks.with(&["hot", &division]);
            assert!(hottest * 2 > total, "{engine}: {:?}", stacks.0);
        }
    }
}

#[test]
fn time_spent_outside_of_the_program_belongs_to_the_line_that_called() {
    let fill = "push b:room\n push 0\n push 8192\n mem_fill\n".repeat(40);
    let source = TWO.replace("FILL", &format!("{fill} call down\n drop"));
    let source = source.replace("push 1000\n", "push 2\n");
    // What is called has a frame of its own in l:.
    let source = source
        + "\
.func down () -> 1
    declare buf[4]
    push 8
    q_read l:buf
    ret
.end
";
    for engine in engines() {
        let stacks = profile(&source, engine);
        let fills: u64 = source
            .lines()
            .enumerate()
            .filter(|(_, line)| line.trim() == "mem_fill")
            .map(|(number, _)| stacks.with(&["hot", &format!("two.cvma:{}", number + 1)]))
            .sum();
        let total = stacks.total();
        assert!(
            fills * 2 > total,
            "{engine}: {fills} of {total}: {:?}",
            stacks.0
        );
        assert_eq!(stacks.with(&["main"]), total, "{engine}: {:?}", stacks.0);
    }
}

#[test]
fn a_profile_has_what_the_host_did_and_is_written_when_the_program_faults() {
    let source = "\
.entry main
.host sys.random (2) -> 1
.bss
room: .reserve 65536
.text
.func main ()
    declare i
.next:
    push b:room
    push 65536
    call sys.random
    drop
    i_read l:i
    push 1
    i_add
    i_write l:i
    i_read l:i
    push ROUNDS
    i_lt
    jnz .next
    push 1
    push 0
    i_div
    drop
    ret
.end
";
    for engine in engines() {
        let mut rounds = 100;
        loop {
            let bench = Bench::with("two.cvma", source.replace("ROUNDS", &rounds.to_string()));
            let faulted = bench.cvm(&format!(
                "run --engine {engine} --profile x.folded two.cvma"
            ));
            faulted.exits(136).says("division by zero");
            let out = fs::read_to_string(bench.path().join("x.folded")).expect("it is written");
            let stacks = Stacks::parse(&out);
            let total = stacks.total();
            if total < 100 {
                rounds *= 4;
                continue;
            }
            let random = stacks.with(&["main", "two.cvma:11", "sys.random"]);
            assert!(random * 10 > total * 8, "{engine}: {:?}", stacks.0);
            break;
        }
    }
}

#[test]
fn a_flame_graph_is_an_svg_file() {
    let source = TWO.replace("FILL", "nop").replace("ROUNDS", "3000");
    let bench = Bench::with("two.cvma", source);
    fs::write(bench.path().join("out.svg"), "what was there before").expect("it can be written");
    bench
        .cvm("run --profile out.svg two.cvma")
        .exits(0)
        .silently();
    let svg = fs::read_to_string(bench.path().join("out.svg")).expect("it is written");
    assert!(
        svg.starts_with("<?xml") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert!(
        svg.contains(">two.cvma</text>"),
        "the title is the program's name"
    );
}
