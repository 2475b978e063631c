//! docs/LINUX-PEER.md: a row a path. Rows that are not measured anew stay as they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use system_tests::Outcome;

use super::cells::{CELLS, Cell, SHARED};

/// What both ratios must reach, and between what a share must be.
const GOAL: f64 = 0.95;
const FAIR: std::ops::RangeInclusive<f64> = 0.4..=0.6;

const INTRODUCTION: &str = include_str!("introduction.md");

/// The first table's heads, and the second's.
const ALONE: &str =
    "| path | queue | Linux → Linux | rump → Linux | ratio | Linux → rump | ratio | wire late, median / 99 % |\n";
const TOGETHER: &str = "| path | queue | share |\n";

/// The runs of one path, a figure each run.
#[derive(Default)]
pub struct Runs {
    /// Mbit/s of each of `PAIRS`.
    pub goodput: [Vec<f64>; 3],
    /// Microseconds by which frames were late, in the median and for all but one in a hundred.
    pub late_median: Vec<f64>,
    /// See `late_median`.
    pub late_p99: Vec<f64>,
}

/// See the module.
pub struct Report {
    path: PathBuf,
    /// The lines of both tables, by their first two columns and the number of columns.
    rows: HashMap<(String, usize), String>,
}

impl Report {
    /// With the rows that the file has.
    pub fn open() -> Report {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/LINUX-PEER.md");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let rows = text.lines().filter(|line| line.starts_with('|')).map(|line| (key(line), line.to_owned())).collect();
        Report { path, rows }
    }

    /// One connection alone on a path.
    pub fn alone(&mut self, cell: &Cell, runs: &Runs) -> Outcome {
        let [linux, out, back] = &runs.goodput;
        let ratio = |figures: &[f64]| {
            let ratio = (median(figures) / median(linux) * 100.0).round() / 100.0;
            marked(format!("{ratio:.2}"), ratio >= GOAL)
        };
        let late = [&runs.late_median, &runs.late_p99].map(|late| median(late) / 1000.0);
        self.put(format!(
            "{} {} | {} | {} | {} | {} | {:.2} / {:.2} ms |",
            columns(cell),
            spread(linux, short),
            spread(out, short),
            ratio(out),
            spread(back, short),
            ratio(back),
            late[0],
            late[1]
        ))
    }

    /// rump's shares of what two connections got.
    pub fn together(&mut self, cell: &Cell, shares: &[f64]) -> Outcome {
        let fair = FAIR.contains(&median(shares));
        let spread = spread(shares, |share| format!("{share:.2}"));
        self.put(format!("{} {} |", columns(cell), marked(spread, fair)))
    }

    /// Writes the file each time: the measurement of the other rows may be stopped.
    fn put(&mut self, row: String) -> Outcome {
        println!("{row}");
        self.rows.insert(key(&row), row);
        let text = format!(
            "{INTRODUCTION}\n## One connection\n\nGoodput in Mbit/s: median (smallest–largest). Ratios are of medians, to Linux → Linux; \
             **bold** is below {GOAL}.\n\n{}\n## Two connections through one bottleneck\n\nrump's share of what a rump and a Linux CUBIC \
             connection get together: median (smallest–largest); **bold** is outside {}–{}.\n\n{}",
            self.table(ALONE, CELLS),
            FAIR.start(),
            FAIR.end(),
            self.table(TOGETHER, SHARED),
        );
        std::fs::write(&self.path, text)?;
        Ok(())
    }

    fn table(&self, head: &str, cells: &[Cell]) -> String {
        let width = key(head).1;
        let unmeasured = |cell: &Cell| format!("{}{}", columns(cell), " not measured |".repeat(width - 2));
        let row =
            |cell: &Cell| self.rows.get(&(columns(cell), width)).cloned().unwrap_or_else(|| unmeasured(cell)) + "\n";
        format!("{head}|{}\n{}", "---|".repeat(width), cells.iter().map(row).collect::<String>())
    }
}

/// The first two columns of a row, and how many there are.
fn key(row: &str) -> (String, usize) {
    let bars: Vec<usize> = row.match_indices('|').map(|(at, _)| at).collect();
    (row[..bars.get(2).map_or(0, |bar| bar + 1)].to_owned(), bars.len() - 1)
}

fn columns(cell: &Cell) -> String {
    format!("| {} | {:.0} kB |", path(cell), cell.queue_bytes() as f64 / 1000.0)
}

fn path(cell: &Cell) -> String {
    let mut path = format!("{} Mbit/s, {} ms", cell.mbit, cell.rtt_ms);
    if cell.loss > 0.0 {
        path += &format!(", {} % lost", cell.loss);
    }
    if cell.reorder > 0.0 {
        path += &format!(", {} % overtaken", cell.reorder);
    }
    path
}

fn spread(figures: &[f64], shown: impl Fn(f64) -> String) -> String {
    let sorted = sorted(figures);
    format!("{} ({}–{})", shown(median(figures)), shown(sorted[0]), shown(sorted[sorted.len() - 1]))
}

fn short(mbit: f64) -> String {
    if mbit < 10.0 {
        format!("{mbit:.2}")
    } else if mbit < 100.0 {
        format!("{mbit:.1}")
    } else {
        format!("{mbit:.0}")
    }
}

fn marked(figure: String, kept: bool) -> String {
    if kept { figure } else { format!("**{figure}**") }
}

/// Of figures, which are never none.
fn median(figures: &[f64]) -> f64 {
    sorted(figures)[figures.len() / 2]
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
