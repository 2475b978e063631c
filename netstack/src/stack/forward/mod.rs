//! A router's part: packets that are for others, on their way to the next hop (RFC 1812 §5, RFC 8200 §3).

mod router_alert;
mod v4;
mod v6;

use crate::stack::Stack;

impl Stack {
    /// Passes packets for others on between the interfaces, or does not (the default, RFC 1122 §3.3.1.1). A stack that
    /// does follows no redirects (RFC 1812 §5.2.7.2, RFC 4861 §8.2), and no routers' advertisements (RFC 4861 §6.2.7).
    pub fn set_forwarding(&mut self, on: bool) {
        self.forwarding = on;
        self.ip.interfaces.set_router(on);
    }
}
