//! `cargo xtask linux-peer`: rump's TCP and Linux's against each other over bad wires, and the table of it.
//!
//! [`cells`] are the paths, [`network`] the two hosts, [`report`] makes docs/LINUX-PEER.md.

mod cells;
mod network;
mod report;

use cells::{CELLS, Cell, SHARED};
use network::Kernel::{self, Linux, Rump};
use network::Network;
use report::{Report, Runs};
use system_tests::Outcome;

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

/// Who sends to whom.
const PAIRS: [(Kernel, Kernel); 3] = [(Linux, Linux), (Rump, Linux), (Linux, Rump)];

/// Seconds that two connections have to come to terms before they are counted, and for which they are.
const SETTLE: f64 = 20.0;
const SHARE: f64 = 20.0;

/// Measures, and writes the table.
pub fn linux_peer(plan: &Plan) -> Outcome {
    build::everything()?;
    let runs = if plan.quick { 2 } else { plan.runs };
    let mut report = Report::open();
    let wanted = |name: &str| plan.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let step = if plan.quick { 3 } else { 1 };
    let network = Network::new()?;
    for cell in CELLS.iter().filter(|cell| wanted(&cell.name())).step_by(step) {
        alone(&network, cell, runs, &mut report)?;
    }
    for cell in SHARED.iter().filter(|cell| wanted(&format!("share-{}", cell.name()))).step_by(step) {
        shared(&network, cell, runs, &mut report)?;
    }
    Ok(())
}

/// One connection at a time, the pairs by turns, so that what disturbs the machine disturbs all alike.
fn alone(network: &Network, cell: &Cell, runs: usize, report: &mut Report) -> Outcome {
    let mut figures = Runs::default();
    for seed in 1..=runs {
        for ((from, to), goodput) in PAIRS.iter().zip(&mut figures.goodput) {
            let wire = network.wire(cell, seed)?;
            let mut server = network.server(*to)?;
            let _client = network.client(*from, *to, 0.0, cell.seconds())?;
            goodput.push(Network::figure(&mut server, *from)?);
            server.stop()?;
            let late = wire.take_away()?;
            figures.late_median.push(late.median);
            figures.late_p99.push(late.p99);
        }
    }
    report.alone(cell, &figures)
}

/// One connection of ours and one of Linux's at the same time; they begin by turns.
fn shared(network: &Network, cell: &Cell, runs: usize, report: &mut Report) -> Outcome {
    let mut shares = Vec::new();
    for seed in 1..=runs {
        let _wire = network.wire(cell, seed)?;
        let mut server = network.server(Linux)?;
        let order = if seed % 2 == 0 { [Linux, Rump] } else { [Rump, Linux] };
        let clients = order.map(|from| network.client(from, Linux, SETTLE, SHARE));
        for client in clients {
            client?.finish()?;
        }
        let [ours, theirs] = [Rump, Linux].map(|from| Network::figure(&mut server, from));
        let (ours, theirs) = (ours?, theirs?);
        shares.push(ours / (ours + theirs));
    }
    report.together(cell, &shares)
}
