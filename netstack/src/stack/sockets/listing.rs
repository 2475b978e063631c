//! The list of sockets, as sock_diag(7) and `ss` want it.

use crate::datagram::{DatagramOptions, Inbox, Outbox};
use crate::raw::RawKind;
use crate::socket::{Key, Listed};
use crate::stack::Stack;
use crate::tcp::State;
use core::net::{IpAddr, SocketAddr};

impl Stack {
    /// Listeners and connections, listeners first. Who is in CLOSED is not among them.
    pub fn tcp_sockets(&self) -> Vec<Listed> {
        self.tcp.listed()
    }

    /// Sockets of UDP, or of UDP-Lite, that have a port.
    pub fn udp_sockets(&mut self, lite: bool) -> Vec<Listed> {
        let of_kind = self.udp.values_mut().filter(move |socket| socket.is_lite() == lite);
        let describe = |socket: &mut crate::udp::Socket| {
            let ends = (socket.local().filter(|local| local.port() != 0)?, socket.remote());
            let v6_only = socket.is_v6_only();
            let listed = datagram(socket.key, ends, &socket.options, &mut socket.inbox, &socket.outbox);
            Some(Listed { v6_only, ..listed })
        };
        of_kind.filter_map(describe).collect()
    }

    /// Raw sockets.
    pub fn raw_sockets(&mut self) -> Vec<Listed> {
        let describe = |socket: &mut crate::raw::Socket| {
            let (RawKind::Raw { protocol } | RawKind::Raw6 { protocol }) = socket.kind else { return None };
            let end = |addr: IpAddr, port: u8| SocketAddr::new(addr, port.into());
            let ends = (end(socket.local, protocol), socket.remote.map(|remote| end(remote, 0)));
            let listed = datagram(socket.key, ends, &socket.options.datagram, &mut socket.inbox, &socket.outbox);
            Some(Listed { on: listed.on.or(socket.zone), v6_only: socket.kind.is_v6(), ..listed })
        };
        self.raw.values_mut().filter_map(describe).collect()
    }
}

fn datagram(
    key: Key,
    (local, remote): (SocketAddr, Option<SocketAddr>),
    options: &DatagramOptions,
    inbox: &mut Inbox,
    outbox: &Outbox,
) -> Listed {
    Listed {
        key: Some(key),
        local,
        remote,
        state: if remote.is_some() { State::Established } else { State::Closed },
        on: options.bound_to,
        v6_only: false,
        received: inbox.charged(),
        sent: outbox.charged(),
        shut: (false, false),
        tcp: None,
    }
}
