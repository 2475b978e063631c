//! Interfaces and name resolution that needs no server.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::Case;
use crate::report::Report;
use crate::resolver::{self, Hints};
use crate::sys;

pub const CASES: &[Case] = &[
    ("names.interfaces", interfaces),
    ("names.interface_index", interface_index),
    ("names.numeric", numeric),
    ("names.passive", passive),
    ("names.services", services),
    ("names.errors", errors),
    ("names.reverse_numeric", reverse_numeric),
    ("names.localhost", localhost),
    ("names.standard_library", standard_library),
];

fn interfaces(r: &mut Report) {
    for line in resolver::interfaces() {
        r.see("interface", line);
    }
}

fn interface_index(r: &mut Report) {
    r.see("lo", sys::if_nametoindex("lo"));
    r.see("none such", sys::if_nametoindex("nosuch0"));
    r.see("a name too long", sys::if_nametoindex("an-interface-name-too-long"));
}

fn numeric(r: &mut Report) {
    let hints = Hints { family: libc::AF_INET, kind: libc::SOCK_STREAM, flags: 0 };
    r.see("192.0.2.7 port 80", resolver::lookup(Some("192.0.2.7"), Some("80"), &hints));
    r.see("127.1 in the short form", resolver::lookup(Some("127.1"), None, &hints));
    let any = Hints { kind: 0, ..hints };
    r.see("every kind of socket", resolver::lookup(Some("192.0.2.7"), Some("80"), &any));
    let numeric = Hints { flags: libc::AI_NUMERICHOST, ..hints };
    r.see("AI_NUMERICHOST", resolver::lookup(Some("192.0.2.7"), None, &numeric));
    r.see("AI_NUMERICHOST with a name", resolver::lookup(Some("a.name"), None, &numeric));
    let canonical = Hints { flags: libc::AI_CANONNAME, ..hints };
    r.see("AI_CANONNAME", resolver::lookup(Some("192.0.2.7"), None, &canonical));
}

fn passive(r: &mut Report) {
    let hints = Hints { family: libc::AF_INET, kind: libc::SOCK_STREAM, flags: libc::AI_PASSIVE };
    r.see("no host, passive", resolver::lookup(None, Some("8080"), &hints));
    r.see("no host", resolver::lookup(None, Some("8080"), &Hints { flags: 0, ..hints }));
}

fn services(r: &mut Report) {
    let hints = Hints { family: libc::AF_INET, kind: libc::SOCK_STREAM, flags: 0 };
    r.see("http", resolver::lookup(Some("127.0.0.1"), Some("http"), &hints));
    r.see("none such", resolver::lookup(Some("127.0.0.1"), Some("no-such-service"), &hints));
    let numeric = Hints { flags: libc::AI_NUMERICSERV, ..hints };
    r.see("AI_NUMERICSERV with a name", resolver::lookup(Some("127.0.0.1"), Some("http"), &numeric));
}

fn errors(r: &mut Report) {
    let hints = Hints { family: libc::AF_INET, kind: libc::SOCK_STREAM, flags: 0 };
    r.see("nothing at all", resolver::lookup(None, None, &hints));
    r.see("family 99", resolver::lookup(Some("127.0.0.1"), None, &Hints { family: 99, ..hints }));
    r.see("unknown flag", resolver::lookup(Some("127.0.0.1"), None, &Hints { flags: 0x4000_0000, ..hints }));
    r.see("kind 77", resolver::lookup(Some("127.0.0.1"), None, &Hints { kind: 77, ..hints }));
    r.see("an IPv6 address as IPv4", resolver::lookup(Some("::1"), None, &hints));
}

fn reverse_numeric(r: &mut Report) {
    let flags = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
    r.see("numeric", resolver::reverse("192.0.2.7", 8080, flags, 64));
    r.see("no room", resolver::reverse("192.0.2.7", 8080, flags, 4));
    r.see("a service by name", resolver::reverse("192.0.2.7", 80, libc::NI_NUMERICHOST, 64));
}

fn localhost(r: &mut Report) {
    let hints = Hints { family: libc::AF_INET, kind: libc::SOCK_STREAM, flags: 0 };
    r.see("localhost", resolver::lookup(Some("localhost"), Some("80"), &hints));
    r.see("127.0.0.1", resolver::reverse("127.0.0.1", 80, libc::NI_NUMERICSERV, 64));
}

fn standard_library(r: &mut Report) {
    let listener = TcpListener::bind("localhost:0");
    r.see("bind to localhost", listener.is_ok());
    let Ok(listener) = listener else { return };
    let Ok(at) = listener.local_addr() else { return };
    r.see("connect by name", TcpStream::connect(("localhost", at.port())).is_ok());
    let found = ("localhost", 80).to_socket_addrs().map(|mut found| found.any(|address| address.ip().is_loopback()));
    r.see("to_socket_addrs", found.unwrap_or(false));
}
