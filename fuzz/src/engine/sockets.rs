//! The sockets of a run, and the calls that programs make with them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arena::{Consumer, Producer};
use netstack::raw::RawKind;
use netstack::socket::{BindOptions, SendOptions, Shutdown};
use netstack::tcp::{Agreement, Close, FirstText, Seq, Sequences, TcpId, Windows};
use netstack::time::Instant;
use netstack::{Key, RawId, Stack, UdpId};

use super::frame::{PEER, PEER6, port};
use super::op::{Call, Repair};
use crate::memory::Memory;

/// Most sockets of a kind that are open at once.
const MOST: usize = 8;

/// All sockets of a run.
#[derive(Default)]
pub struct Sockets {
    listeners: Vec<TcpId>,
    streams: Vec<Stream>,
    udp: Vec<(UdpId, Consumer)>,
    raw: Vec<(RawId, Consumer)>,
    /// Those that the stack has not released.
    keys: BTreeSet<Key>,
}

struct Stream {
    id: TcpId,
    tx: Producer,
    rx: Consumer,
}

impl Sockets {
    pub fn call(&mut self, stack: &mut Stack, memory: &Memory, now: Instant, call: Call) {
        match call {
            Call::Listen { v6, port: which, backlog, dual } if self.listeners.len() < MOST => {
                let id = stack.tcp_open(self.key(memory));
                let options = BindOptions { reuse_addr: true, v6_only: !dual, ..BindOptions::default() };
                if stack.tcp_bind(id, SocketAddr::new(any(v6), port(which)), options).is_ok() {
                    let _ = stack.tcp_listen(id, usize::from(backlog % 8));
                    if let Some(options) = stack.tcp_options(id) {
                        options.fast_open.queue = usize::from(backlog % 4);
                    }
                }
                self.listeners.push(id);
            }
            Call::Connect { v6, port: which, small_rings } if self.streams.len() < MOST => {
                let id = stack.tcp_open(self.key(memory));
                let size = if small_rings { 1 << 10 } else { 1 << 14 };
                let ((mut tx, engine_tx), (engine_rx, rx)) = (arena::ring::heap(size), arena::ring::heap(size));
                if small_rings {
                    let _ = stack.tcp_fast_open(now, id, peer(v6, which), engine_tx, engine_rx, FirstText::InSyn);
                    let room = stack.tcp_syn_room(id).map_or(0, |room| (room as usize).min(700));
                    tx.write(&[which; 700][..room]);
                } else {
                    let _ = stack.tcp_connect(now, id, peer(v6, which), engine_tx, engine_rx);
                }
                self.streams.push(Stream { id, tx, rx });
            }
            Call::Accept { which } => {
                let Some(id) = choose(&mut self.listeners, which) else { return };
                let Some(accepted) = stack.tcp_accept(*id) else { return };
                self.keys.insert(accepted.key);
                let (tx, rx) = memory.take_ends(accepted.key).expect("rings of the pool");
                self.streams.push(Stream { id: accepted.id, tx, rx });
            }
            Call::Write { which, len } => {
                let Some(stream) = choose(&mut self.streams, which) else { return };
                stream.tx.write(&vec![b'y'; len.into()]);
                stack.tcp_data_queued(now, stream.id);
            }
            Call::Read { which, len } => {
                let Some(stream) = choose(&mut self.streams, which) else { return };
                if stream.rx.read(&mut vec![0; len.into()]).1 {
                    stack.tcp_space_freed(now, stream.id);
                }
            }
            Call::Shutdown { which, read, write } => {
                let Some(stream) = choose(&mut self.streams, which) else { return };
                stack.tcp_shutdown(now, stream.id, Shutdown { read, write });
            }
            Call::Close { which, abort } => self.close(stack, now, which, abort),
            Call::Disconnect { which } => {
                let Some(stream) = choose(&mut self.streams, which) else { return };
                stack.tcp_disconnect(now, stream.id);
            }
            Call::Options { which, nodelay, cork, keepalive, quickack, maxseg } => {
                let Some(stream) = choose(&mut self.streams, which) else { return };
                let Some(options) = stack.tcp_options(stream.id) else { return };
                (options.nodelay, options.cork, options.quickack) = (nodelay, cork, quickack);
                options.keepalive.on = keepalive;
                options.maxseg = maxseg.map(|bytes| bytes.clamp(88, 32767));
                stack.tcp_options_changed(now, stream.id);
            }
            Call::Udp { v6, port: which } if self.udp.len() < MOST => {
                let (ring, reader) = arena::ring::heap(1 << 14);
                let id = stack.udp_open(self.key(memory), ring);
                let _ = stack.udp_bind(id, SocketAddr::new(any(v6), port(which)), BindOptions::default());
                self.udp.push((id, reader));
            }
            Call::UdpConnect { which, v6, port } => {
                let Some((id, _)) = choose(&mut self.udp, which) else { return };
                let _ = stack.udp_connect(*id, Some(peer(v6, port)));
            }
            Call::UdpSend { which, v6, group: to_group, port: to, len } => {
                let Some((id, reader)) = choose(&mut self.udp, which) else { return };
                let to = if to_group { SocketAddr::new(group(v6), port(to)) } else { peer(v6, to) };
                let _ = stack.udp_send(now, *id, Some(to), &[&vec![b'z'; len.into()]], &SendOptions::default());
                let _ = (stack.udp_take_error(*id), stack.udp_take_reports(*id));
                reader.consume(reader.len());
            }
            Call::Join { which, v6, leave } => {
                let Some((id, _)) = choose(&mut self.udp, which) else { return };
                let _ = if leave {
                    stack.group_leave(*id, group(v6), None)
                } else {
                    stack.group_join(*id, group(v6), None)
                };
            }
            Call::Raw { kind, protocol } if self.raw.len() < MOST => {
                let (ring, reader) = arena::ring::heap(1 << 14);
                let kinds = [RawKind::Raw { protocol }, RawKind::Ping, RawKind::Raw6 { protocol }, RawKind::Ping6];
                let id = stack.raw_open(self.key(memory), ring, kinds[usize::from(kind) % 4]);
                self.raw.push((id, reader));
            }
            Call::RawSend { which, v6, payload } => {
                let Some((id, reader)) = choose(&mut self.raw, which) else { return };
                let _ = stack.raw_send(now, *id, Some(peer(v6, 0)), &[&payload], &SendOptions::default());
                let _ = (stack.raw_take_error(*id), stack.raw_take_reports(*id));
                reader.consume(reader.len());
            }
            Call::Restore { v6, port: which, written, received } if self.streams.len() < MOST => {
                let id = stack.tcp_open(self.key(memory));
                let ((tx, engine_tx), (engine_rx, rx)) = (arena::ring::heap(1 << 12), arena::ring::heap(1 << 12));
                let sequences = Sequences { written: Seq(written), received: Seq(received) };
                let _ = stack.tcp_restore(now, id, peer(v6, which), engine_tx, engine_rx, sequences);
                self.streams.push(Stream { id, tx, rx });
            }
            Call::Repair { which, how } => {
                let Some(stream) = choose(&mut self.streams, which) else { return };
                repair(stream, stack, now, how);
            }
            // As many as may be are open.
            Call::Listen { .. } | Call::Connect { .. } | Call::Restore { .. } | Call::Udp { .. } | Call::Raw { .. } => {
            }
        }
    }

    /// Closes everything that is open.
    pub fn close_all(&mut self, stack: &mut Stack, now: Instant) {
        for id in self.listeners.drain(..).chain(self.streams.drain(..).map(|stream| stream.id)) {
            stack.tcp_close(now, id, Close::Graceful { unread: false });
        }
        self.udp.drain(..).for_each(|(id, _)| stack.udp_close(id));
        self.raw.drain(..).for_each(|(id, _)| stack.raw_close(id));
    }

    /// Hears what became of the sockets.
    pub fn take_news(&mut self, stack: &mut Stack) {
        let mut keys = Vec::new();
        stack.take_touched(&mut keys);
        keys.clear();
        stack.take_released(&mut keys);
        for key in keys {
            self.keys.remove(&key);
        }
    }

    /// Those that the stack still has.
    pub fn unreleased(&self) -> Vec<Key> {
        self.keys.iter().copied().collect()
    }

    fn key(&mut self, memory: &Memory) -> Key {
        let key = memory.new_key();
        self.keys.insert(key);
        key
    }

    fn close(&mut self, stack: &mut Stack, now: Instant, which: u8, abort: bool) {
        let how = if abort { Close::Abort } else { Close::Graceful { unread: false } };
        let at = usize::from(which >> 2);
        match which % 4 {
            0 if at < self.listeners.len() => stack.tcp_close(now, self.listeners.remove(at), how),
            1 if at < self.streams.len() => stack.tcp_close(now, self.streams.remove(at).id, how),
            2 if at < self.udp.len() => stack.udp_close(self.udp.remove(at).0),
            3 if at < self.raw.len() => stack.raw_close(self.raw.remove(at).0),
            _ => {}
        }
    }
}

fn repair(stream: &mut Stream, stack: &mut Stack, now: Instant, how: Repair) {
    let id = stream.id;
    match how {
        Repair::Agree { mss, scales, more } => {
            // No more than 14: the caller checks.
            let scales = Agreement::WindowScales { snd: scales % 15, rcv: (scales >> 4) % 15 };
            stack.tcp_agree(now, id, &[Agreement::Mss(mss), scales]);
            if more {
                stack.tcp_agree(now, id, &[Agreement::Sack, Agreement::Timestamps(Some(mss.into()))]);
            }
        }
        Repair::Windows { snd_wl1, snd_wnd, snd_wnd_max, rcv_wnd, rcv_wup } => {
            let windows = Windows { snd_wl1: Seq(snd_wl1), snd_wnd, snd_wnd_max, rcv_wnd, rcv_wup: Seq(rcv_wup) };
            if stack.tcp_set_windows(now, id, windows)
                && let Some(set) = stack.tcp_windows(id)
            {
                assert_eq!(set.snd_wnd, snd_wnd);
            }
        }
        Repair::PutSent { len } => {
            stream.tx.write(&vec![b's'; len.into()]);
            stack.tcp_count_as_sent(now, id);
            let sent = stack.tcp_unacknowledged(id, usize::MAX);
            assert!(sent.len() <= stream.tx.capacity());
        }
        Repair::PutReceived { len } => {
            stack.tcp_put_received(now, id, &[&vec![b'r'; len.into()]]);
        }
        Repair::Probe => stack.tcp_probe_window(now, id),
        Repair::Abandon => stack.tcp_abandon(now, id),
    }
    let _ = (stack.tcp_windows(id), stack.tcp_sequences(id));
}

fn choose<T>(among: &mut [T], which: u8) -> Option<&mut T> {
    let count = among.len().max(1);
    among.get_mut(usize::from(which) % count)
}

fn any(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

fn peer(v6: bool, which: u8) -> SocketAddr {
    SocketAddr::new(if v6 { PEER6.into() } else { PEER.into() }, port(which))
}

fn group(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb).into() } else { Ipv4Addr::new(224, 0, 0, 251).into() }
}
