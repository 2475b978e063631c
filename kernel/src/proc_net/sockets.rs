//! The sockets of each protocol, and how many there are.

use super::padded;
use crate::backend::Transport;
use crate::tcp_info;
use crate::{Kernel, Result};
use netstack::Listed;
use netstack::tcp::{State, TcpInfo};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// One of the two files of a protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    V4,
    V6,
}

/// What the names of the columns begin with, by table; they are the same from "st" on.
const ENDS: [&str; 2] = [
    "  sl  local_address rem_address   ",
    "  sl  local_address                         remote_address                        ",
];
const COLUMNS: &str = "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
/// Those of datagrams behind them.
const OF_DATAGRAMS: &str = " ref pointer drops";

/// How a file writes its lines.
#[derive(Clone, Copy)]
struct Columns {
    table: Table,
    is_tcp: bool,
    /// Characters of a line's number.
    number: usize,
    /// Those of a line, where Linux fills it up.
    width: usize,
}

impl Columns {
    fn of(table: Table, transport: Transport) -> Columns {
        let (number, width) = match (table, transport) {
            (Table::V4, Transport::Tcp) => (4, 149),
            (Table::V4, Transport::Udp | Transport::UdpLite) => (5, 127),
            (Table::V6, Transport::Tcp) | (_, Transport::Raw) => (4, 0),
            (Table::V6, Transport::Udp | Transport::UdpLite) => (5, 0),
        };
        Columns { table, is_tcp: transport == Transport::Tcp, number, width }
    }

    fn header(self) -> String {
        let indent = if self.table == Table::V4 && self.number == 5 { " " } else { "" };
        let behind = if self.is_tcp { "" } else { OF_DATAGRAMS };
        padded(&format!("{indent}{}{COLUMNS}{behind}", ENDS[self.table as usize]), self.width)
    }

    /// Timers, inodes and pointers are not told: 0.
    fn line(self, slot: usize, listed: &Listed, info: Option<&TcpInfo>) -> String {
        let number = self.number;
        let mut line = format!("{slot:number$}: {} ", end(listed.local));
        line += &listed.remote.map_or_else(|| end(nobody(self.table)), end);
        // A listener's would be its backlog.
        let sent = if listed.state == State::Listen { 0 } else { listed.sent };
        let (state, received) = (tcp_info::state(listed.state), listed.received);
        let uid = listed.key.map_or(0, |_| rustix::process::geteuid().as_raw());
        let references = if self.is_tcp { 1 } else { 2 };
        let _ = write!(line, " {state:02X} {sent:08X}:{received:08X} 00:00000000 00000000 {uid:5}        0 0");
        let _ = write!(line, " {references} {:016x}", 0);
        match info {
            Some(info) => line += &progress(info),
            None if self.is_tcp => {}
            None => line += " 0",
        }
        padded(&line, self.width)
    }
}

pub(super) fn table(kernel: &Kernel, table: Table, transport: Transport) -> Result<String> {
    let columns = Columns::of(table, transport);
    let mut sockets = kernel.sockets(transport, columns.is_tcp)?;
    sockets.retain(|(listed, _)| table_of(listed) == table);
    sockets.sort_by_key(|(listed, _)| listed.state != State::Listen);
    let lines = sockets.iter().enumerate().map(|(slot, (listed, info))| columns.line(slot, listed, info.as_ref()));
    Ok(columns.header() + &lines.collect::<String>())
}

/// The timeout and the delay of acknowledgements in ticks of 10 ms, two bits of delayed acknowledgements, the congestion window and
/// the threshold in segments.
fn progress(info: &TcpInfo) -> String {
    if info.state == State::Listen {
        return " 100 0 0 10 0".to_owned();
    }
    let mss = info.snd_mss.max(1);
    let threshold = if info.ssthresh == u32::MAX { -1 } else { i64::from(info.ssthresh / mss) };
    format!(" {} 4 0 {} {threshold}", info.rto.as_millis() / 10, (info.cwnd / mss).max(1))
}

pub(super) fn sockstat(kernel: &Kernel) -> Result<String> {
    let counts = Counts::of(kernel)?;
    let [tcp, udp, lite, raw] = counts.in_use[Table::V4 as usize];
    let used: usize = counts.in_use.as_flattened().iter().sum();
    let Counts { orphans, time_wait, .. } = counts;
    let alloc = tcp + counts.in_use[Table::V6 as usize][0];
    Ok(format!(
        "sockets: used {used}\nTCP: inuse {tcp} orphan {orphans} tw {time_wait} alloc {alloc} mem 0\nUDP: inuse {udp} mem 0\n\
         UDPLITE: inuse {lite}\nRAW: inuse {raw}\nFRAG: inuse 0 memory 0\n"
    ))
}

pub(super) fn sockstat6(kernel: &Kernel) -> Result<String> {
    let [tcp, udp, lite, raw] = Counts::of(kernel)?.in_use[Table::V6 as usize];
    Ok(format!(
        "TCP6: inuse {tcp}\nUDP6: inuse {udp}\nUDPLITE6: inuse {lite}\nRAW6: inuse {raw}\nFRAG6: inuse 0 memory 0\n"
    ))
}

struct Counts {
    /// By [`Table`], of TCP, UDP, UDP-Lite and raw IP.
    in_use: [[usize; 4]; 2],
    orphans: usize,
    time_wait: usize,
}

impl Counts {
    fn of(kernel: &Kernel) -> Result<Counts> {
        let mut counts = Counts { in_use: [[0; 4]; 2], orphans: 0, time_wait: 0 };
        let transports = [Transport::Tcp, Transport::Udp, Transport::UdpLite, Transport::Raw];
        for (column, transport) in transports.into_iter().enumerate() {
            for (listed, _) in kernel.sockets(transport, false)? {
                match (listed.state, listed.key) {
                    (State::TimeWait, _) => counts.time_wait += 1,
                    (State::SynReceived, None) => {}
                    (_, None) => counts.orphans += 1,
                    (_, Some(_)) => counts.in_use[table_of(&listed) as usize][column] += 1,
                }
            }
        }
        Ok(counts)
    }
}

fn table_of(listed: &Listed) -> Table {
    if listed.local.is_ipv4() { Table::V4 } else { Table::V6 }
}

fn nobody(table: Table) -> SocketAddr {
    match table {
        Table::V4 => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        Table::V6 => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// The words of an address as the numbers that they are in memory, and the port.
fn end(addr: SocketAddr) -> String {
    let octets = match addr.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.as_chunks().0.iter().map(|&word| format!("{:08X}", u32::from_ne_bytes(word)));
    format!("{}:{:04X}", words.collect::<String>(), addr.port())
}
