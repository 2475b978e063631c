//! The table of `RUMP_NET` keys. A new key is a row: parsing, printing, the error text and `rump help net` come from it.

use core::net::IpAddr;
use std::path::Path;

use super::ConfigError;
use super::error::Refusal;
use super::net::{AddrSpec, Interface, Net};
use super::values::{address, domain, mac, one, path, secret, server, show_server, switch, unicast, unicast6};
use super::variables::decimal;
use netstack::tcp::{Algorithm, FastOpenModes};
use netstack::{Advertising, TemporaryAddresses};

/// A key of `RUMP_NET`.
pub struct Key {
    /// What stands before the equals sign.
    pub name: &'static str,
    /// What it takes, as the end of the sentence "NAME takes …".
    pub takes: &'static str,
    /// A value that it takes.
    pub example: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Whether it may stand more than once.
    pub repeatable: bool,
    pub(super) target: Target,
}

/// Whose the setting is, how a value gets there, and how it is written back.
pub(super) enum Target {
    /// An interface's: it stands behind a link.
    Interface { set: fn(&mut Interface, &str) -> Result<(), Refusal>, show: fn(&Interface) -> Vec<String> },
    /// The kernel's: it may stand with any interface or alone.
    Kernel { set: fn(&mut Net, &str) -> Result<(), Refusal>, show: fn(&Net) -> Vec<String> },
}

/// Every key, in the order in which they are printed.
pub const KEYS: &[Key] = &[
    Key {
        name: "addr",
        takes: "an IPv4 address and a prefix length from 1 to 32, on shmif also a network without a host part, an IPv6 address and a prefix length from 1 to 128, dhcp, or auto",
        example: "10.0.0.2/24",
        about: "an address of the interface; 10.0.0.0/24 takes a free one of that network, dhcp what a server gives, auto that and what routers give, or a link-local one",
        repeatable: true,
        target: Target::Interface {
            set: |interface, value| {
                let address = address(value, interface.link.kind().finds_free_address)?;
                interface.addresses.push(address);
                Ok(())
            },
            show: |interface| interface.addresses.iter().map(AddrSpec::to_string).collect(),
        },
    },
    Key {
        name: "gw",
        takes: "the IPv4 or IPv6 address of a router in a network of its interface, one of each at most",
        example: "10.0.0.1",
        about: "the default route",
        repeatable: true,
        target: Target::Interface {
            set: |interface, value| {
                let again = match value.parse().map_err(|_| Refusal::Form)? {
                    IpAddr::V4(router) => interface.gateway.replace(unicast(router)?).is_some(),
                    IpAddr::V6(router) => interface.gateway6.replace(unicast6(router)?).is_some(),
                };
                if again { Err(Refusal::because("the router of each family can be given only once")) } else { Ok(()) }
            },
            show: |interface| one(&interface.gateway).into_iter().chain(one(&interface.gateway6)).collect(),
        },
    },
    Key {
        name: "mtu",
        takes: "bytes of the largest IP packet, 68 to 65535 on shmif and 68 to 65521 on tap",
        example: "1500",
        about: "the largest IP packet",
        repeatable: false,
        target: Target::Interface {
            set: |interface, value| {
                let mtu = decimal(value).ok_or(Refusal::Form)?;
                let kind = interface.link.kind();
                let mtu = u32::try_from(mtu).ok().filter(|mtu| kind.mtu.contains(mtu));
                interface.mtu =
                    Some(mtu.ok_or_else(|| Refusal::because(format!("{} does not carry that", kind.name)))?);
                Ok(())
            },
            show: |interface| one(&interface.mtu),
        },
    },
    Key {
        name: "mac",
        takes: "six bytes in hexadecimal with colons between them, the first of them even",
        example: "b2:a0:00:00:00:02",
        about: "the Ethernet address; otherwise random on a bus, and on a TAP interface the same at each start, for the neighbours",
        repeatable: false,
        target: Target::Interface {
            set: |interface, value| {
                interface.mac = Some(mac(value)?);
                Ok(())
            },
            show: |interface| {
                let text = |mac: &[u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
                interface.mac.iter().map(text).collect()
            },
        },
    },
    Key {
        name: "use_tempaddr",
        takes: "0 (none), 1 (for who asks for them) or 2 (for all new connections), behind addr=auto",
        example: "2",
        about: "temporary addresses beside those that are made of what routers give (RFC 8981), as in Linux's net.ipv6.conf.*.use_tempaddr; 0 otherwise",
        repeatable: false,
        target: Target::Interface {
            set: |interface, value| {
                interface.temporary = match value {
                    "0" => TemporaryAddresses::Off,
                    "1" => TemporaryAddresses::On,
                    "2" => TemporaryAddresses::Preferred,
                    _ => return Err(Refusal::Form),
                };
                Ok(())
            },
            show: |interface| match interface.temporary {
                TemporaryAddresses::Off => Vec::new(),
                TemporaryAddresses::On => vec!["1".to_owned()],
                TemporaryAddresses::Preferred => vec!["2".to_owned()],
            },
        },
    },
    Key {
        name: "ra",
        takes: "on, off, or the seconds for which hosts use the router after each advertisement, 12 to 9000, with forward=on and an IPv6 address",
        example: "on",
        about: "router advertisements (RFC 4861) of the networks of its IPv6 addresses, with the dns= servers of IPv6 and search= domains, so that nodes on the link need addr=auto only; on is 1800; off otherwise",
        repeatable: false,
        target: Target::Interface {
            set: |interface, value| {
                interface.ra = match value {
                    "on" => Some(Advertising::LIFETIME),
                    "off" => None,
                    _ => {
                        let seconds = decimal(value).and_then(|seconds| u16::try_from(seconds).ok());
                        let seconds = seconds.filter(|seconds| Advertising::LIFETIMES.contains(seconds));
                        Some(seconds.ok_or(Refusal::Form)?)
                    }
                };
                Ok(())
            },
            show: |interface| {
                let text = |seconds: &u16| match *seconds {
                    Advertising::LIFETIME => "on".to_owned(),
                    seconds => seconds.to_string(),
                };
                interface.ra.iter().map(text).collect()
            },
        },
    },
    Key {
        name: "pcap",
        takes: "the path of a file to write",
        example: "/tmp/out.pcap",
        about: "captures the interface's frames; the file is begun anew",
        repeatable: false,
        target: Target::Interface {
            set: |interface, value| {
                interface.pcap = Some(path(value)?);
                Ok(())
            },
            show: |interface| one(&interface.pcap.as_deref().map(Path::display)),
        },
    },
    Key {
        name: "dns",
        takes: "the address of a server, with :port where that is not 53 ([fd00::1]:5353 where it is IPv6)",
        example: "10.0.0.1",
        about: "a server to ask for names; with none of them names come from hosts= alone",
        repeatable: true,
        target: Target::Kernel {
            set: |net, value| {
                net.names.dns.push(server(value)?);
                Ok(())
            },
            show: |net| net.names.dns.iter().map(show_server).collect(),
        },
    },
    Key {
        name: "hosts",
        takes: "the path of a file in the format of hosts(5)",
        example: "/tmp/hosts",
        about: "names and addresses, looked at before any server is asked",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                net.names.hosts = Some(path(value)?);
                Ok(())
            },
            show: |net| one(&net.names.hosts.as_deref().map(Path::display)),
        },
    },
    Key {
        name: "search",
        takes: "a domain name",
        example: "example.org",
        about: "a domain to try behind short names",
        repeatable: true,
        target: Target::Kernel {
            set: |net, value| {
                net.names.search.push(domain(value.strip_suffix('.').unwrap_or(value), 253)?);
                Ok(())
            },
            show: |net| net.names.search.clone(),
        },
    },
    Key {
        name: "hostname",
        takes: "letters, digits, hyphens and dots, at most 64 characters",
        example: "web1",
        about: "the kernel's own name",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                net.names.hostname = Some(domain(value, 64)?); // HOST_NAME_MAX of Linux
                Ok(())
            },
            show: |net| one(&net.names.hostname),
        },
    },
    Key {
        name: "forward",
        takes: "on or off",
        example: "on",
        about: "passes packets on between the interfaces, as a router; off otherwise",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                net.forward = switch(value)?;
                Ok(())
            },
            show: |net| net.forward.then(|| "on".to_owned()).into_iter().collect(),
        },
    },
    Key {
        name: "secret",
        takes: "32 hexadecimal digits, not all of them 0",
        example: "8f14e45fceea167a5a36dedd4bea2543",
        about: "what addresses of IPv6 are made with (RFC 7217), so that they are the same at each boot though mac= is random; another at each boot otherwise",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                net.secret = Some(secret(value)?);
                Ok(())
            },
            show: |net| net.secret.iter().map(|secret| format!("{:032x}", u128::from_be_bytes(*secret))).collect(),
        },
    },
    Key {
        name: "congestion",
        takes: "cubic or reno",
        example: "reno",
        about: "congestion control of connections that do not choose theirs (TCP_CONGESTION); cubic otherwise",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                net.tcp.congestion = Algorithm::from_name(value).ok_or(Refusal::Form)?;
                Ok(())
            },
            show: |net| {
                let chosen = net.tcp.congestion;
                (chosen != Algorithm::default()).then(|| chosen.name().to_owned()).into_iter().collect()
            },
        },
    },
    Key {
        name: "ecn",
        takes: "on or off",
        example: "on",
        about: "connections that programs open ask for explicit congestion notification; otherwise it is used where the peer asks",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                net.tcp.ecn = switch(value)?;
                Ok(())
            },
            show: |net| net.tcp.ecn.then(|| "on".to_owned()).into_iter().collect(),
        },
    },
    Key {
        name: "fastopen",
        takes: "a sum of 1 (programs that connect), 2 (programs that listen), 4 and 512 (the same without cookies) and 1024 (listeners without TCP_FASTOPEN, too)",
        example: "3",
        about: "who uses TCP Fast Open, as in Linux's net.ipv4.tcp_fastopen; 1 otherwise",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                let modes = decimal(value).and_then(|bits| u16::try_from(bits).ok());
                net.tcp.fast_open = modes.and_then(FastOpenModes::from_bits).ok_or(Refusal::Form)?;
                Ok(())
            },
            show: |net| {
                let modes = net.tcp.fast_open;
                (modes != FastOpenModes::default()).then(|| modes.bits().to_string()).into_iter().collect()
            },
        },
    },
    Key {
        name: "fastopen_pause",
        takes: "seconds, 0 to 4294967295",
        example: "3600",
        about: "how long programs that connect do without TCP Fast Open after a path has swallowed it, as in Linux's net.ipv4.tcp_fastopen_blackhole_timeout_sec; 0, never, otherwise",
        repeatable: false,
        target: Target::Kernel {
            set: |net, value| {
                let seconds = decimal(value).and_then(|seconds| u32::try_from(seconds).ok());
                net.tcp.fast_open_pause = seconds.ok_or(Refusal::Form)?;
                Ok(())
            },
            show: |net| {
                let seconds = net.tcp.fast_open_pause;
                (seconds != 0).then(|| seconds.to_string()).into_iter().collect()
            },
        },
    },
];

impl Key {
    /// True for a key of the kernel, which may stand with any interface or alone; false for one of an interface.
    pub fn is_of_kernel(&self) -> bool {
        matches!(self.target, Target::Kernel { .. })
    }

    pub(super) fn read(
        &self,
        value: &str,
        interface: Option<&mut Interface>,
        net: &mut Net,
    ) -> Result<(), ConfigError> {
        let setting = format!("RUMP_NET: {}={value}", self.name);
        let outcome = match (&self.target, interface) {
            (Target::Interface { set, .. }, Some(interface)) => set(interface, value),
            (Target::Interface { .. }, None) => {
                let reason = "it is a setting of an interface, and stands behind no link";
                let allowed =
                    format!("write it behind its link, such as shmif:/dev/shm/bus,{}={}", self.name, self.example);
                return Err(Refusal::because(reason).of(setting, allowed));
            }
            (Target::Kernel { set, .. }, _) => set(net, value),
        };
        outcome.map_err(|refusal| {
            refusal.of(setting, format!("{0} takes {1}, such as {0}={2}", self.name, self.takes, self.example))
        })
    }

    pub(super) fn show_interface(&self, interface: &Interface) -> Vec<String> {
        match self.target {
            Target::Interface { show, .. } => show(interface),
            Target::Kernel { .. } => Vec::new(),
        }
    }

    pub(super) fn show_kernel(&self, net: &Net) -> Vec<String> {
        match self.target {
            Target::Interface { .. } => Vec::new(),
            Target::Kernel { show, .. } => show(net),
        }
    }
}
