//! Waiting for addresses that come from the network.

use crate::backend::Local;
use crate::config::{AddrSpec, Interface};
use crate::log;
use netstack::link::IfIndex;
use std::time::{Duration, Instant};

/// How long the boot waits: three questions of a DHCP client, or the whole choice of a link-local address.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until each interface that asks the network for an address has one, or the patience is over, which it says.
pub(super) fn wait(local: &Local, interfaces: &[(IfIndex, &Interface)]) {
    let deadline = Instant::now() + PATIENCE;
    for (on, interface) in interfaces {
        let Some(spec) = interface.addresses.iter().find(|spec| matches!(spec, AddrSpec::Dhcp | AddrSpec::Auto)) else {
            continue;
        };
        while !has_address(local, *on) {
            if Instant::now() >= deadline {
                log::warn(&format!(
                    "addr={spec} on {}: no DHCP server gave an address within {} seconds; the program goes on without \
                     one, and the kernel goes on asking. Is there a server on that network?",
                    interface.link,
                    PATIENCE.as_secs()
                ));
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn has_address(local: &Local, on: IfIndex) -> bool {
    local.owner.with(|engine, _| {
        engine.stack.interfaces().any(|interface| interface.index == on && !interface.addresses.is_empty())
    })
}
