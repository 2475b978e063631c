//! TCP_SAVE_SYN and TCP_SAVED_SYN, tcp(7).

use libc::{AF_INET, AF_INET6, IPPROTO_TCP, POLLIN, SOCK_STREAM, TCP_SAVE_SYN, TCP_SAVED_SYN};

use crate::Case;
use crate::net::{here, here6, must, settle};
use crate::report::{Report, hex};
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("savesyn.values", values),
    ("savesyn.from_ip", |r| taken(r, AF_INET, 1)),
    ("savesyn.from_link", |r| taken(r, AF_INET, 2)),
    ("savesyn.from_ip6", |r| taken(r, AF_INET6, 1)),
    ("savesyn.from_link6", |r| taken(r, AF_INET6, 2)),
    ("savesyn.too_little_room", too_little_room),
    ("savesyn.turned_off", turned_off),
    ("savesyn.disconnected", disconnected),
];

fn values(r: &mut Report) {
    let fd = tcp(AF_INET);
    r.see("default", sys::get_option(fd, IPPROTO_TCP, TCP_SAVE_SYN));
    for value in [-1, 0, 1, 2, 3, 1 << 8] {
        r.see(&format!("set {value}"), sys::set_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, value));
        r.see("get", sys::get_option(fd, IPPROTO_TCP, TCP_SAVE_SYN));
    }
    r.see("set what was saved", sys::set_option(fd, IPPROTO_TCP, TCP_SAVED_SYN, 1));
    r.see("of no connection", saved(fd, 256));
}

fn taken(r: &mut Report, domain: i32, how: i32) {
    let [ear, child, client] = pair(domain, how);
    r.see("child's option", sys::get_option(child, IPPROTO_TCP, TCP_SAVE_SYN));
    let syn = must("saved", saved(child, 256));
    r.see("length", syn.len());
    let (link, ip) = syn.split_at(if how == 2 { 14 } else { 0 });
    r.see("link", hex(link));
    let (version, protocol_at, len) = if domain == AF_INET { (ip[0], 9, 20) } else { (ip[0] & 0xf0, 6, 40) };
    r.see("version and protocol", hex(&[version, ip[protocol_at]]));
    let tcp = &ip[len..];
    r.see("ports", tcp[..4] == [port(client), port(ear)].concat());
    r.see("acknowledgement, offset and flags", hex(&tcp[8..14]));
    r.see("again", saved(child, 256));
    r.see("client's", saved(client, 256));
    r.see("listener's", saved(ear, 256));
}

fn too_little_room(r: &mut Report) {
    let [_, child, _] = pair(AF_INET, 1);
    for room in [0, 1, 59] {
        let (got, told) = sys::get_option_told(child, IPPROTO_TCP, TCP_SAVED_SYN, room);
        r.see(&format!("room for {room}"), got);
        r.see("it wants", told);
    }
    r.see("enough", saved(child, 60).map(|syn| syn.len()));
    r.see("none, of nothing", saved(child, 0));
}

fn turned_off(r: &mut Report) {
    let [ear, child, _] = pair(AF_INET, 1);
    must("off", sys::set_option(child, IPPROTO_TCP, TCP_SAVE_SYN, 0));
    r.see("kept", saved(child, 256).map(|syn| syn.len()));
    must("off", sys::set_option(ear, IPPROTO_TCP, TCP_SAVE_SYN, 0));
    let [second, _] = connection(AF_INET, ear);
    r.see("second's", saved(second, 256));
}

fn disconnected(r: &mut Report) {
    let [_, child, _] = pair(AF_INET, 1);
    must("disconnect", sys::connect_bytes(child, &[0; 16]));
    r.see("after it", saved(child, 256).map(|syn| syn.len()));
}

fn tcp(domain: i32) -> Fd {
    must("socket", sys::socket(domain, SOCK_STREAM, 0))
}

/// A listener that keeps SYNs, and both ends of a connection to it.
fn pair(domain: i32, how: i32) -> [Fd; 3] {
    let ear = tcp(domain);
    must("save", sys::set_option(ear, IPPROTO_TCP, TCP_SAVE_SYN, how));
    must("listen", sys::listen(ear, 4));
    let [child, client] = connection(domain, ear);
    [ear, child, client]
}

fn connection(domain: i32, ear: Fd) -> [Fd; 2] {
    let client = tcp(domain);
    let port = u16::from_be_bytes(port(ear));
    let connected =
        if domain == AF_INET { sys::connect(client, here(port)) } else { sys::connect_bytes(client, &here6(port)) };
    must("connect", connected);
    settle(ear, POLLIN);
    let (child, _) = must("accept", sys::accept(ear));
    [child, client]
}

fn port(fd: Fd) -> [u8; 2] {
    let name = must("getsockname", sys::getsockname_bytes(fd));
    [name[2], name[3]]
}

fn saved(fd: Fd, room: usize) -> sys::Ret<Vec<u8>> {
    sys::get_option_bytes(fd, IPPROTO_TCP, TCP_SAVED_SYN, room)
}
