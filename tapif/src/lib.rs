//! The TAP device: one end of an Ethernet cable whose other end is an interface of the host.
//!
//! Reading order: this file ([`Tap`]: open, transmit, receive), [`header`] (what stands before each frame on the
//! descriptor), [`error`], `ioctl` (the only unsafe code). It needs CAP_NET_ADMIN, or a persistent interface that root
//! made for the user (`ip tuntap add dev tap0 mode tap user $USER`).
//!
//! Not here: segmentation of UDP (TUN_F_USO4) and several queues.

pub mod error;
pub mod header;
mod ioctl;
#[cfg(test)]
mod tests;

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

pub use error::TapError;
pub use header::{Checksum, PartialChecksum, Segments, Version};

/// An open TAP interface. The descriptor is non-blocking and close-on-exec; an interface that was not persistent goes
/// with it. `D` holds it: an [`OwnedFd`], or what [`Tap::held_by`] was given.
#[derive(Debug)]
pub struct Tap<D = OwnedFd> {
    tun: D,
    name: String,
    mac: [u8; 6],
    host_mac: [u8; 6],
    mtu: u32,
    dropped: u64,
}

/// What became of a frame that was given to [`Tap::transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transmit {
    /// The host has it, or refused it and it is counted in [`Tap::dropped`]; it will not be taken another time either.
    Sent,
    /// The host has no room now: try again when the descriptor is writable.
    Full,
    /// The interface is down, or gone: the frame is lost.
    Down,
}

/// What [`Tap::receive`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Receive {
    /// A frame of this many bytes.
    Frame {
        /// Its bytes at the start of the buffer.
        len: usize,
        /// What the host says of its transport checksum.
        checksum: Checksum,
        /// Not 0: it holds several TCP segments, each but the last with this many bytes of payload. Only after
        /// [`Tap::take_joined_segments`].
        segment_size: u16,
    },
    /// No frame now.
    Empty,
    /// The interface was removed: there will never be one. The descriptor polls as ready for ever.
    Gone,
}

impl Tap {
    /// Opens the TAP interface `name`, makes it if it is not there, and brings it up, the last two where the host allows
    /// it ([`Tap::is_up`] tells).
    ///
    /// `mtu` is in bytes of IP packet, without the Ethernet header. Without it the interface's own is taken. Where it may
    /// not be set, a smaller one than the interface's holds for our side alone.
    ///
    /// # Errors
    /// [`TapError`], each with what to do.
    pub fn open(name: &str, mtu: Option<u32>) -> Result<Tap, TapError> {
        let if_name = checked(name).ok_or_else(|| TapError::Name(name.to_owned()))?;
        let other = |call| move |errno| TapError::Other { name: name.to_owned(), call, errno };
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let tun = rustix::fs::open("/dev/net/tun", flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NODEV | Errno::NXIO => TapError::NoDriver,
            Errno::ACCESS | Errno::PERM => TapError::DriverNotPermitted,
            errno => other("open /dev/net/tun")(errno),
        })?;
        attach(&tun, &if_name).map_err(|errno| match errno {
            Errno::PERM | Errno::ACCESS => {
                TapError::NotPermitted { name: name.to_owned(), uid: rustix::process::geteuid().as_raw() }
            }
            Errno::BUSY => TapError::Busy(name.to_owned()),
            Errno::INVAL => TapError::NotATap(name.to_owned()),
            errno => other("TUNSETIFF")(errno),
        })?;
        ioctl::set_header_size(&tun, header::LEN as i32).map_err(other("TUNSETVNETHDRSZ"))?;
        ioctl::set_offload(&tun, libc::TUN_F_CSUM as usize).map_err(other("TUNSETOFFLOAD"))?;

        let socket = any_socket().map_err(other("socket"))?;
        let mtu = agree_on_mtu(&socket, name, &if_name, mtu)?;
        bring_up(&socket, &if_name).map_err(other("SIOCSIFFLAGS"))?;
        let host_mac = ioctl::hardware_address(&socket, &if_name).map_err(other("SIOCGIFHWADDR"))?;
        let mac = mac_beside(host_mac);
        Ok(Tap { tun, name: name.to_owned(), mac, host_mac, mtu, dropped: 0 })
    }
}

impl<D: AsFd> Tap<D> {
    /// Gives the descriptor to another holder, which may change its number.
    pub fn held_by<E: AsFd>(self, holder: impl FnOnce(D) -> E) -> Tap<E> {
        let Tap { tun, name, mac, host_mac, mtu, dropped } = self;
        Tap { tun: holder(tun), name, mac, host_mac, mtu, dropped }
    }

    /// From now on the host may give us several TCP segments in one frame of up to [`LONGEST`] bytes. False if it does not know
    /// how; all is as before then.
    pub fn take_joined_segments(&self) -> bool {
        let offload = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
        ioctl::set_offload(&self.tun, offload as usize).is_ok()
    }

    /// Sends one Ethernet frame, given in up to seven parts, without blocking.
    ///
    /// `checksum` says that the transport checksum is to be completed by the host, which does it only for frames that leave
    /// the machine; `segments`, that the frame is to be cut, which needs the first and is likewise put off.
    pub fn transmit(
        &mut self,
        parts: &[&[u8]],
        checksum: Option<PartialChecksum>,
        segments: Option<Segments>,
    ) -> Transmit {
        let header = header::encode(checksum, segments);
        let mut slices = [IoSlice::new(&[]); 8];
        let Some(slices) = slices.get_mut(..=parts.len()) else {
            self.dropped += 1;
            return Transmit::Sent;
        };
        for (slice, part) in slices.iter_mut().zip([&header[..]].into_iter().chain(parts.iter().copied())) {
            *slice = IoSlice::new(part);
        }
        match rustix::io::retry_on_intr(|| rustix::io::writev(&self.tun, slices)) {
            Ok(_) => Transmit::Sent,
            Err(Errno::AGAIN) => Transmit::Full,
            Err(Errno::IO | Errno::BADFD) => Transmit::Down, // not IFF_UP; removed
            Err(_) => {
                self.dropped += 1;
                Transmit::Sent
            }
        }
    }

    /// Takes one Ethernet frame, if there is one, without blocking.
    ///
    /// A frame that is longer than `frame` is cut: let it have at least [`Tap::mtu`] plus 18 bytes, for the Ethernet header
    /// with a VLAN tag, or [`LONGEST`].
    pub fn receive(&mut self, frame: &mut [u8]) -> Receive {
        let mut header = [0; header::LEN];
        let mut slices = [IoSliceMut::new(&mut header), IoSliceMut::new(frame)];
        match rustix::io::retry_on_intr(|| rustix::io::readv(&self.tun, &mut slices)) {
            Ok(read) => match read.checked_sub(header::LEN) {
                Some(len) => Receive::Frame {
                    len,
                    checksum: header::checksum(header),
                    segment_size: header::segment_size(header),
                },
                None => Receive::Empty,
            },
            Err(Errno::IO | Errno::BADFD | Errno::FAULT) => Receive::Gone,
            Err(_) => Receive::Empty,
        }
    }

    /// The descriptor, readable when [`Tap::receive`] has something to say.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.tun.as_fd()
    }

    /// What holds the descriptor.
    pub fn holder(&self) -> &D {
        &self.tun
    }

    /// The name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ethernet address of our end: locally administered, b2:a0 at its start, and as long as the device lives the same each time
    /// it is opened: neighbours remember it.
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// The Ethernet address of the host's end, which ours must never be.
    pub fn host_mac(&self) -> [u8; 6] {
        self.host_mac
    }

    /// Bytes of the largest IP packet.
    pub fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Frames that the host refused.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether the interface is up now. False, too, if the host will not say.
    pub fn is_up(&self) -> bool {
        let Some(name) = checked(&self.name) else { return false };
        any_socket().and_then(|socket| ioctl::flags(socket, &name)).is_ok_and(|flags| flags & IFF_UP != 0)
    }
}

/// Bytes of the longest frame: an IP packet of 65,535 bytes, the Ethernet header, a VLAN tag.
pub const LONGEST: usize = 65_535 + 18;

const IFF_UP: u16 = libc::IFF_UP as u16;

/// The name, NUL-terminated, if an interface can have it: the host kernel's dev_valid_name(), and no `%`, which would make it
/// choose a number.
fn checked(name: &str) -> Option<ioctl::Name> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"/:%".contains(&b);
    let fits = (1..libc::IFNAMSIZ).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != "..";
    let mut padded = name.bytes().chain(std::iter::repeat(0));
    fits.then(|| std::array::from_fn(|_| padded.next().unwrap_or(0)))
}

/// An interface made with `multi_queue` takes only those who say so too.
fn attach(tun: &OwnedFd, name: &ioctl::Name) -> Result<(), Errno> {
    let flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as u16;
    match ioctl::attach(tun, name, flags) {
        Err(Errno::INVAL) => ioctl::attach(tun, name, flags | libc::IFF_MULTI_QUEUE as u16),
        outcome => outcome,
    }
}

/// netdevice(7) requests go to a socket of any family: a local one, so that no AF_INET socket of the host is opened.
fn any_socket() -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}

fn agree_on_mtu(socket: &OwnedFd, name: &str, if_name: &ioctl::Name, wanted: Option<u32>) -> Result<u32, TapError> {
    let is = ioctl::mtu(socket, if_name).map_err(|errno| TapError::Other {
        name: name.to_owned(),
        call: "SIOCGIFMTU",
        errno,
    })?;
    match wanted {
        None => Ok(is),
        Some(wanted) if wanted == is => Ok(is),
        Some(wanted) => match ioctl::set_mtu(socket, if_name, wanted) {
            Ok(()) => Ok(wanted),
            Err(Errno::PERM) if wanted < is => Ok(wanted),
            Err(errno) => Err(TapError::Mtu { name: name.to_owned(), wanted, is, errno }),
        },
    }
}

fn bring_up(socket: &OwnedFd, name: &ioctl::Name) -> Result<(), Errno> {
    let flags = ioctl::flags(socket, name)?;
    if flags & IFF_UP != 0 {
        return Ok(());
    }
    match ioctl::set_flags(socket, name, flags | IFF_UP) {
        Err(Errno::PERM) => Ok(()),
        outcome => outcome,
    }
}

/// An address for our end: the host's end's (which the kernel has made at random), beginning with b2:a0, which has the locally
/// administered bit and not the group bit (IEEE 802 §8.2).
fn mac_beside(host: [u8; 6]) -> [u8; 6] {
    let [.., c, d, e, f] = host;
    let mac = [0xb2, 0xa0, c, d, e, f];
    if mac == host { [0xb2, 0xa0, c, d, e, !f] } else { mac }
}
