//! Bytes in and out: send(2), recv(2), read(2), write(2) and their kin.

use crate::address;
use crate::hook;
use crate::netlink::{self, Reading};
use crate::real;
use crate::socket::on;
use crate::splice;
use crate::table::host;
use crate::user::{self, ADDRESSES, In, InBytes, MAX_RW_COUNT, Out, OutBytes};
use kernel::socket::{Name, Received, SendControl};
use kernel::{Errno, Result, Socket, signal};
use libc::{MSG_NOSIGNAL, SOCK_STREAM, iovec, socklen_t};
use rustix::fs::{FileType, Mode, OFlags, SeekFrom, fstat, open, seek};
use rustix::io::pread;
use std::ffi::c_int;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

type Count = Option<Result<isize>>;

/// A count of bytes as C gives it back.
pub fn count(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

/// Sends, and raises SIGPIPE where Linux does: on a stream that is closed for sending, unless MSG_NOSIGNAL.
pub fn send_on(
    socket: &Socket,
    bufs: &[IoSlice<'_>],
    flags: c_int,
    to: Option<Name>,
    control: &SendControl,
) -> Result<usize> {
    let sent = socket.send(bufs, flags, to, control);
    if sent == Err(Errno::PIPE) && flags & MSG_NOSIGNAL == 0 && socket.kind() == SOCK_STREAM {
        signal::raise(libc::SIGPIPE);
    }
    sent
}

fn send_bytes(socket: &Socket, buf: InBytes, len: usize, flags: c_int, to: Option<Name>) -> Result<usize> {
    send_on(socket, &[IoSlice::new(buf.unseen(len.min(MAX_RW_COUNT))?)], flags, to, &SendControl::default())
}

fn recv_on(socket: &Socket, buf: OutBytes, len: usize, flags: c_int) -> Result<Received> {
    socket.recv(&mut [IoSliceMut::new(buf.unseen(len.min(MAX_RW_COUNT))?)], flags)
}

/// send(2).
pub fn send(fd: c_int, buf: InBytes, len: usize, flags: c_int) -> Count {
    on(fd, |socket| send_bytes(socket, buf, len, flags, None).map(count))
        .or_else(|| netlink::sendto(fd, buf, len, InBytes::null(), 0))
}

/// sendto(2).
pub fn sendto(fd: c_int, buf: InBytes, len: usize, flags: c_int, name: InBytes, name_len: socklen_t) -> Count {
    on(fd, |socket| {
        let to = address::destination(socket, flags, name, name_len)?;
        send_bytes(socket, buf, len, flags, to).map(count)
    })
    .or_else(|| netlink::sendto(fd, buf, len, name, name_len))
}

/// recv(2).
pub fn recv(fd: c_int, buf: OutBytes, len: usize, flags: c_int) -> Count {
    on(fd, |socket| recv_on(socket, buf, len, flags).map(|received| count(received.len))).or_else(|| netlink::lost(fd))
}

/// recvfrom(2).
pub fn recvfrom(fd: c_int, buf: OutBytes, len: usize, flags: c_int, name: OutBytes, name_len: Out<socklen_t>) -> isize {
    let mut reading = None;
    let ours = || {
        let received = on(fd, |socket| {
            let received = recv_on(socket, buf, len, flags)?;
            address::give(received.from, name, name_len)?;
            Ok(count(received.len))
        });
        received.or_else(|| {
            reading = Reading::of_call(fd, buf, len, name, name_len);
            netlink::lost(fd)
        })
    };
    if let Some(received) = hook::asks(ours) {
        return received;
    }
    let received = host::recvfrom(fd, buf, len, flags, name, name_len);
    match (reading, usize::try_from(received)) {
        (Some(reading), Ok(len)) => hook::after(received, |_| reading.finish(len)),
        _ => received,
    }
}

/// read(2). Linux answers a read of nothing without asking the socket.
pub fn read(fd: c_int, buf: OutBytes, len: usize) -> Count {
    on(fd, |socket| match len {
        0 => Ok(0),
        ADDRESSES.. => Err(Errno::FAULT),
        _ => recv_on(socket, buf, len, 0).map(|received| count(received.len)),
    })
    .or_else(|| if len > 0 { netlink::lost(fd) } else { None })
}

/// write(2).
pub fn write(fd: c_int, buf: InBytes, len: usize) -> Count {
    match len {
        ADDRESSES.. => on(fd, |_| Err(Errno::FAULT)),
        _ => send(fd, buf, len, 0),
    }
}

/// readv(2).
pub fn readv(fd: c_int, vectors: In<iovec>, vector_count: c_int) -> Count {
    on(fd, |socket| {
        user::scatter(vectors, vector_len(vector_count)?, |bufs| match bufs.iter().all(|buf| buf.is_empty()) {
            true => Ok(0),
            false => socket.recv(bufs, 0).map(|received| count(received.len)),
        })
    })
    .or_else(|| netlink::lost(fd))
}

/// writev(2).
pub fn writev(fd: c_int, vectors: In<iovec>, vector_count: c_int) -> Count {
    on(fd, |socket| {
        user::gather(vectors, vector_len(vector_count)?, |bufs| {
            send_on(socket, bufs, 0, None, &SendControl::default()).map(count)
        })
    })
    .or_else(|| netlink::writev(fd, vectors, vector_count))
}

/// preadv2(2): at offset -1 it is readv, which sockets can do. (The other positioned calls need no row: the host says ESPIPE.)
pub fn preadv2(fd: c_int, vectors: In<iovec>, vector_count: c_int, offset: i64, flags: c_int) -> Count {
    positioned(fd, offset, flags).unwrap_or_else(|| readv(fd, vectors, vector_count))
}

/// pwritev2(2): as preadv2.
pub fn pwritev2(fd: c_int, vectors: In<iovec>, vector_count: c_int, offset: i64, flags: c_int) -> Count {
    positioned(fd, offset, flags).unwrap_or_else(|| writev(fd, vectors, vector_count))
}

/// What preadv2 and pwritev2 refuse: an offset, and flags that Linux does not know.
fn positioned(fd: c_int, offset: i64, flags: c_int) -> Option<Count> {
    /// RWF_HIPRI to RWF_NOAPPEND.
    const KNOWN: c_int = 0x3f;
    match offset {
        -1 if flags & !KNOWN == 0 => None,
        -1 => Some(on(fd, |_| Err(Errno::OPNOTSUPP))),
        _ => Some(on(fd, |_| Err(Errno::SPIPE))),
    }
}

/// How many buffers there are. Errors: EINVAL.
pub fn vector_len(count: c_int) -> Result<usize> {
    usize::try_from(count).map_err(|_| Errno::INVAL)
}

/// A fortified call whose buffer is too small is left to the host's, which ends the program with its message.
fn fits(len: usize, space: usize) -> Option<()> {
    (len <= space).then_some(())
}

/// read(2), fortified.
pub fn read_chk(fd: c_int, buf: OutBytes, len: usize, space: usize) -> Count {
    fits(len, space).and_then(|()| read(fd, buf, len))
}

/// recv(2), fortified.
pub fn recv_chk(fd: c_int, buf: OutBytes, len: usize, space: usize, flags: c_int) -> Count {
    fits(len, space).and_then(|()| recv(fd, buf, len, flags))
}

/// recvfrom(2), fortified.
pub fn recvfrom_chk(
    fd: c_int,
    buf: OutBytes,
    len: usize,
    space: usize,
    flags: c_int,
    name: OutBytes,
    name_len: Out<socklen_t>,
) -> isize {
    match fits(len, space) {
        Some(()) => recvfrom(fd, buf, len, flags, name, name_len),
        None => host::__recvfrom_chk(fd, buf, len, space, flags, name, name_len),
    }
}

/// Bytes that sendfile moves at a time.
const CHUNK: usize = 64 * 1024;

/// sendfile(2). Onto a rump socket it is a loop of positioned reads, so that what was not sent stays unread.
pub fn sendfile(to: c_int, from: c_int, offset: Out<i64>, len: usize) -> Count {
    if let Some(spliced) = on(from, |socket| splice::sendfile(socket, to, offset, len).map(count)) {
        return Some(spliced);
    }
    on(to, |socket| {
        let start = if offset.is_null() { position(from)? } else { offset.get()? };
        check_file(real::borrowed(from)?).map_err(|errno| match errno {
            // Only an offset is too much for it.
            Errno::SPIPE if offset.is_null() => Errno::INVAL,
            errno => errno,
        })?;
        let mut sent = 0;
        let outcome = copy_file(socket, from, start, len.min(MAX_RW_COUNT), &mut sent);
        let end = start + count(sent) as i64;
        if offset.is_null() {
            seek(real::borrowed(from)?, SeekFrom::Start(end.cast_unsigned()))?;
        } else {
            offset.set(end)?;
        }
        if sent > 0 { Ok(count(sent)) } else { outcome.map(|()| 0) }
    })
}

/// Where the file stands. Pipes and sockets have no position: EINVAL, as for everything that cannot be mapped.
fn position(file: c_int) -> Result<i64> {
    match seek(real::borrowed(file)?, SeekFrom::Current(0)) {
        Ok(at) => Ok(at.cast_signed()),
        Err(Errno::SPIPE) => Err(Errno::INVAL),
        Err(errno) => Err(errno),
    }
}

/// What the host says of sendfile(2) from a file of which nothing else tells: of a directory and of most of /proc it refuses.
fn check_file(file: BorrowedFd<'_>) -> Result<()> {
    let status = fstat(file)?;
    if status.st_size > 0 && FileType::from_raw_mode(status.st_mode) == FileType::RegularFile {
        return Ok(());
    }
    let Ok(nowhere) = open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) else { return Ok(()) };
    rustix::fs::sendfile(nowhere, file, Some(&mut 0), 1).map(drop)
}

/// Sends up to `len` bytes of `file` from `start` on. How far it came goes to `sent`, also where it failed.
fn copy_file(socket: &Socket, file: c_int, start: i64, len: usize, sent: &mut usize) -> Result<()> {
    let file = real::borrowed(file)?;
    let mut chunk = vec![0; len.min(CHUNK)];
    while *sent < len {
        let want = (len - *sent).min(chunk.len());
        let got = pread(file, &mut chunk[..want], start.cast_unsigned() + *sent as u64)?;
        if got == 0 {
            break;
        }
        *sent += send_on(socket, &[IoSlice::new(&chunk[..got])], 0, None, &SendControl::default())?;
    }
    Ok(())
}
