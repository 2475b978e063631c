//! A router's part: packets that are for others, on their way to the next hop (RFC 1812 §5, RFC 8200 §3).

mod router_alert;
mod v4;
mod v6;
