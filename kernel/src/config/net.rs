//! `RUMP_NET`: the grammar, and what it says.
//!
//! ```text
//! RUMP_NET  = part *(";" part)            ; one part an interface
//! part      = link *("," setting)         ; an interface
//!           / setting *("," setting)      ; settings of the kernel alone
//! link      = kind ":" target             ; kind: a row of links::LINKS
//! setting   = key "=" value               ; key: a row of keys::KEYS
//! ```
//! Spaces around every part are left out. A value holds neither `,` nor `;`. The empty text is a kernel with its loopback
//! alone.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;
use std::path::{Path, PathBuf};

use super::error::nearest;
use super::keys::{KEYS, Key, Target};
use super::links::LINKS;
use super::{ConfigError, check};
use netstack::TemporaryAddresses;
use netstack::tcp::{Algorithm, FastOpenModes};

/// What `RUMP_NET` says. [`Display`](fmt::Display) writes text that parses to the same value, as long as no path holds
/// `,` or `;` or begins or ends with a space, which no parsed one does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Net {
    /// The interfaces besides `lo`, in the order given.
    pub interfaces: Vec<Interface>,
    /// How names are resolved, and the kernel's own name.
    pub names: Names,
    /// Packets are passed on between the interfaces.
    pub forward: bool,
    /// What stable addresses of IPv6 are made with (RFC 7217 §5); `None`: another at each boot.
    pub secret: Option<[u8; 16]>,
    /// What connections begin with.
    pub tcp: TcpDefaults,
}

/// What every connection of a kernel begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpDefaults {
    /// Congestion control, where TCP_CONGESTION does not choose another.
    pub congestion: Algorithm,
    /// Connections that are opened ask for ECN (RFC 3168).
    pub ecn: bool,
    /// What of TCP Fast Open (RFC 7413) is on.
    pub fast_open: FastOpenModes,
    /// For how many seconds a path that swallows it turns it off, the first time; 0: never.
    pub fast_open_pause: u32,
}

/// One interface of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What it is attached to.
    pub link: LinkSpec,
    /// Its addresses, none twice in one kernel.
    pub addresses: Vec<AddrSpec>,
    /// The next hop of its default route, inside one of its networks.
    pub gateway: Option<Ipv4Addr>,
    /// The same of IPv6: link-local, or inside one of its networks.
    pub gateway6: Option<Ipv6Addr>,
    /// Bytes of the largest IP packet, within the range of its link kind.
    pub mtu: Option<u32>,
    /// Its Ethernet address, which is not a group address.
    pub mac: Option<[u8; 6]>,
    /// Which temporary addresses it makes of what routers give (RFC 8981).
    pub temporary: TemporaryAddresses,
    /// It is a router's there, which says so to hosts (RFC 4861 §6.2): for how many seconds they use it.
    pub ra: Option<u16>,
    /// Where its frames are captured.
    pub pcap: Option<PathBuf>,
}

/// What an interface is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkSpec {
    /// The shared-memory bus at this path.
    Shmif(PathBuf),
    /// The TAP interface of this name.
    Tap(String),
}

/// An address of an interface, with its prefix length (1 to 32), or where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddrSpec {
    /// This one.
    Static(Ipv4Addr, u8),
    /// This one of IPv6, with a prefix length from 1 to 128.
    Static6(Ipv6Addr, u8),
    /// Any free one of this network. The prefix length is at most 30.
    AnyOf(Ipv4Addr, u8),
    /// What a DHCP server gives.
    Dhcp,
    /// What a DHCP server gives, a link-local one while there is none.
    Auto,
}

/// How names are resolved, and the kernel's own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// A file in the format of hosts(5).
    pub hosts: Option<PathBuf>,
    /// The servers that are asked, in this order.
    pub dns: Vec<SocketAddr>,
    /// The domains that are tried for a name with few dots, in this order.
    pub search: Vec<String>,
    /// What gethostname(2) answers.
    pub hostname: Option<String>,
}

impl FromStr for Net {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Net, ConfigError> {
        let mut net = Net::default();
        let mut seen_of_kernel = Vec::new();
        if text.trim().is_empty() {
            return Ok(net);
        }
        for part in text.split(';') {
            let mut items = part.split(',').map(str::trim).peekable();
            let mut interface = match items.next_if(|first| is_link(first)) {
                Some(first) => Some(Interface::on(link(first)?)),
                None => None,
            };
            let mut seen_of_interface = Vec::new();
            for item in items {
                let (key, value) = setting(item)?;
                let seen = match key.target {
                    Target::Interface { .. } => &mut seen_of_interface,
                    Target::Kernel { .. } => &mut seen_of_kernel,
                };
                if !key.repeatable && seen.contains(&key.name) {
                    return Err(placement(item, format!("{} can be given only once here", key.name)));
                }
                seen.push(key.name);
                key.read(value, interface.as_mut(), &mut net)?;
            }
            net.interfaces.extend(interface);
        }
        check::check(&net)?;
        Ok(net)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for interface in &self.interfaces {
            let mut part = interface.link.to_string();
            for (key, value) in shown(|key| key.show_interface(interface)) {
                part.push_str(&format!(",{key}={value}"));
            }
            parts.push(part);
        }
        let of_kernel: Vec<String> = shown(|key| key.show_kernel(self)).map(|(k, v)| format!("{k}={v}")).collect();
        if !of_kernel.is_empty() {
            parts.push(of_kernel.join(","));
        }
        f.write_str(&parts.join(";"))
    }
}

impl Net {
    /// Makes every relative path start at `base`: a program may have changed its directory when it makes its first
    /// socket, and so may the children that inherit the variable.
    pub fn resolve_paths(&mut self, base: &Path) {
        let resolve = |path: &mut PathBuf| *path = base.join(&*path);
        for interface in &mut self.interfaces {
            if let LinkSpec::Shmif(path) = &mut interface.link {
                resolve(path);
            }
            interface.pcap.as_mut().map(resolve);
        }
        self.names.hosts.as_mut().map(resolve);
    }
}

impl Interface {
    /// An interface on `link` with no address and every setting at its default.
    pub fn on(link: LinkSpec) -> Interface {
        let (addresses, temporary) = (Vec::new(), TemporaryAddresses::Off);
        Interface {
            link,
            addresses,
            gateway: None,
            gateway6: None,
            mtu: None,
            mac: None,
            temporary,
            ra: None,
            pcap: None,
        }
    }
}

impl fmt::Display for LinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkSpec::Shmif(path) => write!(f, "{}:{}", self.kind().name, path.display()),
            LinkSpec::Tap(name) => write!(f, "{}:{name}", self.kind().name),
        }
    }
}

impl fmt::Display for AddrSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddrSpec::Static(address, prefix) | AddrSpec::AnyOf(address, prefix) => write!(f, "{address}/{prefix}"),
            AddrSpec::Static6(address, prefix) => write!(f, "{address}/{prefix}"),
            AddrSpec::Dhcp => f.write_str("dhcp"),
            AddrSpec::Auto => f.write_str("auto"),
        }
    }
}

impl AddrSpec {
    /// True if `address` is a host of this network: neither its number nor its broadcast address.
    pub fn has_host(&self, address: Ipv4Addr) -> bool {
        match *self {
            AddrSpec::Static(own, prefix) | AddrSpec::AnyOf(own, prefix) => {
                same_net(own, address, prefix) && is_host(address, prefix)
            }
            AddrSpec::Static6(..) | AddrSpec::Dhcp | AddrSpec::Auto => false,
        }
    }
}

/// The bits of the host part for a prefix length of at most 32.
pub(super) fn host_mask(prefix: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)
}

/// Neither all zeros nor all ones in the host part; RFC 3021 gives both addresses of a /31 to hosts.
pub(super) fn is_host(address: Ipv4Addr, prefix: u8) -> bool {
    let host = address.to_bits() & host_mask(prefix);
    prefix >= 31 || (host != 0 && host != host_mask(prefix))
}

fn same_net(a: Ipv4Addr, b: Ipv4Addr, prefix: u8) -> bool {
    (a.to_bits() ^ b.to_bits()) & !host_mask(prefix) == 0
}

/// A link has its colon before any equals sign: `shmif:/tmp/a=b` is one, `dns=10.0.0.1:53` is not.
fn is_link(item: &str) -> bool {
    item.find([':', '=']).is_some_and(|at| item.as_bytes()[at] == b':')
}

fn link(item: &str) -> Result<LinkSpec, ConfigError> {
    let (name, target) = item.split_once(':').unwrap_or((item, ""));
    let (name, target) = (name.trim_end(), target.trim_start());
    let Some(kind) = LINKS.iter().find(|kind| kind.name == name) else {
        let known: Vec<_> = LINKS.iter().map(|kind| kind.name).collect();
        let nearest = nearest(name, &known);
        return Err(ConfigError::Unknown { what: "kind of link", name: name.to_owned(), nearest, known });
    };
    (kind.parse)(target).map_err(|refusal| {
        let allowed = format!("{name}: takes {}, such as {name}:{}", kind.takes, kind.example);
        refusal.of(format!("RUMP_NET: {item}"), allowed)
    })
}

fn setting(item: &str) -> Result<(&'static Key, &str), ConfigError> {
    if item.is_empty() {
        return Err(placement("\"\"", "an empty setting: write one interface behind `;` and one key=value behind `,`"));
    }
    if is_link(item) {
        return Err(placement(item, "a link comes first in its interface: begin each interface with `;`"));
    }
    let Some((name, value)) = item.split_once('=') else {
        let link = LINKS.iter().find(|kind| kind.name == item);
        return Err(match link {
            Some(kind) => placement(item, format!("it takes {}, such as {item}:{}", kind.takes, kind.example)),
            None => {
                placement(item, "neither a link nor a setting: write kind:target or key=value, see `rump help net`")
            }
        });
    };
    let (name, value) = (name.trim_end(), value.trim_start());
    match KEYS.iter().find(|key| key.name == name) {
        Some(key) => Ok((key, value)),
        None => {
            let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
            let nearest = nearest(name, &known);
            Err(ConfigError::Unknown { what: "key", name: name.to_owned(), nearest, known })
        }
    }
}

fn shown(values: impl Fn(&Key) -> Vec<String>) -> impl Iterator<Item = (&'static str, String)> {
    KEYS.iter().flat_map(move |key| values(key).into_iter().map(|value| (key.name, value)))
}

fn placement(part: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Placement { part: part.to_owned(), reason: reason.into() }
}
