//! Interfaces that get their addresses from the network: what the kernel does when the stack says so.

use super::Engine;
use crate::backend::Learned;
use crate::link::Attached;
use crate::{clock, log};
use netstack::link::IfIndex;
use netstack::{Information, Notice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6};

impl Engine {
    /// Something that the stack noticed: the bus learns of our new addresses, the user of what matters.
    pub(super) fn heard(&mut self, notice: &Notice) {
        match *notice {
            Notice::Leased { addr, on, .. } => self.claim(on, addr.addr, addr.prefix_len),
            Notice::LinkLocal { addr, on } => self.claim(on, addr, 16),
            _ => {}
        }
        let name = |on: IfIndex| {
            let found = self.stack.interfaces().find(|interface| interface.index == on);
            found.map_or_else(|| format!("interface {}", on.0), |interface| interface.name.to_string())
        };
        log::notice(notice, name);
    }

    /// What servers on the network said about names.
    pub(crate) fn learned(&self) -> Learned {
        let mut learned = Learned::default();
        for lease in self.links.iter().filter_map(|attached| self.stack.lease(attached.index)) {
            learned.dns.extend(lease.dns.iter().map(|server| SocketAddr::from((*server, DNS_PORT))));
            learned.search.extend(lease.search.iter().cloned());
        }
        let now = clock::now();
        for Attached { index, .. } in &self.links {
            // RFC 8106 §5.3.1: what DHCP says goes first. A router often says the same.
            let Information { dns, search } = self.stack.information(*index).cloned().unwrap_or_default();
            for server in dns.into_iter().chain(self.stack.announced_servers(now, *index)) {
                // Of a link's own address only the scope tells which link; others have none.
                let scope = if server.is_unicast_link_local() { index.0 } else { 0 };
                add(&mut learned.dns, SocketAddrV6::new(server, DNS_PORT, 0, scope).into());
            }
            for domain in search.into_iter().chain(self.stack.announced_search(now, *index)) {
                add(&mut learned.search, domain);
            }
        }
        learned
    }

    /// So that the other nodes of a bus know whose connections to reset when this node dies. Whether the address is free
    /// was asked by ARP; a bus that says otherwise changes nothing.
    fn claim(&mut self, on: IfIndex, addr: Ipv4Addr, prefix_len: u8) {
        if let Some(attached) = self.links.iter_mut().find(|attached| attached.index == on) {
            let _ = attached.link.claim(addr, prefix_len, false);
        }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, new: T) {
    if !list.contains(&new) {
        list.push(new);
    }
}

const DNS_PORT: u16 = 53;
