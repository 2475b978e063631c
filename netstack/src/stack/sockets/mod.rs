//! User calls (RFC 9293 §3.10, socket(7)): a file a kind of socket, and what several kinds have: groups (`multicast`), anycast
//! addresses, flow labels, buffers.

mod anycast;
mod buffers;
mod datagram;
mod flow_labels;
mod listing;
mod multicast;
mod packet;
mod raw;
mod tcp;
mod tcp_repair;
mod udp;

pub use buffers::DatagramMemory;
pub use multicast::{SourceChange, max_sources};
