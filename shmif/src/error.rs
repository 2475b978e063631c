//! What can go wrong with a bus, each as one sentence for the user.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Why a bus could not be opened, joined, or used. `Display` is one sentence that says what was wrong and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum BusError {
    /// The path could not be opened, created, locked, sized or mapped.
    Io {
        /// The bus file.
        path: PathBuf,
        /// What was being done, as a verb: "open", "map".
        doing: &'static str,
        /// What the host said.
        source: io::Error,
    },
    /// The path is there and is not a bus.
    NotABus {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The bus was made by another version of this software.
    OtherVersion {
        /// The bus file.
        path: PathBuf,
        /// The version that the file says.
        found: u32,
    },
    /// The file system has no room for this node.
    NoSpace {
        /// The bus file.
        path: PathBuf,
    },
    /// RLIMIT_FSIZE is below what this node needs.
    FileSizeLimit {
        /// The bus file.
        path: PathBuf,
        /// Bytes to which the file must be allowed to grow.
        needed: u64,
    },
    /// Another process holds the bus's join lock and does not let go.
    Locked {
        /// The bus file.
        path: PathBuf,
    },
    /// Every slot is held by a live node.
    Full {
        /// The bus file.
        path: PathBuf,
    },
    /// The MTU asked for is out of range.
    BadMtu {
        /// The MTU that was asked for.
        mtu: u32,
    },
    /// The MAC asked for is a group address or zero.
    BadMac {
        /// The MAC that was asked for.
        mac: [u8; 6],
    },
    /// A live node has this MAC.
    MacInUse {
        /// The MAC.
        mac: [u8; 6],
        /// The program of the node that has it.
        node: String,
        /// Its process.
        pid: u32,
    },
    /// A live node has claimed this address.
    AddressInUse {
        /// The address.
        address: Ipv4Addr,
        /// The program of the node that has it.
        node: String,
        /// Its process.
        pid: u32,
        /// Its slot on the bus.
        slot: u32,
    },
    /// The address or prefix length cannot be an interface address.
    BadAddress {
        /// The address.
        address: Ipv4Addr,
        /// The prefix length, in bits.
        prefix: u8,
    },
    /// Every host address of the net is claimed.
    NetFull {
        /// The net.
        net: Ipv4Addr,
        /// Its prefix length, in bits.
        prefix: u8,
    },
    /// This node has as many addresses as a node can claim.
    TooManyAddresses,
    /// This node is no longer on the bus: the file was truncated, or the node left, or this is a fork child.
    Gone,
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BusError::Io { path, doing, source } => {
                write!(f, "cannot {doing} the bus {}: {source}", path.display())
            }
            BusError::NotABus { path, why } => {
                write!(f, "{} is not a bus: {why}; name another path or remove it", path.display())
            }
            BusError::OtherVersion { path, found } => write!(
                f,
                "the bus {} has format version {found} and this program speaks version {}; use another path or remove it once nobody uses it",
                path.display(),
                crate::format::VERSION
            ),
            BusError::NoSpace { path } => {
                write!(
                    f,
                    "the file system of the bus {} is full; free some space or put the bus elsewhere",
                    path.display()
                )
            }
            BusError::FileSizeLimit { path, needed } => write!(
                f,
                "the file size limit (ulimit -f) is below the {} KiB that the bus {} needs; raise it",
                needed.div_ceil(1024),
                path.display()
            ),
            BusError::Locked { path } => write!(
                f,
                "another process has held the lock of the bus {} for too long; end it if it is stopped, or use another path",
                path.display()
            ),
            BusError::Full { path } => write!(
                f,
                "the bus {} has {} live nodes, which is all that fit; use another path",
                path.display(),
                crate::format::SLOTS
            ),
            BusError::BadMtu { mtu } => write!(
                f,
                "an MTU of {mtu} is not possible on a bus; use {} to {}",
                crate::format::MIN_MTU,
                crate::format::MAX_MTU
            ),
            BusError::BadMac { mac } => {
                write!(f, "{} is not the MAC address of a station; use one such as b2:a0:00:00:00:01", Mac(mac))
            }
            BusError::MacInUse { mac, node, pid } => {
                write!(f, "the MAC address {} is already used on the bus by {node} (pid {pid}); use another", Mac(mac))
            }
            BusError::AddressInUse { address, node, pid, slot } => write!(
                f,
                "the address {address} is already used on the bus by {node} (pid {pid}, node {slot}); use another or end that program"
            ),
            BusError::BadAddress { address, prefix } => {
                write!(f, "{address}/{prefix} is not an address for an interface; use one such as 10.0.0.2/24")
            }
            BusError::NetFull { net, prefix } => {
                write!(f, "every host address of {net}/{prefix} is in use on the bus; use a larger net")
            }
            BusError::TooManyAddresses => {
                write!(f, "a node can have at most {} addresses on a bus", crate::format::ADDRESSES)
            }
            BusError::Gone => write!(f, "this node is no longer on its bus; join again"),
        }
    }
}

impl std::error::Error for BusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BusError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A MAC as text.
struct Mac<'a>(&'a [u8; 6]);

impl fmt::Display for Mac<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
