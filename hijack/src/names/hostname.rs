//! gethostname(2) and uname(2): `hostname=`, where it is set. No kernel boots for that. gethostid(3): libc's asks for the address of
//! the host's name, on the host's network.

use crate::user::{Out, OutBytes};
use kernel::signal::cancel;
use kernel::{Errno, Result, names};
use libc::{size_t, utsname};
use std::ffi::c_int;

/// gethostname(2). A name that does not fit is cut, and ENAMETOOLONG, as in glibc.
pub fn gethostname(into: OutBytes, len: size_t) -> Option<Result<c_int>> {
    let name = names::own_hostname()?;
    Some(into.slice(len).and_then(|into| {
        let mut bytes = name.bytes().chain([0]);
        into.iter_mut().zip(&mut bytes).for_each(|(place, byte)| *place = byte);
        if bytes.next().is_none() { Ok(0) } else { Err(Errno::NAMETOOLONG) }
    }))
}

/// gethostname(2), fortified.
pub fn gethostname_chk(into: OutBytes, len: size_t, space: size_t) -> Option<Result<c_int>> {
    if len > space { None } else { gethostname(into, len) }
}

/// uname(2), after the host's.
pub fn uname(result: c_int, into: Out<utsname>) {
    let (0, Some(name), Ok([into])) = (result, names::own_hostname(), into.slice(1)) else { return };
    let space = into.nodename.len() - 1;
    into.nodename.fill(0);
    into.nodename[..space].iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte.cast_signed());
}

/// gethostid(3): what /etc/hostid holds, else as glibc makes it of an IPv4 address: of the kernel's first that is not the loopback's.
pub fn gethostid() -> Option<Result<isize>> {
    if let Ok(Ok(set)) = cancel::shielded(|| std::fs::read("/etc/hostid")).map(<[u8; 4]>::try_from) {
        return Some(Ok(i32::from_ne_bytes(set) as isize));
    }
    Some(crate::process::kernel().map(|kernel| {
        let interfaces = kernel.interfaces();
        let mut addresses = interfaces.iter().filter(|interface| !interface.loopback).flat_map(|i| i.ipv4());
        let first = addresses.next().map(|(ip, _)| u32::from_ne_bytes(ip.octets()));
        first.map_or(0, |first| first.rotate_left(16).cast_signed() as isize)
    }))
}
