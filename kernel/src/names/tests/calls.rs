//! getaddrinfo and getnameinfo over a world of few names.

use std::net::{IpAddr, SocketAddr};

use crate::names::addrinfo::{self as gai, Answer, GaiError, Lookup, Request, getaddrinfo};
use crate::names::host::{Families, Host};
use crate::names::order::Source;
use crate::names::{NameError, nameinfo as ni, services};
use libc::{AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

/// With addresses of these families.
struct Few(Families);

impl Lookup for Few {
    fn by_name(&self, name: &str, families: Families) -> Result<Host, NameError> {
        let addresses: &[&str] = match name {
            "web" => &["10.0.0.1", "10.0.0.2", "2001:db8::1"],
            "six" => &["2001:db8::1"],
            "xn--bcher-kva.example" => &["10.0.0.3"],
            "away" => return Err(NameError::TryAgain),
            _ => return Err(NameError::NotFound),
        };
        let addresses = addresses.iter().map(|a| a.parse().unwrap()).filter(|a| families.contains(a)).collect();
        Ok(Host { name: format!("{name}.lab"), aliases: Vec::new(), addresses })
    }

    fn by_address(&self, address: IpAddr) -> Result<Host, NameError> {
        match address.to_string().as_str() {
            "10.0.0.1" => Ok(Host { name: "web.lab".into(), ..Host::default() }),
            "10.0.0.9" => Err(NameError::TryAgain),
            _ => Err(NameError::NotFound),
        }
    }

    fn source(&self, to: IpAddr) -> Option<Source> {
        let (from, prefix) = if to.is_ipv4() { ("10.0.0.7", 24) } else { ("2001:db8::7", 64) };
        Some((from.parse().unwrap(), prefix))
    }

    fn configured(&self) -> Families {
        self.0
    }

    fn interface_index(&self, name: &str) -> Option<u32> {
        (name == "shmif0").then_some(2)
    }

    fn interface_name(&self, index: u32) -> Option<String> {
        (index == 2).then(|| "shmif0".into())
    }

    fn port(&self, service: &str, protocol: &str) -> Option<u16> {
        services::parse_port("http 80/tcp www\ndomain 53/tcp\ndomain 53/udp\n", service, protocol)
    }

    fn service(&self, port: u16, protocol: &str) -> Option<String> {
        services::parse_name("http 80/tcp www\ndomain 53/tcp\nbiff 512/udp\nexec 512/tcp\n", port, protocol)
    }

    fn hostname(&self) -> String {
        "me.lab".into()
    }
}

fn request<'a>(node: impl Into<Option<&'a str>>, service: impl Into<Option<&'a str>>) -> Request<'a> {
    Request { node: node.into(), service: service.into(), flags: 0, family: AF_UNSPEC, kind: 0, protocol: 0 }
}

fn ask(request: Request<'_>) -> Result<Answer, GaiError> {
    getaddrinfo(&request, &Few(Families::BOTH))
}

/// "address:port type/protocol" of each entry.
fn shown(answer: Result<Answer, GaiError>) -> Vec<String> {
    let entries = answer.unwrap().entries;
    entries.iter().map(|entry| format!("{} {}/{}", entry.address, entry.kind, entry.protocol)).collect()
}

#[test]
fn an_address_and_a_port_are_every_common_socket() {
    assert_eq!(shown(ask(request("10.0.0.1", "80"))), ["10.0.0.1:80 1/6", "10.0.0.1:80 2/17", "10.0.0.1:80 3/0"]);
}

#[test]
fn a_type_or_a_protocol_picks_one_socket() {
    for (kind, protocol, expected) in [
        (SOCK_STREAM, 0, "10.0.0.1:80 1/6"),
        (SOCK_DGRAM, 0, "10.0.0.1:80 2/17"),
        (0, IPPROTO_TCP, "10.0.0.1:80 1/6"),
        (0, IPPROTO_UDP, "10.0.0.1:80 2/17"),
        (SOCK_STREAM, 132, "10.0.0.1:80 1/132"),
    ] {
        assert_eq!(shown(ask(Request { kind, protocol, ..request("10.0.0.1", "80") })), [expected]);
    }
    let raw = Request { kind: SOCK_RAW, protocol: 1, ..request("10.0.0.1", None) };
    assert_eq!(shown(ask(raw)), ["10.0.0.1:0 3/1"]);
}

#[test]
fn named_services_are_given_for_the_protocols_that_have_them() {
    assert_eq!(shown(ask(request("10.0.0.1", "www"))), ["10.0.0.1:80 1/6"]);
    assert_eq!(shown(ask(request("10.0.0.1", "domain"))), ["10.0.0.1:53 1/6", "10.0.0.1:53 2/17"]);
    assert_eq!(ask(Request { kind: SOCK_DGRAM, ..request("10.0.0.1", "http") }), Err(GaiError::Service));
    assert_eq!(ask(request("10.0.0.1", "nonsense")), Err(GaiError::Service));
}

#[test]
fn arguments_are_checked_in_glibcs_order() {
    let base = request("10.0.0.1", "80");
    for (request, error) in [
        (request(None, None), GaiError::NoName),
        (request("*", "*"), GaiError::NoName),
        (Request { flags: 0x10000, ..base }, GaiError::BadFlags),
        (Request { node: None, flags: gai::CANONNAME, ..base }, GaiError::BadFlags),
        (Request { family: AF_UNIX, ..base }, GaiError::Family),
        (Request { service: Some("http"), flags: gai::NUMERICSERV, ..base }, GaiError::NoName),
        (Request { kind: SOCK_STREAM, protocol: IPPROTO_UDP, ..base }, GaiError::SockType),
        (Request { kind: 77, ..base }, GaiError::SockType),
        (Request { kind: SOCK_RAW, ..base }, GaiError::Service),
        (Request { node: Some("web"), flags: gai::NUMERICHOST, ..base }, GaiError::NoName),
        (Request { node: Some(""), ..base }, GaiError::NoName),
    ] {
        assert_eq!(ask(request), Err(error), "{request:?}");
    }
}

#[test]
fn without_a_node_it_is_the_loopback_or_any_address() {
    let stream = Request { kind: SOCK_STREAM, ..request(None, "8000") };
    assert_eq!(shown(ask(stream)), ["[::1]:8000 1/6", "127.0.0.1:8000 1/6"]);
    assert_eq!(shown(ask(Request { flags: gai::PASSIVE, ..stream })), ["0.0.0.0:8000 1/6", "[::]:8000 1/6"]);
    let six = Request { family: AF_INET6, ..stream };
    assert_eq!(shown(ask(six)), ["[::1]:8000 1/6"]);
    assert_eq!(shown(ask(Request { flags: gai::PASSIVE, ..six })), ["[::]:8000 1/6"]);
}

#[test]
fn a_name_has_addresses_of_the_families_that_are_asked_for() {
    let stream = Request { kind: SOCK_STREAM, ..request("web", None) };
    assert_eq!(shown(ask(stream)), ["[2001:db8::1]:0 1/6", "10.0.0.1:0 1/6", "10.0.0.2:0 1/6"]);
    assert_eq!(shown(ask(Request { family: AF_INET, ..stream })), ["10.0.0.1:0 1/6", "10.0.0.2:0 1/6"]);
    let six = Request { family: AF_INET6, ..stream };
    assert_eq!(shown(ask(six)), ["[2001:db8::1]:0 1/6"]);
    assert_eq!(ask(Request { node: Some("six"), family: AF_INET, ..stream }), Err(GaiError::NoData));
    let mapped = Request { flags: gai::V4MAPPED, ..six };
    assert_eq!(shown(ask(mapped)), ["[2001:db8::1]:0 1/6"]);
    let all = Request { flags: gai::V4MAPPED | gai::ALL, ..six };
    assert_eq!(shown(ask(all)).len(), 3);
    assert_eq!(shown(ask(Request { node: Some("10.0.0.1"), ..mapped })), ["[::ffff:10.0.0.1]:0 1/6"]);
}

#[test]
fn literals_are_of_one_family() {
    let stream = Request { kind: SOCK_STREAM, ..request("::1", None) };
    assert_eq!(shown(ask(stream)), ["[::1]:0 1/6"]);
    assert_eq!(shown(ask(Request { family: AF_INET6, ..stream })), ["[::1]:0 1/6"]);
    assert_eq!(ask(Request { family: AF_INET, ..stream }), Err(GaiError::AddrFamily));
    assert_eq!(ask(Request { node: Some("10.0.0.1"), family: AF_INET6, ..stream }), Err(GaiError::AddrFamily));
    let mapped = Request { node: Some("::ffff:10.0.0.1"), family: AF_INET, ..stream };
    assert_eq!(shown(ask(mapped)), ["10.0.0.1:0 1/6"]);
}

#[test]
fn addrconfig_asks_only_for_what_the_kernel_has() {
    let ask = |families, request: Request<'_>| getaddrinfo(&request, &Few(families));
    let stream = Request { kind: SOCK_STREAM, flags: gai::ADDRCONFIG, ..request("web", None) };
    assert_eq!(shown(ask(Families::V4, stream)), ["10.0.0.1:0 1/6", "10.0.0.2:0 1/6"]);
    assert_eq!(shown(ask(Families::V6, stream)), ["[2001:db8::1]:0 1/6"]);
    assert_eq!(shown(ask(Families::BOTH, stream)).len(), 3);
    let none = Families { v4: false, v6: false };
    assert_eq!(shown(ask(none, stream)).len(), 3);
    assert_eq!(ask(Families::V4, Request { family: AF_INET6, ..stream }), Err(GaiError::NoName));
    assert_eq!(ask(Families::V4, Request { node: Some("::1"), ..stream }), Err(GaiError::AddrFamily));
}

#[test]
fn scopes_are_interfaces_or_numbers() {
    let stream = |node| Request { kind: SOCK_STREAM, ..request(node, None) };
    for (node, expected) in [
        ("fe80::1%shmif0", "[fe80::1%2]:0 1/6"),
        ("ff02::1%shmif0", "[ff02::1%2]:0 1/6"),
        ("fe80::1%99", "[fe80::1%99]:0 1/6"),
        ("fd00::1%2", "[fd00::1%2]:0 1/6"),
    ] {
        assert_eq!(shown(ask(stream(node))), [expected]);
    }
    assert_eq!(ask(stream("fe80::1%nope")), Err(GaiError::NoName));
    assert_eq!(ask(stream("fd00::1%shmif0")), Err(GaiError::NoName));
    let name = |address: &str| ni::host(address.parse().unwrap(), ni::NUMERICHOST, &Few(Families::BOTH)).unwrap();
    assert_eq!(name("[fe80::1%2]:80"), "fe80::1%shmif0");
    assert_eq!(name("[fe80::1%99]:80"), "fe80::1%99");
    assert_eq!(name("[fd00::1%2]:80"), "fd00::1%2");
}

#[test]
fn errors_of_names_are_errors_of_getaddrinfo() {
    assert_eq!(ask(request("away", None)), Err(GaiError::Again));
    assert_eq!(ask(request("nobody", None)), Err(GaiError::NoName));
}

#[test]
fn the_canonical_name_is_given_when_wanted() {
    let wanted = Request { flags: gai::CANONNAME, ..request("web", None) };
    assert_eq!(ask(wanted).unwrap().canonical.as_deref(), Some("web.lab"));
    assert_eq!(ask(request("web", None)).unwrap().canonical, None);
    let numeric = Request { node: Some("127.1"), ..wanted };
    assert_eq!(ask(numeric).unwrap().canonical.as_deref(), Some("127.1"));
}

#[test]
fn internationalized_names_are_encoded_on_request() {
    let idn = Request { flags: gai::IDN | gai::CANONNAME, kind: SOCK_STREAM, ..request("bücher.example", None) };
    assert_eq!(ask(idn).unwrap().canonical.as_deref(), Some("xn--bcher-kva.example.lab"));
    let shown = Request { flags: idn.flags | gai::CANONIDN, ..idn };
    assert_eq!(ask(shown).unwrap().canonical.as_deref(), Some("bücher.example.lab"));
}

#[test]
fn a_port_is_read_as_strtoul_reads_it() {
    for (service, port) in [("0", 0), (" 80", 80), ("+80", 80), ("65616", 80), ("", 0)] {
        let stream = Request { kind: SOCK_STREAM, ..request("10.0.0.1", service) };
        assert_eq!(ask(stream).unwrap().entries[0].address.port(), port, "{service:?}");
    }
}

fn peer(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn getnameinfo_falls_back_to_numbers_but_not_from_silence() {
    assert_eq!(ni::host(peer("10.0.0.1:80"), 0, &Few(Families::BOTH)).unwrap(), "web.lab");
    assert_eq!(ni::host(peer("10.0.0.1:80"), ni::NOFQDN, &Few(Families::BOTH)).unwrap(), "web");
    assert_eq!(ni::host(peer("10.0.0.1:80"), ni::NUMERICHOST, &Few(Families::BOTH)).unwrap(), "10.0.0.1");
    assert_eq!(ni::host(peer("10.0.0.2:80"), 0, &Few(Families::BOTH)).unwrap(), "10.0.0.2");
    assert_eq!(ni::host(peer("10.0.0.2:80"), ni::NAMEREQD, &Few(Families::BOTH)), Err(GaiError::NoName));
    assert_eq!(ni::host(peer("10.0.0.9:80"), 0, &Few(Families::BOTH)), Err(GaiError::Again));
    assert_eq!(ni::host(peer("10.0.0.9:80"), 0x1000, &Few(Families::BOTH)), Err(GaiError::BadFlags));
    assert_eq!(ni::host(peer("[fe80::1%3]:80"), ni::NUMERICHOST, &Few(Families::BOTH)).unwrap(), "fe80::1%3");
}

#[test]
fn a_port_has_its_services_name_by_protocol() {
    assert_eq!(ni::service(80, 0, &Few(Families::BOTH)).unwrap(), "http");
    assert_eq!(ni::service(80, ni::NUMERICSERV, &Few(Families::BOTH)).unwrap(), "80");
    assert_eq!(ni::service(512, ni::DGRAM, &Few(Families::BOTH)).unwrap(), "biff");
    assert_eq!(ni::service(512, 0, &Few(Families::BOTH)).unwrap(), "exec");
    assert_eq!(ni::service(9, 0, &Few(Families::BOTH)).unwrap(), "9");
}
