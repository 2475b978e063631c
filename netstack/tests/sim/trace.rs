//! What a run looked like.

use std::collections::HashMap;

use crate::common::{Inside, Net, Seen, inside};
use crate::tcp_common::notation::Line;
use netstack::tcp::Seq;
use netstack::wire::ipv4;
use netstack::wire::tcp::Segment;

/// Prints the last segments of a run, numbers counted from each side's SYN.
pub fn print(net: &Net, last: usize) {
    let mut first: HashMap<_, Seq> = HashMap::new();
    let begin = net.trace.len().saturating_sub(last);
    for (number, seen) in net.trace.iter().enumerate() {
        let Some(Inside { src, dst, protocol, bytes }) = inside(&seen.frame) else { continue };
        let (ms, lost) = (seen.at.0 as f64 / 1e6, if seen.lost { " LOST" } else { "" });
        let from = match seen.from.0.checked_sub(Seen::ROUTERS) {
            Some(router) => format!("r{router}"),
            None => format!("n{}", seen.from.0),
        };
        if protocol == ipv4::TCP {
            let Ok(segment) = Segment::parse(bytes) else { continue };
            let (sport, dport) = (segment.header.src_port, segment.header.dst_port);
            let ours = *first.entry((src, sport, dst, dport)).or_insert(segment.header.seq);
            let theirs = first.get(&(dst, dport, src, sport)).copied().unwrap_or_default();
            if number >= begin {
                println!("{ms:12.3} {from} {src}:{sport}>{dst}:{dport} {}{lost}", Line::of(&segment, ours, theirs));
            }
        } else if number >= begin {
            // Of ICMP the type and the code.
            println!("{ms:12.3} {from} {src}>{dst} protocol {protocol} {:?}{lost}", bytes.get(..2));
        }
    }
}
