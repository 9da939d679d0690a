//! The table on standard output.

use super::WORKLOADS;
use crate::assemble::cells;
use crate::report::{Table, percent, print_columns, seconds};

/// Whom the others are compared with.
const REFERENCES: [&str; 4] = ["gcc -O2", "wasmtime", "wasmi", "Lua"];

/// The median of a contestant's own seconds on a workload.
pub(crate) fn median(table: &Table, workload: &str, contestant: &str) -> Option<f64> {
    let row = table
        .rows
        .iter()
        .find(|row| row.workload == workload && row.contestant == contestant);
    row.map(|row| row.seconds.median())
}

/// The geometric mean of one contestant's times divided by another's, and the number of workloads that both ran.
pub(crate) fn mean_ratio(table: &Table, contestant: &str, other: &str) -> Option<(f64, usize)> {
    let ratios: Vec<f64> = WORKLOADS
        .iter()
        .filter_map(|(workload, _)| {
            Some(median(table, workload, contestant)? / median(table, workload, other)?)
        })
        .collect();
    let count = ratios.len();
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (count > 0).then(|| ((logarithms / count as f64).exp(), count))
}

/// Contestants in the order in which they ran.
pub(crate) fn contestants(table: &Table) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in &table.rows {
        if !names.contains(&row.contestant.as_str()) {
            names.push(&row.contestant);
        }
    }
    names
}

/// Prints a line for each contestant of each workload, and the geometric means.
pub(super) fn print(table: &Table, rounds: usize) {
    println!("\nPrograms, {rounds} interleaved rounds, medians of the workloads' own time\n");
    let ratio = |own: f64, other: Option<f64>| {
        other.map_or(String::new(), |other| format!("{:.2}", own / other))
    };
    let mut head = cells(["workload", "", "time", ""]);
    head.extend(REFERENCES.map(|name| format!("to {name}")));
    head.push("peak memory".into());
    let mut printed = vec![head];
    for row in &table.rows {
        let own = row.seconds.median();
        let spread = match row.seconds.len() {
            1 => String::new(),
            _ => percent(row.seconds.spread()),
        };
        let mut line = vec![
            row.workload.clone(),
            row.contestant.clone(),
            seconds(own),
            spread,
        ];
        line.extend(REFERENCES.map(|name| ratio(own, median(table, &row.workload, name))));
        line.push(format!("{:.1} MiB", row.peak_memory as f64 / 1_048_576.0));
        printed.push(line);
    }
    print_columns(&printed);
    println!("\nGeometric means (of so many workloads)\n");
    let mut head = cells(["", ""]);
    head.extend(REFERENCES.map(|name| format!("to {name}")));
    let mut printed = vec![head];
    for contestant in contestants(table) {
        let mut line = vec![contestant.to_string(), String::new()];
        line.extend(
            REFERENCES.map(|other| match mean_ratio(table, contestant, other) {
                Some((mean, count)) => format!("{mean:.2} ({count})"),
                None => String::new(),
            }),
        );
        printed.push(line);
    }
    print_columns(&printed);
}
