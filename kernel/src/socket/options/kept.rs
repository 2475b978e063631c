//! Options of SOL_SOCKET that any socket of Linux takes and that mean nothing to TCP/IP over interfaces like ours, as over Linux's
//! loopback: advice for hardware queues and wireless links, debugging, credentials of AF_UNIX. What Linux keeps is kept.

use super::Access::{Int, Whole};
use super::rows::{bytes, local, reading, within};
use super::{On, Row};
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_SOCKET;
use std::sync::atomic::{AtomicU64, Ordering};

// Linux's numbers, which libc does not name.
const SO_BSDCOMPAT: i32 = 14;
const SO_CNX_ADVICE: i32 = 53;
const SO_PEERGROUPS: i32 = 59;
const SO_PREFER_BUSY_POLL: i32 = 69;
const SO_BUSY_POLL_BUDGET: i32 = 70;
const SO_NETNS_COOKIE: i32 = 71;
const SO_RESERVE_MEM: i32 = 73;
const SO_TXREHASH: i32 = 74;
const SO_RCVMARK: i32 = 75;

/// What is kept.
#[derive(Clone)]
pub(super) struct Kept {
    debug: bool,
    wifi_status: bool,
    no_fcs: bool,
    receive_mark: bool,
    prefer_busy_poll: bool,
    busy_poll: i32,
    incoming_cpu: i32,
    pub(super) no_defrag: bool,
    pub(super) checksum: bool,
    pub(super) security: bool,
    /// SO_TXTIME: a clock and flags.
    pub(in crate::socket) tx_time: Option<[i32; 2]>,
    tx_rehash: i32,
    /// TCP_TX_DELAY.
    pub(super) tx_delay: i32,
    cookie: Option<u64>,
}

impl Kept {
    /// SO_COOKIE: no other socket of the process ever has it.
    fn cookie(&mut self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        *self.cookie.get_or_insert_with(|| NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// What an accepted socket has from its listener.
    pub(super) fn inherited(&self) -> Kept {
        Kept { cookie: None, ..self.clone() }
    }
}

impl Default for Kept {
    fn default() -> Kept {
        Kept {
            debug: false,
            wifi_status: false,
            no_fcs: false,
            receive_mark: false,
            prefer_busy_poll: false,
            busy_poll: 0,
            incoming_cpu: -1,
            no_defrag: false,
            checksum: false,
            security: false,
            tx_time: None,
            tx_rehash: 1,
            tx_delay: 0,
            cookie: None,
        }
    }
}

pub(super) static ROWS: &[Row] = &[
    local!(SOL_SOCKET, libc::SO_DEBUG, On::All, s => s.kept.debug, v => s.kept.debug = v != 0),
    local!(SOL_SOCKET, libc::SO_WIFI_STATUS, On::All, s => s.kept.wifi_status, v => s.kept.wifi_status = v != 0),
    local!(SOL_SOCKET, libc::SO_NOFCS, On::All, s => s.kept.no_fcs, v => s.kept.no_fcs = v != 0),
    local!(SOL_SOCKET, SO_RCVMARK, On::All, s => s.kept.receive_mark, v => s.kept.receive_mark = v != 0),
    local!(SOL_SOCKET, SO_PREFER_BUSY_POLL, On::All, s => s.kept.prefer_busy_poll,
        v => s.kept.prefer_busy_poll = v != 0),
    local!(SOL_SOCKET, libc::SO_BUSY_POLL, On::All, s => s.kept.busy_poll,
        v => s.kept.busy_poll = within(v, 0, i32::MAX)?),
    local!(SOL_SOCKET, libc::SO_INCOMING_CPU, On::All, s => s.kept.incoming_cpu, v => s.kept.incoming_cpu = v),
    taken(SO_TXREHASH, On::Datagram, |_| Err(Errno::OPNOTSUPP), |_, _| Err(Errno::OPNOTSUPP)),
    // Times of sending are a queueing discipline's to keep.
    bytes(
        SOL_SOCKET,
        libc::SO_TXTIME,
        On::All,
        Some(|s| {
            Ok(s.settings.lock().kept.tx_time.unwrap_or_default().into_iter().flat_map(i32::to_ne_bytes).collect())
        }),
        Some(|s, value| {
            let ([clock, flags], []) = value.as_chunks::<4>() else { return Err(Errno::INVAL) };
            let (clock, flags) = (i32::from_ne_bytes(*clock), i32::from_ne_bytes(*flags));
            within(flags, 0, 3)?;
            s.settings.lock().kept.tx_time = Some([clock, flags]);
            Ok(())
        }),
    ),
    local!(SOL_SOCKET, SO_TXREHASH, On::Stream, s => s.kept.tx_rehash,
        v => s.kept.tx_rehash = if v == -1 { 1 } else { within(v, 0, 1)? }),
    reading(libc::SO_INCOMING_NAPI_ID, |_| Ok(0)),
    // The highest offset that a filter may ask for: SKF_AD_MAX.
    reading(libc::SO_BPF_EXTENSIONS, |_| Ok(64)),
    // Obsolete: taken, and 0.
    taken(SO_BSDCOMPAT, On::All, |_| Ok(0), |_, _| Ok(())),
    taken(SO_CNX_ADVICE, On::All, |_| Err(Errno::NOPROTOOPT), |_, _| Ok(())),
    taken(SO_BUSY_POLL_BUDGET, On::All, |_| Err(Errno::NOPROTOOPT), |_, v| within(v, 0, 0xffff).map(drop)),
    taken(SO_RESERVE_MEM, On::All, |_| Ok(0), |_, v| if v < 0 { Err(Errno::INVAL) } else { Err(Errno::OPNOTSUPP) }),
    taken(libc::SO_PASSCRED, On::All, |_| Err(Errno::OPNOTSUPP), |_, _| Err(Errno::OPNOTSUPP)),
    taken(libc::SO_PASSSEC, On::All, |_| Err(Errno::OPNOTSUPP), |_, _| Err(Errno::OPNOTSUPP)),
    // No process, nobody, no group.
    bytes(
        SOL_SOCKET,
        libc::SO_PEERCRED,
        On::All,
        Some(|_| Ok([0, -1, -1].into_iter().flat_map(i32::to_ne_bytes).collect())),
        None,
    ),
    bytes(SOL_SOCKET, SO_PEERGROUPS, On::All, Some(|_| Err(Errno::NODATA)), None),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_COOKIE,
        on: On::All,
        access: Whole { get: |s| Ok(s.settings.lock().kept.cookie().to_ne_bytes().to_vec()), exact: false },
    },
    // Of the network, which is this process's.
    Row {
        level: SOL_SOCKET,
        name: SO_NETNS_COOKIE,
        on: On::All,
        access: Whole { get: |_| Ok(u64::from(std::process::id()).to_ne_bytes().to_vec()), exact: true },
    },
];

/// A row of an option that is only looked at.
const fn taken(name: i32, on: On, get: fn(&Socket) -> Result<i32>, set: fn(&Socket, i32) -> Result<()>) -> Row {
    Row { level: SOL_SOCKET, name, on, access: Int { get, set: Some(set) } }
}
