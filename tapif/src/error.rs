//! Why a TAP interface cannot be had.

use core::fmt;

use rustix::io::Errno;

/// A TAP interface that cannot be opened. Displays as one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapError {
    /// No interface can have this name.
    Name(String),
    /// /dev/net/tun is not there (ENOENT, ENODEV, ENXIO).
    NoDriver,
    /// This user may not open /dev/net/tun (EACCES, EPERM).
    DriverNotPermitted,
    /// This user may not make or have the interface (EPERM, EACCES).
    NotPermitted {
        /// The interface.
        name: String,
        /// The user who asked.
        uid: u32,
    },
    /// Another program has the interface (EBUSY).
    Busy(String),
    /// There is an interface of this name, of another kind (EINVAL).
    NotATap(String),
    /// The interface does not have this MTU and it may not be set.
    Mtu {
        /// The interface.
        name: String,
        /// The MTU that was asked for.
        wanted: u32,
        /// The MTU that it has.
        is: u32,
        /// What the host's kernel said.
        errno: Errno,
    },
    /// Anything else.
    Other {
        /// The interface.
        name: String,
        /// The call that failed.
        call: &'static str,
        /// What the host's kernel said.
        errno: Errno,
    },
}

impl fmt::Display for TapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TapError::Name(name) => {
                write!(
                    f,
                    "{name:?} cannot be the name of an interface: take 1 to 15 characters without spaces, / : and %"
                )
            }
            TapError::NoDriver => f.write_str(
                "/dev/net/tun is not there, so there are no TAP interfaces: load the module (modprobe tun) or give the \
                 container that device",
            ),
            TapError::DriverNotPermitted => f.write_str(
                "you may not open /dev/net/tun: become root, or have its mode set to 0666, as most systems have it",
            ),
            TapError::NotPermitted { name, uid } => write!(
                f,
                "you may not have TAP interface {name}: it needs root or CAP_NET_ADMIN, or an interface made for you \
                 (ip tuntap add dev {name} mode tap user {uid})"
            ),
            TapError::Busy(name) => write!(
                f,
                "TAP interface {name} is in use by another program: end that one, or take another interface, since a TAP has \
                 one program at its end"
            ),
            TapError::NotATap(name) => write!(
                f,
                "interface {name} is not a TAP interface: take another name, or remove it and make one with ip tuntap add dev \
                 {name} mode tap"
            ),
            TapError::Mtu { name, wanted, is, errno: Errno::PERM } => write!(
                f,
                "TAP interface {name} has MTU {is} and you may not set {wanted}: have root do it (ip link set {name} mtu \
                 {wanted}), or take an MTU of at most {is}"
            ),
            TapError::Mtu { name, wanted, is, errno } => write!(
                f,
                "TAP interface {name} has MTU {is} and does not take {wanted} ({errno}): take one from 68 to 65521"
            ),
            TapError::Other { name, call, errno } => {
                write!(f, "TAP interface {name} cannot be opened: {call}: {errno}")
            }
        }
    }
}

impl std::error::Error for TapError {}
