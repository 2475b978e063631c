//! Waiting for addresses that come from the network.

use crate::backend::Local;
use crate::config::{AddrSpec, Interface};
use crate::log;
use netstack::iface::{Address, AddressOrigin, AddressState};
use netstack::link::IfIndex;
use std::time::{Duration, Instant};

/// How long the boot waits: three questions of a DHCP client, or the whole choice of a link-local address.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a node that has an address of one family waits for one of the other that may come.
const GRACE: Duration = Duration::from_secs(2);

/// Waits until each interface that asks the network for an address has one, or the patience is over, which it says.
pub(super) fn wait(local: &Local, interfaces: &[(IfIndex, &Interface)]) {
    let deadline = Instant::now() + PATIENCE;
    for (on, interface) in interfaces {
        let Some(spec) = interface.addresses.iter().find(|spec| matches!(spec, AddrSpec::Dhcp | AddrSpec::Auto)) else {
            continue;
        };
        let mut first = None;
        loop {
            let now = Instant::now();
            let progress = progress(local, *on, *spec);
            if progress != Progress::Nothing {
                first.get_or_insert(now);
            }
            let waited_enough = first.is_some_and(|first| now - first >= GRACE);
            if progress == Progress::Done || progress == Progress::One && waited_enough {
                break;
            }
            if now >= deadline {
                log::warn(&format!(
                    "addr={spec} on {}: no {} gave an address within {} seconds; the program goes on without one, and \
                     the kernel goes on asking. Is there a server on that network?",
                    interface.link,
                    if *spec == AddrSpec::Auto { "DHCP server and no router" } else { "DHCP server" },
                    PATIENCE.as_secs()
                ));
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// How far an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Nothing,
    /// It has an address of one family, and one of the other is under way.
    One,
    Done,
}

fn progress(local: &Local, on: IfIndex, spec: AddrSpec) -> Progress {
    local.owner.with(|engine, _| {
        let Some(interface) = engine.stack.interfaces().find(|interface| interface.index == on) else {
            return Progress::Nothing;
        };
        let manual = |address: &&Address| address.origin == AddressOrigin::Manual;
        let (set, given): (Vec<&Address>, Vec<_>) =
            interface.addresses.iter().filter(|address| address.net.addr.is_ipv4()).partition(manual);
        let has_v4 = !given.is_empty();
        // A link-local address alone leads nowhere; a router's prefix does.
        let of_routers = [AddressOrigin::Stable, AddressOrigin::Temporary];
        let routed = interface.addresses.iter().filter(|address| of_routers.contains(&address.origin));
        let offered = spec == AddrSpec::Auto && routed.clone().next().is_some();
        // Who wants a temporary address does not begin with the stable one.
        let tried =
            |address: &Address| address.origin == AddressOrigin::Temporary && address.state == AddressState::Tentative;
        let has_v6 = offered
            && routed.clone().any(|address| address.state == AddressState::Preferred)
            && !routed.clone().any(tried);
        // Who has set an address of IPv4 waits for IPv6, or for another that a server gives.
        let done = if has_v6 { has_v4 || !set.is_empty() } else { has_v4 && !offered };
        match done {
            // A server of names may still answer.
            true if engine.stack.awaits_information(on) => Progress::One,
            true => Progress::Done,
            false if has_v4 || has_v6 => Progress::One,
            false => Progress::Nothing,
        }
    })
}
