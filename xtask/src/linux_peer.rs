//! `cargo xtask linux-peer`: rump's TCP and Linux's against each other over bad wires, and the table of it.
//!
//! [`cells`] are the paths, [`network`] the two hosts, [`store`] keeps the figures, [`report`] makes docs/LINUX-PEER.md.

mod cells;
mod network;
mod report;
mod store;

use cells::{CELLS, Cell, SHARED};
use network::Kernel::{self, Linux, Rump};
use network::Network;
use store::Store;
use system_tests::{Outcome, rump};

use crate::build;

/// What to measure.
pub struct Plan {
    /// Runs of each pair on each path, each with a seed of its own.
    pub runs: usize,
    /// Every third path, two runs.
    pub quick: bool,
    /// Only paths whose name contains this; of two connections on one path, `share`.
    pub only: Option<String>,
}

/// Who sends to whom, and under which name the figures are kept.
const PAIRS: [(&str, Kernel, Kernel); 3] =
    [("linux-linux", Linux, Linux), ("rump-linux", Rump, Linux), ("linux-rump", Linux, Rump)];

/// Seconds that two connections have to come to terms before they are counted, and for which they are.
const SETTLE: f64 = 3.0;
const SHARE: f64 = 8.0;

/// Measures, keeps the figures beside the build and writes the table.
pub fn linux_peer(plan: &Plan) -> Outcome {
    build::everything()?;
    let runs = if plan.quick { 2 } else { plan.runs };
    let mut store = Store::open(rump::build_directory().join("linux-peer.tsv"))?;
    let wanted = |name: &str| plan.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let step = if plan.quick { 3 } else { 1 };
    let network = Network::new()?;
    for cell in CELLS.iter().filter(|cell| wanted(&cell.name())).step_by(step) {
        alone(&network, cell, runs, &mut store)?;
    }
    for cell in SHARED.iter().filter(|cell| wanted(&format!("share-{}", cell.name()))).step_by(step) {
        shared(&network, cell, runs, &mut store)?;
    }
    report::write(&store)
}

/// One connection at a time, the pairs by turns, so that what disturbs the machine disturbs all alike.
fn alone(network: &Network, cell: &Cell, runs: usize, store: &mut Store) -> Outcome {
    let (mut figures, mut late) = ([const { Vec::new() }; 3], Vec::new());
    for seed in 1..=runs {
        for ((_, from, to), figures) in PAIRS.iter().zip(&mut figures) {
            let wire = network.wire(cell, seed)?;
            let mut server = network.server(*to)?;
            let _client = network.client(*from, *to, 0.0, cell.seconds())?;
            figures.push(Network::figure(&mut server, *from)?);
            server.stop()?;
            late.push(wire.take_away()?);
        }
    }
    for ((series, ..), figures) in PAIRS.iter().zip(&figures) {
        store.put(&cell.name(), series, figures)?;
    }
    store.put(&cell.name(), "late-median", &late.iter().map(|late| late.median).collect::<Vec<_>>())?;
    store.put(&cell.name(), "late-p99", &late.iter().map(|late| late.p99).collect::<Vec<_>>())?;
    println!("{}", report::row(cell, store));
    Ok(())
}

/// One connection of ours and one of Linux's at the same time; they begin by turns.
fn shared(network: &Network, cell: &Cell, runs: usize, store: &mut Store) -> Outcome {
    let mut shares = Vec::new();
    for seed in 1..=runs {
        let _wire = network.wire(cell, seed)?;
        let mut server = network.server(Linux)?;
        let order = if seed % 2 == 0 { [Linux, Rump] } else { [Rump, Linux] };
        let clients = order.map(|from| network.client(from, Linux, SETTLE, SHARE));
        let [ours, theirs] = [Rump, Linux].map(|from| Network::figure(&mut server, from));
        let (ours, theirs) = (ours?, theirs?);
        drop(clients);
        shares.push(ours / (ours + theirs));
    }
    store.put(&cell.name(), "share", &shares)?;
    println!("{}", report::share_row(cell, store));
    Ok(())
}
