//! poll, select and epoll over sockets of a kernel with its loopback.

use super::testing::{interrupt, own, watch_signal};
use super::*;
use crate::{Errno, Events, Socket, descriptor};
use libc::{AF_INET, EPOLL_CTL_ADD, EPOLL_CTL_MOD, POLLIN, POLLOUT, SOCK_DGRAM, SOCK_STREAM, pollfd};
use rustix::event::{EventfdFlags, eventfd};
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;

/// A socket and its descriptor.
struct Open {
    socket: Arc<Socket>,
    fd: RawFd,
}

impl Open {
    fn new(kind: i32) -> Open {
        let kernel = crate::current().expect("a kernel");
        Open::of(kernel.socket(AF_INET, kind, 0).expect("socket"))
    }

    fn of(socket: Arc<Socket>) -> Open {
        let fd = descriptor::install(&socket, descriptor::SocketFlags::CLOEXEC).expect("descriptor");
        Open { socket, fd }
    }

    fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.socket.send(&[IoSlice::new(bytes)], libc::MSG_DONTWAIT, None, &Default::default())
    }

    fn recv(&self) -> Result<usize> {
        let mut bytes = [0; 4096];
        self.socket.recv(&mut [IoSliceMut::new(&mut bytes)], libc::MSG_DONTWAIT).map(|received| received.len)
    }

    fn poll(&self, events: i16) -> pollfd {
        pollfd { fd: self.fd, events, revents: 0 }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        descriptor::close(self.fd);
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)
}

fn listener() -> Open {
    let listener = Open::new(SOCK_STREAM);
    listener.socket.bind(any_port()).expect("bind");
    listener.socket.listen(16).expect("listen");
    listener
}

fn connected() -> (Open, Open) {
    let (listener, client) = (listener(), Open::new(SOCK_STREAM));
    client.socket.connect(listener.socket.local_addr().expect("name")).expect("connect");
    let (server, _) = listener.socket.accept().expect("accept");
    (client, Open::of(server))
}

fn datagrams() -> (Open, Open) {
    let pair = (Open::new(SOCK_DGRAM), Open::new(SOCK_DGRAM));
    pair.0.socket.bind(any_port()).expect("bind");
    pair.1.socket.bind(any_port()).expect("bind");
    pair.0.socket.connect(pair.1.socket.local_addr().expect("name")).expect("connect");
    pair.1.socket.connect(pair.0.socket.local_addr().expect("name")).expect("connect");
    pair
}

fn set() -> OwnedFd {
    own(epoll::create(libc::EPOLL_CLOEXEC).expect("epoll_create1"))
}

fn add(set: &OwnedFd, fd: RawFd, events: u32) {
    control(set, EPOLL_CTL_ADD, fd, events);
}

fn control(set: &OwnedFd, op: i32, fd: RawFd, events: u32) {
    epoll::ctl(set.as_raw_fd(), op, fd, Some(&libc::epoll_event { events, u64: fd as u64 })).expect("epoll_ctl");
}

fn wait(set: &OwnedFd, deadline: Option<Instant>) -> Result<Vec<(RawFd, u32)>> {
    let mut out = [libc::epoll_event { events: 0, u64: 0 }; 16];
    let n = epoll::wait(set.as_raw_fd(), &mut out, deadline, None)?;
    Ok(out[..n].iter().map(|event| (event.u64 as RawFd, event.events)).collect())
}

fn now() -> Option<Instant> {
    Some(Instant::now())
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(10))
}

#[test]
fn poll_tells_room_data_and_the_end_of_a_stream() {
    let (client, server) = connected();
    let mut fds = [client.poll(POLLIN | POLLOUT), server.poll(POLLIN)];
    assert_eq!(poll(&mut fds, soon(), None), Ok(1));
    assert_eq!(fds.map(|fd| fd.revents), [POLLOUT, 0]);
    client.send(b"hello").expect("send");
    let mut fds = [server.poll(POLLIN)];
    assert_eq!(poll(&mut fds, soon(), None), Ok(1));
    server.recv().expect("recv");
    assert_eq!(poll(&mut fds, now(), None), Ok(0));
    client.socket.shutdown(libc::SHUT_WR).expect("shutdown");
    let mut fds = [server.poll(POLLIN | libc::POLLRDHUP)];
    assert_eq!(poll(&mut fds, soon(), None), Ok(1));
    assert_eq!(fds[0].revents, POLLIN | libc::POLLRDHUP);
}

#[test]
fn a_sleeping_poll_is_woken_by_either_kind() {
    let (client, server) = connected();
    let bell = eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd");
    let both = || [server.poll(POLLIN), pollfd { fd: bell.as_raw_fd(), events: POLLIN, revents: 0 }];
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let mut fds = both();
            (poll(&mut fds, soon(), None), fds[0].revents)
        });
        client.send(b"x").expect("send");
        assert_eq!(sleeper.join().expect("thread"), (Ok(1), POLLIN));
        server.recv().expect("recv");
        let sleeper = scope.spawn(|| {
            let mut fds = both();
            (poll(&mut fds, soon(), None), fds[1].revents)
        });
        rustix::io::write(&bell, &1u64.to_ne_bytes()).expect("write");
        assert_eq!(sleeper.join().expect("thread"), (Ok(1), POLLIN));
    });
}

#[test]
fn select_mixes_both_kinds() {
    let (one, other) = datagrams();
    let bell = eventfd(1, EventfdFlags::CLOEXEC).expect("eventfd");
    other.send(b"x").expect("send");
    let fds = [one.fd, bell.as_raw_fd()];
    let mut read = vec![0 as libc::c_ulong; 16];
    fds.iter().for_each(|&fd| read[fd as usize / 64] |= 1 << (fd as usize % 64));
    let (nfds, asked) = (fds[0].max(fds[1]) + 1, read.clone());
    assert!(select_concerns(nfds, [Some(&read), None, None]));
    assert_eq!(select(nfds, Some(&mut read), None, None, soon(), None), Ok(2));
    assert_eq!(read, asked);
}

#[test]
fn a_sleeping_epoll_wait_is_woken_by_a_connection() {
    let listener = listener();
    let (set, client) = (set(), Open::new(SOCK_STREAM));
    add(&set, listener.fd, IN);
    assert_eq!(wait(&set, now()), Ok(vec![]));
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| wait(&set, soon()));
        client.socket.connect(listener.socket.local_addr().expect("name")).expect("connect");
        assert_eq!(sleeper.join().expect("thread"), Ok(vec![(listener.fd, IN)]));
    });
    forget(set.as_raw_fd());
}

#[test]
fn an_edge_comes_with_each_arrival_and_with_room_that_was_missed() {
    let (client, server) = connected();
    let set = set();
    add(&set, server.fd, IN | ET);
    client.send(b"a").expect("send");
    assert_eq!(wait(&set, soon()), Ok(vec![(server.fd, IN)]));
    assert_eq!(wait(&set, now()), Ok(vec![]), "it is still there, but no news");
    client.send(b"b").expect("send");
    assert_eq!(wait(&set, soon()), Ok(vec![(server.fd, IN)]));

    let full = super::epoll::create(libc::EPOLL_CLOEXEC).map(own).expect("epoll_create1");
    add(&full, client.fd, OUT | ET);
    assert_eq!(wait(&full, soon()), Ok(vec![(client.fd, OUT)]));
    while client.send(&[0; 4096]).is_ok() {}
    while wait(&full, now()) != Ok(vec![]) {}
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| wait(&full, soon()));
        while !sleeper.is_finished() {
            let _ = server.recv();
        }
        assert_eq!(sleeper.join().expect("thread"), Ok(vec![(client.fd, OUT)]));
    });
    forget(set.as_raw_fd());
    forget(full.as_raw_fd());
}

#[test]
fn the_last_close_ends_the_membership_and_no_membership_puts_it_off() {
    let (client, server) = connected();
    let set = set();
    add(&set, server.fd, IN);
    let copy = rustix::io::dup(crate::host::borrow(server.fd)).expect("dup");
    descriptor::duplicated(server.fd, copy.as_raw_fd());
    let number = server.fd;
    drop(server);
    client.send(b"x").expect("send");
    assert_eq!(wait(&set, soon()), Ok(vec![(number, IN)]), "a copy is open");
    descriptor::close(std::os::fd::IntoRawFd::into_raw_fd(copy));
    assert_eq!(wait(&set, now()), Ok(vec![]));
    let mut fds = [client.poll(POLLIN)];
    assert_eq!(poll(&mut fds, soon(), None), Ok(1), "unread data makes the close a reset");
    forget(set.as_raw_fd());
}

#[test]
fn a_thread_in_the_host_s_wait_sees_the_first_rump_socket() {
    let (client, server) = connected();
    let (set, silent) = (set(), eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd"));
    add(&set, silent.as_raw_fd(), IN);
    client.send(b"x").expect("send");
    thread::scope(|scope| {
        let sleepers: Vec<_> = (0..3).map(|_| scope.spawn(|| wait(&set, soon()))).collect();
        add(&set, server.fd, IN);
        for sleeper in sleepers {
            assert_eq!(sleeper.join().expect("thread"), Ok(vec![(server.fd, IN)]));
        }
    });
    forget(set.as_raw_fd());
}

#[test]
fn every_message_is_seen_by_some_thread_of_many() {
    const THREADS: usize = 4;
    const MESSAGES: usize = 2000;
    let (client, server) = datagrams();
    let (set, stop) = (set(), eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd"));
    add(&set, server.fd, IN | ET | ONESHOT);
    add(&set, stop.as_raw_fd(), IN);
    let seen = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let events = wait(&set, soon()).expect("epoll_wait");
                    assert_ne!(events, [], "a wake-up was lost");
                    if events.iter().any(|(fd, _)| *fd == server.fd) {
                        while server.recv().is_ok() {
                            seen.fetch_add(1, SeqCst);
                        }
                        control(&set, EPOLL_CTL_MOD, server.fd, IN | ET | ONESHOT);
                    } else {
                        return;
                    }
                }
            });
        }
        for sent in 0..MESSAGES {
            client.send(b"x").expect("send");
            // Datagrams that find no room are dropped: no more than a few on the way.
            while seen.load(SeqCst) + 64 < sent {
                thread::yield_now();
            }
        }
        while seen.load(SeqCst) < MESSAGES {
            thread::yield_now();
        }
        rustix::io::write(&stop, &1u64.to_ne_bytes()).expect("write");
    });
    forget(set.as_raw_fd());
}

#[test]
fn any_handler_interrupts_even_one_that_restarts_calls() {
    let (_client, server) = connected();
    let bell = eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd");
    let (ours, mixed) = (set(), set());
    add(&ours, server.fd, IN);
    add(&mixed, server.fd, IN);
    add(&mixed, bell.as_raw_fd(), IN);
    watch_signal(libc::SIGUSR1, libc::SA_RESTART);
    let calls: [&(dyn Fn() -> Result<usize> + Sync); 4] = [
        &|| poll(&mut [server.poll(POLLIN)], soon(), None),
        &|| poll(&mut [server.poll(POLLIN), pollfd { fd: bell.as_raw_fd(), events: POLLIN, revents: 0 }], soon(), None),
        &|| wait(&ours, soon()).map(|events| events.len()),
        &|| wait(&mixed, soon()).map(|events| events.len()),
    ];
    for call in calls {
        assert_eq!(interrupt(libc::SIGUSR1, call), Err(Errno::INTR));
    }
    forget(ours.as_raw_fd());
    forget(mixed.as_raw_fd());
}

#[test]
fn readiness_of_a_fresh_socket_is_linux_s() {
    let fresh = Open::new(SOCK_STREAM);
    let mut fds = [fresh.poll(POLLIN | POLLOUT)];
    assert_eq!(poll(&mut fds, now(), None), Ok(1));
    assert_eq!(fds[0].revents, POLLOUT | libc::POLLHUP);
    assert!(fresh.socket.readiness().contains(Events::HUP));
}
