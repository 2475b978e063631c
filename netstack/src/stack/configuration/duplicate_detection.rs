//! Duplicate address detection (RFC 4862 §5.4): an address is tried before it is used, and one that another station has is replaced
//! (RFC 7217 §6).

use core::net::Ipv6Addr;
use core::time::Duration;

use crate::events::Notice;
use crate::iface::{Address, AddressOrigin, AddressState};
use crate::ip::discovery;
use crate::link::IfIndex;
use crate::multicast::Family;
use crate::ndp::{self, Task, Trial};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ndp as wire;

impl Stack {
    /// Tries an address that the interface has already.
    pub(super) fn begin_trial(
        &mut self,
        now: Instant,
        on: IfIndex,
        addr: Ipv6Addr,
        wait: Duration,
        retries: Option<u8>,
    ) {
        let mut nonce = [0; 6];
        nonce.copy_from_slice(&self.rng.u64().to_le_bytes()[..6]);
        self.ndp.trials.insert((on, addr), Trial { nonce, asked: false, retries });
        self.ndp.tasks.set(Task::Try(on, addr), now + wait);
    }

    pub(super) fn go_on_trying(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(trial) = self.ndp.trials.get_mut(&(on, addr)) else { return };
        if trial.asked {
            self.ndp.trials.remove(&(on, addr));
            // RFC 3590 §4: until now reports came from nowhere, which routers may not have believed.
            if addr.is_unicast_link_local() {
                self.ip.memberships.say_all(now, (on, Family::V6));
            }
            self.ip.interfaces.change_address(on, addr.into(), |address| {
                if address.state == AddressState::Tentative {
                    // RFC 4862 §5.5.4: its preferred lifetime may have ended, or be none, while it was tried.
                    let over = address.preferred_until.is_some_and(|until| until <= now);
                    address.state = if over { AddressState::Deprecated } else { AddressState::Preferred };
                }
            });
            if addr.is_unicast_link_local() {
                self.begin_advertising(now, on);
            }
            return;
        }
        trial.asked = true;
        let nonce = trial.nonce;
        let ask = wire::neighbor_solicitation(addr, None, Some(nonce));
        let header = discovery(Ipv6Addr::UNSPECIFIED, wire::solicited_node(addr));
        self.ip.send_icmpv6(&mut *self.pool, on, None, header, &[], ask);
        let wait = self.ip.interfaces.get(on).map_or(Duration::ZERO, |interface| interface.v6.retransmit);
        self.ndp.tasks.set(Task::Try(on, addr), now + wait);
    }

    /// RFC 4862 §5.4.5: another station has an address that we tried. One that we made is replaced (RFC 7217 §6).
    pub(in crate::stack) fn address_is_taken(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(trial) = self.ndp.trials.remove(&(on, addr)) else { return };
        self.ndp.tasks.cancel(Task::Try(on, addr));
        self.events.notice(Notice::DuplicateAddress { addr, on });
        let address = self.ip.interfaces.get(on).and_then(|interface| interface.address(addr.into())).copied();
        let Some(address) = address else { return };
        match trial.retries {
            Some(retries) if retries < ndp::ID_RETRIES => {
                self.ip.interfaces.remove_address(on, addr.into());
                self.ndp.tasks.cancel(Task::Age(on, addr));
                let (net, lifetimes) = (address.net.network(), (address.preferred_until, address.valid_until));
                if address.origin == AddressOrigin::Temporary {
                    self.forget_temporary(on, addr);
                    self.make_temporary(now, on, net, retries + 1);
                } else {
                    self.try_generated(now, on, net, address.origin, lifetimes, retries + 1);
                }
            }
            _ => {
                if let (AddressOrigin::Temporary, Some(link)) = (address.origin, self.ndp.links.get_mut(&on)) {
                    link.temporaries_failed = true;
                }
                let taken = |address: &mut Address| address.state = AddressState::Duplicate;
                self.ip.interfaces.change_address(on, addr.into(), taken);
            }
        }
    }
}
