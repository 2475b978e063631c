//! Signals: EINTR, SA_RESTART, SIGPIPE, handlers that use sockets.

use std::sync::atomic::{AtomicI32, Ordering};

use libc::{EPOLL_CTL_ADD, EPOLLIN, MSG_NOSIGNAL, POLLIN, SA_RESTART, SIGALRM, SIGPIPE, SIGUSR1};

use crate::Case;
use crate::net::{bound_udp, connected, later, listener, must, pair, settle, woken};
use crate::report::{Report, made};
use crate::sys;

pub const CASES: &[Case] = &[
    ("signal.recv_interrupted", recv_interrupted),
    ("signal.recv_restarted", recv_restarted),
    ("signal.recv_with_timeout", recv_with_timeout),
    ("signal.recv_partial", recv_partial),
    ("signal.recv_partial_not_restarted", recv_partial_not_restarted),
    ("signal.send_partial_not_restarted", send_partial_not_restarted),
    ("signal.datagram_interrupted", datagram_interrupted),
    ("signal.accept_interrupted", accept_interrupted),
    ("signal.accept_restarted", accept_restarted),
    ("signal.connect_interrupted", connect_interrupted),
    ("signal.send_interrupted", send_interrupted),
    ("signal.waits_interrupted", waits_interrupted),
    ("signal.storm", storm),
    ("signal.another_thread", another_thread),
    ("signal.pipe", pipe),
    ("signal.pipe_default", pipe_default),
    ("signal.handler_sends", handler_sends),
    ("signal.handler_reads", handler_reads),
    ("signal.busy_traffic", busy_traffic),
];

static COUNT: AtomicI32 = AtomicI32::new(0);
static SOCKET: AtomicI32 = AtomicI32::new(-1);

extern "C" fn count(_: i32) {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn send_on_socket(_: i32) {
    let _ = sys::send(SOCKET.load(Ordering::Relaxed), b"from the handler", MSG_NOSIGNAL);
}

extern "C" fn read_socket(_: i32) {
    if sys::recv(SOCKET.load(Ordering::Relaxed), 64, libc::MSG_DONTWAIT).is_ok() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted() -> i32 {
    COUNT.load(Ordering::Relaxed)
}

/// One SIGALRM in 100 ms, with or without SA_RESTART.
fn alarm(flags: i32) {
    must("sigaction", sys::handle(SIGALRM, count, flags));
    must("setitimer", sys::alarm(100, 0));
}

/// A thread that is not to be interrupted runs `f` after `millis`.
fn undisturbed<T: Send + 'static>(millis: u64, f: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
    std::thread::spawn(move || {
        sys::block_alarm();
        std::thread::sleep(std::time::Duration::from_millis(millis));
        f()
    })
}

fn recv_interrupted(r: &mut Report) {
    let (a, b) = pair();
    alarm(0);
    let (result, in_time) = woken(|| sys::recv(a, 4, 0));
    r.see("recv", result);
    r.see("in time", in_time);
    r.see("handled", counted());
    must("send", sys::send(b, b"later", 0));
    r.see("the socket still works", sys::recv(a, 8, 0));
    alarm(0);
    r.see("read", sys::read(a, 4));
}

fn recv_restarted(r: &mut Report) {
    let (a, b) = pair();
    let sender = undisturbed(250, move || sys::send(b, b"after", 0));
    alarm(SA_RESTART);
    r.see("recv", sys::recv(a, 8, 0));
    r.see("handled meanwhile", counted());
    drop(sender.join());
}

fn recv_with_timeout(r: &mut Report) {
    // signal(7): a socket with a timeout is not restarted, SA_RESTART or not.
    let (a, _b) = pair();
    must("timeout", sys::set_timeout(a, libc::SO_RCVTIMEO, 2000));
    alarm(SA_RESTART);
    let (result, in_time) = woken(|| sys::recv(a, 8, 0));
    r.see("recv", result);
    r.see("in time", in_time);
}

fn recv_partial(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(b, b"part", 0));
    alarm(0);
    r.see("MSG_WAITALL cut short", sys::recv(a, 100, libc::MSG_WAITALL));
    r.see("handled", counted());
}

fn recv_partial_not_restarted(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(b, b"part", 0));
    let sender = undisturbed(250, move || sys::send(b, b"rest", 0));
    alarm(SA_RESTART);
    r.see("MSG_WAITALL ends with what it has", sys::recv(a, 8, libc::MSG_WAITALL));
    r.see("handled", counted());
    r.see("the other send", sender.join().expect("joined"));
}

fn send_partial_not_restarted(r: &mut Report) {
    let (a, b) = pair();
    let all = vec![0; 32 << 20];
    let reader = undisturbed(250, move || while sys::recv(b, 1 << 20, 0).is_ok_and(|bytes| !bytes.is_empty()) {});
    alarm(SA_RESTART);
    r.see("send ends with what has gone", sys::send(a, &all, 0).map(|sent| sent > 0 && (sent as usize) < all.len()));
    r.see("handled", counted());
    must("close", sys::close(a));
    reader.join().expect("joined");
}

fn datagram_interrupted(r: &mut Report) {
    let (fd, _) = bound_udp();
    alarm(0);
    r.see("recvfrom", sys::recvfrom(fd, 8, 0).map(|(bytes, _)| bytes));
    r.see("handled", counted());
}

fn accept_interrupted(r: &mut Report) {
    let (fd, _) = listener(4);
    alarm(0);
    r.see("accept", made(sys::accept(fd).map(|(fd, _)| fd)));
    r.see("handled", counted());
}

fn accept_restarted(r: &mut Report) {
    let (fd, at) = listener(4);
    let client = undisturbed(250, move || connected(at));
    alarm(SA_RESTART);
    r.see("accept", made(sys::accept(fd).map(|(fd, _)| fd)));
    r.see("handled meanwhile", counted());
    drop(client.join());
}

fn connect_interrupted(r: &mut Report) {
    let (_fd, at) = listener(0);
    let _first = connected(at);
    let fd = crate::net::tcp();
    alarm(0);
    r.see("connect to a full queue", sys::connect(fd, at));
    r.see("handled", counted());
    let mut flags = must("fcntl", sys::fcntl(fd, libc::F_GETFL, 0));
    flags |= libc::O_NONBLOCK;
    must("fcntl", sys::fcntl(fd, libc::F_SETFL, flags));
    r.see("it goes on in the background", sys::connect(fd, at));
}

fn send_interrupted(r: &mut Report) {
    let (a, _b) = pair();
    // Made first: on a busy machine it may take longer than the alarm.
    let data = vec![1; 64 << 20];
    alarm(0);
    let sent = sys::send(a, &data, 0);
    r.see("a large send is cut short", sent.map(|n| n > 0 && n < data.len() as i64));
    r.see("handled", counted());
    // Full only if it stays so: the last of the peer's window is used by a probe, after 200 ms.
    let takes_more = || sys::send(a, &data, libc::MSG_DONTWAIT).is_ok();
    while takes_more() || sys::poll(&[(a, libc::POLLOUT)], 400).is_ok_and(|(n, _)| n == 1) || takes_more() {}
    alarm(0);
    r.see("a send into a full buffer", sys::send(a, &data, 0));
}

fn waits_interrupted(r: &mut Report) {
    let (a, _b) = pair();
    // signal(7): these are never restarted.
    alarm(SA_RESTART);
    r.see("poll", sys::poll(&[(a, POLLIN)], 3000));
    alarm(SA_RESTART);
    r.see("ppoll", sys::ppoll(&[(a, POLLIN)], 3000));
    alarm(SA_RESTART);
    r.see("select", sys::select(&[a], &[], &[], 3000).map(|(n, _)| n));
    let epoll = must("epoll", sys::epoll_create());
    must("add", sys::epoll_ctl(epoll, EPOLL_CTL_ADD, a, EPOLLIN, 1));
    alarm(SA_RESTART);
    r.see("epoll_wait", sys::epoll_wait(epoll, 4, 3000));
    r.see("handled", counted());
}

fn storm(r: &mut Report) {
    // Every blocking recv must end by its signal, however the two race.
    let (a, _b) = pair();
    must("sigaction", sys::handle(SIGALRM, count, 0));
    must("setitimer", sys::alarm(1, 1));
    let interrupted = (0..300).filter(|_| sys::recv(a, 4, 0).is_err_and(|errno| errno.0 == libc::EINTR)).count();
    must("setitimer", sys::alarm(0, 0));
    r.see("interrupted", interrupted);
}

fn another_thread(r: &mut Report) {
    let (a, _b) = pair();
    must("sigaction", sys::handle(SIGUSR1, count, 0));
    let me = sys::this_thread();
    let other = later(100, move || sys::interrupt(me));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("handled", counted());
    drop(other.join());
}

fn broken_pair() -> sys::Fd {
    let (a, b) = pair();
    must("linger", sys::set_linger(b, true, 0));
    must("close", sys::close(b));
    settle(a, libc::POLLERR);
    let _ = sys::get_option(a, libc::SOL_SOCKET, libc::SO_ERROR);
    a
}

fn pipe(r: &mut Report) {
    let a = broken_pair();
    must("sigaction", sys::handle(SIGPIPE, count, 0));
    r.see("send", sys::send(a, b"x", 0));
    r.see("signals", counted());
    r.see("write", sys::write(a, b"x"));
    r.see("signals", counted());
    r.see("writev", sys::writev(a, &[b"x"]));
    r.see("signals", counted());
    r.see("send with MSG_NOSIGNAL", sys::send(a, b"x", MSG_NOSIGNAL));
    r.see("sendmsg with MSG_NOSIGNAL", sys::sendmsg(a, &[b"x"], MSG_NOSIGNAL, None));
    r.see("signals", counted());
}

fn pipe_default(r: &mut Report) {
    let a = broken_pair();
    r.see("the default action ends the process", "by signal 13");
    sys::default_sigpipe();
    r.see("send", sys::send(a, b"x", 0));
}

fn handler_sends(r: &mut Report) {
    let (a, b) = pair();
    SOCKET.store(b, Ordering::Relaxed);
    must("sigaction", sys::handle(SIGALRM, send_on_socket, SA_RESTART));
    must("setitimer", sys::alarm(100, 0));
    r.see("recv what the handler sent", sys::recv(a, 32, 0));
}

fn handler_reads(r: &mut Report) {
    let (a, b) = pair();
    SOCKET.store(a, Ordering::Relaxed);
    must("send", sys::send(b, b"for the handler", 0));
    settle(a, POLLIN);
    must("sigaction", sys::handle(SIGALRM, read_socket, 0));
    must("setitimer", sys::alarm(100, 0));
    let (c, _d) = pair();
    r.see("recv elsewhere", sys::recv(c, 4, 0));
    r.see("the handler has read", counted());
}

fn busy_traffic(r: &mut Report) {
    // A timer of 1 ms while 30,000 bytes go by ones: no byte lost, doubled, or stuck.
    let (a, b) = pair();
    must("sigaction", sys::handle(SIGALRM, count, SA_RESTART));
    must("setitimer", sys::alarm(1, 1));
    let sender = std::thread::spawn(move || (0..30_000u32).all(|i| sys::send(a, &[i as u8], 0) == Ok(1)));
    let mut right = 0;
    while right < 30_000 {
        match sys::recv(b, 64, 0) {
            Ok(bytes) if !bytes.is_empty() && bytes.iter().enumerate().all(|(i, &byte)| byte == (right + i) as u8) => {
                right += bytes.len()
            }
            _ => break,
        }
    }
    must("setitimer", sys::alarm(0, 0));
    r.see("right bytes", right);
    r.see("sent", sender.join().expect("joined"));
    r.see("signals came", counted() > 0);
}
