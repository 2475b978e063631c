//! sendmsg(2) and recvmsg(2), one or many, with their control messages.

mod control;
mod rights;

use crate::address;
use crate::hook;
use crate::netlink::{self, Reading};
use crate::socket::on;
use crate::table::host;
use crate::transfer::{count, send_on};
use crate::user::{self, InBytes, Message, Out};
use kernel::control_message::Writer;
use kernel::socket::SendControl;
use kernel::{Errno, Result, Socket, signal};
use libc::{MSG_CTRUNC, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_WAITFORONE, mmsghdr, msghdr, timespec};
use rights::{note_arrived, note_passed_on};
use std::ffi::{c_int, c_uint};
use std::time::{Duration, Instant};

/// The most messages of one sendmmsg or recvmmsg (UIO_MAXIOV).
const MOST: c_uint = 1024;

/// sendmsg(2). The host's may pass rump sockets on to other processes (SCM_RIGHTS).
pub fn sendmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> Option<Result<isize>> {
    let sent = on(fd, |socket| send_one(socket, message.parts()?, flags).map(count))
        .or_else(|| netlink::on(fd, |socket| netlink::sendmsg(socket, message.parts()?).map(count)));
    if sent.is_none() {
        note_passed_on(message);
    }
    sent
}

/// What is for the system calls of 32-bit programs alone.
fn refuse_compat(flags: c_int) -> Result<()> {
    const MSG_CMSG_COMPAT: c_int = c_int::MIN;
    if flags & MSG_CMSG_COMPAT != 0 { Err(Errno::INVAL) } else { Ok(()) }
}

fn send_one(socket: &Socket, message: Message, flags: c_int) -> Result<usize> {
    refuse_compat(flags)?;
    // Unlike to sendto(2), an address of no length is none.
    let name = if message.name_len == 0 { InBytes::null() } else { message.name.as_in() };
    let to = address::destination(socket, flags, name, message.name_len)?;
    let control = match socket.is_corked() {
        true => SendControl::default(),
        false => SendControl::read(socket, message.control.slice(message.control_len)?)?,
    };
    user::gather(message.vectors, message.count, |bufs| send_on(socket, bufs, flags, to, &control))
}

/// sendmmsg(2): an error counts only if it is the first message's.
pub fn sendmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int) -> Option<Result<c_int>> {
    let sent = on(fd, |socket| {
        let mut done = 0;
        for index in 0..len.min(MOST) {
            let sent = messages.header(index).parts().and_then(|message| send_one(socket, message, flags));
            match sent.and_then(|sent| messages.set_len(index, sent as u32)) {
                Ok(()) => done += 1,
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(done)
    })
    .or_else(|| netlink::on(fd, |socket| netlink::sendmmsg(socket, messages, len.min(MOST))));
    if sent.is_none() {
        (0..len.min(MOST)).for_each(|index| note_passed_on(messages.header(index)));
    }
    sent
}

/// recvmsg(2). The host's may bring descriptors (SCM_RIGHTS), rump sockets among them.
pub fn recvmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> isize {
    let mut reading = None;
    let ours = || {
        on(fd, |socket| receive_one(socket, message, flags).map(count)).or_else(|| {
            reading = Reading::of_message(fd, message);
            netlink::lost(fd)
        })
    };
    hook::asks(ours).unwrap_or_else(|| {
        hook::after(host::recvmsg(fd, message, flags), |result| {
            if let Ok(received) = usize::try_from(result) {
                note_arrived(message);
                reading.iter().for_each(|reading| reading.finish(received));
            }
        })
    })
}

/// Bytes that all control messages of a message together do not reach.
const LONGEST_CONTROL: usize = 512;

fn receive_one(socket: &Socket, header: Out<msghdr>, flags: c_int) -> Result<usize> {
    refuse_compat(flags)?;
    let message = header.parts()?;
    let received = user::scatter(message.vectors, message.count, |bufs| socket.recv(bufs, flags))?;
    let name_len = match received.from {
        Some(from) if !message.name.is_null() => address::write(from, message.name, message.name_len as usize)?,
        _ => 0,
    };
    let mut little = [0; LONGEST_CONTROL];
    let mut much = Vec::new();
    let space = match received.header_options.len() {
        0 => &mut little[..],
        // Each may be told twice, as RFC 2292 and as RFC 3542 have it, one header a message.
        len => {
            much.resize(LONGEST_CONTROL + 8 * len, 0);
            &mut much[..]
        }
    };
    let room = message.control_len.min(space.len());
    let mut control = Writer::new(&mut space[..room]);
    control::write(socket, &received, flags, &mut control);
    let truncated = if control.truncated() { MSG_CTRUNC } else { 0 };
    // As Linux, where they cannot be written the message has come without them.
    let control_len = control.used();
    let control_len = message.control.put(&space[..control_len]).map_or(0, |()| control_len);
    header.finish(name_len, control_len, received.flags | truncated | (flags & libc::MSG_CMSG_CLOEXEC))?;
    Ok(received.len)
}

/// recvmmsg(2). The timeout is looked at after each message only, as on Linux (its BUGS section).
pub fn recvmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int, timeout: Out<timespec>) -> c_int {
    let mut readings = Vec::new();
    let ours = || {
        on(fd, |socket| receive_many(socket, messages, len.min(MOST), flags, timeout)).or_else(|| {
            let reading = |index| Reading::of_message(fd, messages.header(index));
            readings = (0..len.min(MOST)).map_while(reading).collect();
            netlink::lost(fd)
        })
    };
    hook::asks(ours).unwrap_or_else(|| {
        hook::after(host::recvmmsg(fd, messages, len, flags, timeout), |result| {
            let come = c_uint::try_from(result).unwrap_or(0);
            (0..come).for_each(|index| note_arrived(messages.header(index)));
            for (index, reading) in (0..come).zip(&readings) {
                reading.finish(messages.message_len(index).map_or(0, |len| len as usize));
            }
        })
    })
}

fn receive_many(
    socket: &Socket,
    messages: Out<mmsghdr>,
    len: c_uint,
    flags: c_int,
    timeout: Out<timespec>,
) -> Result<c_int> {
    let deadline = match timeout.is_null() {
        true => None,
        false => Instant::now().checked_add(duration(timeout.get()?)?),
    };
    // Linux does so of streams, too.
    if flags & MSG_ERRQUEUE == 0 {
        socket.take_pending()?;
    }
    let mut done = 0;
    for index in 0..len {
        let waiting = if done > 0 && flags & MSG_WAITFORONE != 0 { MSG_DONTWAIT } else { 0 };
        let received = receive_one(socket, messages.header(index), (flags & !MSG_WAITFORONE) | waiting);
        match received.and_then(|received| messages.set_len(index, received as u32)) {
            Ok(()) => done += 1,
            Err(errno) if done == 0 => return Err(errno),
            Err(errno) => {
                // What the network said is for the next call.
                if !matches!(errno, Errno::AGAIN | Errno::INTR | signal::RESTART | Errno::FAULT) {
                    socket.leave_error(errno);
                }
                break;
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
    }
    Ok(done)
}

/// A C interval. EINVAL for one that no clock shows.
pub fn duration(time: timespec) -> Result<Duration> {
    match (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
        (Ok(seconds), Ok(nanos @ 0..=999_999_999)) => Ok(Duration::new(seconds, nanos)),
        _ => Err(Errno::INVAL),
    }
}
