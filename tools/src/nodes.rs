//! `rump nodes`: who is on a bus.

use std::path::PathBuf;

use shmif::{Bus, NodeInfo};

use crate::Failure;
use crate::table::{Table, mac};

/// Shows who is on a bus
#[derive(clap::Args)]
pub struct Nodes {
    /// The path of the bus
    bus: PathBuf,
}

impl Nodes {
    pub fn run(self) -> Result<(), Failure> {
        let nodes = Bus::open(&self.bus, false).map_err(Failure::new)?.nodes();
        crate::print(&table(&nodes))
    }
}

fn table(nodes: &[NodeInfo]) -> String {
    let mut table = Table::new(&[
        "NODE",
        "PID",
        "PROGRAM",
        "MAC",
        "ADDRESSES",
        "MTU",
        "RECEIVED",
        "BYTES",
        "SENT",
        "BYTES",
        "LOST",
        "STATE",
    ]);
    for node in nodes {
        let addresses: Vec<_> = node.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
        let counters = &node.counters;
        let lost = counters.rx_overruns.saturating_add(counters.rx_torn).saturating_add(counters.tx_dropped);
        let state = match (node.alive, node.promiscuous) {
            (false, _) => "dead",
            (true, true) => "captures",
            (true, false) => "lives",
        };
        table.row([
            node.slot.to_string(),
            node.pid.to_string(),
            node.name.clone(),
            mac(node.mac),
            if addresses.is_empty() { "-".to_owned() } else { addresses.join(",") },
            node.mtu.to_string(),
            counters.rx_frames.to_string(),
            counters.rx_bytes.to_string(),
            counters.tx_frames.to_string(),
            counters.tx_bytes.to_string(),
            lost.to_string(),
            state.to_owned(),
        ]);
    }
    table.to_string()
}
