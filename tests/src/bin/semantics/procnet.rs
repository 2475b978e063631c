//! /proc/net as programs read it: what it says of the loopback and of sockets that a case has made.

use libc::{AF_INET6, POLLIN, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use std::fs;
use std::time::Duration;

use crate::Case;
use crate::net::{connected, listener, must, settle, tcp, udp, within};
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("procnet.headers", headers),
    ("procnet.loopback", loopback),
    ("procnet.paths", paths),
    ("procnet.streams", streams),
    ("procnet.datagrams", datagrams),
    ("procnet.inet6", inet6),
    ("procnet.counts", counts),
    ("procnet.descriptor", descriptor),
];

/// The state in a line.
const FIN_WAIT_2: &str = " 05 ";

const SOCKETS: [&str; 8] = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6"];

/// After a socket: before there is one, the files may be of nobody's network.
fn read(name: &str) -> String {
    fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_else(|error| error.to_string())
}

fn headers(r: &mut Report) {
    tcp();
    for name in SOCKETS.into_iter().chain(["arp", "route"]) {
        r.see(name, format!("{:?}", read(name).lines().next().unwrap_or_default()));
    }
    r.see("dev", format!("{:?}", read("dev").lines().take(2).collect::<Vec<_>>()));
}

fn loopback(r: &mut Report) {
    tcp();
    let with_lo = |name| {
        read(name).lines().filter(|line| line.trim_end().ends_with(" lo")).map(str::to_owned).collect::<Vec<_>>()
    };
    r.see("if_inet6", format!("{:?}", with_lo("if_inet6")));
    let dev = read("dev");
    let lo = dev.lines().find(|line| line.starts_with("    lo: "));
    r.see("columns of dev", lo.map_or(0, |line| line.split_whitespace().count()).to_string());
}

fn paths(r: &mut Report) {
    let (_, at) = listener(1);
    let needle = format!(":{:04X} ", at.port());
    for path in [
        "/proc/net/tcp",
        "/proc/self/net/tcp",
        "/proc/thread-self/net/tcp",
        &format!("/proc/{}/net/tcp", std::process::id()),
    ] {
        r.see(
            path.split('/').nth(3).unwrap_or_default(),
            fs::read_to_string(path).unwrap_or_default().contains(&needle),
        );
    }
    r.see("none such", fs::read_to_string("/proc/net/nosuch").is_err());
    r.see("to write", fs::OpenOptions::new().write(true).open("/proc/net/tcp").is_err());
}

/// The line of the socket on `port`, without its number, the ports that chance chose, and what names it inside of the kernel.
fn line(name: &str, port: u16, protocol: bool) -> String {
    let text = read(name);
    let find =
        |line: &&str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&format!(":{port:04X}")));
    let Some(line) = text.lines().skip(1).find(find) else { return "none".to_owned() };
    let fields: Vec<_> = line.split_whitespace().collect();
    let end = |end: &str| if protocol { end.to_owned() } else { format!("{}:*", &end[..end.len() - 5]) };
    let [_, local, remote, state, queues, timer, _retries, _uid, timeout, ..] = fields[..] else {
        return format!("short: {line:?}");
    };
    // Those of other files are as long as an inode's number makes them.
    let padded = matches!(name, "tcp" | "udp").then_some(line.len());
    let (local, remote, columns) = (end(local), end(remote), fields.len());
    format!("{local} {remote} {state} {queues} {timer} {timeout}, {columns} columns, {padded:?} characters")
}

fn port_of(fd: Fd) -> u16 {
    must("getsockname", sys::getsockname(fd)).port()
}

fn streams(r: &mut Report) {
    let (listening, at) = listener(5);
    r.see("listening", line("tcp", at.port(), false));
    let client = connected(at);
    settle(listening, POLLIN);
    r.see("one waits for accept(2)", line("tcp", at.port(), false));
    r.see("connected", line("tcp", port_of(client), false));
    must("send", sys::send(client, b"eleven here", 0));
    let (server, _) = must("accept", sys::accept(listening));
    must("close", sys::close(listening));
    settle(server, POLLIN);
    r.see("bytes unread", line("tcp", at.port(), false));
    must("shutdown", sys::shutdown(client, libc::SHUT_WR));
    let port = port_of(client);
    let seen =
        within(Duration::from_secs(3), || Some(line("tcp", port, false)).filter(|line| line.contains(FIN_WAIT_2)));
    r.see("half closed", seen.unwrap_or_else(|| line("tcp", port, false)));
    must("close", sys::close(server));
    r.see("fresh", line("tcp", port_of(tcp()), false));
}

fn datagrams(r: &mut Report) {
    let fd = udp();
    must("bind", sys::bind(fd, "127.0.0.1:0".parse().expect("an address")));
    r.see("bound", line("udp", port_of(fd), false));
    let raw = must("raw", sys::socket(libc::AF_INET, SOCK_RAW, 143));
    r.see("raw", line("raw", 143, true));
    must("close", sys::close(raw));
}

fn inet6(r: &mut Report) {
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    let mut any = [0; 28];
    any[..2].copy_from_slice(&(AF_INET6 as u16).to_ne_bytes());
    must("bind", sys::bind_bytes(fd, &any));
    let name = must("getsockname", sys::getsockname_bytes(fd));
    r.see("datagrams", line("udp6", u16::from_be_bytes([name[2], name[3]]), false));
    let fd = must("socket", sys::socket(AF_INET6, SOCK_STREAM, 0));
    must("listen", sys::listen(fd, 3));
    let name = must("getsockname", sys::getsockname_bytes(fd));
    r.see("listening", line("tcp6", u16::from_be_bytes([name[2], name[3]]), false));
}

fn counts(r: &mut Report) {
    let number = |name: &str, row: &str, word: &str| -> i64 {
        let text = read(name);
        let fields = text.lines().find_map(|line| line.strip_prefix(row)).unwrap_or_default().split_whitespace();
        fields.skip_while(|field| *field != word).nth(1).and_then(|count| count.parse().ok()).unwrap_or(-1)
    };
    let all = || {
        let rows = [
            ("sockstat", "TCP:"),
            ("sockstat", "UDP:"),
            ("sockstat", "RAW:"),
            ("sockstat6", "TCP6:"),
            ("sockstat6", "UDP6:"),
        ];
        rows.map(|(name, row)| number(name, row, "inuse"))
    };
    let before = all();
    let (_, _) = listener(1);
    let fd = udp();
    must("bind", sys::bind(fd, "127.0.0.1:0".parse().expect("an address")));
    must("raw", sys::socket(libc::AF_INET, SOCK_RAW, 144));
    let after = all();
    r.see("more", format!("{:?}", after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>()));
}

/// What is opened is a file to read, and no socket.
fn descriptor(r: &mut Report) {
    let file = fs::File::open("/proc/net/dev").expect("a file");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
    r.see("read", sys::read(fd, 6).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    r.see("write", sys::write(fd, b"x"));
    r.see("send", sys::send(fd, b"x", 0));
    r.see("file type", sys::file_type(fd).map(|kind| kind.to_string()));
}
