//! The protocols by which hosts and routers talk about the network itself: ICMP and ICMPv6 (RFC 792, RFC 4443), and of groups
//! IGMP and MLD (RFC 9776, RFC 9777). The state behind them is in [`icmp`](crate::icmp) and [`multicast`](crate::multicast).

mod echo;
mod errors_received;
mod errors_sent;
mod icmp;
mod icmpv6;
mod multicast;
mod redirect;
