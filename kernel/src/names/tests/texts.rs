//! Files and numbers.

use std::net::IpAddr;

use crate::config::Names;
use crate::names::host::Families;
use crate::names::hosts::Hosts;
use crate::names::{NameFile, numeric, order, services};

#[test]
fn addresses_are_read_as_inet_aton_reads_them() {
    for (text, read) in [
        ("10.0.0.1", Some("10.0.0.1")),
        ("127.1", Some("127.0.0.1")),
        ("1.2.772", Some("1.2.3.4")),
        ("2130706433", Some("127.0.0.1")),
        ("0x7f.0.0.010", Some("127.0.0.8")),
        ("0", Some("0.0.0.0")),
        ("4294967295", Some("255.255.255.255")),
        ("4294967296", None),
        ("256.0.0.1", None),
        ("1.2.3.256", None),
        ("1.2.3.4.5", None),
        ("1.2.3.", None),
        ("", None),
        ("+1.2.3.4", None),
        ("08", None),
        ("0x", None),
        ("1.2.3.4 ", None),
    ] {
        assert_eq!(numeric::ipv4(text), read.map(|read| read.parse().unwrap()), "{text:?}");
    }
    assert_eq!(numeric::address("fe80::1%eth0"), Some("fe80::1".parse().unwrap()));
    assert_eq!(numeric::address("fe80::1%"), Some("fe80::1".parse().unwrap()));
    assert_eq!(numeric::address("fe80:::1"), None);
}

#[test]
fn a_hosts_file_has_comments_aliases_and_lines_that_are_none() {
    let hosts = Hosts::parse(
        "# comment\n10.0.0.1\tWeb web.example # of the lab\n\nnonsense here\n10.0.0.2\n10.0.0.3 web other\r\n::1 web\n",
    );
    let web = hosts.by_name("web.", Families::V4).unwrap();
    assert_eq!(web.name, "Web");
    assert_eq!(web.aliases, ["web.example", "other"]);
    assert_eq!(web.addresses, ["10.0.0.1", "10.0.0.3"].map(|a| a.parse::<IpAddr>().unwrap()));
    assert_eq!(hosts.by_name("web", Families::BOTH).unwrap().addresses.len(), 3);
    assert_eq!(hosts.by_name("nonsense", Families::BOTH), None);
    assert_eq!(hosts.by_address("10.0.0.3".parse().unwrap()).unwrap().name, "web");
    assert_eq!(hosts.iter().count(), 3);
}

#[test]
fn services_are_found_by_name_alias_and_port() {
    let text = "http\t80/tcp\twww # web\ndomain 53/tcp\ndomain 53/udp\nbad 99999/tcp\nworse\n";
    assert_eq!(services::parse_port(text, "www", "tcp"), Some(80));
    assert_eq!(services::parse_port(text, "http", "udp"), None);
    assert_eq!(services::parse_port(text, "80/tcp", "tcp"), None);
    assert_eq!(services::parse_port(text, "bad", "tcp"), None);
    assert_eq!(services::parse_name(text, 53, "udp").as_deref(), Some("domain"));
    assert_eq!(services::parse_name(text, 80, "udp"), None);
}

#[test]
fn addresses_are_sorted_by_use_scope_and_nearness_and_keep_their_order_otherwise() {
    let from = |text: &str, prefix| Some((text.parse().unwrap(), prefix));
    let source = |destination: IpAddr| match destination.to_string().as_str() {
        "127.0.0.1" => from("127.0.0.1", 8),
        "203.0.113.1" => None,
        text if text.starts_with("fe80") => from("fe80::4", 64),
        text if text.starts_with("2002") => from("fd00::4", 64),
        text if text.contains(':') => from("2001:db8::4", 64),
        _ => from("10.0.0.4", 24),
    };
    let parse = |text: &&str| text.parse::<IpAddr>().unwrap();
    let sorted = [
        "fe80::9",
        "2001:db8::9",
        "2001:db9::9",
        "127.0.0.1",
        "10.0.0.5",
        "10.0.0.200",
        "192.0.2.9",
        "192.0.2.1",
        "2002:a00:1::1", // its source has another label
        "203.0.113.1",   // it has no source
    ];
    let mut addresses =
        ["203.0.113.1", "2002:a00:1::1", "192.0.2.9", "192.0.2.1", "10.0.0.200", "10.0.0.5", "127.0.0.1"]
            .iter()
            .chain(&["2001:db9::9", "2001:db8::9", "fe80::9"])
            .map(parse)
            .collect::<Vec<_>>();
    order::sort(&mut addresses, source);
    assert_eq!(addresses, sorted.iter().map(parse).collect::<Vec<_>>());
}

#[test]
fn a_program_is_shown_our_files_and_no_others() {
    let names = Names {
        dns: vec!["10.0.0.1:53".parse().unwrap(), "10.0.0.2:5353".parse().unwrap()],
        search: vec!["one.example".into(), "two.example".into()],
        ..Names::default()
    };
    let show = |path: &str| Some(NameFile::at(path.as_bytes())?.content(&names, "me", &[IpAddr::from([10, 0, 0, 9])]));
    let resolv_conf = show("/etc/resolv.conf").unwrap();
    assert!(resolv_conf.contains("\nsearch one.example two.example\nnameserver 10.0.0.1\n# nameserver 10.0.0.2:5353"));
    let hosts = Hosts::parse(&show("/etc/hosts").unwrap());
    assert_eq!(hosts.by_address("10.0.0.9".parse().unwrap()).unwrap().name, "me");
    assert!(hosts.by_name("localhost", Families::V4).is_some());
    assert_eq!(show("/etc/passwd"), None);
}

#[test]
fn a_program_is_shown_a_name_server_even_where_there_is_none() {
    let with = |servers: &[&str]| {
        let dns = servers.iter().map(|server| server.parse().unwrap()).collect();
        NameFile::ResolvConf.content(&Names { dns, ..Names::default() }, "me", &[])
    };
    assert!(with(&[]).ends_with("\nnameserver 127.0.0.1\n"));
    assert!(with(&["10.0.0.2:5353"]).ends_with("\nnameserver 127.0.0.1\n"), "a file cannot say a port");
    assert!(!with(&["10.0.0.1:53"]).contains("127.0.0.1"));
}
