//! Calls with several buffers, and with control messages.

use std::mem::{size_of_val, zeroed};
use std::net::SocketAddrV4;
use std::ptr;

use libc::{c_int, iovec, msghdr};

use super::{ADDRESS_LEN, Errno, Fd, Ret, empty_address, from_c, to_c};

fn gather(parts: &[&[u8]]) -> Vec<iovec> {
    parts.iter().map(|part| iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() }).collect()
}

fn scatter(rooms: &mut [Vec<u8>]) -> Vec<iovec> {
    rooms.iter_mut().map(|room| iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() }).collect()
}

pub fn writev(fd: Fd, parts: &[&[u8]]) -> Ret<i64> {
    let vector = gather(parts);
    call!(libc::writev(fd, vector.as_ptr(), vector.len() as c_int))
}

/// The total, and the rooms as they were filled.
pub fn readv(fd: Fd, rooms: &[usize]) -> Ret<(i64, Vec<Vec<u8>>)> {
    let mut buffers: Vec<Vec<u8>> = rooms.iter().map(|&n| vec![b'.'; n]).collect();
    let vector = scatter(&mut buffers);
    let n = call!(libc::readv(fd, vector.as_ptr(), vector.len() as c_int))?;
    Ok((n, buffers))
}

pub fn sendmsg(fd: Fd, parts: &[&[u8]], flags: c_int, to: Option<SocketAddrV4>) -> Ret<i64> {
    let mut vector = gather(parts);
    let mut c = to.map(to_c);
    // SAFETY: an all-zero msghdr is a valid one: null pointers with zero lengths.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = vector.as_mut_ptr();
    message.msg_iovlen = vector.len();
    if let Some(address) = &mut c {
        message.msg_name = ptr::from_mut(address).cast();
        message.msg_namelen = ADDRESS_LEN;
    }
    call!(libc::sendmsg(fd, &raw const message, flags))
}

/// `sendmsg` with one control message: level, type and data.
pub fn sendmsg_with(fd: Fd, bytes: &[u8], flags: c_int, control: (c_int, c_int, &[u8])) -> Ret<i64> {
    let (level, kind, data) = control;
    let mut vector = gather(&[bytes]);
    let mut space = [0u64; 16];
    // SAFETY: an all-zero msghdr is a valid one: null pointers with zero lengths.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = vector.as_mut_ptr();
    message.msg_iovlen = 1;
    message.msg_control = space.as_mut_ptr().cast();
    // SAFETY: `space` has room for the header and the few bytes of data, and is aligned for a cmsghdr.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(data.len() as u32) as usize;
        assert!(message.msg_controllen <= size_of_val(&space));
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = libc::CMSG_LEN(data.len() as u32) as usize;
        libc::CMSG_DATA(header).copy_from_nonoverlapping(data.as_ptr(), data.len());
    }
    call!(libc::sendmsg(fd, &raw const message, flags))
}

/// What `recvmsg` filled in.
pub struct Message {
    pub returned: i64,
    pub parts: Vec<Vec<u8>>,
    pub from: SocketAddrV4,
    pub name_len: usize,
    pub flags: c_int,
    /// (level, type, first four bytes of the data as a number) of each control message.
    pub control: Vec<(c_int, c_int, u32)>,
    /// All of the data of each control message.
    pub control_data: Vec<Vec<u8>>,
}

pub fn recvmsg(fd: Fd, rooms: &[usize], flags: c_int, control_room: usize) -> Ret<Message> {
    let mut parts: Vec<Vec<u8>> = rooms.iter().map(|&n| vec![b'.'; n]).collect();
    let mut vector = scatter(&mut parts);
    let mut c = empty_address();
    let mut control = [0u64; 32];
    // SAFETY: an all-zero msghdr is a valid one: null pointers with zero lengths.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = vector.as_mut_ptr();
    message.msg_iovlen = vector.len();
    message.msg_name = ptr::from_mut(&mut c).cast();
    message.msg_namelen = ADDRESS_LEN;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control_room.min(size_of_val(&control));
    let returned = call!(libc::recvmsg(fd, &raw mut message, flags))?;
    let (mut found, mut data) = (Vec::new(), Vec::new());
    // SAFETY: the kernel filled the control buffer and its length, which the CMSG macros walk within; each message has at least its
    // header, and of its data only what its length covers is read.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            let long_enough = (*header).cmsg_len as usize >= libc::CMSG_LEN(4) as usize;
            let value = if long_enough { libc::CMSG_DATA(header).cast::<u32>().read_unaligned() } else { 0 };
            found.push(((*header).cmsg_level, (*header).cmsg_type, value));
            let len = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            data.push(std::slice::from_raw_parts(libc::CMSG_DATA(header), len).to_vec());
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok(Message {
        returned,
        parts,
        from: from_c(&c),
        name_len: message.msg_namelen as usize,
        flags: message.msg_flags,
        control: found,
        control_data: data,
    })
}

/// Sends each datagram to `to`; how many went.
pub fn sendmmsg(fd: Fd, datagrams: &[&[u8]], to: SocketAddrV4) -> Ret<i64> {
    sendmmsg_flags(fd, datagrams, to, 0)
}

/// As [`sendmmsg`], with flags.
pub fn sendmmsg_flags(fd: Fd, datagrams: &[&[u8]], to: SocketAddrV4, flags: c_int) -> Ret<i64> {
    let mut vector = gather(datagrams);
    let mut c = to_c(to);
    let mut messages: Vec<libc::mmsghdr> = Vec::new();
    for part in &mut vector {
        // SAFETY: an all-zero mmsghdr is a valid one.
        let mut message: libc::mmsghdr = unsafe { zeroed() };
        message.msg_hdr.msg_name = ptr::from_mut(&mut c).cast();
        message.msg_hdr.msg_namelen = ADDRESS_LEN;
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
        messages.push(message);
    }
    call!(libc::sendmmsg(fd, messages.as_mut_ptr(), messages.len() as u32, flags))
}

/// Receives up to `count` datagrams of at most `room` bytes: what came in each.
pub fn recvmmsg(fd: Fd, count: usize, room: usize, flags: c_int) -> Ret<Vec<Vec<u8>>> {
    let mut buffers = vec![vec![0; room]; count];
    let mut vector = scatter(&mut buffers);
    let mut messages: Vec<libc::mmsghdr> = Vec::new();
    for part in &mut vector {
        // SAFETY: an all-zero mmsghdr is a valid one.
        let mut message: libc::mmsghdr = unsafe { zeroed() };
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
        messages.push(message);
    }
    let n = call!(libc::recvmmsg(fd, messages.as_mut_ptr(), count as u32, flags, ptr::null_mut()))?;
    Ok((0..n as usize).map(|i| buffers[i][..(messages[i].msg_len as usize).min(room)].to_vec()).collect())
}
