//! What a kernel says to its user, on the process's standard error.

use netstack::Notice;
use netstack::link::IfIndex;
use std::sync::atomic::{AtomicBool, Ordering};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// RUMP_VERBOSE.
pub(crate) fn set_verbose(on: bool) {
    VERBOSE.store(on, Ordering::Relaxed);
}

/// A line of the boot messages, shown under RUMP_VERBOSE.
pub(crate) fn boot(line: &str) {
    if VERBOSE.load(Ordering::Relaxed) {
        write(&format!("{line}\n"));
    }
}

/// A line that a user should see.
pub fn warn(line: &str) {
    write(&format!("rump: {line}\n"));
}

/// Something that the stack noticed. `name` knows the interfaces.
pub(crate) fn notice(notice: &Notice, name: impl Fn(IfIndex) -> String) {
    match notice {
        Notice::AddressConflict { addr, mac, on } => {
            warn(&format!("{addr} on {} is also used by {mac}: give one of the two another address", name(*on)));
        }
        Notice::DuplicateAddress { addr, on } => {
            warn(&format!(
                "{addr} on {} is used by another node and not by us: give one of the two another",
                name(*on)
            ));
        }
        Notice::Leased { addr, server, on } => boot(&format!("{}: {addr} from the DHCP server {server}", name(*on))),
        Notice::Informed { server, on } => {
            boot(&format!("{}: name servers and domains from the DHCPv6 server {server}", name(*on)));
        }
        Notice::LeaseLost { addr, on } => {
            warn(&format!("{}: the DHCP server did not let us keep {addr}; connections from it end", name(*on)));
        }
        Notice::LeaseRefused { on } => boot(&format!("{}: the DHCP server refused; asking again", name(*on))),
        Notice::InconsistentAdvertisement { router, on, what } => {
            boot(&format!("{}: the router {router} advertises another {what} than we do", name(*on)));
        }
        Notice::LinkLocal { addr, on } => {
            warn(&format!("{}: no DHCP server answers, using the link-local address {addr}", name(*on)));
        }
    }
}

/// One write(2), so that lines of several threads do not mix. Nobody is left to hear of an error.
fn write(text: &str) {
    let _ = rustix::io::write(crate::host::borrow(2), text.as_bytes());
}
