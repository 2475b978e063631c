//! What a program sends, on its way down to [`ip`](crate::ip): its route, its header, whether it may be cut, and the pieces that make
//! it up.

mod cork;
mod egress;
mod packet;
mod raw;
mod tcp;
mod udp;

pub(super) use egress::{destination, mtu_discovery, multicast_loop};
pub use packet::{LONGEST_UNCUT, PacketTo};
pub(super) use raw::{included, included_v6};
