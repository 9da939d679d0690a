//! Flame graphs: a tree of boxes as an SVG document.
//!
//! Each box is as wide as the time that was spent in it and in what stands on it; the outermost function stands at the
//! bottom. Boxes that stand on the same one are sorted by name: from left to right is not an order in time. A click on a
//! box shows it and what stands on it in the whole width, a click on the bottom shows everything again. Without scripts
//! the document shows the same, with the whole text of a box when the pointer rests on it. It needs nothing from
//! elsewhere, and the same profile gives the same bytes.
//!
//! The crates that draw such graphs draw them with `inferno`, whose licence (CDDL-1.0) is not permissive.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A function of the program.
    Function,
    /// A line of the function below.
    Line,
    /// A function of the host or of C.
    Import,
}

/// A label and its kind.
pub(super) type Box = (String, Kind);

/// Width of the picture, height of a row, and what is left free around the boxes, in pixels.
const WIDTH: f64 = 1200.0;
const ROW: f64 = 17.0;
const MARGIN: f64 = 10.0;
const HEAD: f64 = 40.0;
/// Boxes that are narrower are left out.
const NARROWEST: f64 = 0.3;
/// Width of a character, about.
const CHARACTER: f64 = 6.7;

/// A box with what stands on it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Time spent in this box and above it, in milliseconds.
    total: u64,
    above: BTreeMap<Box, Tree>,
}

impl Tree {
    /// Adds a stack, outermost box first.
    pub(super) fn add(&mut self, boxes: &[Box], milliseconds: u64) {
        self.total += milliseconds;
        let mut tree = self;
        for name in boxes {
            tree = tree.above.entry(name.clone()).or_default();
            tree.total += milliseconds;
        }
    }

    /// Rows that the boxes of at least this many milliseconds take.
    fn height(&self, least: f64) -> usize {
        let shown = self.above.values().filter(|t| t.total as f64 >= least);
        shown.map(|tree| 1 + tree.height(least)).max().unwrap_or(0)
    }

    /// The document; `lost` milliseconds could not be written down.
    pub(super) fn svg(&self, title: &str, lost: u64) -> String {
        let scale = (WIDTH - 2.0 * MARGIN) / (self.total.max(1) as f64);
        let least = NARROWEST / scale;
        let rows = self.height(least) + 1;
        let bottom = HEAD + rows as f64 * ROW;
        let height = bottom + MARGIN;
        let mut remark = format!("{} ms of processor time", self.total);
        if self.total == 0 {
            remark.push_str(": nothing was seen");
        }
        if lost > 0 {
            let _ = write!(remark, ", {lost} ms more could not be written down");
        }
        let title = markup(title);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\">\n\
             <style>\n\
             text {{ font: 11px ui-monospace, monospace; fill: #000; pointer-events: none }}\n\
             .head {{ font-size: 15px }}\n\
             rect {{ stroke: #fff; stroke-width: 0.5 }}\n\
             g:hover rect {{ stroke: #000 }}\n\
             </style>\n\
             <rect width=\"100%\" height=\"100%\" style=\"fill: #fff\"/>\n\
             <text class=\"head\" x=\"{MARGIN}\" y=\"20\">{title}</text>\n\
             <text x=\"{MARGIN}\" y=\"35\">{remark}</text>\n"
        );
        let whole = ("all".to_string(), Kind::Import);
        let mut page = Page {
            out: &mut out,
            scale,
            bottom,
            whole: self.total,
        };
        page.draw(&whole, self, 0, 0);
        out.push_str(SCRIPT);
        out.push_str("</svg>\n");
        out
    }
}

struct Page<'o> {
    out: &'o mut String,
    /// Pixels for a millisecond.
    scale: f64,
    bottom: f64,
    whole: u64,
}

impl Page<'_> {
    /// Draws a box that begins `start` milliseconds from the left, and what stands on it.
    fn draw(&mut self, name: &Box, tree: &Tree, start: u64, row: usize) {
        let width = tree.total as f64 * self.scale;
        if row > 0 && width < NARROWEST {
            return;
        }
        let (label, kind) = name;
        let x = MARGIN + start as f64 * self.scale;
        let y = self.bottom - (row + 1) as f64 * ROW;
        let share = 100.0 * tree.total as f64 / self.whole.max(1) as f64;
        let shown = markup(&cut(label, width));
        let full = markup(label);
        let color = color(label, *kind);
        let _ = writeln!(
            self.out,
            "<g data-x=\"{x:.2}\" data-w=\"{width:.2}\"><title>{full}: {} ms, {share:.1} %</title>\
             <rect x=\"{x:.2}\" y=\"{y:.0}\" width=\"{width:.2}\" height=\"{:.0}\" fill=\"{color}\"/>\
             <text x=\"{:.2}\" y=\"{:.0}\">{shown}</text></g>",
            tree.total,
            ROW - 1.0,
            x + 3.0,
            y + 12.0,
        );
        let mut start = start;
        for (name, above) in &tree.above {
            self.draw(name, above, start, row + 1);
            start += above.total;
        }
    }
}

/// As much of a label as fits.
fn cut(label: &str, width: f64) -> String {
    let room = ((width - 6.0) / CHARACTER).max(0.0) as usize;
    if label.chars().count() <= room {
        return label.to_string();
    }
    match room {
        0..3 => String::new(),
        _ => label.chars().take(room - 1).chain(['…']).collect(),
    }
}

/// Warm for functions, pale for lines, blue for what lies outside of the program; the same for the same label.
fn color(label: &str, kind: Kind) -> String {
    let hash = label.bytes().fold(0u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    let (hue, saturation, light) = match kind {
        Kind::Function => (15 + hash % 35, 90, 62),
        Kind::Line => (45 + hash % 15, 70, 82),
        Kind::Import => (200 + hash % 30, 55, 75),
    };
    format!("hsl({hue}, {saturation}%, {light}%)")
}

/// Text for an XML document.
fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Not allowed in XML, not even as an escape.
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Stretches the box that was clicked, and hides what does not stand on it or under it.
const SCRIPT: &str = r#"<script><![CDATA[
const boxes = [...document.querySelectorAll("g")];
const whole = boxes[0].dataset;
function show(box) {
  const from = +box.dataset.x, width = +box.dataset.w, by = whole.w / width;
  const end = from + width;
  for (const g of boxes) {
    const x = +g.dataset.x, w = +g.dataset.w;
    const left = Math.max(x, from), right = Math.min(x + w, end);
    g.style.display = right - left > 0.001 ? "" : "none";
    const rect = g.querySelector("rect"), text = g.querySelector("text");
    const at = +whole.x + (left - from) * by, wide = (right - left) * by;
    rect.setAttribute("x", at);
    rect.setAttribute("width", Math.max(wide, 0));
    text.setAttribute("x", at + 3);
    const label = g.querySelector("title").textContent.replace(/: \d+ ms, [\d.]+ %$/, "");
    const room = Math.floor((wide - 6) / 6.7);
    text.textContent = label.length <= room ? label : room < 3 ? "" : label.slice(0, room - 1) + "…";
  }
}
for (const g of boxes) g.addEventListener("click", () => show(g));
]]></script>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str, kind: Kind) -> Box {
        (label.to_string(), kind)
    }

    fn example() -> Tree {
        let mut tree = Tree::default();
        let main = named("main", Kind::Function);
        tree.add(&[main.clone(), named("x.cvma:1", Kind::Line)], 30);
        tree.add(&[main.clone(), named("a<b>", Kind::Function)], 60);
        tree.add(&[main, named("sys.write", Kind::Import)], 10);
        tree
    }

    /// The number behind `name="` in a line.
    fn attribute(line: &str, name: &str) -> f64 {
        let start = line.find(&format!(" {name}=\"")).expect("it is there") + name.len() + 3;
        let end = line[start..].find('"').expect("it ends") + start;
        line[start..end].parse().expect("it is a number")
    }

    #[test]
    fn boxes_are_as_wide_as_their_time_and_stand_on_their_callers() {
        let svg = example().svg("a title & more", 0);
        let boxes: Vec<&str> = svg.lines().filter(|line| line.starts_with("<g ")).collect();
        assert_eq!(boxes.len(), 5, "{svg}");
        let find = |text: &str| {
            let found = boxes.iter().find(|line| line.contains(text));
            let rect = found.unwrap_or_else(|| panic!("no {text} in {svg}"));
            &rect[rect.find("<rect").expect("a box is a rectangle")..]
        };
        let (main, called, line) = (
            find("main: 100 ms"),
            find("a&lt;b&gt;: 60 ms"),
            find("x.cvma:1: 30 ms"),
        );
        let whole = attribute(main, "width");
        assert!((attribute(called, "width") / whole - 0.6).abs() < 0.001);
        assert!((attribute(line, "width") / whole - 0.3).abs() < 0.001);
        assert!(
            attribute(called, "y") < attribute(main, "y"),
            "the callee is above"
        );
        // Beside each other, without overlap.
        let end = attribute(called, "x") + attribute(called, "width");
        assert!((attribute(find("sys.write: 10 ms"), "x") - end).abs() < 0.1);
        assert!(svg.contains("a title &amp; more"));
        assert!(!svg.contains("could not"));
    }

    #[test]
    fn the_same_profile_gives_the_same_bytes() {
        assert_eq!(example().svg("t", 3), example().svg("t", 3));
        assert!(example().svg("t", 3).contains("3 ms more could not"));
    }

    #[test]
    fn an_empty_profile_says_so() {
        let svg = Tree::default().svg("t", 0);
        assert!(svg.contains("nothing was seen"));
    }

    #[test]
    fn labels_are_cut_to_their_boxes() {
        assert_eq!(cut("function", 100.0), "function");
        assert_eq!(cut("function", 40.0), "func…");
        assert_eq!(cut("function", 12.0), "");
        assert_eq!(markup("a\u{1}\"&"), "a\u{FFFD}&quot;&amp;");
    }
}
