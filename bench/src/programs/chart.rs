//! The geometric means as a picture: one bar for each contestant, on a logarithmic scale, less is better.

use std::fmt::Write as _;

use super::print::{contestants, mean_ratio};
use crate::report::Table;

/// Whom the bars are compared with.
const REFERENCE: &str = "gcc -O2";

const LEFT: f64 = 110.0;
const WIDTH: f64 = 420.0;
const ROW: f64 = 26.0;
const TOP: f64 = 44.0;

/// An SVG with a bar for each contestant that ran a workload which the reference ran as well. It has no colours of its own
/// but the bars', so that it can be read on light and dark pages.
pub(super) fn draw(table: &Table) -> String {
    let bars: Vec<(&str, f64, usize)> = contestants(table)
        .into_iter()
        .filter_map(|name| {
            let (mean, count) = mean_ratio(table, name, REFERENCE)?;
            Some((name, mean, count))
        })
        .collect();
    let largest = bars.iter().map(|bar| bar.1).fold(2.0, f64::max);
    let smallest = bars.iter().map(|bar| bar.1).fold(0.5, f64::min);
    let position = |ratio: f64| WIDTH * (ratio / smallest).ln() / (largest / smallest).ln();
    let height = TOP + ROW * bars.len() as f64 + 26.0;
    let width = LEFT + WIDTH + 90.0;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #555 }} @media (prefers-color-scheme: dark) {{ text {{ fill: #bbb }} }}</style>\n\
         <text x=\"0\" y=\"18\">Time as a multiple of {REFERENCE}'s, geometric mean, logarithmic scale: shorter is \
         faster</text>"
    );
    let one = LEFT + position(1.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{one:.1}\" y1=\"{:.1}\" x2=\"{one:.1}\" y2=\"{:.1}\" stroke=\"#888\" \
         stroke-dasharray=\"3 3\"/>",
        TOP - 8.0,
        height - 20.0,
    );
    for (number, (name, mean, count)) in bars.iter().enumerate() {
        let y = TOP + ROW * number as f64;
        let colour = if name.starts_with("cvm") {
            "#c2571a"
        } else {
            "#7a93ac"
        };
        let end = position(*mean).max(2.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{end:.1}\" height=\"18\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{mean:.2} ({count})</text>",
            LEFT - 8.0,
            y + 13.5,
            LEFT + end + 6.0,
            y + 13.5,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"0\" y=\"{:.1}\" font-size=\"11\">In brackets: the number of workloads. Measured in one run; see \
         bench/README.md.</text>\n</svg>",
        height - 4.0
    );
    svg
}
