//! splice(2) between a pipe and a rump socket, by copying: there are no pages to move. Nothing is taken from one side that
//! the other cannot have.

use crate::real;
use crate::socket::lookup;
use crate::transfer::{count, send_on};
use crate::user::Out;
use kernel::signal::{Handlers, cancel};
use kernel::socket::SendControl;
use kernel::{Errno, Result, Socket, signal};
use libc::{MSG_DONTWAIT, MSG_MORE, MSG_PEEK, SOCK_STREAM, SPLICE_F_MORE, SPLICE_F_NONBLOCK};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::{ReadWriteFlags, ioctl_fionread, preadv2};
use std::ffi::c_int;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// Bytes of one call: a pipe's usual capacity.
const MOST: usize = 64 * 1024;

/// Those that Linux knows: SPLICE_F_MOVE, NONBLOCK, MORE, GIFT.
const FLAGS: u32 = 0xf;

/// splice(2).
pub fn splice(
    from: c_int,
    from_offset: Out<i64>,
    to: c_int,
    to_offset: Out<i64>,
    len: usize,
    flags: u32,
) -> Option<Result<isize>> {
    let moved = match (lookup(from), lookup(to)) {
        (None, None) => return None,
        _ if len == 0 => Ok(0),
        _ if flags & !FLAGS != 0 => Err(Errno::INVAL),
        (Some(_), Some(_)) => Err(Errno::INVAL),
        (Some(socket), None) => {
            socket.and_then(|socket| to_pipe(&socket, pipe(to, End::Write, to_offset, from_offset)?, len, flags))
        }
        (None, Some(socket)) => {
            socket.and_then(|socket| from_pipe(to, &socket, pipe(from, End::Read, from_offset, to_offset)?, len, flags))
        }
    };
    Some(moved.map(count))
}

/// sendfile(2) from a rump socket, which has no offsets: as splice(2), and only into a pipe.
pub fn sendfile(socket: &Socket, to: c_int, offset: Out<i64>, len: usize) -> Result<usize> {
    if !offset.is_null() {
        return Err(Errno::SPIPE);
    }
    to_pipe(socket, pipe(to, End::Write, offset, offset)?, len, 0)
}

/// What a call does with the pipe.
enum End {
    Read,
    Write,
}

/// The other side, which must be a pipe's end of this kind. Neither has offsets.
fn pipe(fd: c_int, end: End, offset: Out<i64>, socket_offset: Out<i64>) -> Result<BorrowedFd<'static>> {
    let fd = real::borrowed(fd)?;
    let is_pipe = FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::Fifo;
    if is_pipe && !offset.is_null() {
        return Err(Errno::SPIPE);
    }
    let other_end = match end {
        End::Read => OFlags::WRONLY,
        End::Write => OFlags::RDONLY,
    };
    if fcntl_getfl(fd)? & OFlags::ACCMODE == other_end {
        return Err(Errno::BADF);
    }
    if !is_pipe || !socket_offset.is_null() {
        return Err(Errno::INVAL);
    }
    Ok(fd)
}

fn to_pipe(socket: &Socket, pipe: BorrowedFd<'_>, len: usize, flags: u32) -> Result<usize> {
    let mut chunk = vec![0; len.min(MOST)];
    if chunk.is_empty() {
        return Ok(0);
    }
    ready(pipe, PollFlags::OUT, flags)?;
    let got = socket.recv(&mut [IoSliceMut::new(&mut chunk)], MSG_PEEK)?.len;
    let room = rustix::pipe::fcntl_getpipe_size(pipe)?.saturating_sub(ioctl_fionread(pipe)? as usize);
    let got = got.min(room);
    let written = signal::around_sleep(Handlers::InSleep, None, || rustix::io::write(pipe, &chunk[..got]))?;
    socket.recv(&mut [IoSliceMut::new(&mut chunk[..written])], MSG_DONTWAIT)?;
    Ok(written)
}

/// Takes from the pipe what the socket has room for, to which it cannot go back, until it has moved `len` bytes or the pipe is empty.
fn from_pipe(fd: c_int, socket: &Socket, pipe: BorrowedFd<'_>, len: usize, flags: u32) -> Result<usize> {
    let mut moved = 0;
    while moved < len {
        // Only the first bytes are waited for.
        let patience = if moved == 0 { flags } else { SPLICE_F_NONBLOCK };
        let some = match ready(pipe, PollFlags::IN, patience) {
            Ok(events) if events.contains(PollFlags::IN) => move_some(fd, socket, pipe, len - moved, flags),
            Ok(_) => break, // its writers are gone
            Err(errno) => Err(errno),
        };
        match some {
            Ok(Some(n)) => moved += n,
            // Another reader has emptied it while the socket had no room.
            Ok(None) => {}
            Err(errno) if moved == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(moved)
}

/// `None`: the pipe is empty.
fn move_some(fd: c_int, socket: &Socket, pipe: BorrowedFd<'_>, len: usize, flags: u32) -> Result<Option<usize>> {
    let mut chunk = vec![0; len.min(MOST).min(room(fd, socket)?)];
    let got = match read_now(pipe, &mut chunk) {
        Err(Errno::AGAIN) => return Ok(None),
        got => got?,
    };
    let more = if flags & SPLICE_F_MORE != 0 { MSG_MORE } else { 0 };
    let mut sent = 0;
    while sent < got {
        match send_on(socket, &[IoSlice::new(&chunk[sent..got])], more, None, &SendControl::default()) {
            Ok(n) => sent += n,
            Err(_) if cancel::interrupted() => return Err(Errno::INTR),
            // Another thread has taken the room. What has left the pipe is not lost for a signal.
            Err(Errno::INTR | signal::RESTART) => signal::run_waiting(),
            Err(Errno::AGAIN) => {
                let mut room = [libc::pollfd { fd, events: libc::POLLOUT, revents: 0 }];
                let _ = kernel::poll::poll(&mut room, None, None);
                signal::run_waiting();
            }
            Err(errno) if sent == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(Some(sent))
}

/// Reads what is there, also from a pipe that blocks; where the host is too old to know how, what another reader takes is waited for.
fn read_now(pipe: BorrowedFd<'_>, into: &mut [u8]) -> Result<usize> {
    const HERE: u64 = u64::MAX;
    match preadv2(pipe, &mut [IoSliceMut::new(into)], HERE, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP) => signal::around_sleep(Handlers::InSleep, None, || rustix::io::read(pipe, into)),
        read => read,
    }
}

/// Waits until the pipe has bytes (IN) or room (OUT), and says what it found. EAGAIN for who does not want to wait. A thread that slept in
/// the read or write itself could not be cancelled.
fn ready(pipe: BorrowedFd<'_>, event: PollFlags, flags: u32) -> Result<PollFlags> {
    let mut now = [PollFd::from_borrowed_fd(pipe, event)];
    if poll(&mut now, Some(&Timespec::default()))? > 0 {
        return Ok(now[0].revents());
    }
    if flags & SPLICE_F_NONBLOCK != 0 || fcntl_getfl(pipe)?.contains(OFlags::NONBLOCK) {
        return Err(Errno::AGAIN);
    }
    kernel::wait::until_ready(pipe, event)
}

/// Why the socket takes no bytes, whatever they are.
fn refusal(socket: &Socket) -> Result<()> {
    match socket.kind() {
        SOCK_STREAM => send_on(socket, &[], 0, None, &SendControl::default()).map(drop),
        _ => socket.check_datagrams(),
    }
}

/// Bytes that a send takes without waiting; waits for some if the program does not mind, and says why there will be none.
fn room(fd: c_int, socket: &Socket) -> Result<usize> {
    loop {
        refusal(socket)?;
        if socket.kind() == SOCK_STREAM {
            match socket.send_room()? {
                0 => {}
                bytes => return Ok(bytes),
            }
        } else if socket.nonblocking() && !writable(fd) {
            return Err(Errno::AGAIN);
        } else {
            return Ok(MOST);
        }
    }
}

/// Whether a datagram would leave without waiting.
fn writable(fd: c_int) -> bool {
    let mut room = [libc::pollfd { fd, events: libc::POLLOUT, revents: 0 }];
    kernel::poll::poll(&mut room, Some(Instant::now()), None).is_ok_and(|ready| ready > 0)
}
