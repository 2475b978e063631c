#![allow(unsafe_code)]
//! Source filters by function (RFC 3678 §4).

use std::ffi::c_int;
use std::net::Ipv4Addr;

use super::{Errno, Fd, Ret};
use crate::report::hex;

unsafe extern "C" {
    fn setipv4sourcefilter(fd: c_int, interface: u32, group: u32, mode: u32, count: u32, list: *const u8) -> c_int;
    fn getipv4sourcefilter(
        fd: c_int,
        interface: u32,
        group: u32,
        mode: *mut u32,
        count: *mut u32,
        list: *mut u8,
    ) -> c_int;
    fn setsourcefilter(
        fd: c_int,
        interface: u32,
        group: *const u8,
        group_len: u32,
        mode: u32,
        count: u32,
        list: *const u8,
    ) -> c_int;
    fn getsourcefilter(
        fd: c_int,
        interface: u32,
        group: *const u8,
        group_len: u32,
        mode: *mut u32,
        count: *mut u32,
        list: *mut u8,
    ) -> c_int;
}

/// A filter as it is read: the mode, how many sources there are, and those that there was room for.
fn shown(mode: u32, count: u32, list: &[u8]) -> String {
    format!("mode {mode}, {count} sources, {}", hex(list))
}

const V4: usize = 4;
const STORAGE: usize = size_of::<libc::sockaddr_storage>();

fn number(addr: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(addr.octets())
}

pub fn set_source_filter_v4(fd: Fd, interface: Ipv4Addr, group: Ipv4Addr, mode: u32, list: &[u8]) -> Ret {
    let count = (list.len() / V4) as u32;
    call!(setipv4sourcefilter(fd, number(interface), number(group), mode, count, list.as_ptr())).map(drop)
}

pub fn source_filter_v4(fd: Fd, interface: Ipv4Addr, group: Ipv4Addr, room: u32) -> Ret<String> {
    let (mut mode, mut count, mut list) = (7, room, vec![0; room as usize * V4]);
    let list_at = list.as_mut_ptr();
    call!(getipv4sourcefilter(fd, number(interface), number(group), &mut mode, &mut count, list_at))?;
    Ok(shown(mode, count, &list))
}

pub fn set_source_filter(fd: Fd, interface: u32, group: &[u8], mode: u32, list: &[u8]) -> Ret {
    let (len, count) = (group.len() as u32, (list.len() / STORAGE) as u32);
    call!(setsourcefilter(fd, interface, group.as_ptr(), len, mode, count, list.as_ptr())).map(drop)
}

pub fn source_filter(fd: Fd, interface: u32, group: &[u8], room: u32) -> Ret<String> {
    let (mut mode, mut count, mut list) = (7, room, vec![0; room as usize * STORAGE]);
    let (len, list_at) = (group.len() as u32, list.as_mut_ptr());
    call!(getsourcefilter(fd, interface, group.as_ptr(), len, &mut mode, &mut count, list_at))?;
    Ok(shown(mode, count, &list))
}
