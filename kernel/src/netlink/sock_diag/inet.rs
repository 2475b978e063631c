//! Sockets of AF_INET and AF_INET6.

use super::{Row, Told, Wish};
use crate::backend::Transport;
use crate::tcp_info;
use crate::{Errno, Kernel, Result};
use netlink_packet_core::Parseable;
use netlink_packet_sock_diag::SockDiagMessage as Message;
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, InetResponseHeader, SocketId, StateFlags, Timer,
};
use netstack::Listed;
use netstack::socket::Key;
use netstack::tcp::{State, TcpInfo};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// In place of a cookie: any socket (INET_DIAG_NOCOOKIE).
const NO_COOKIE: [u8; 8] = [0xff; 8];

pub(super) fn ask(kernel: &Kernel, body: &[u8], wish: Wish) -> Result<Told> {
    let request = InetRequest::parse(body).map_err(|_| Errno::INVAL)?;
    let transport = match i32::from(request.protocol) {
        libc::IPPROTO_TCP => Transport::Tcp,
        libc::IPPROTO_UDP => Transport::Udp,
        libc::IPPROTO_UDPLITE => Transport::UdpLite,
        libc::IPPROTO_RAW => Transport::Raw,
        _ if matches!(wish, Wish::One) => return Err(Errno::NOENT),
        // Linux begins a table before it looks for the protocol.
        _ => return Ok(Told { rows: Vec::new(), broken_off: Some(Errno::NOENT) }),
    };
    let mut sockets = kernel.sockets(transport, request.extensions.contains(ExtensionFlags::INFO))?;
    sockets.retain(|(listed, _)| listed.local.is_ipv4() == (i32::from(request.family) == libc::AF_INET));
    match wish {
        Wish::All { .. } => sockets.retain(|(listed, _)| is_asked_for(&request, listed)),
        Wish::One => sockets = vec![one(&request.socket_id, sockets)?],
    }
    let row = |(listed, info)| Row::new(&Message::InetResponse(Box::new(describe(&request, transport, &listed, info))));
    Ok(Told::all(sockets.into_iter().map(row)))
}

type Found = (Listed, Option<TcpInfo>);

/// Of a whole table states and ports choose. (A program of INET_DIAG_REQ_BYTECODE is not run: ss(8) looks at what comes again.)
fn is_asked_for(request: &InetRequest, listed: &Listed) -> bool {
    let (from, to) = ports(listed);
    let SocketId { source_port, destination_port, .. } = request.socket_id;
    request.states.contains(StateFlags::from_bits_retain(1 << tcp_info::state(listed.state)))
        && (source_port == 0 || source_port == from)
        && (destination_port == 0 || destination_port == to)
}

fn ports(listed: &Listed) -> (u16, u16) {
    (listed.local.port(), listed.remote.map_or(0, |remote| remote.port()))
}

/// The one with these ends; else the listener that is asked for. Errors: ENOENT, where it has another cookie, too.
fn one(asked: &SocketId, sockets: Vec<Found>) -> Result<Found> {
    let local = SocketAddr::new(asked.source_address, asked.source_port);
    let is_it = |listed: &Listed| match listed.remote {
        Some(remote) => {
            let ends = (plain(listed.local), plain(remote));
            ends == (local, SocketAddr::new(asked.destination_address, asked.destination_port))
        }
        None => {
            listed.local.port() == local.port() && (listed.local.ip().is_unspecified() || plain(listed.local) == local)
        }
    };
    let mut found: Vec<_> = sockets.into_iter().filter(|(listed, _)| is_it(listed)).collect();
    found.sort_by_key(|(listed, _)| listed.remote.is_none());
    let found = found.into_iter().next().filter(|(listed, _)| [NO_COOKIE, cookie(listed)].contains(&asked.cookie));
    found.ok_or(Errno::NOENT)
}

/// Without an interface.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip(), addr.port())
}

/// Another for each socket that there is, and 0 for what is none any more.
fn cookie(listed: &Listed) -> [u8; 8] {
    listed.key.map_or(0, |Key(key)| u64::from(key) + 1).to_ne_bytes()
}

fn describe(request: &InetRequest, transport: Transport, listed: &Listed, info: Option<TcpInfo>) -> InetResponse {
    let (source_port, destination_port) = ports(listed);
    let any: IpAddr = match listed.local {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let header = InetResponseHeader {
        family: request.family,
        state: tcp_info::state(listed.state),
        timer: (listed.state == State::TimeWait).then_some(Timer::TimeWait),
        socket_id: SocketId {
            source_port,
            destination_port,
            source_address: listed.local.ip(),
            destination_address: listed.remote.map_or(any, |remote| remote.ip()),
            interface_id: interface(listed),
            cookie: cookie(listed),
        },
        recv_queue: size(listed.received),
        send_queue: size(listed.sent),
        uid: listed.key.map_or(0, |_| rustix::process::geteuid().as_raw()),
        // What the host's number for the descriptor has is the host's socket behind it.
        inode: 0,
    };
    let mut response = InetResponse { header, nlas: Default::default() };
    if listed.key.is_some() {
        response.nlas.extend(attributes(request, transport, listed, info));
    }
    response
}

fn interface(listed: &Listed) -> u32 {
    let zone = match listed.local {
        SocketAddr::V6(addr) => addr.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    listed.on.map_or(zone, |on| on.0)
}

fn attributes(request: &InetRequest, transport: Transport, listed: &Listed, info: Option<TcpInfo>) -> Vec<Nla> {
    let (reading, writing) = listed.shut;
    // RCV_SHUTDOWN, SEND_SHUTDOWN.
    let mut attributes = vec![Nla::Shutdown(u8::from(reading) | u8::from(writing) << 1)];
    if listed.local.is_ipv6() && matches!(listed.state, State::Listen | State::Closed) {
        // An address of IPv6 says it, too.
        attributes.push(Nla::SkV6Only(listed.v6_only || !listed.local.ip().is_unspecified()));
    }
    if transport == Transport::Raw {
        attributes.push(Nla::Protocol(listed.local.port() as u8));
    }
    attributes.extend(info.map(|info| Nla::TcpInfo(tcp_info::encode(&info))));
    if let Some((_, congestion)) = listed.tcp
        && request.extensions.contains(ExtensionFlags::CONG)
    {
        attributes.push(Nla::Congestion(congestion.name().into()));
    }
    attributes
}
