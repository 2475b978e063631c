//! Source filters by function (RFC 3678 §4): libc's would set IP_MSFILTER and MCAST_MSFILTER by system calls that no hook sees.

use crate::socket::on;
use crate::user::{InBytes, Out, OutBytes};
use kernel::{Errno, Result, Socket};
use libc::{IPPROTO_IP, IPPROTO_IPV6, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};
use std::ffi::c_int;

// linux/in.h.
const IP_MSFILTER: c_int = 41;
const MCAST_MSFILTER: c_int = 48;
/// An IPv4 address of the program.
const ADDRESS: usize = 4;
const STORAGE: usize = size_of::<sockaddr_storage>();
/// Where `imsf_slist` of struct ip_msfilter and `gf_slist` of struct group_filter begin; the mode and the count are before them.
const LIST_V4: usize = 16;
const LIST: usize = 8 + STORAGE + 8;

/// setipv4sourcefilter(3). The addresses are `struct in_addr`, which C passes as a number.
pub fn setipv4sourcefilter(
    fd: c_int,
    interface: u32,
    group: u32,
    mode: u32,
    count: u32,
    list: InBytes,
) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let head = words([group, interface, mode, count]);
        set(socket, (IPPROTO_IP, IP_MSFILTER), &head, (list, count as usize * ADDRESS))
    })
}

/// getipv4sourcefilter(3).
pub fn getipv4sourcefilter(
    fd: c_int,
    interface: u32,
    group: u32,
    mode: Out<u32>,
    count: Out<u32>,
    list: OutBytes,
) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let asked = words([group, interface, 0, count.get()?]);
        let answer = ask(socket, (IPPROTO_IP, IP_MSFILTER), &asked)?;
        give(&answer, LIST_V4, mode, count, list)
    })
}

/// setsourcefilter(3).
pub fn setsourcefilter(
    fd: c_int,
    interface: u32,
    group: InBytes,
    group_len: socklen_t,
    mode: u32,
    count: u32,
    list: InBytes,
) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let (level, head) = head(interface, group, group_len)?;
        let head = [head, words([mode, count])].concat();
        set(socket, (level, MCAST_MSFILTER), &head, (list, count as usize * STORAGE))
    })
}

/// getsourcefilter(3).
pub fn getsourcefilter(
    fd: c_int,
    interface: u32,
    group: InBytes,
    group_len: socklen_t,
    mode: Out<u32>,
    count: Out<u32>,
    list: OutBytes,
) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let (level, head) = head(interface, group, group_len)?;
        let asked = [head, words([0, count.get()?])].concat();
        let answer = ask(socket, (level, MCAST_MSFILTER), &asked)?;
        give(&answer, LIST, mode, count, list)
    })
}

/// What struct group_filter begins with, and the level that it is for: libc goes by the length of the group's address.
fn head(interface: u32, group: InBytes, group_len: socklen_t) -> Result<(c_int, Vec<u8>)> {
    let group_len = group_len as usize;
    let level = if group_len == size_of::<sockaddr_in>() {
        IPPROTO_IP
    } else if group_len == size_of::<sockaddr_in6>() {
        IPPROTO_IPV6
    } else {
        return Err(Errno::INVAL);
    };
    let mut head = [&words([interface, 0])[..], group.slice(group_len)?].concat();
    head.resize(8 + STORAGE, 0);
    Ok((level, head))
}

/// Sets a filter: what it begins with, and so many bytes of a list, of which no more are looked at than show that they are too many.
fn set(socket: &Socket, (level, name): (c_int, c_int), head: &[u8], (list, len): (InBytes, usize)) -> Result<c_int> {
    let option = socket.option(level, name);
    let list = list.slice(len.min(option.longest()))?;
    option.set(&[head, list].concat()).map(|()| 0)
}

fn ask(socket: &Socket, (level, name): (c_int, c_int), asked: &[u8]) -> Result<Vec<u8>> {
    socket.option(level, name).answer(asked)
}

/// Hands out the mode, how many sources there are, and those that there is room for.
fn give(answer: &[u8], list_at: usize, mode: Out<u32>, count: Out<u32>, list: OutBytes) -> Result<c_int> {
    let word = |at: usize| answer.get(at..).and_then(|rest| rest.first_chunk()).copied().map(u32::from_ne_bytes);
    mode.set(word(list_at - 8).ok_or(Errno::INVAL)?)?;
    count.set(word(list_at - 4).ok_or(Errno::INVAL)?)?;
    list.put(answer.get(list_at..).unwrap_or(&[])).map(|()| 0)
}

fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
