//! ioctl(2) on rump sockets: how many bytes wait, and what the interfaces are (netdevice(7)).
//!
//! No request of the socket range reaches the host, which would answer with its own interfaces. Requests about interfaces on a
//! socket of the host's, as libpcap makes them on a netlink socket, are answered with the rump kernel's, too.

use crate::address;
use crate::arp;
use crate::ethtool;
use crate::hook::outcome;
use crate::real;
use crate::signal_driven;
use crate::socket::on;
use crate::table::host;
use crate::user::{Argument, Out, OutBytes};
use kernel::{Errno, InterfaceInfo, Result, Socket};
use libc::{
    ARPHRD_ETHER, ARPHRD_LOOPBACK, FIOASYNC, FIONBIO, FIONREAD, IFF_BROADCAST, IFF_LOOPBACK, IFF_MULTICAST,
    IFF_RUNNING, IFF_UP, IFNAMSIZ, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFCONF, SIOCGIFDSTADDR, SIOCGIFFLAGS,
    SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFMETRIC, SIOCGIFMTU, SIOCGIFNAME, SIOCGIFNETMASK, SIOCGIFTXQLEN, TIOCOUTQ,
    c_ulong,
};
use std::ffi::c_int;
use std::net::Ipv4Addr;

/// `sizeof(struct ifreq)`: a name, then a union of 24 bytes.
const REQUEST: usize = 40;
/// Whether what is read next is the byte that was marked urgent (asm/sockios.h).
const SIOCATMARK: c_ulong = 0x8905;
/// F_SETOWN and F_GETOWN of fcntl(2), by their other names (asm/sockios.h).
const FIOSETOWN: c_ulong = 0x8901;
const SIOCSPGRP: c_ulong = 0x8902;
const FIOGETOWN: c_ulong = 0x8903;
const SIOCGPGRP: c_ulong = 0x8904;
const SIOCOUTQNSD: c_ulong = 0x894b;
/// Requests that each driver has for itself.
const SIOCDEVPRIVATE: c_ulong = 0x89f0;
const SIOCDEVPRIVATE_LAST: c_ulong = 0x89ff;
// When the last datagram came; as of linux/sockios.h, and with 64 bits of seconds everywhere.
const SIOCGSTAMP: c_ulong = 0x8906;
const SIOCGSTAMPNS: c_ulong = 0x8907;
const SIOCGSTAMP_NEW: c_ulong = 0x8010_8906;
const SIOCGSTAMPNS_NEW: c_ulong = 0x8010_8907;
/// What a driver says of its device (linux/sockios.h).
const SIOCETHTOOL: c_ulong = 0x8946;
/// The requests about interfaces by their names or numbers.
const ABOUT_INTERFACES: std::ops::RangeInclusive<c_ulong> = SIOCGIFNAME..=0x894a;
/// The requests of sockets, of interfaces and of routes (linux/sockios.h).
const SOCKET_RANGE: std::ops::RangeInclusive<c_ulong> = 0x8900..=0x89ff;

/// ioctl(2).
pub fn ioctl(fd: c_int, request: c_ulong, argument: Argument) -> Option<Result<c_int>> {
    // The C type is unsigned long, but many a program passes an int.
    let request = request & 0xffff_ffff;
    let ours = matches!(request, FIONREAD | FIONBIO | FIOASYNC | TIOCOUTQ | SIOCGSTAMP_NEW | SIOCGSTAMPNS_NEW)
        || SOCKET_RANGE.contains(&request);
    if !ours {
        return None;
    }
    match on(fd, |socket| answer(fd, socket, request, argument)) {
        None if ABOUT_INTERFACES.contains(&request) && is_socket(fd) => Some(tell(request, argument).map(|()| 0)),
        answer => answer,
    }
}

fn is_socket(fd: c_int) -> bool {
    real::borrowed(fd).is_ok_and(|fd| rustix::net::sockopt::socket_type(fd).is_ok())
}

/// sockatmark(3).
pub fn sockatmark(fd: c_int) -> Option<Result<c_int>> {
    let mut mark: c_int = 0;
    let asked = ioctl(fd, SIOCATMARK, Argument::of(&mut mark))?;
    Some(asked.map(|_| mark))
}

fn answer(fd: c_int, socket: &Socket, request: c_ulong, argument: Argument) -> Result<c_int> {
    let number = |value: usize| argument.pointer::<c_int>().set(c_int::try_from(value).unwrap_or(c_int::MAX));
    match request {
        FIONREAD => number(socket.inq()?)?,
        TIOCOUTQ => number(socket.outq()?)?,
        SIOCOUTQNSD => number(socket.outq_not_sent()?)?,
        SIOCATMARK if socket.kind() == libc::SOCK_STREAM => number(usize::from(socket.at_mark()))?,
        SIOCGSTAMP | SIOCGSTAMPNS | SIOCGSTAMP_NEW | SIOCGSTAMPNS_NEW => {
            let stamp = socket.last_stamp()?;
            let nanos = matches!(request, SIOCGSTAMPNS | SIOCGSTAMPNS_NEW);
            let fraction = if nanos { stamp.subsec_nanos() } else { stamp.subsec_micros() };
            let stamp = libc::timespec { tv_sec: stamp.as_secs() as i64, tv_nsec: i64::from(fraction) };
            argument.pointer().set(stamp)?;
        }
        FIONBIO => {
            let on = argument.pointer::<c_int>().get()? != 0;
            outcome(host::ioctl(fd, request, argument))?;
            socket.set_nonblocking(on);
        }
        // As for fcntl(2), the host judges and keeps it.
        FIOGETOWN | SIOCGPGRP => return outcome(host::ioctl(fd, request, argument)),
        FIOSETOWN | SIOCSPGRP | FIOASYNC => {
            outcome(host::ioctl(fd, request, argument))?;
            signal_driven::learn(fd, socket);
        }
        _ if arp::REQUESTS.contains(&request) && socket.domain() != libc::AF_INET6 => {
            arp::answer(crate::process::kernel()?, request, argument.pointer())?;
        }
        _ => tell(request, argument)?,
    }
    Ok(0)
}

/// Answers what is asked about interfaces.
fn tell(request: c_ulong, argument: Argument) -> Result<()> {
    match request {
        SIOCGIFCONF => list(argument),
        SIOCGIFNAME => name_by_index(argument.pointer()),
        SIOCETHTOOL => ethernet_tool(argument.pointer()),
        SIOCGIFADDR..=SIOCGIFTXQLEN | SIOCGIFFLAGS | SIOCDEVPRIVATE..=SIOCDEVPRIVATE_LAST => {
            describe(request, argument.pointer())
        }
        _ => Err(Errno::NOTTY),
    }
}

fn interfaces() -> Result<Vec<InterfaceInfo>> {
    Ok(crate::process::kernel()?.interfaces())
}

/// SIOCGIFCONF: a request for each address, as many as fit; without a buffer, how many bytes that takes.
fn list(argument: Argument) -> Result<()> {
    let conf = argument.pointer::<libc::ifconf>();
    let (buffer, space) = conf.buffer()?;
    let mut requests = Vec::new();
    for interface in interfaces()? {
        for (ip, _) in interface.ipv4() {
            let mut request = [0; REQUEST];
            put_name(&mut request, &interface.name);
            put_address(&mut request, ip);
            requests.extend_from_slice(&request);
        }
    }
    if !buffer.is_null() {
        requests.truncate(space - space % REQUEST);
        buffer.slice(requests.len())?.copy_from_slice(&requests);
    }
    conf.cast::<c_int>().set(requests.len() as c_int)
}

/// SIOCGIFNAME.
fn name_by_index(request: OutBytes) -> Result<()> {
    let request = request.slice(REQUEST)?;
    let index = u32::from_ne_bytes([request[16], request[17], request[18], request[19]]);
    let interfaces = interfaces()?;
    let found = interfaces.iter().find(|interface| interface.index == index).ok_or(Errno::NODEV)?;
    put_name(request, &found.name);
    Ok(())
}

/// SIOCETHTOOL.
fn ethernet_tool(request: OutBytes) -> Result<()> {
    let interfaces = interfaces()?;
    let interface = named(&interfaces, &request.slice(REQUEST)?[..IFNAMSIZ]).ok_or(Errno::NODEV)?;
    ethtool::answer(interface, request.nth(IFNAMSIZ).cast::<Out<u32>>().get()?)
}

/// The requests that name an interface and ask one thing of it.
fn describe(request: c_ulong, into: OutBytes) -> Result<()> {
    let into = into.slice(REQUEST)?;
    let interfaces = interfaces()?;
    let interface = named(&interfaces, &into[..IFNAMSIZ]).ok_or(Errno::NODEV)?;
    let address = || interface.ipv4().next().ok_or(Errno::ADDRNOTAVAIL);
    match request {
        SIOCGIFFLAGS => put(into, &flags(interface).to_ne_bytes()),
        SIOCGIFADDR | SIOCGIFDSTADDR => put_address(into, address()?.0),
        SIOCGIFNETMASK => put_address(into, mask(address()?.1)),
        SIOCGIFBRDADDR => {
            let (ip, prefix) = address()?;
            put_address(into, if interface.loopback { Ipv4Addr::UNSPECIFIED } else { ip | !mask(prefix) });
        }
        SIOCGIFMTU => put(into, &interface.mtu.to_ne_bytes()),
        SIOCGIFINDEX => put(into, &interface.index.to_ne_bytes()),
        SIOCGIFMETRIC => put(into, &0u32.to_ne_bytes()),
        SIOCGIFTXQLEN => put(into, &1000u32.to_ne_bytes()),
        SIOCGIFHWADDR => {
            put(into, &[&hardware_type(interface).to_ne_bytes()[..], &interface.mac.unwrap_or_default()].concat());
        }
        // No interface has requests of its own.
        SIOCDEVPRIVATE..=SIOCDEVPRIVATE_LAST => return Err(Errno::OPNOTSUPP),
        _ => return Err(Errno::NOTTY),
    }
    Ok(())
}

fn named<'a>(interfaces: &'a [InterfaceInfo], name: &[u8]) -> Option<&'a InterfaceInfo> {
    let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
    // An alias, "eth0:1", is the interface.
    let name = name.split(|byte| *byte == b':').next().unwrap_or(name);
    interfaces.iter().find(|interface| interface.name.as_bytes() == name)
}

fn flags(interface: &InterfaceInfo) -> u16 {
    let kind = if interface.loopback { IFF_LOOPBACK } else { IFF_BROADCAST | IFF_MULTICAST };
    let up = if interface.up { IFF_UP | IFF_RUNNING } else { 0 };
    (kind | up) as u16
}

/// ARPHRD_*.
pub fn hardware_type(interface: &InterfaceInfo) -> u16 {
    if interface.loopback { ARPHRD_LOOPBACK } else { ARPHRD_ETHER }
}

fn mask(prefix: u8) -> Ipv4Addr {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0).into()
}

/// Writes a name where a request has one, in its first bytes.
pub fn put_name(request: &mut [u8], name: &str) {
    let name = &name.as_bytes()[..name.len().min(IFNAMSIZ - 1)];
    request[..IFNAMSIZ].fill(0);
    request[..name.len()].copy_from_slice(name);
}

fn put_address(request: &mut [u8], ip: Ipv4Addr) {
    put(request, &address::encode((ip, 0).into()).0[..16]);
}

/// Writes the union of the request, the rest of it zero.
fn put(request: &mut [u8], value: &[u8]) {
    request[IFNAMSIZ..].fill(0);
    request[IFNAMSIZ..IFNAMSIZ + value.len()].copy_from_slice(value);
}
