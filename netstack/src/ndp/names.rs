//! Name servers and search lists that routers announce (RFC 8106).

use core::net::Ipv6Addr;

use super::{Link, MAX_ANNOUNCED, until};
use crate::dhcp::domains;
use crate::ip::is_unicast;
use crate::time::Instant;

/// What was announced, and when it is not good any more; None: never.
pub(crate) type Announced<T> = Vec<(T, Option<Instant>)>;

impl Link {
    /// RFC 8106 §5.1: 16 bytes a server.
    pub(crate) fn use_servers(&mut self, now: Instant, lifetime: u32, servers: &[u8]) {
        let servers = servers.as_chunks::<16>().0.iter().map(|server| Ipv6Addr::from(*server));
        servers.filter(|server| is_unicast(*server)).for_each(|server| note(&mut self.servers, now, lifetime, server));
    }

    /// RFC 8106 §5.2: names as in RFC 1035 §3.1.
    pub(crate) fn use_search(&mut self, now: Instant, lifetime: u32, names: &[u8]) {
        domains(names).into_iter().for_each(|name| note(&mut self.search, now, lifetime, name));
    }
}

/// Of `list`, what is good.
pub(crate) fn good<T: Clone>(list: &Announced<T>, now: Instant) -> Vec<T> {
    list.iter().filter(|(_, until)| until.is_none_or(|until| until > now)).map(|(what, _)| what.clone()).collect()
}

/// RFC 8106 §6.3.
fn note<T: PartialEq>(list: &mut Announced<T>, now: Instant, lifetime: u32, what: T) {
    list.retain(|(known, until)| *known != what && until.is_none_or(|until| until > now));
    if lifetime > 0 && list.len() < MAX_ANNOUNCED {
        list.push((what, until(now, lifetime)));
    }
}
