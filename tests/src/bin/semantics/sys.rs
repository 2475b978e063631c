//! The C library's calls with a safe face: each makes one call and gives its value or its errno.
//!
//! Only calls through the dynamic linker's symbols will do here (libc's, not rustix's direct ones), since those are what a preload replaces.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ptr;

use libc::{c_int, c_void, sockaddr, sockaddr_in, socklen_t};

pub use crate::errno::Errno;

/// A descriptor, not closed by dropping: closing is among what is observed.
pub type Fd = c_int;
/// What a call gave.
pub type Ret<T = ()> = Result<T, Errno>;

/// One call. The wrappers below pass descriptors, lengths, and pointers to locals that outlive the call.
macro_rules! call {
    ($call:expr) => {{
        // SAFETY: every pointer among the arguments is to a live local or borrowed slice of the calling wrapper, with its length.
        let value = unsafe { $call } as i64;
        if value < 0 { Err(Errno::last()) } else { Ok(value) }
    }};
}

mod mapping;
mod messages;
mod signals;
mod sources;
pub mod streams;
mod threads;

pub use mapping::*;
pub use messages::*;
pub use signals::*;
pub use sources::*;
pub use threads::*;

pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> Ret<Fd> {
    call!(libc::socket(domain, kind, protocol)).map(|fd| fd as Fd)
}

fn to_c(address: SocketAddrV4) -> sockaddr_in {
    sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn from_c(address: &sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)), u16::from_be(address.sin_port))
}

const ADDRESS_LEN: socklen_t = size_of::<sockaddr_in>() as socklen_t;

fn address_of(address: &sockaddr_in) -> *const sockaddr {
    ptr::from_ref(address).cast()
}

fn empty_address() -> sockaddr_in {
    to_c(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
}

pub fn bind(fd: Fd, address: SocketAddrV4) -> Ret {
    let c = to_c(address);
    call!(libc::bind(fd, address_of(&c), ADDRESS_LEN)).map(drop)
}

/// `bind` with the bytes of an address.
pub fn bind_bytes(fd: Fd, address: &[u8]) -> Ret {
    call!(libc::bind(fd, address.as_ptr().cast(), address.len() as socklen_t)).map(drop)
}

/// `connect` with the bytes of an address.
pub fn connect_bytes(fd: Fd, address: &[u8]) -> Ret {
    call!(libc::connect(fd, address.as_ptr().cast(), address.len() as socklen_t)).map(drop)
}

/// `sendto` with the bytes of an address.
pub fn sendto_bytes(fd: Fd, bytes: &[u8], flags: c_int, address: &[u8]) -> Ret<i64> {
    let (to, len) = (address.as_ptr().cast(), address.len() as socklen_t);
    call!(libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), flags, to, len))
}

/// `recvfrom`: the call's value, the bytes, and those of the address.
pub fn recvfrom_bytes(fd: Fd, room: usize, flags: c_int) -> Ret<(i64, Vec<u8>, Vec<u8>)> {
    let (mut bytes, mut name, mut len) = (vec![0u8; room], vec![0u8; 64], 64);
    let from = name.as_mut_ptr().cast();
    let n = call!(libc::recvfrom(fd, bytes.as_mut_ptr().cast(), room, flags, from, &raw mut len))?;
    bytes.truncate(n as usize);
    name.truncate(len as usize);
    Ok((n, bytes, name))
}

/// `getsockname`: the bytes of the address.
pub fn getsockname_bytes(fd: Fd) -> Ret<Vec<u8>> {
    let (mut name, mut len) = (vec![0u8; 64], 64);
    call!(libc::getsockname(fd, name.as_mut_ptr().cast(), &raw mut len))?;
    name.truncate(len as usize);
    Ok(name)
}

/// `bind` or `connect` with a family and a length that may be wrong.
pub fn bind_raw(fd: Fd, family: c_int, len: usize) -> Ret {
    let mut c = to_c(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    c.sin_family = family as u16;
    call!(libc::bind(fd, address_of(&c), len.min(size_of::<sockaddr_in>()) as socklen_t)).map(drop)
}

pub fn connect_raw(fd: Fd, family: c_int, len: usize) -> Ret {
    let mut c = to_c(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9));
    c.sin_family = family as u16;
    call!(libc::connect(fd, address_of(&c), len.min(size_of::<sockaddr_in>()) as socklen_t)).map(drop)
}

pub fn connect(fd: Fd, address: SocketAddrV4) -> Ret {
    let c = to_c(address);
    call!(libc::connect(fd, address_of(&c), ADDRESS_LEN)).map(drop)
}

pub fn listen(fd: Fd, backlog: c_int) -> Ret {
    call!(libc::listen(fd, backlog)).map(drop)
}

pub fn accept(fd: Fd) -> Ret<(Fd, SocketAddrV4)> {
    accept4(fd, 0)
}

pub fn accept4(fd: Fd, flags: c_int) -> Ret<(Fd, SocketAddrV4)> {
    let mut c = empty_address();
    let mut len = ADDRESS_LEN;
    let new = call!(libc::accept4(fd, ptr::from_mut(&mut c).cast(), &raw mut len, flags))?;
    Ok((new as Fd, from_c(&c)))
}

pub fn getsockname(fd: Fd) -> Ret<SocketAddrV4> {
    let mut c = empty_address();
    let mut len = ADDRESS_LEN;
    call!(libc::getsockname(fd, ptr::from_mut(&mut c).cast(), &raw mut len))?;
    Ok(from_c(&c))
}

/// `getsockname` with room for `room` bytes; the length that the kernel says it has.
pub fn getsockname_room(fd: Fd, room: usize) -> Ret<usize> {
    let mut c = empty_address();
    let mut len = room.min(size_of::<sockaddr_in>()) as socklen_t;
    call!(libc::getsockname(fd, ptr::from_mut(&mut c).cast(), &raw mut len))?;
    Ok(len as usize)
}

pub fn getpeername(fd: Fd) -> Ret<SocketAddrV4> {
    let mut c = empty_address();
    let mut len = ADDRESS_LEN;
    call!(libc::getpeername(fd, ptr::from_mut(&mut c).cast(), &raw mut len))?;
    Ok(from_c(&c))
}

pub fn shutdown(fd: Fd, how: c_int) -> Ret {
    call!(libc::shutdown(fd, how)).map(drop)
}

pub fn close(fd: Fd) -> Ret {
    call!(libc::close(fd)).map(drop)
}

pub fn read(fd: Fd, room: usize) -> Ret<Vec<u8>> {
    let mut buffer = vec![0; room];
    let n = call!(libc::read(fd, buffer.as_mut_ptr().cast(), room))?;
    buffer.truncate(n as usize);
    Ok(buffer)
}

pub fn write(fd: Fd, bytes: &[u8]) -> Ret<i64> {
    call!(libc::write(fd, bytes.as_ptr().cast(), bytes.len()))
}

pub fn send(fd: Fd, bytes: &[u8], flags: c_int) -> Ret<i64> {
    call!(libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags))
}

pub fn recv(fd: Fd, room: usize, flags: c_int) -> Ret<Vec<u8>> {
    recv_len(fd, room, flags).map(|(bytes, _)| bytes)
}

/// What was received, and the length that the call returned (which `MSG_TRUNC` makes larger).
pub fn recv_len(fd: Fd, room: usize, flags: c_int) -> Ret<(Vec<u8>, i64)> {
    let mut buffer = vec![0; room];
    let n = call!(libc::recv(fd, buffer.as_mut_ptr().cast(), room, flags))?;
    buffer.truncate((n as usize).min(room));
    Ok((buffer, n))
}

pub fn sendto(fd: Fd, bytes: &[u8], flags: c_int, to: SocketAddrV4) -> Ret<i64> {
    let c = to_c(to);
    call!(libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), flags, address_of(&c), ADDRESS_LEN))
}

pub fn recvfrom(fd: Fd, room: usize, flags: c_int) -> Ret<(Vec<u8>, SocketAddrV4)> {
    let mut buffer = vec![0; room];
    let mut c = empty_address();
    let mut len = ADDRESS_LEN;
    let n =
        call!(libc::recvfrom(fd, buffer.as_mut_ptr().cast(), room, flags, ptr::from_mut(&mut c).cast(), &raw mut len))?;
    buffer.truncate((n as usize).min(room));
    Ok((buffer, from_c(&c)))
}

/// `recv` into memory that is not there.
pub fn recv_nowhere(fd: Fd) -> Ret<i64> {
    // SAFETY: the pointer is invalid on purpose; the call must answer EFAULT, and no Rust object is there to be written.
    let value = unsafe { libc::recv(fd, ptr::without_provenance_mut::<c_void>(8), 4, 0) };
    if value < 0 { Err(Errno::last()) } else { Ok(value as i64) }
}

/// `send` from memory that is not there.
pub fn send_nowhere(fd: Fd, flags: c_int) -> Ret<i64> {
    // SAFETY: the pointer is invalid on purpose; the call must answer EFAULT.
    let value = unsafe { libc::send(fd, ptr::without_provenance::<c_void>(8), 4, flags) };
    if value < 0 { Err(Errno::last()) } else { Ok(value as i64) }
}

/// `read` of so many bytes into memory that has a few, far from where memory ends.
pub fn read_said(fd: Fd, len: usize) -> Ret<i64> {
    let mut few = vec![0u8; 64];
    call!(libc::read(fd, few.as_mut_ptr().cast(), len))
}

/// As [`read_said`], by `recv`.
pub fn recv_said(fd: Fd, len: usize, flags: c_int) -> Ret<i64> {
    let mut few = vec![0u8; 64];
    call!(libc::recv(fd, few.as_mut_ptr().cast(), len, flags))
}

/// As [`read_said`], by `readv`: a buffer, or two of which the second has two bytes.
pub fn readv_said(fd: Fd, len: usize, buffers: c_int) -> Ret<i64> {
    let (mut few, mut two) = (vec![0u8; 64], [0u8; 2]);
    let vector = |bytes: &mut [u8], len| libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: len };
    let vectors = [vector(&mut few, len), vector(&mut two, 2)];
    call!(libc::readv(fd, vectors.as_ptr(), buffers))
}

/// `write` of so many bytes, more than there are.
pub fn write_said(fd: Fd, len: usize) -> Ret<i64> {
    call!(libc::write(fd, b"few".as_ptr().cast(), len))
}

/// As [`write_said`], by `send`.
pub fn send_said(fd: Fd, len: usize) -> Ret<i64> {
    call!(libc::send(fd, b"few".as_ptr().cast(), len, 0))
}

/// As [`write_said`], by `writev` of two buffers, the first of which has three bytes.
pub fn writev_said(fd: Fd, len: usize) -> Ret<i64> {
    let vector = |len| libc::iovec { iov_base: b"few".as_ptr().cast_mut().cast(), iov_len: len };
    call!(libc::writev(fd, [vector(3), vector(len)].as_ptr(), 2))
}

/// `writev` of memory that is not there.
pub fn writev_nowhere(fd: Fd) -> Ret<i64> {
    let vector = libc::iovec { iov_base: ptr::without_provenance_mut(8), iov_len: 4 };
    // SAFETY: the pointer is invalid on purpose; the call must answer EFAULT.
    let value = unsafe { libc::writev(fd, &raw const vector, 1) };
    if value < 0 { Err(Errno::last()) } else { Ok(value as i64) }
}

pub fn set_option(fd: Fd, level: c_int, name: c_int, value: c_int) -> Ret {
    set_option_bytes(fd, level, name, &value.to_ne_bytes())
}

pub fn set_option_bytes(fd: Fd, level: c_int, name: c_int, bytes: &[u8]) -> Ret {
    call!(libc::setsockopt(fd, level, name, bytes.as_ptr().cast(), bytes.len() as socklen_t)).map(drop)
}

/// setsockopt(2) of an option that puts an answer where its value is.
pub fn set_option_answer(fd: Fd, level: c_int, name: c_int, value: &mut [u8]) -> Ret {
    call!(libc::setsockopt(fd, level, name, value.as_mut_ptr().cast(), value.len() as socklen_t)).map(drop)
}

pub fn get_option(fd: Fd, level: c_int, name: c_int) -> Ret<c_int> {
    let mut value = [0; 4];
    let bytes = get_option_bytes(fd, level, name, 4)?;
    value[..bytes.len()].copy_from_slice(&bytes);
    Ok(c_int::from_ne_bytes(value))
}

/// The value as bytes, as many as the kernel said there are.
pub fn get_option_bytes(fd: Fd, level: c_int, name: c_int, room: usize) -> Ret<Vec<u8>> {
    let mut buffer = vec![0u8; room];
    let mut len = room as socklen_t;
    call!(libc::getsockopt(fd, level, name, buffer.as_mut_ptr().cast(), &raw mut len))?;
    buffer.truncate(len as usize);
    Ok(buffer)
}

/// getsockopt(2), and the length that the kernel said, even where it failed.
pub fn get_option_told(fd: Fd, level: c_int, name: c_int, room: usize) -> (Ret, u32) {
    let mut buffer = vec![0u8; room];
    let mut len = room as socklen_t;
    let got = call!(libc::getsockopt(fd, level, name, buffer.as_mut_ptr().cast(), &raw mut len)).map(drop);
    (got, len)
}

/// As [`get_option_bytes`], of an option that looks at what is where its value goes.
pub fn ask_option(fd: Fd, level: c_int, name: c_int, asked: &[u8]) -> Ret<Vec<u8>> {
    let (mut buffer, mut len) = (asked.to_vec(), asked.len() as socklen_t);
    call!(libc::getsockopt(fd, level, name, buffer.as_mut_ptr().cast(), &raw mut len))?;
    buffer.truncate(len as usize);
    Ok(buffer)
}

/// The same with a length that says less than the option looks at, or writes.
pub fn ask_option_of(fd: Fd, level: c_int, name: c_int, asked: &[u8], len: usize) -> Ret<Vec<u8>> {
    let (mut buffer, mut len) = ([asked, &[0; 1024]].concat(), len as socklen_t);
    call!(libc::getsockopt(fd, level, name, buffer.as_mut_ptr().cast(), &raw mut len))?;
    buffer.truncate(len as usize);
    Ok(buffer)
}

/// `SO_ATTACH_FILTER` of so many instructions that lie in `program`.
pub fn attach(fd: Fd, program: &[u8], instructions: usize) -> Ret {
    attach_as(fd, libc::SO_ATTACH_FILTER, program, instructions)
}

/// The same by another option of SOL_SOCKET.
pub fn attach_as(fd: Fd, name: c_int, program: &[u8], instructions: usize) -> Ret {
    let fprog = [(instructions as u64 & 0xffff).to_ne_bytes(), (program.as_ptr() as u64).to_ne_bytes()].concat();
    set_option_bytes(fd, libc::SOL_SOCKET, name, &fprog)
}

/// `SO_GET_FILTER` with room for so many instructions: how many there are, and their bytes.
pub fn get_filter(fd: Fd, room: usize) -> Ret<(usize, Vec<u8>)> {
    let mut buffer = vec![0u8; room * 8];
    let mut len = room as socklen_t;
    call!(libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_GET_FILTER, buffer.as_mut_ptr().cast(), &raw mut len))?;
    Ok((len as usize, buffer))
}

/// `SO_RCVTIMEO` or `SO_SNDTIMEO`.
pub fn set_timeout(fd: Fd, name: c_int, millis: i64) -> Ret {
    let value = [millis / 1000, millis % 1000 * 1000];
    let bytes: Vec<u8> = value.iter().flat_map(|n| n.to_ne_bytes()).collect();
    set_option_bytes(fd, libc::SOL_SOCKET, name, &bytes)
}

pub fn set_linger(fd: Fd, on: bool, seconds: c_int) -> Ret {
    let bytes: Vec<u8> = [c_int::from(on), seconds].iter().flat_map(|n| n.to_ne_bytes()).collect();
    set_option_bytes(fd, libc::SOL_SOCKET, libc::SO_LINGER, &bytes)
}

/// `ioctl` with a pointer to an int: what the int is afterwards.
pub fn ioctl(fd: Fd, request: libc::Ioctl, value: c_int) -> Ret<c_int> {
    let mut value = value;
    call!(libc::ioctl(fd, request, &raw mut value))?;
    Ok(value)
}

/// SIOCGSTAMP and SIOCGSTAMPNS: seconds and their fraction.
pub fn last_stamp(fd: Fd, request: libc::Ioctl) -> Ret<[i64; 2]> {
    let mut value = [-7; 2];
    call!(libc::ioctl(fd, request, value.as_mut_ptr()))?;
    Ok(value)
}

/// A request about the interface that `request` (a `struct ifreq`) names, and what it holds then.
pub fn device(fd: Fd, what: libc::Ioctl, request: &[u8; 40]) -> Ret<[u8; 40]> {
    let mut request = *request;
    call!(libc::ioctl(fd, what, request.as_mut_ptr())).map(|_| request)
}

/// A request of arp(7) with its `struct arpreq`, and what it holds then.
pub fn arp(fd: Fd, what: libc::Ioctl, request: &[u8; 68]) -> Ret<[u8; 68]> {
    let mut request = *request;
    call!(libc::ioctl(fd, what, request.as_mut_ptr())).map(|_| request)
}

/// SIOCETHTOOL with a command of several words, which holds the reply then.
pub fn ethtool(fd: Fd, name: &[u8; 16], command: &[u32]) -> Ret<Vec<u32>> {
    let mut command = command.to_vec();
    let mut request = [0; 40];
    request[..16].copy_from_slice(name);
    request[16..24].copy_from_slice(&(command.as_mut_ptr() as u64).to_ne_bytes());
    device(fd, 0x8946, &request).map(|_| command)
}

pub fn sockatmark(fd: Fd) -> Ret<i64> {
    unsafe extern "C" {
        fn sockatmark(fd: c_int) -> c_int;
    }
    call!(sockatmark(fd))
}

pub fn fcntl(fd: Fd, command: c_int, argument: c_int) -> Ret<c_int> {
    call!(libc::fcntl(fd, command, argument)).map(|n| n as c_int)
}

pub fn dup(fd: Fd) -> Ret<Fd> {
    call!(libc::dup(fd)).map(|n| n as Fd)
}

pub fn dup2(old: Fd, new: Fd) -> Ret<Fd> {
    call!(libc::dup2(old, new)).map(|n| n as Fd)
}

pub fn dup3(old: Fd, new: Fd, flags: c_int) -> Ret<Fd> {
    call!(libc::dup3(old, new, flags)).map(|n| n as Fd)
}

pub fn lseek(fd: Fd) -> Ret<i64> {
    call!(libc::lseek(fd, 0, libc::SEEK_CUR))
}

pub fn pread(fd: Fd) -> Ret<i64> {
    let mut byte = 0u8;
    call!(libc::pread(fd, ptr::from_mut(&mut byte).cast(), 1, 0))
}

pub fn ftruncate(fd: Fd) -> Ret {
    call!(libc::ftruncate(fd, 0)).map(drop)
}

pub fn fsync(fd: Fd) -> Ret {
    call!(libc::fsync(fd)).map(drop)
}

/// The file type bits of `st_mode`.
pub fn file_type(fd: Fd) -> Ret<u32> {
    // SAFETY: an all-zero stat is a valid one.
    let mut stat: libc::stat = unsafe { zeroed() };
    call!(libc::fstat(fd, &raw mut stat))?;
    Ok(stat.st_mode & libc::S_IFMT)
}

pub fn isatty(fd: Fd) -> bool {
    // SAFETY: takes a number.
    unsafe { libc::isatty(fd) == 1 }
}

pub fn open_null() -> Ret<Fd> {
    call!(libc::open(c"/dev/null".as_ptr(), libc::O_RDWR)).map(|n| n as Fd)
}

/// A file in memory with this content, at its beginning.
pub fn memfd(content: &[u8]) -> Ret<Fd> {
    let fd = call!(libc::memfd_create(c"content".as_ptr(), 0))? as Fd;
    write(fd, content)?;
    call!(libc::lseek(fd, 0, libc::SEEK_SET))?;
    Ok(fd)
}

/// The descriptor as a file that closes it when dropped.
pub fn into_file(fd: Fd) -> std::fs::File {
    // SAFETY: the callers pass a number that they opened and use no more.
    unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) }
}

pub fn sendfile(out: Fd, from: Fd, count: usize) -> Ret<i64> {
    call!(libc::sendfile(out, from, ptr::null_mut(), count))
}

pub fn splice(from: Fd, to: Fd, count: usize, flags: u32) -> Ret<i64> {
    call!(libc::splice(from, ptr::null_mut(), to, ptr::null_mut(), count, flags))
}

pub fn pipe() -> Ret<(Fd, Fd)> {
    let mut ends = [0; 2];
    call!(libc::pipe(ends.as_mut_ptr()))?;
    Ok((ends[0], ends[1]))
}

pub fn eventfd() -> Ret<Fd> {
    call!(libc::eventfd(0, 0)).map(|n| n as Fd)
}

/// Sets the soft limit of descriptors.
pub fn limit_descriptors(soft: u64) -> Ret {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    call!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit))?;
    limit.rlim_cur = soft;
    call!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)).map(drop)
}

pub fn close_range(first: Fd, last: Fd) -> Ret {
    call!(libc::close_range(first as u32, last as u32, 0)).map(drop)
}

/// The events asked for and those that came, descriptor by descriptor; the call's value first.
pub fn poll(set: &[(Fd, i16)], millis: c_int) -> Ret<(i64, Vec<i16>)> {
    let mut fds: Vec<libc::pollfd> = set.iter().map(|&(fd, events)| libc::pollfd { fd, events, revents: 0 }).collect();
    let n = call!(libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis))?;
    Ok((n, fds.iter().map(|fd| fd.revents).collect()))
}

pub fn ppoll(set: &[(Fd, i16)], millis: i64) -> Ret<(i64, Vec<i16>)> {
    let mut fds: Vec<libc::pollfd> = set.iter().map(|&(fd, events)| libc::pollfd { fd, events, revents: 0 }).collect();
    let time = libc::timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 };
    let n = call!(libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, &raw const time, ptr::null()))?;
    Ok((n, fds.iter().map(|fd| fd.revents).collect()))
}

/// The three sets after the call; the call's value first.
pub fn select(read: &[Fd], write: &[Fd], except: &[Fd], millis: i64) -> Ret<(i64, [Vec<Fd>; 3])> {
    let asked = [read, write, except];
    let highest = asked.iter().flat_map(|set| set.iter()).max().copied().unwrap_or(-1);
    let mut sets = asked.map(|fds| {
        // SAFETY: an all-zero fd_set is the empty set; FD_SET writes inside it since every descriptor is below FD_SETSIZE here.
        unsafe {
            let mut set: libc::fd_set = zeroed();
            fds.iter().for_each(|&fd| libc::FD_SET(fd, &raw mut set));
            set
        }
    });
    let mut time = libc::timeval { tv_sec: millis / 1000, tv_usec: millis % 1000 * 1000 };
    let [r, w, e] = &mut sets;
    let n = call!(libc::select(highest + 1, r, w, e, &raw mut time))?;
    let mut found = [const { Vec::new() }; 3];
    for (index, set) in sets.iter().enumerate() {
        // SAFETY: reads the sets that select left, for descriptors below FD_SETSIZE.
        found[index] = asked[index].iter().copied().filter(|&fd| unsafe { libc::FD_ISSET(fd, set) }).collect();
    }
    Ok((n, found))
}

pub fn epoll_create() -> Ret<Fd> {
    call!(libc::epoll_create1(0)).map(|n| n as Fd)
}

pub fn epoll_ctl(epoll: Fd, operation: c_int, fd: Fd, events: c_int, data: u64) -> Ret {
    let mut event = libc::epoll_event { events: events as u32, u64: data };
    call!(libc::epoll_ctl(epoll, operation, fd, &raw mut event)).map(drop)
}

/// (events, data) of each, in the order in which they came.
pub fn epoll_wait(epoll: Fd, max: usize, millis: c_int) -> Ret<Vec<(u32, u64)>> {
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; max];
    let n = call!(libc::epoll_wait(epoll, events.as_mut_ptr(), max as c_int, millis))?;
    Ok(events.iter().take(n as usize).map(|event| (event.events, event.u64)).collect())
}

/// As [`epoll_wait`], with no place for the events.
pub fn epoll_wait_nowhere(epoll: Fd, max: c_int, millis: c_int) -> Ret<i64> {
    call!(libc::epoll_wait(epoll, ptr::null_mut(), max, millis))
}

/// `fork()`: 0 in the child.
pub fn fork() -> Ret<c_int> {
    call!(libc::fork()).map(|n| n as c_int)
}

/// `_exit()`.
pub fn exit_now(code: c_int) -> ! {
    // SAFETY: ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code) }
}

/// The exit status of a child (128 + the signal if one ended it).
pub fn wait(pid: c_int) -> Ret<c_int> {
    let mut status = 0;
    call!(libc::waitpid(pid, &raw mut status, 0))?;
    Ok(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) })
}

pub fn if_nametoindex(name: &str) -> Ret<i64> {
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: a string that ends with NUL and lives until after the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Errno::last()),
        index => Ok(i64::from(index)),
    }
}

pub fn set_errno(value: c_int) {
    // SAFETY: the location is valid for the life of the thread.
    unsafe { *libc::__errno_location() = value };
}
