//! Where interfaces have their addresses, routes and name servers from: the caller (`manual`), DHCP, or the link's routers (RFC 4862,
//! RFC 4861 §6). The state machines are [`dhcp`](crate::dhcp) and [`ndp`](crate::ndp); here is done what they want.
//!
//! `slaac` makes addresses of the prefixes that `router_discovery` hears, `temporary` more of them, `duplicate_detection` tries each
//! before it is used. `router_advertisement` is the other side: what we, as a router, tell hosts.

mod dhcp;
mod dhcpv6;
mod duplicate_detection;
mod manual;
mod router_advertisement;
mod router_discovery;
mod slaac;
mod temporary;

pub(super) use dhcp::Auto;
pub use dhcp::AutoConfig;

use crate::ndp::Task;
use crate::stack::Stack;
use crate::time::Instant;

impl Stack {
    /// What is due of [`ndp`](crate::ndp).
    pub(super) fn run_ndp(&mut self, now: Instant) {
        while let Some(task) = self.ndp.tasks.pop_expired(now) {
            match task {
                Task::Try(on, addr) => self.go_on_trying(now, on, addr),
                Task::Age(on, addr) => self.age(now, on, addr),
                Task::Regenerate(on, addr) => self.regenerate(now, on, addr),
                Task::Advertise(on) => self.go_on_advertising(now, on),
                Task::Inquire(on) => self.go_on_inquiring(now, on),
                Task::Solicit(on) => self.solicit_routers(now, on),
                Task::Router(on, router) => self.forget_router(on, router),
                Task::Prefix(on, prefix) => self.forget_prefix(on, prefix),
            }
        }
    }
}
