//! Control-flow graphs for Graphviz: a cluster for each function, a node for each block.

use std::io::{self, Write};

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::{Image, StringRef};
use cvm_spec::isa::{Flow, Opcode};

use crate::depth::{Depths, targets};
use crate::describe::{describe, shown};
use crate::names::{function_names, string};
use crate::output::Text;
use crate::sweep::{OffsetSet, Region, Step, Sweep, regions, step};

/// Prints the control-flow graphs of all functions in the language of Graphviz. Each block shows its text offset, the
/// operand depth at its start (`?` where no path leads), and its instructions.
///
/// # Errors
/// Those of the destination.
pub fn cfg(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let regions = regions(image);
    let mut leaders = Sweep::new(image, &regions).targets;
    let mut graph = Graph {
        image,
        names: function_names(image),
        text: Text::new(out),
    };
    let text = &mut graph.text;
    text.line("digraph program {");
    text.line("    rankdir=TB;");
    text.line("    node [shape=box, fontname=\"monospace\", fontsize=10];");
    text.line("    edge [fontname=\"monospace\", fontsize=9];");
    for region in &regions {
        graph.function(region, &mut leaders);
        if graph.text.failed() {
            break;
        }
    }
    graph.text.line("}");
    graph.text.finish()
}

struct Graph<'a, 'w> {
    image: &'a Image,
    names: Vec<Option<StringRef>>,
    text: Text<'w>,
}

/// The edges out of a block.
struct Edge {
    from: usize,
    to: usize,
    label: String,
}

impl Graph<'_, '_> {
    fn function(&mut self, region: &Region, leaders: &mut OffsetSet) {
        let start = region.range.start;
        let has_land = self.mark_leaders(region, leaders);
        let depths = Depths::new(self.image, region);
        let label = self.title(region);
        self.text
            .str("    subgraph cluster_")
            .number(start)
            .line(" {");
        self.text.str("        label=\"").str(&label).line("\";");
        let mut edges = Vec::new();
        let mut lands = Vec::new();
        let mut jumps = Vec::new();
        let mut at = start;
        while at < region.range.end {
            let block = at;
            self.text
                .str("        b")
                .number(block)
                .str(" [label=\"")
                .number(block);
            self.text.str(":  depth ");
            match depths.at(block) {
                Some(depth) => self.text.number(depth),
                None => self.text.str("?"),
            };
            self.text.str("\\l");
            loop {
                let (next, falls) = match step(&self.image.text, at, region.range.end) {
                    Step::Instruction(instruction, next) => {
                        let shown = describe(self.image, &self.names, &instruction, next);
                        self.text.str(&escaped(&shown)).str("\\l");
                        block_edges(block, &instruction, next, &mut edges);
                        match instruction.opcode {
                            Opcode::Land => lands.push(block),
                            Opcode::JmpI => jumps.push(block),
                            _ => {}
                        }
                        (next, instruction.opcode.flow().falls_through())
                    }
                    Step::Bytes(next) => {
                        self.text
                            .number(next - at)
                            .str(" bytes that do not decode\\l");
                        (next, false)
                    }
                };
                at = next;
                if at >= region.range.end || leaders.contains(at) {
                    let conditional = edges.last().is_some_and(|edge| edge.from == block);
                    if falls && at < region.range.end {
                        let label = if conditional { "next" } else { "" };
                        edges.push(edge(block, at, label));
                    }
                    break;
                }
            }
            self.text.line("\"];");
        }
        if has_land {
            self.indirect(start, &jumps, &lands);
        }
        self.text.line("    }");
        for edge in edges.iter().filter(|edge| leaders.contains(edge.to)) {
            self.text
                .str("    b")
                .number(edge.from)
                .str(" -> b")
                .number(edge.to);
            if !edge.label.is_empty() {
                self.text.str(" [label=\"").str(&edge.label).str("\"]");
            }
            self.text.line(";");
        }
    }

    /// Adds the function's start, and what follows jumps, to the leaders; tells whether there is a `land`.
    fn mark_leaders(&self, region: &Region, leaders: &mut OffsetSet) -> bool {
        let mut has_land = false;
        let mut at = region.range.start;
        leaders.insert(at);
        while at < region.range.end {
            at = match step(&self.image.text, at, region.range.end) {
                Step::Instruction(instruction, next) => {
                    let flow = instruction.opcode.flow();
                    if instruction.opcode == Opcode::Land {
                        has_land = true;
                        leaders.insert(at);
                    }
                    if !matches!(flow, Flow::Next | Flow::Call) && next < region.range.end {
                        leaders.insert(next);
                    }
                    next
                }
                Step::Bytes(next) => {
                    leaders.insert(at);
                    if next < region.range.end {
                        leaders.insert(next);
                    }
                    next
                }
            };
        }
        has_land
    }

    /// One point that every `jmp_i` leads to and every `land` comes from.
    fn indirect(&mut self, start: usize, jumps: &[usize], lands: &[usize]) {
        let text = &mut self.text;
        text.str("        i")
            .number(start)
            .line(" [shape=point, label=\"\"];");
        for jump in jumps {
            text.str("        b")
                .number(*jump)
                .str(" -> i")
                .number(start);
            text.line(" [style=dashed, arrowhead=none];");
        }
        for land in lands {
            text.str("        i")
                .number(start)
                .str(" -> b")
                .number(*land);
            text.line(" [style=dashed];");
        }
    }

    fn title(&self, region: &Region) -> String {
        let Some(index) = region.function else {
            return "bytes of no function".to_owned();
        };
        let name = match self.names.get(index).copied().flatten() {
            Some(name) => escaped(&shown(string(self.image, name))),
            None => format!("function {index}"),
        };
        let ty = self.image.function_type(&self.image.functions[index]);
        let (args, results) = ty.map_or((0, 0), |ty| (ty.args, ty.results));
        format!("{name} ({args}) -> {results}")
    }
}

fn edge(from: usize, to: usize, label: &str) -> Edge {
    let label = label.to_owned();
    Edge { from, to, label }
}

/// The jumps of an instruction.
fn block_edges(block: usize, instruction: &Instruction<'_>, next: usize, edges: &mut Vec<Edge>) {
    let taken = match instruction.opcode {
        Opcode::Jz => "zero",
        Opcode::Jnz => "not zero",
        _ => "",
    };
    let count = match instruction.operand {
        Operand::Table(table) => table.len(),
        _ => 0,
    };
    for (index, to) in targets(instruction, next).enumerate() {
        if count == 0 {
            edges.push(edge(block, to, taken));
        } else if index + 1 == count {
            edges.push(edge(block, to, "default"));
        } else {
            edges.push(edge(block, to, &index.to_string()));
        }
    }
}

/// Text inside a quoted string of Graphviz.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
