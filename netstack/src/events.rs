//! What the engine reports to its caller: sockets that have changed, sockets that are released, notices for an operator.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::ip::Ipv4Net;
use crate::link::{IfIndex, Mac};
use crate::socket::Key;
use crate::tx_timestamp::TxTimestamp;

/// Something that an operator should read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Another node uses one of our addresses (RFC 5227). Repeated at most every ten seconds for one address.
    AddressConflict {
        /// The address that both claim.
        addr: Ipv4Addr,
        /// The other node.
        mac: Mac,
        /// The interface on which it was heard.
        on: IfIndex,
    },
    /// Another node has an address that we tried (RFC 4862 §5.4.5): it is not used, or no longer.
    DuplicateAddress {
        /// The address.
        addr: Ipv6Addr,
        /// The interface.
        on: IfIndex,
    },
    /// A DHCP server gave an address, or gave it for longer: [`Stack::lease`](crate::Stack::lease) has all it said.
    Leased {
        /// The address with its net.
        addr: Ipv4Net,
        /// Who gave it.
        server: Ipv4Addr,
        /// To which interface.
        on: IfIndex,
    },
    /// The time of an address that a DHCP server gave is over, or the server took it back.
    LeaseLost {
        /// The address.
        addr: Ipv4Addr,
        /// The interface that had it.
        on: IfIndex,
    },
    /// A DHCP server refused what it had offered or given.
    LeaseRefused {
        /// The interface that asked.
        on: IfIndex,
    },
    /// A DHCPv6 server said what it knows: [`Stack::information`](crate::Stack::information) has it.
    Informed {
        /// Who said it.
        server: Ipv6Addr,
        /// To which interface.
        on: IfIndex,
    },
    /// Another router of a link on which we are one says something else of it than we do (RFC 4861 §6.2.7).
    InconsistentAdvertisement {
        /// The other router.
        router: Ipv6Addr,
        /// The interface that leads to the link.
        on: IfIndex,
        /// Of what.
        what: &'static str,
    },
    /// No DHCP server answers; an interface uses a link-local address (RFC 3927).
    LinkLocal {
        /// The address.
        addr: Ipv4Addr,
        /// The interface.
        on: IfIndex,
    },
}

/// Notices that nobody takes do not pile up past this many.
const MAX_NOTICES: usize = 64;

/// Keys in the order in which they came, each once.
#[derive(Default)]
pub(crate) struct KeySet {
    list: Vec<Key>,
    /// One bit a key: is it in `list`?
    member: Vec<u64>,
}

impl KeySet {
    pub(crate) fn insert(&mut self, key: Key) {
        let (word, bit) = place(key);
        if word >= self.member.len() {
            self.member.resize(word + 1, 0);
        }
        if self.member[word] & bit == 0 {
            self.member[word] |= bit;
            self.list.push(key);
        }
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        let (word, bit) = place(key);
        self.member.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn take(&mut self, into: &mut Vec<Key>) {
        for key in &self.list {
            let (word, bit) = place(*key);
            self.member[word] &= !bit;
        }
        into.append(&mut self.list);
    }
}

/// The queues towards the caller.
#[derive(Default)]
pub(crate) struct Events {
    touched: KeySet,
    released: Vec<Key>,
    notices: Vec<Notice>,
    tx_timestamps: Vec<TxTimestamp>,
    /// Sockets to be touched when there is room to send again.
    blocked: KeySet,
}

impl Events {
    /// The socket's state, readiness or data changed.
    pub(crate) fn touch(&mut self, key: Key) {
        self.touched.insert(key);
    }

    /// The socket is to be touched when there is room to send again.
    pub(crate) fn block(&mut self, key: Key) {
        self.blocked.insert(key);
    }

    pub(crate) fn is_blocked(&self, key: Key) -> bool {
        self.blocked.contains(key)
    }

    pub(crate) fn has_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// There is room to send again.
    pub(crate) fn unblock(&mut self) {
        let mut keys = Vec::new();
        self.blocked.take(&mut keys);
        keys.into_iter().for_each(|key| self.touch(key));
    }

    /// The engine has forgotten a closed socket.
    pub(crate) fn release(&mut self, key: Key) {
        self.released.push(key);
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        if self.notices.len() < MAX_NOTICES {
            self.notices.push(notice);
        }
    }

    /// A timestamp of what a socket sent.
    pub(crate) fn tx_timestamp(&mut self, tx_timestamp: TxTimestamp) {
        self.tx_timestamps.push(tx_timestamp);
    }

    pub(crate) fn take_tx_timestamps(&mut self, into: &mut Vec<TxTimestamp>) {
        into.append(&mut self.tx_timestamps);
    }

    pub(crate) fn take_touched(&mut self, into: &mut Vec<Key>) {
        self.touched.take(into);
    }

    pub(crate) fn take_released(&mut self, into: &mut Vec<Key>) {
        into.append(&mut self.released);
    }

    pub(crate) fn take_notices(&mut self, into: &mut Vec<Notice>) {
        into.append(&mut self.notices);
    }
}

fn place(key: Key) -> (usize, u64) {
    (key.0 as usize / 64, 1 << (key.0 % 64))
}

#[cfg(test)]
mod tests;
