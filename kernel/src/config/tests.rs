use core::net::{Ipv4Addr, SocketAddr};
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::keys::KEYS;
use super::links::LINKS;
use super::variables::VARIABLES;
use super::{AddrSpec, Config, ConfigError, Interface, LinkSpec, Names, Net, TcpDefaults};
use netstack::TemporaryAddresses;
use netstack::tcp::{Algorithm, FastOpenModes};

fn from(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::from_env(|name| variables.get(name).map(OsString::from))
}

fn net(text: &str) -> Net {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    text.parse::<Net>().expect_err(text).to_string()
}

#[test]
fn a_net_alone_is_a_configuration() {
    let text = "shmif:/tmp/bus,addr=10.0.0.2/24;hostname=a";
    assert_eq!(from(&[("RUMP_NET", text)]), Ok(Config::from(net(text))));
}

#[test]
fn without_variables_a_kernel_has_its_loopback_and_two_cpus() {
    assert_eq!(from(&[]), Ok(Config::default()));
    assert_eq!(from(&[("RUMP_NET", "")]), Ok(Config::default()));
    let Config { interfaces, names, forward, secret, tcp, ncpu, verbose, memlimit, spin } = Config::default();
    let (congestion, fast_open) = (Algorithm::Cubic, FastOpenModes::CLIENT);
    assert_eq!(tcp, TcpDefaults { congestion, ecn: false, fast_open, fast_open_pause: 0 }, "Linux's");
    assert!(!forward, "a host (RFC 1122 §3.3.1.1)");
    assert_eq!(secret, None);
    assert_eq!((interfaces, names), (vec![], Names::default()));
    assert_eq!((ncpu, verbose, memlimit, spin), (2, false, None, None));
}

#[test]
fn variables_that_are_taken() {
    assert_eq!(from(&[("RUMP_NCPU", "1")]).unwrap().ncpu, 1);
    assert!(from(&[("RUMP_NCPU", "host")]).unwrap().ncpu >= 1);
    let verbose = |value| from(&[("RUMP_VERBOSE", value)]).unwrap().verbose;
    assert_eq!(["1", "yes", "0", "01", ""].map(verbose), [true, true, false, false, false]);
    let limit = |value| from(&[("RUMP_MEMLIMIT", value)]).unwrap().memlimit;
    assert_eq!(["7", "3k", "2m", "1g"].map(limit), [Some(7), Some(3 << 10), Some(2 << 20), Some(1 << 30)]);
    assert_eq!(limit("18446744073709551615"), Some(u64::MAX));
    assert_eq!(from(&[("RUMP_SPIN_US", "1000000")]).unwrap().spin, Some(Duration::from_secs(1)));
    let config = from(&[("RUMP_NET", "tap:tap0,addr=10.0.0.2/24;hostname=a")]).unwrap();
    assert_eq!((config.interfaces.len(), config.names.hostname.as_deref()), (1, Some("a")));
}

#[test]
fn variables_that_are_refused() {
    let table = [
        ("RUMP_NCPU", ["0", "-1", "+1", "1.5", "", "4294967296", "Host"].as_slice()),
        (
            "RUMP_MEMLIMIT",
            &["", "k", "1K", "1kk", "1 k", "-1", "+1", "0", "0x10", "1t", "18446744073709551616", "17179869184g"],
        ),
        ("RUMP_SPIN_US", &["", "-1", "1000001", "5us"]),
        ("RUMP_SERVER", &["unix:///tmp/server", ""]),
        ("RUMP_NET", &["eth0"]),
    ];
    for (name, values) in table {
        for value in values {
            let error = from(&[(name, value)]).expect_err(&format!("{name}={value}")).to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
    let error = Config::from_env(|name| (name == "RUMP_NCPU").then(|| OsString::from_vec(vec![0xff]))).unwrap_err();
    assert!(error.to_string().starts_with("RUMP_NCPU="), "{error}");
}

#[test]
fn error_sentences_name_the_setting_the_value_and_what_is_allowed() {
    assert_eq!(
        from(&[("RUMP_MEMLIMIT", "12t")]).unwrap_err().to_string(),
        "RUMP_MEMLIMIT=12t is not understood: RUMP_MEMLIMIT takes a decimal number of bytes, at least 1, with at most one \
         suffix k, m or g (1024, 1024² or 1024³), such as RUMP_MEMLIMIT=64m"
    );
    assert_eq!(
        refusal("tap:tap0,addr=10.0.0.0/24"),
        "RUMP_NET: addr=10.0.0.0/24: that is a network without a host part, and a free address can be found on shmif only; \
         addr takes an IPv4 address and a prefix length from 1 to 32, on shmif also a network without a host part, an IPv6 \
         address and a prefix length from 1 to 128, dhcp, or auto, such as addr=10.0.0.2/24"
    );
    assert_eq!(
        refusal("tap:tap0,adress=10.0.0.1/8"),
        "RUMP_NET: there is no key \"adress\", perhaps addr is meant: allowed are addr, gw, mtu, mac, use_tempaddr, ra, \
         pcap, dns, hosts, search, hostname, forward, secret, congestion, ecn, fastopen, fastopen_pause"
    );
    assert_eq!(
        refusal("shimf:/dev/shm/bus"),
        "RUMP_NET: there is no kind of link \"shimf\", perhaps shmif is meant: allowed are shmif, tap"
    );
}

#[test]
fn a_whole_net_is_read() {
    let text = "shmif:/dev/shm/bus , addr = 10.0.0.2/24, addr=10.0.1.0/24, gw=10.0.0.1, mtu=65535, mac=b2:a0:0:0:0:2, \
                pcap=/tmp/a=b:c.pcap, dns=10.0.0.1 ; tap:tap0, addr=192.168.0.1/31, dns=10.0.0.9:5353; search=a.example, \
                search=b.example., hosts=/tmp/hosts, hostname=web-1";
    let bus = Interface {
        link: LinkSpec::Shmif(PathBuf::from("/dev/shm/bus")),
        addresses: vec![
            AddrSpec::Static(Ipv4Addr::new(10, 0, 0, 2), 24),
            AddrSpec::AnyOf(Ipv4Addr::new(10, 0, 1, 0), 24),
        ],
        gateway: Some(Ipv4Addr::new(10, 0, 0, 1)),
        gateway6: None,
        mtu: Some(65535),
        mac: Some([0xb2, 0xa0, 0, 0, 0, 2]),
        temporary: TemporaryAddresses::Off,
        ra: None,
        pcap: Some(PathBuf::from("/tmp/a=b:c.pcap")),
    };
    let mut tap = Interface::on(LinkSpec::Tap("tap0".to_owned()));
    tap.addresses.push(AddrSpec::Static(Ipv4Addr::new(192, 168, 0, 1), 31));
    let names = Names {
        hosts: Some(PathBuf::from("/tmp/hosts")),
        dns: vec![SocketAddr::from(([10, 0, 0, 1], 53)), SocketAddr::from(([10, 0, 0, 9], 5353))],
        search: vec!["a.example".to_owned(), "b.example".to_owned()],
        hostname: Some("web-1".to_owned()),
    };
    assert_eq!(net(text), Net { interfaces: vec![bus, tap], names, ..Net::default() });
}

#[test]
fn settings_that_are_refused() {
    // (what is written, what its error must say)
    let table = [
        ("eth0", "neither a link nor a setting"),
        ("shmif", "shmif:/dev/shm/bus"),
        ("shmif:", "the path is missing"),
        ("tap:", "name of a TAP interface"),
        ("tap:a/b", "name of a TAP interface"),
        ("tap:sixteen-letters.", "1 to 15 characters"),
        ("tap:..", "name of a TAP interface"),
        ("vde:/tmp/x", "kind of link \"vde\""),
        ("tap:a;;tap:b", "an empty setting"),
        ("tap:a;", "an empty setting"),
        ("tap:a,,mtu=1500", "an empty setting"),
        ("tap:a,tap:b", "begin each interface with `;`"),
        ("addr=10.0.0.2/24", "stands behind no link"),
        ("hostname=a,mtu=1500", "stands behind no link"),
        ("tap:a,zzz=1", "there is no key \"zzz\": allowed are addr, "),
        ("tap:a,=1", "there is no key \"\""),
        ("tap:a,adress=10.0.0.1/8", "perhaps addr is meant"),
        ("tap:a,addr=10.0.0.2", "prefix length is missing"),
        ("tap:a,addr=10.0.0/24", "addr takes"),
        ("tap:a,addr=10.0.0.256/24", "addr takes"),
        ("tap:a,addr=10.0.0.2/33", "1 to 32"),
        ("tap:a,addr=10.0.0.2/0", "1 to 32"),
        ("tap:a,addr=10.0.0.2/+8", "1 to 32"),
        ("tap:a,addr=", "addr takes"),
        ("shmif:/b,addr=10.0.0.255/24", "broadcast address"),
        ("shmif:/b,addr=127.0.0.1/8", "loopback"),
        ("shmif:/b,addr=224.0.0.1/24", "multicast"),
        ("shmif:/b,addr=0.0.0.0/8", "0.0.0.0/8"),
        ("shmif:/b,addr=255.255.255.255/32", "broadcast"),
        ("tap:a,addr=10.0.0.2/24,addr=10.0.0.2/16", "already"),
        ("tap:a,addr=10.0.0.2/24;tap:b,addr=10.0.0.2/24", "tap:a has that address already"),
        ("tap:a;tap:a", "stands twice"),
        ("tap:a,mac=b2:a0:0:0:0:1;tap:b,mac=b2:a0:0:0:0:1", "tap:a has that address already"),
        ("tap:a,addr=10.0.0.2/24,gw=10.0.1.1", "10.0.0.2/24"),
        ("tap:a,addr=10.0.0.2/24,gw=10.0.0.2", "itself"),
        ("tap:a,addr=10.0.0.2/24,gw=10.0.0.255", "must be a host"),
        ("tap:a,addr=10.0.0.2/24,gw=10.0.0.0", "must be a host"),
        ("tap:a,gw=10.0.0.1", "no addr="),
        ("tap:a,addr=10.0.0.2/24;tap:b,addr=10.1.0.2/24,gw=10.0.0.1", "gw=10.0.0.1 on tap:b"),
        ("tap:a,gw=router", "gw takes"),
        ("tap:a,addr=10.0.0.2/24,gw=10.0.0.1,gw=10.0.0.3", "only once"),
        ("hostname=a;hostname=b", "hostname=b: hostname can be given only once"),
        ("tap:a,mtu=67", "68"),
        ("tap:a,mtu=65522", "65521"),
        ("shmif:/b,mtu=65536", "65535"),
        ("shmif:/b,mtu=1k", "mtu takes"),
        ("shmif:/b,mtu=99999999999999999999", "mtu takes"),
        ("tap:a,mac=b3:a0:00:00:00:02", "group"),
        ("tap:a,mac=0:0:0:0:0:0", "nobody's"),
        ("tap:a,mac=b2:a0:00:00:00", "mac takes"),
        ("tap:a,mac=b2:a0:00:00:00:02:03", "mac takes"),
        ("tap:a,mac=b2:a0:00:00:00:+2", "mac takes"),
        ("tap:a,mac=b2:a0:00:00:00:", "mac takes"),
        ("tap:a,pcap=", "path is missing"),
        ("hosts=", "path is missing"),
        ("dns=localhost", "dns takes"),
        ("dns=10.0.0.1:", "dns takes"),
        ("dns=10.0.0.1:0", "dns takes"),
        ("dns=10.0.0.1:65536", "dns takes"),
        ("dns=0.0.0.0", "no server"),
        ("search=", "search takes"),
        ("search=.", "search takes"),
        ("search=a..b", "search takes"),
        ("hostname=-a", "hostname takes"),
        ("hostname=a b", "hostname takes"),
        ("hostname=a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g1234", "at most 64"),
    ];
    for (text, expected) in table {
        let error = refusal(text);
        assert!(error.starts_with("RUMP_NET: ") && error.contains(expected), "{text} gave: {error}");
        assert!(!error.contains('\n'), "{text} gave more than one sentence: {error}");
    }
}

#[test]
fn a_free_address_has_a_host_part_to_look_in() {
    let first = |text: &str| net(text).interfaces[0].addresses[0];
    assert_eq!(first("shmif:/b,addr=10.0.0.0/30"), AddrSpec::AnyOf(Ipv4Addr::new(10, 0, 0, 0), 30));
    assert_eq!(first("shmif:/b,addr=10.0.0.0/31"), AddrSpec::Static(Ipv4Addr::new(10, 0, 0, 0), 31));
    assert_eq!(first("shmif:/b,addr=10.0.0.0/32"), AddrSpec::Static(Ipv4Addr::new(10, 0, 0, 0), 32));
    net("shmif:/b,addr=10.0.0.0/24,gw=10.0.0.1");
    net("shmif:/b,addr=10.0.0.0/24;shmif:/b,addr=10.0.0.0/24");
}

#[test]
fn relative_paths_are_resolved_and_absolute_ones_kept() {
    let mut relative = net("shmif:bus,pcap=../out.pcap,hosts=/etc/hosts;tap:tap0");
    relative.resolve_paths(Path::new("/home/user"));
    assert_eq!(relative.to_string(), "shmif:/home/user/bus,pcap=/home/user/../out.pcap;tap:tap0;hosts=/etc/hosts");
}

#[test]
fn every_row_of_every_table_takes_its_own_example() {
    for key in KEYS {
        let text = if key.is_of_kernel() {
            format!("{}={}", key.name, key.example)
        } else {
            let addr = match key.name {
                "gw" => "addr=10.0.0.2/24,",
                "use_tempaddr" => "addr=auto,",
                "ra" => "addr=fd00::1/64,",
                _ => "",
            };
            let router = if key.name == "ra" { ";forward=on" } else { "" };
            format!("shmif:/b,{addr}{}={}{router}", key.name, key.example)
        };
        assert_eq!(net(&text).to_string(), text);
    }
    for kind in LINKS {
        let text = format!("{}:{}", kind.name, kind.example);
        let parsed = net(&text);
        assert_eq!((parsed.to_string(), parsed.interfaces[0].link.kind().name), (text, kind.name));
        let mtu = KEYS.iter().find(|key| key.name == "mtu").unwrap();
        assert!(mtu.takes.contains(&format!("{} to {} on {}", kind.mtu.start(), kind.mtu.end(), kind.name)));
    }
    for variable in VARIABLES.iter().filter(|variable| !variable.example.is_empty()) {
        from(&[(variable.name, variable.example)]).unwrap();
    }
}

fn path() -> impl Strategy<Value = PathBuf> {
    "/[a-z0-9.=:/ ]{0,12}[a-z]".prop_map(PathBuf::from)
}

fn domain() -> impl Strategy<Value = String> {
    "[a-z0-9_]([a-z0-9-]{0,5}[A-Z0-9])?(\\.[a-z]{1,8}){0,3}"
}

/// Addresses 10.0.INTERFACE.NUMBER/24, so that no two interfaces share one.
fn interface(number: u8) -> impl Strategy<Value = Interface> {
    let link = prop_oneof![path().prop_map(LinkSpec::Shmif), Just(LinkSpec::Tap(format!("tap{number}")))];
    let mac = proptest::option::of(any::<[u8; 4]>().prop_map(move |[a, b, c, d]| [b2(a), b, c, d, 1, number]));
    let hosts = proptest::collection::btree_set(2u8..255, 0..3);
    (
        link,
        hosts,
        any::<(bool, bool, bool, bool)>(),
        any::<bool>(),
        proptest::option::of(68u32..=65521),
        mac,
        proptest::option::of(path()),
    )
        .prop_map(move |(link, hosts, (any_of, asks, auto, temporary), gateway, mtu, mac, pcap)| {
            let at = |host| Ipv4Addr::new(10, 0, number, host);
            let mut addresses: Vec<_> = hosts.into_iter().map(|host| AddrSpec::Static(at(host), 24)).collect();
            if any_of && link.kind().finds_free_address {
                addresses.push(AddrSpec::AnyOf(at(0), 24));
            }
            let gateway = (gateway && !addresses.is_empty()).then(|| at(1));
            if asks {
                addresses.push(if auto { AddrSpec::Auto } else { AddrSpec::Dhcp });
            }
            let asks_routers = addresses.contains(&AddrSpec::Auto);
            let temporary = if asks_routers && temporary { TemporaryAddresses::On } else { TemporaryAddresses::Off };
            Interface { link, addresses, gateway, gateway6: None, mtu, mac, temporary, ra: None, pcap }
        })
}

#[test]
fn addresses_that_come_from_the_network() {
    let parsed = net("tap:t,addr=dhcp;shmif:/b,addr=10.0.0.1/24,addr=auto");
    assert_eq!(parsed.interfaces[0].addresses, [AddrSpec::Dhcp]);
    assert_eq!(parsed.interfaces[1].addresses[1], AddrSpec::Auto);
    assert_eq!(parsed.to_string(), "tap:t,addr=dhcp;shmif:/b,addr=10.0.0.1/24,addr=auto");
    for (wrong, why) in [
        ("tap:t,addr=dhcp,addr=auto", "one addr=dhcp or addr=auto is enough"),
        ("tap:t,addr=dhcp,gw=10.0.0.1", "which has dhcp"),
        ("tap:t,addr=DHCP", "addr takes"),
    ] {
        let said = wrong.parse::<Net>().expect_err(wrong).to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_secret_for_addresses() {
    let text = "shmif:/b,addr=auto;secret=00f14e45fceea167a5a36dedd4bea254";
    assert_eq!(net(text).secret.map(|secret| (secret[0], secret[1], secret[15])), Some((0, 0xf1, 0x54)));
    assert_eq!(net(text).to_string(), text);
    for (wrong, why) in [
        ("secret=", "is not understood: secret takes 32 hexadecimal digits"),
        ("secret=8f14e45f", "is not understood: secret takes 32 hexadecimal digits"),
        ("secret=+f14e45fceea167a5a36dedd4bea2543", "is not understood"),
        ("secret=8f14e45fceea167a5a36dedd4bea254x", "is not understood"),
        ("secret=8f14e45fceea167a5a36dedd4bea25431", "is not understood"),
        ("secret=00000000000000000000000000000000", "zeros are no secret"),
        ("secret=8f14e45fceea167a5a36dedd4bea2543;secret=8f14e45fceea167a5a36dedd4bea2543", "only once"),
    ] {
        let said = refusal(wrong);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn temporary_addresses() {
    let text = "shmif:/b,addr=auto,use_tempaddr=2;tap:t,addr=auto,use_tempaddr=1";
    let parsed = net(text);
    assert_eq!(parsed.interfaces[0].temporary, TemporaryAddresses::Preferred);
    assert_eq!(parsed.interfaces[1].temporary, TemporaryAddresses::On);
    assert_eq!(parsed.to_string(), text);
    assert_eq!(net("tap:t,use_tempaddr=0").interfaces[0].temporary, TemporaryAddresses::Off);
    for (wrong, why) in [
        ("tap:t,addr=auto,use_tempaddr=3", "is not understood: use_tempaddr takes 0 (none)"),
        ("tap:t,addr=dhcp,use_tempaddr=1", "use_tempaddr on tap:t: temporary addresses are made of what routers give"),
        ("use_tempaddr=1", "stands behind no link"),
    ] {
        let said = refusal(wrong);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn routers_that_advertise_themselves() {
    let text = "shmif:/b,addr=fd00::1/64,ra=on;tap:t,addr=fd01::1/64,ra=12;forward=on";
    let parsed = net(text);
    assert_eq!([parsed.interfaces[0].ra, parsed.interfaces[1].ra], [Some(1800), Some(12)]);
    assert_eq!(parsed.to_string(), text);
    assert_eq!(net("shmif:/b,ra=off").interfaces[0].ra, None);
    for (wrong, why) in [
        ("shmif:/b,addr=fd00::1/64,ra=11,forward=on", "is not understood: ra takes on, off, or the seconds"),
        ("shmif:/b,addr=fd00::1/64,ra=9001,forward=on", "is not understood"),
        ("shmif:/b,addr=fd00::1/64,ra=yes,forward=on", "is not understood"),
        ("shmif:/b,addr=fd00::1/64,ra=on", "ra on shmif:/b: only a router advertises itself: give forward=on"),
        (
            "shmif:/b,addr=10.0.0.1/24,ra=on,forward=on",
            "there is no network to advertise: give the interface an addr= of IPv6",
        ),
    ] {
        let said = refusal(wrong);
        assert!(said.contains(why), "{said}");
    }
}

fn b2(byte: u8) -> u8 {
    byte & !1
}

fn names() -> impl Strategy<Value = Names> {
    let server = (1u8..224, any::<u8>(), 1u16..).prop_map(|(a, b, port)| SocketAddr::from(([a, 0, 0, b], port)));
    let dns = proptest::collection::vec(server, 0..3);
    let search = proptest::collection::vec(domain(), 0..3);
    (proptest::option::of(path()), dns, search, proptest::option::of(domain()))
        .prop_map(|(hosts, dns, search, hostname)| Names { hosts, dns, search, hostname })
}

proptest! {
    #[test]
    fn what_is_displayed_parses_to_the_same(
        a in interface(1), b in interface(2), names in names(), forward in any::<bool>(), reno in any::<bool>(),
        ecn in any::<bool>(), secret in proptest::option::of(1u128..), fast_open in any::<u16>(), fast_open_pause in any::<u32>()
    ) {
        let congestion = if reno { Algorithm::NewReno } else { Algorithm::Cubic };
        let fast_open = FastOpenModes::from_bits_truncate(fast_open);
        let tcp = TcpDefaults { congestion, ecn, fast_open, fast_open_pause };
        let secret = secret.map(u128::to_be_bytes);
        let written = Net { interfaces: vec![a, b], names, forward, secret, tcp };
        prop_assert_eq!(written.to_string().parse::<Net>(), Ok(written));
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = text.parse::<Net>();
    }

    #[test]
    fn no_text_like_a_net_panics_and_what_is_taken_is_stable(
        text in "((shmif|tap):?[/a-z0-9]{0,4})?([,;](addr|gw|mtu|mac|use_tempaddr|ra|pcap|dns|hosts|search|hostname|forward|secret|congestion|ecn|fastopen)=[0-9a-fon:/. ]{0,14}){0,4}"
    ) {
        if let Ok(net) = text.parse::<Net>() {
            prop_assert_eq!(net.to_string().parse::<Net>(), Ok(net));
        }
    }

    #[test]
    fn no_value_of_a_variable_panics(value in "\\PC*") {
        for variable in VARIABLES {
            let _ = from(&[(variable.name, &value)]);
        }
    }
}

#[test]
fn ipv6_addresses_and_routers() {
    let text = "shmif:/tmp/bus,addr=fd00::2/64,addr=10.0.0.2/24,gw=fe80::1,gw=10.0.0.1";
    let interface = &net(text).interfaces[0];
    let own = "fd00::2".parse().unwrap();
    assert_eq!(interface.addresses[0], AddrSpec::Static6(own, 64));
    assert_eq!(interface.gateway6, Some("fe80::1".parse().unwrap()));
    assert_eq!(net(&net(text).to_string()), net(text), "it is written as it is read");
    assert!("shmif:/tmp/bus,addr=fd00::2/64,gw=fd00::1".parse::<Net>().is_ok());
    for (bad, why) in [
        ("shmif:/tmp/bus,addr=fd00::2", "prefix"),
        ("shmif:/tmp/bus,addr=fd00::2/129", "addr"),
        ("shmif:/tmp/bus,addr=ff02::1/64", "one host"),
        ("shmif:/tmp/bus,addr=::1/128", "loopback"),
        ("shmif:/tmp/bus,addr=fd00::2/64,gw=fd01::1", "in an IPv6 network"),
        ("shmif:/tmp/bus,addr=fd00::2/64,gw=fd00::2", "itself"),
        ("shmif:/tmp/bus,addr=fd00::2/64,gw=fe80::1,gw=fe80::2", "only once"),
        ("shmif:/tmp/bus,addr=fd00::2/64,addr=fd00::2/48", "twice"),
    ] {
        let error = bad.parse::<Net>().expect_err(bad).to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
}
