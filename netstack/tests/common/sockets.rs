//! Programs' sockets without connections: UDP, raw, ping and packet sockets of a node.

use std::net::Ipv4Addr;

use super::{Net, NodeId};
use netstack::datagram::{HEADER_LEN, Header};
use netstack::link::IfIndex;
use netstack::packet::{PacketKind, PacketType, Record};
use netstack::raw::RawKind;
use netstack::socket::SendError;
use netstack::{Key, PacketId, RawId, UdpId};

impl Net {
    /// Opens a UDP socket with a receive ring of 256 KiB.
    pub fn udp(&mut self, node: NodeId) -> Udp {
        let (rx, reader) = arena::ring::heap(1 << 18);
        let key = self.memory(node).new_key();
        let id = self.stack(node).udp_open(key, rx);
        Udp { node, id, key, reader }
    }

    /// Opens a UDP socket bound to `local`.
    pub fn udp_at(&mut self, node: NodeId, local: &str) -> Udp {
        let socket = self.udp(node);
        let local = local.parse().expect("an address and port");
        self.stack(node).udp_bind(socket.id, local, Default::default()).expect("free");
        socket
    }

    /// Opens a raw or ping socket.
    pub fn raw(&mut self, node: NodeId, kind: RawKind) -> Raw {
        let (rx, reader) = arena::ring::heap(1 << 18);
        let key = self.memory(node).new_key();
        let id = self.stack(node).raw_open(key, rx, kind);
        Raw { node, id, key, reader }
    }

    /// Opens a packet socket for frames, bound to an interface and a protocol.
    pub fn packet(&mut self, node: NodeId, on: Option<IfIndex>, protocol: u16) -> Packets {
        self.packet_of(node, PacketKind::Frame, on, protocol)
    }

    pub fn packet_of(&mut self, node: NodeId, kind: PacketKind, on: Option<IfIndex>, protocol: u16) -> Packets {
        let (rx, reader) = arena::ring::heap(1 << 16);
        let key = self.memory(node).new_key();
        let id = self.stack(node).packet_open(key, rx, kind);
        self.stack(node).packet_bind(id, on, protocol).expect("an interface");
        Packets { node, id, key, reader }
    }

    /// Sends a datagram and lets the node transmit it.
    pub fn udp_send(&mut self, from: &Udp, to: &str, payload: &[u8]) -> Result<usize, SendError> {
        let (now, to) = (self.now(), to.parse().expect("an address and port"));
        let sent = self.stack(from.node).udp_send(now, from.id, Some(to), &[payload], &Default::default());
        self.poll(from.node);
        sent
    }

    /// Sends by a raw or ping socket and lets the node transmit it.
    pub fn raw_send(&mut self, from: &Raw, to: Ipv4Addr, payload: &[u8]) -> Result<usize, SendError> {
        let (now, to) = (self.now(), Some((to, 0).into()));
        let sent = self.stack(from.node).raw_send(now, from.id, to, &[payload], &Default::default());
        self.poll(from.node);
        sent
    }
}

/// The program's side of a UDP socket.
pub struct Udp {
    pub node: NodeId,
    pub id: UdpId,
    pub key: Key,
    reader: arena::Consumer,
}

/// The program's side of a packet socket.
pub struct Packets {
    pub node: NodeId,
    pub id: PacketId,
    pub key: Key,
    reader: arena::Consumer,
}

impl Packets {
    /// The next frame, if one is there.
    pub fn recv(&mut self) -> Option<(Record, Vec<u8>)> {
        next(&mut self.reader, Record::decode, |record| (0, record.len)).map(|(record, _, frame)| (record, frame))
    }

    /// Kind, protocol and length of all that is there.
    pub fn take(&mut self) -> Vec<(PacketType, u16, usize)> {
        std::iter::from_fn(|| self.recv()).map(|(record, frame)| (record.kind, record.protocol, frame.len())).collect()
    }
}

/// The program's side of a raw or ping socket.
pub struct Raw {
    pub node: NodeId,
    pub id: RawId,
    pub key: Key,
    reader: arena::Consumer,
}

impl Udp {
    /// The next datagram, if one is there.
    pub fn recv(&mut self) -> Option<(Header, Vec<u8>)> {
        self.recv_with_options().map(|(header, _, payload)| (header, payload))
    }

    /// The same with the options or extension headers that it came with.
    pub fn recv_with_options(&mut self) -> Option<(Header, Vec<u8>, Vec<u8>)> {
        next(&mut self.reader, Header::decode, |header| (header.options, header.len))
    }
}

impl Raw {
    /// The next packet, if one is there.
    pub fn recv(&mut self) -> Option<(Header, Vec<u8>)> {
        self.recv_with_options().map(|(header, _, payload)| (header, payload))
    }

    /// The same with the options or extension headers that it came with.
    pub fn recv_with_options(&mut self) -> Option<(Header, Vec<u8>, Vec<u8>)> {
        next(&mut self.reader, Header::decode, |header| (header.options, header.len))
    }
}

/// What the engine has put into a ring: a record, and as many bytes as that says.
fn next<T>(
    reader: &mut arena::Consumer,
    decode: impl FnOnce(&[u8; HEADER_LEN]) -> Option<T>,
    lens: impl FnOnce(&T) -> (u16, u32),
) -> Option<(T, Vec<u8>, Vec<u8>)> {
    if reader.is_empty() {
        return None;
    }
    let mut bytes = [0; HEADER_LEN];
    assert_eq!(reader.read(&mut bytes).0, HEADER_LEN, "records are published whole");
    let record = decode(&bytes).expect("a record of the engine's");
    let (options, len) = lens(&record);
    let mut skipped = vec![0; options.into()];
    assert_eq!(reader.read(&mut skipped).0, skipped.len(), "records are published whole");
    let mut payload = vec![0; len as usize];
    assert_eq!(reader.read(&mut payload).0, payload.len(), "records are published whole");
    Some((record, skipped, payload))
}
