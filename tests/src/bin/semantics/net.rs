//! Sockets in the states that cases begin in. They panic where the setting up fails: the case then shows as ended by a signal.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use libc::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM};

use crate::errno::Errno;
use crate::sys::{self, Fd, Ret};

/// 127.0.0.1 and this port.
pub fn here(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

/// `struct sockaddr_in6` of ::1 and this port.
pub fn here6(port: u16) -> Vec<u8> {
    sockaddr6(Ipv6Addr::LOCALHOST, port)
}

/// The same of 127.0.0.1, as sockets of IPv6 have it.
pub fn here_mapped(port: u16) -> Vec<u8> {
    sockaddr6(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port)
}

fn sockaddr6(addr: Ipv6Addr, port: u16) -> Vec<u8> {
    let family = (AF_INET6 as u16).to_ne_bytes();
    [&family[..], &port.to_be_bytes(), &[0; 4], &addr.octets(), &[0; 4]].concat()
}

/// A value that setting up needs.
pub fn must<T>(what: &str, value: Ret<T>) -> T {
    value.unwrap_or_else(|errno: Errno| panic!("setting up: {what}: {errno}"))
}

/// A new TCP socket.
pub fn tcp() -> Fd {
    must("socket", sys::socket(AF_INET, SOCK_STREAM, 0))
}

/// A new UDP socket.
pub fn udp() -> Fd {
    must("socket", sys::socket(AF_INET, SOCK_DGRAM, 0))
}

/// A UDP socket bound to 127.0.0.1, and where.
pub fn bound_udp() -> (Fd, SocketAddrV4) {
    let fd = udp();
    must("bind", sys::bind(fd, here(0)));
    (fd, must("getsockname", sys::getsockname(fd)))
}

/// A listener on 127.0.0.1, and where.
pub fn listener(backlog: i32) -> (Fd, SocketAddrV4) {
    let fd = tcp();
    must("bind", sys::bind(fd, here(0)));
    must("listen", sys::listen(fd, backlog));
    (fd, must("getsockname", sys::getsockname(fd)))
}

/// A TCP socket connected to `to`.
pub fn connected(to: SocketAddrV4) -> Fd {
    let fd = tcp();
    must("connect", sys::connect(fd, to));
    fd
}

/// A connection: the connecting end, the accepted end. The listener is closed.
pub fn pair() -> (Fd, Fd) {
    let (listener, at) = listener(8);
    let client = connected(at);
    let (server, _) = must("accept", sys::accept(listener));
    must("close", sys::close(listener));
    (client, server)
}

/// Two UDP sockets that are connected to each other.
pub fn udp_pair() -> (Fd, Fd) {
    let ((a, at_a), (b, at_b)) = (bound_udp(), bound_udp());
    must("connect", sys::connect(a, at_b));
    must("connect", sys::connect(b, at_a));
    (a, b)
}

/// A port of 127.0.0.1 on which nothing listens.
pub fn free_port() -> SocketAddrV4 {
    let fd = tcp();
    must("bind", sys::bind(fd, here(0)));
    let at = must("getsockname", sys::getsockname(fd));
    must("close", sys::close(fd));
    at
}

/// Sets O_NONBLOCK.
pub fn nonblocking(fd: Fd) {
    must("fcntl", sys::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK));
}

/// `size` bytes that tell a shifted or doubled piece.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// All that comes until the end, or until nothing comes.
pub fn receive_all(fd: sys::Fd, room: usize) -> Vec<u8> {
    let mut got = Vec::new();
    while let Ok(bytes) = sys::recv(fd, room, 0) {
        if bytes.is_empty() {
            break;
        }
        got.extend(bytes);
    }
    got
}

/// Asks again and again until there is an answer or the time is over.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        match ask() {
            None if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
            answer => return answer,
        }
    }
}

/// Waits until `poll` shows all of `events`. (Loopback is not instantaneous on either kernel.)
pub fn settle(fd: Fd, events: i16) {
    let seen = within(Duration::from_secs(3), || match sys::poll(&[(fd, events)], 0) {
        Ok((_, got)) if got[0] & events == events => Some(()),
        _ => None,
    });
    assert!(seen.is_some(), "setting up: the awaited readiness {events:#x} never came");
}

/// The limit of what counts as late, in milliseconds. Shorter than any case here would wait in vain.
const LATE: u64 = 1500;

/// Does something that waits `least` milliseconds for nothing: what came out, and whether it took that time.
pub fn timed<T>(least: u64, f: impl FnOnce() -> T) -> (T, bool) {
    let start = Instant::now();
    let (value, in_time) = at_most(least + LATE, f);
    // A timer may be a millisecond early by rounding.
    (value, in_time && start.elapsed() + Duration::from_millis(2) >= Duration::from_millis(least))
}

/// Does something that [`later`] ends: what came out, and whether it did not wait for a time limit of its own. How long it
/// waited is not to be told: the other thread's time began before.
pub fn woken<T>(f: impl FnOnce() -> T) -> (T, bool) {
    at_most(LATE, f)
}

/// Does something: what came out, and whether it took no more than `millis`. The time is counted by a thread that does nothing
/// else, so that it stands still when the whole machine does.
fn at_most<T>(millis: u64, f: impl FnOnce() -> T) -> (T, bool) {
    const TICK: u64 = 10;
    static TICKS: AtomicU64 = AtomicU64::new(0);
    static COUNT: Once = Once::new();
    COUNT.call_once(|| {
        thread::spawn(|| {
            sys::block_alarm();
            loop {
                thread::sleep(Duration::from_millis(TICK));
                TICKS.fetch_add(1, Relaxed);
            }
        });
    });
    let start = TICKS.load(Relaxed);
    let value = f();
    (value, (TICKS.load(Relaxed) - start) * TICK <= millis)
}

/// Runs `f` in another thread after `millis`, when the calling thread has long blocked.
pub fn later<T: Send + 'static>(millis: u64, f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(millis));
        f()
    })
}
