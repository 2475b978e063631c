//! docs/LINUX-PEER.md, made of what the store has.

use std::path::Path;

use system_tests::Outcome;

use super::cells::{CELLS, Cell, SHARED};
use super::store::Store;

/// What both ratios must reach, and between what a share must be.
const GOAL: f64 = 0.95;
const FAIR: std::ops::RangeInclusive<f64> = 0.4..=0.6;

const INTRODUCTION: &str = include_str!("introduction.md");

/// Writes the file.
pub fn write(store: &Store) -> Outcome {
    let mut text = INTRODUCTION.to_owned();
    text += "\n## One connection\n\nGoodput in Mbit/s: median (smallest–largest). Ratios are of medians, to Linux → Linux; **bold** is below ";
    text += &format!("{GOAL}.\n\n");
    text +=
        "| path | queue | Linux → Linux | rump → Linux | ratio | Linux → rump | ratio | wire late, median / 99 % |\n";
    text += "|---|---|---|---|---|---|---|---|\n";
    CELLS.iter().for_each(|cell| text += &format!("{}\n", row(cell, store)));
    text += "\n## Two connections through one bottleneck\n\nrump's share of what a rump and a Linux CUBIC connection get together: median (smallest–largest); **bold** is outside ";
    text += &format!("{}–{}.\n\n| path | queue | share |\n|---|---|---|\n", FAIR.start(), FAIR.end());
    SHARED.iter().for_each(|cell| text += &format!("{}\n", share_row(cell, store)));
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::create_dir_all(&docs)?;
    std::fs::write(docs.join("LINUX-PEER.md"), text)?;
    Ok(())
}

/// A row of the first table.
pub fn row(cell: &Cell, store: &Store) -> String {
    let get = |series| store.get(&cell.name(), series);
    let linux = get("linux-linux");
    let goodput = |figures: &Option<Vec<f64>>| figures.as_deref().map_or("not measured".to_owned(), spread);
    let ratio = |figures: &Option<Vec<f64>>| match (figures, &linux) {
        (Some(ours), Some(linux)) => {
            let ratio = median(ours) / median(linux);
            marked(format!("{ratio:.2}"), (ratio * 100.0).round() / 100.0 >= GOAL)
        }
        _ => "–".to_owned(),
    };
    let late = |series| get(series).map_or("–".to_owned(), |figures| format!("{:.2}", median(&figures) / 1000.0));
    let (out, back) = (get("rump-linux"), get("linux-rump"));
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} / {} ms |",
        path(cell),
        queue(cell),
        goodput(&linux),
        goodput(&out),
        ratio(&out),
        goodput(&back),
        ratio(&back),
        late("late-median"),
        late("late-p99")
    )
}

/// A row of the second table.
pub fn share_row(cell: &Cell, store: &Store) -> String {
    let share = store.get(&cell.name(), "share").map_or("not measured".to_owned(), |shares| {
        let (least, most) = (shares[0], shares[shares.len() - 1]);
        marked(format!("{:.2} ({least:.2}–{most:.2})", median(&shares)), FAIR.contains(&median(&shares)))
    });
    format!("| {} | {} | {share} |", path(cell), queue(cell))
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

fn queue(cell: &Cell) -> String {
    format!("{:.0} kB", cell.queue_bytes() as f64 / 1000.0)
}

fn spread(figures: &[f64]) -> String {
    let [least, middle, most] = [figures[0], median(figures), figures[figures.len() - 1]].map(short);
    format!("{middle} ({least}–{most})")
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

/// Of sorted figures, which are never none.
fn median(figures: &[f64]) -> f64 {
    figures[figures.len() / 2]
}
