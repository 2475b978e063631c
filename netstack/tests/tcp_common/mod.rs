//! Programs that use TCP sockets of a simulated network, and transfers between them.
#![allow(dead_code)] // Each test crate uses its own part.

pub mod loss;
pub mod notation;
pub mod path;
pub mod script;

use crate::common::{Net, NodeId};
use netstack::Key;
use netstack::socket::{BindOptions, ConnectError, Shutdown};
use netstack::tcp::{Accepted, Close, FirstText, State, TcpError, TcpId, TcpInfo, TcpOptions, TcpStatus};

/// A program's side of a TCP socket.
pub struct Socket {
    pub node: NodeId,
    pub id: TcpId,
    pub key: Key,
    pub tx: arena::Producer,
    pub rx: arena::Consumer,
}

/// A listening socket.
pub struct Listener {
    pub node: NodeId,
    pub id: TcpId,
    pub key: Key,
}

impl Listener {
    pub fn new(net: &mut Net, node: NodeId, local: &str, backlog: usize) -> Listener {
        let key = net.memory(node).new_key();
        let id = net.stack(node).tcp_open(key);
        let options = BindOptions { reuse_addr: true, ..BindOptions::default() };
        net.stack(node).tcp_bind(id, local.parse().unwrap(), options).unwrap();
        net.stack(node).tcp_listen(id, backlog).unwrap();
        Listener { node, id, key }
    }

    pub fn accept(&self, net: &mut Net) -> Option<Socket> {
        let Accepted { id, key, .. } = net.stack(self.node).tcp_accept(self.id)?;
        let (tx, rx) = net.memory(self.node).take_ends(key).expect("rings of the pool");
        Some(Socket { node: self.node, id, key, tx, rx })
    }

    pub fn close(&self, net: &mut Net) {
        let now = net.now();
        net.stack(self.node).tcp_close(now, self.id, Close::Graceful { unread: false });
        net.poll(self.node);
    }
}

impl Socket {
    /// Connects with rings of `ring` bytes; the SYN goes at once.
    pub fn connect(net: &mut Net, node: NodeId, remote: &str, ring: usize) -> Socket {
        Socket::try_connect(net, node, remote, ring).expect("a route and a port")
    }

    /// Connects with options that are set before.
    pub fn connect_with(
        net: &mut Net,
        node: NodeId,
        remote: &str,
        ring: usize,
        set: impl FnOnce(&mut TcpOptions),
    ) -> Socket {
        let key = net.memory(node).new_key();
        let id = net.stack(node).tcp_open(key);
        set(net.stack(node).tcp_options(id).expect("just made"));
        Socket::connect_as(net, node, id, key, remote, ring).expect("a route and a port")
    }

    pub fn try_connect(net: &mut Net, node: NodeId, remote: &str, ring: usize) -> Result<Socket, ConnectError> {
        let key = net.memory(node).new_key();
        let id = net.stack(node).tcp_open(key);
        Socket::connect_as(net, node, id, key, remote, ring)
    }

    fn connect_as(
        net: &mut Net,
        node: NodeId,
        id: TcpId,
        key: Key,
        remote: &str,
        ring: usize,
    ) -> Result<Socket, ConnectError> {
        let (tx, engine_tx) = arena::ring::heap(ring);
        let (engine_rx, rx) = arena::ring::heap(ring);
        let now = net.now();
        net.stack(node).tcp_connect(now, id, remote.parse().unwrap(), engine_tx, engine_rx)?;
        net.poll(node);
        Ok(Socket { node, id, key, tx, rx })
    }

    /// Connects with Fast Open; returns how much of `data` the SYN takes, which goes at once unless it waits for text.
    pub fn open_fast(
        net: &mut Net,
        node: NodeId,
        remote: &str,
        data: &[u8],
        first: FirstText,
        set: impl FnOnce(&mut TcpOptions),
    ) -> (Socket, usize) {
        let key = net.memory(node).new_key();
        let id = net.stack(node).tcp_open(key);
        set(net.stack(node).tcp_options(id).expect("just made"));
        let (mut tx, engine_tx) = arena::ring::heap(1 << 16);
        let (engine_rx, rx) = arena::ring::heap(1 << 16);
        let now = net.now();
        net.stack(node).tcp_fast_open(now, id, remote.parse().unwrap(), engine_tx, engine_rx, first).expect("a route");
        let room = net.stack(node).tcp_syn_room(id).expect("a SYN that has not left") as usize;
        let taken = tx.write(&data[..data.len().min(room)]);
        net.poll(node);
        (Socket { node, id, key, tx, rx }, taken)
    }

    /// The SYN that waited for text goes with this.
    pub fn send_syn(&mut self, net: &mut Net, data: &[u8]) {
        assert_eq!(self.tx.write(data), data.len());
        let now = net.now();
        net.stack(self.node).tcp_send_syn(now, self.id);
        net.poll(self.node);
    }

    /// Writes what fits, and lets the engine send.
    pub fn write(&mut self, net: &mut Net, data: &[u8]) -> usize {
        let n = self.tx.write(data);
        let now = net.now();
        net.stack(self.node).tcp_data_queued(now, self.id);
        net.poll(self.node);
        n
    }

    /// Writes what fits as a part of more to come (MSG_MORE), and lets the engine send.
    pub fn write_part(&mut self, net: &mut Net, data: &[u8]) -> usize {
        let n = self.tx.write(data);
        let now = net.now();
        net.stack(self.node).tcp_part_queued(now, self.id);
        net.poll(self.node);
        n
    }

    /// Reads up to `max` bytes.
    pub fn read(&mut self, net: &mut Net, max: usize) -> Vec<u8> {
        let mut data = vec![0; max.min(self.rx.len())];
        let (n, tell) = self.rx.read(&mut data);
        data.truncate(n);
        if tell {
            let now = net.now();
            net.stack(self.node).tcp_space_freed(now, self.id);
            net.poll(self.node);
        }
        data
    }

    pub fn shutdown_write(&self, net: &mut Net) {
        let now = net.now();
        net.stack(self.node).tcp_shutdown(now, self.id, Shutdown { read: false, write: true });
        net.poll(self.node);
    }

    pub fn close(&self, net: &mut Net) {
        let unread = !self.rx.is_empty();
        self.close_as(net, Close::Graceful { unread });
    }

    pub fn close_as(&self, net: &mut Net, how: Close) {
        let now = net.now();
        net.stack(self.node).tcp_close(now, self.id, how);
        net.poll(self.node);
    }

    pub fn status(&self, net: &mut Net) -> TcpStatus {
        net.stack(self.node).tcp_status(self.id).expect("the id is good until the key is released")
    }

    pub fn info(&self, net: &mut Net) -> TcpInfo {
        let now = net.now();
        net.stack(self.node).tcp_info(now, self.id).expect("the id is good until the key is released")
    }

    pub fn state(&self, net: &mut Net) -> State {
        self.status(net).state
    }

    pub fn error(&self, net: &mut Net) -> Option<TcpError> {
        self.status(net).error
    }
}

/// Byte `at` of a stream.
pub fn byte(stream: u8, at: usize) -> u8 {
    (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) as u8 ^ stream
}
