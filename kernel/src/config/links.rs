//! The table of link kinds. A new kind is a row here and a variant of [`LinkSpec`].

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::LinkSpec;
use super::error::Refusal;

/// A kind of link that an interface can be attached to.
pub struct LinkKind {
    /// What stands before the colon.
    pub name: &'static str,
    /// What stands behind it, as the end of the sentence "NAME: takes …".
    pub takes: &'static str,
    /// What stands behind it, as an example.
    pub example: &'static str,
    /// What the link is.
    pub about: &'static str,
    /// The MTUs that it carries, in bytes.
    pub mtu: RangeInclusive<u32>,
    /// Whether it can find an address that nobody has (`addr=` without a host part).
    pub finds_free_address: bool,
    pub(super) parse: fn(&str) -> Result<LinkSpec, Refusal>,
}

/// The smallest MTU that every IPv4 module must be able to carry (RFC 791 §3.2).
const MIN_MTU: u32 = 68;

/// Every kind of link.
pub const LINKS: &[LinkKind] = &[
    LinkKind {
        name: "shmif",
        takes: "the path of a bus file, which is made if it is not there",
        example: "/dev/shm/bus",
        about: "a virtual Ethernet bus in shared memory, which needs no privilege",
        mtu: MIN_MTU..=65535,
        finds_free_address: true,
        parse: |path| match path {
            "" => Err(Refusal::because("the path is missing")),
            _ => Ok(LinkSpec::Shmif(PathBuf::from(path))),
        },
    },
    LinkKind {
        name: "tap",
        takes: "the name of a TAP interface, 1 to 15 characters without `/` and spaces",
        example: "tap0",
        about: "a TAP device of the host: the way to the host's network",
        mtu: MIN_MTU..=65521, // the host's driver takes 65535 less the Ethernet header
        finds_free_address: false,
        parse: |name| match interface_name(name) {
            true => Ok(LinkSpec::Tap(name.to_owned())),
            false => Err(Refusal::Form),
        },
    },
];

impl LinkSpec {
    /// The row of the table that this link comes from.
    pub fn kind(&self) -> &'static LinkKind {
        let row = match self {
            LinkSpec::Shmif(_) => 0,
            LinkSpec::Tap(_) => 1,
        };
        &LINKS[row]
    }
}

/// netdevice(7), and the kernel's dev_valid_name(): IFNAMSIZ less the NUL; no `/`, no `:`, no spaces, not `.` or `..`.
fn interface_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'/' && b != b':' && b != b'%';
    (1..=15).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != ".."
}
