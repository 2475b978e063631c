//! ioctl(2) of the tun driver and netdevice(7), each under a typed face.
#![allow(unsafe_code)]

use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Setter, Updater, ioctl};

/// `struct ifreq`: a name and 24 bytes that each request reads in its own way.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 24],
}

// The host kernel copies sizeof(struct ifreq) bytes in and out.
const _: () = assert!(size_of::<Request>() >= size_of::<libc::ifreq>());

/// An interface's name as the host kernel takes it: NUL-terminated.
pub type Name = [u8; libc::IFNAMSIZ];

/// TUNSETIFF: ties the open /dev/net/tun to the interface of this name, which is made if it is not there.
pub fn attach(tun: impl AsFd, name: &Name, flags: u16) -> Result<(), Errno> {
    request::<{ libc::TUNSETIFF as Opcode }>(tun, name, &flags.to_ne_bytes()).map(drop)
}

/// TUNSETOFFLOAD: which offloads the host may use towards us.
pub fn set_offload(tun: impl AsFd, offload: usize) -> Result<(), Errno> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    let set = unsafe { rustix::ioctl::IntegerSetter::<{ libc::TUNSETOFFLOAD as Opcode }>::new_usize(offload) };
    // SAFETY: as above; on a descriptor of another driver it is ENOTTY.
    unsafe { ioctl(tun, set) }
}

/// TUNSETVNETHDRSZ: bytes of the header before each frame.
pub fn set_header_size(tun: impl AsFd, size: i32) -> Result<(), Errno> {
    // SAFETY: TUNSETVNETHDRSZ reads one int.
    let set = unsafe { Setter::<{ libc::TUNSETVNETHDRSZ as Opcode }, i32>::new(size) };
    // SAFETY: as above; on a descriptor of another driver it is ENOTTY.
    unsafe { ioctl(tun, set) }
}

/// SIOCGIFFLAGS. `socket` is of any family.
pub fn flags(socket: impl AsFd, name: &Name) -> Result<u16, Errno> {
    let [low, high, ..] = request::<{ libc::SIOCGIFFLAGS as Opcode }>(socket, name, &[])?;
    Ok(u16::from_ne_bytes([low, high]))
}

/// SIOCSIFFLAGS.
pub fn set_flags(socket: impl AsFd, name: &Name, flags: u16) -> Result<(), Errno> {
    request::<{ libc::SIOCSIFFLAGS as Opcode }>(socket, name, &flags.to_ne_bytes()).map(drop)
}

/// SIOCGIFMTU.
pub fn mtu(socket: impl AsFd, name: &Name) -> Result<u32, Errno> {
    let [a, b, c, d, ..] = request::<{ libc::SIOCGIFMTU as Opcode }>(socket, name, &[])?;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

/// SIOCSIFMTU.
pub fn set_mtu(socket: impl AsFd, name: &Name, mtu: u32) -> Result<(), Errno> {
    request::<{ libc::SIOCSIFMTU as Opcode }>(socket, name, &mtu.to_ne_bytes()).map(drop)
}

/// SIOCGIFHWADDR: the Ethernet address behind the two bytes of a `sa_family_t`.
pub fn hardware_address(socket: impl AsFd, name: &Name) -> Result<[u8; 6], Errno> {
    let [_, _, a, b, c, d, e, f, ..] = request::<{ libc::SIOCGIFHWADDR as Opcode }>(socket, name, &[])?;
    Ok([a, b, c, d, e, f])
}

fn request<const OPCODE: Opcode>(fd: impl AsFd, name: &Name, argument: &[u8]) -> Result<[u8; 24], Errno> {
    let mut request = Request { name: *name, value: [0; 24] };
    for (to, from) in request.value.iter_mut().zip(argument) {
        *to = *from;
    }
    // SAFETY: every OPCODE of this file reads and writes a struct ifreq, which `Request` is at least as long as; its
    // bytes are valid whatever is written.
    let update = unsafe { Updater::<OPCODE, Request>::new(&mut request) };
    // SAFETY: as above; on a descriptor of another kind it is ENOTTY and touches nothing.
    unsafe { ioctl(fd, update) }?;
    Ok(request.value)
}
