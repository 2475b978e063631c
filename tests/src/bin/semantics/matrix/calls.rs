//! Every call on a socket in one state, with each flag: what it gives, and what poll, SO_ERROR, TCP's state and the peer say then. Each
//! call has a socket of its own that was brought into the state.

use libc::c_int;

use super::kinds::Kind;
use super::sock::{self, Name};
use super::states::{State, Subject, at_rest, payload};
use crate::net::must;
use crate::report::{Report, Show, poll_events};
use crate::sys::{self, Fd};

/// Prints all of it.
pub fn probe(kind: &'static Kind, state: &State, r: &mut Report) {
    if let Err(errno) = kind.try_socket().and_then(sys::close) {
        return r.see("socket", errno.to_string());
    }
    for (name, call) in CALLS {
        see(kind, state, r, name, call);
    }
    for (name, flags) in SEND_FLAGS {
        see(kind, state, r, &format!("send {name}"), |s| sys::send(s.fd, &payload(s.kind), flags | QUIET).show());
        see(kind, state, r, &format!("sendto {name}"), |s| {
            sock::sendto(s.fd, &payload(s.kind), flags | QUIET, &s.target).show()
        });
        see(kind, state, r, &format!("sendmsg {name}"), |s| {
            sock::sendmsg(s.fd, &payload(s.kind), flags | QUIET, None).show()
        });
    }
    for (name, flags) in RECEIVE_FLAGS {
        see(kind, state, r, &format!("recv {name}"), |s| {
            sys::recv_len(s.fd, 4, *flags).map(|(bytes, n)| format!("{n} {}", text(s, &bytes))).show()
        });
        see(kind, state, r, &format!("recvfrom {name}"), |s| {
            let got = sock::recvfrom(s.fd, 64, *flags);
            got.map(|(n, bytes, name)| format!("{n} {} from {}", text(s, &bytes), name.show())).show()
        });
        see(kind, state, r, &format!("recvmsg {name}"), |s| {
            let got = sock::recvmsg(s.fd, 4, *flags);
            got.map(|(n, bytes, name, flags, control)| {
                format!("{n} {} from {}, flags {flags:#x}, {control} bytes of control", text(s, &bytes), name.show())
            })
            .show()
        });
    }
}

fn see(kind: &'static Kind, state: &State, r: &mut Report, what: &str, call: impl Fn(&mut Subject) -> String) {
    let mut subject = state.make(kind);
    let gave = call(&mut subject);
    r.see(what, format!("{gave}; then {}", after(&subject)));
}

/// What can be seen of the socket and of its peer. Asking takes the socket's error away, so poll is first.
fn after(s: &Subject) -> String {
    let events = at_rest(s.fd);
    let error = sys::get_option(s.fd, libc::SOL_SOCKET, libc::SO_ERROR);
    let error = error.map(|errno| if errno == 0 { "no error".to_owned() } else { sys::Errno(errno).to_string() });
    let mut seen = format!("{}, {}", poll_events(events), error.show());
    if s.kind.is_stream() {
        seen += &format!(", {}", tcp_state(s.fd));
    }
    if let Some(peer) = s.peer {
        let events = at_rest(peer);
        seen += &format!(", peer {} {}", poll_events(events), sys::recv(peer, 64, 0).show());
    }
    seen
}

/// Whether a FIN has been acknowledged already is the peer's delayed acknowledgment's affair: the two FIN-WAITs are one here.
fn tcp_state(fd: Fd) -> String {
    const NAMES: &[&str] = &[
        "0",
        "ESTABLISHED",
        "SYN-SENT",
        "SYN-RECEIVED",
        "FIN-WAIT",
        "FIN-WAIT",
        "TIME-WAIT",
        "CLOSED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ];
    let state = sock::get_option(fd, libc::IPPROTO_TCP, libc::TCP_INFO, 104).map(|info| usize::from(info[0]));
    state.map(|state| NAMES.get(state).copied().unwrap_or("unknown")).show()
}

/// A packet has an identification and a checksum that are others each time: its length alone.
fn text(s: &Subject, bytes: &[u8]) -> String {
    if s.kind.hears_packets() { format!("{} bytes", bytes.len()) } else { bytes.to_vec().show() }
}

fn texts(s: &Subject, pieces: &[Vec<u8>]) -> String {
    pieces.iter().map(|piece| text(s, piece)).collect::<Vec<_>>().join(" ")
}

/// Of what a case does not ask for.
const QUIET: c_int = libc::MSG_NOSIGNAL;

const SEND_FLAGS: &[(&str, c_int)] = &[
    ("0", 0),
    ("DONTWAIT", libc::MSG_DONTWAIT),
    ("OOB", libc::MSG_OOB),
    ("MORE", libc::MSG_MORE),
    ("EOR", libc::MSG_EOR),
    ("CONFIRM", libc::MSG_CONFIRM),
    ("DONTROUTE", libc::MSG_DONTROUTE),
    ("ZEROCOPY", 0x0400_0000),
    ("FASTOPEN", libc::MSG_FASTOPEN),
    ("PEEK", libc::MSG_PEEK),
    ("0x400000", 0x40_0000),
];

const RECEIVE_FLAGS: &[(&str, c_int)] = &[
    ("0", 0),
    ("DONTWAIT", libc::MSG_DONTWAIT),
    ("PEEK", libc::MSG_PEEK),
    ("WAITALL", libc::MSG_WAITALL),
    ("TRUNC", libc::MSG_TRUNC),
    ("PEEK TRUNC", libc::MSG_PEEK | libc::MSG_TRUNC),
    ("OOB", libc::MSG_OOB),
    ("ERRQUEUE", libc::MSG_ERRQUEUE),
    ("CMSG_CLOEXEC", libc::MSG_CMSG_CLOEXEC),
    ("0x400000", 0x40_0000),
];

type Call = (&'static str, fn(&mut Subject) -> String);

/// An interface address of nobody here.
fn foreign(kind: &Kind) -> Name {
    Name::loopback(kind.family, 9).at(match kind.family {
        libc::AF_INET => &[10, 9, 9, 9],
        _ => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
    })
}

fn polled(fd: Fd, events: i16) -> String {
    sys::poll(&[(fd, events)], 0).show()
}

/// Two waits on a set with this socket: an edge shows once, a level twice.
fn epolled(fd: Fd, events: c_int) -> String {
    let set = must("epoll_create", sys::epoll_create());
    let added = sys::epoll_ctl(set, libc::EPOLL_CTL_ADD, fd, events, 7);
    at_rest(fd);
    let (first, second) = (sys::epoll_wait(set, 4, 0), sys::epoll_wait(set, 4, 0));
    must("close", sys::close(set));
    format!("{} {} {}", added.show(), first.show(), second.show())
}

fn selected(fd: Fd) -> String {
    if fd >= 1024 {
        return "beyond FD_SETSIZE".to_owned();
    }
    let found = sys::select(&[fd], &[fd], &[fd], 0);
    found.map(|(n, sets)| format!("{n} {:?}", sets.map(|set| !set.is_empty()))).show()
}

fn again(s: &Subject) -> String {
    sys::recv(s.fd, 64, 0).map(|got| text(s, &got)).show()
}

fn accepted(s: &Subject, flags: c_int) -> String {
    sock::accept4(s.fd, flags)
        .map(|(fd, name)| {
            let _ = sys::close(fd);
            format!("a descriptor, {}", name.show())
        })
        .show()
}

const CALLS: &[Call] = &[
    ("nothing", |_| String::new()),
    ("read", |s| sys::read(s.fd, 64).map(|got| text(s, &got)).show()),
    ("read of 0", |s| sys::read(s.fd, 0).show()),
    ("readv", |s| sys::readv(s.fd, &[2, 64]).map(|(n, got)| format!("{n} {}", texts(s, &got))).show()),
    ("recv of 0", |s| sys::recv(s.fd, 0, 0).show()),
    ("recvmmsg", |s| sys::recvmmsg(s.fd, 2, 64, 0).map(|got| texts(s, &got)).show()),
    ("recvmmsg WAITFORONE", |s| sys::recvmmsg(s.fd, 2, 64, libc::MSG_WAITFORONE).map(|got| texts(s, &got)).show()),
    ("write", |s| sys::write(s.fd, &payload(s.kind)).show()),
    ("write of 0", |s| sys::write(s.fd, b"").show()),
    ("writev", |s| sys::writev(s.fd, &[&payload(s.kind), b"more"]).show()),
    ("send of 0", |s| sys::send(s.fd, b"", QUIET).show()),
    ("sendto nobody", |s| sock::sendto(s.fd, &payload(s.kind), QUIET, &s.nobody()).show()),
    ("sendto foreign", |s| sock::sendto(s.fd, &payload(s.kind), QUIET, &foreign(s.kind)).show()),
    ("sendto port 0", |s| sock::sendto(s.fd, &payload(s.kind), QUIET, &Name::loopback(s.kind.family, 0)).show()),
    ("sendto AF_UNSPEC", |s| sock::sendto(s.fd, &payload(s.kind), QUIET, &s.target.as_family(libc::AF_UNSPEC)).show()),
    ("sendto AF_UNIX", |s| sock::sendto(s.fd, &payload(s.kind), QUIET, &s.target.as_family(libc::AF_UNIX)).show()),
    ("sendto a short name", |s| sock::sendto(s.fd, &payload(s.kind), QUIET, &s.target.cut(7)).show()),
    ("sendmsg to a name", |s| sock::sendmsg(s.fd, &payload(s.kind), QUIET, Some(&s.target)).show()),
    ("send of 66000", |s| sys::send(s.fd, &[0; 66_000], QUIET).show()),
    ("sendfile", |s| {
        let file = must("memfd", sys::memfd(&payload(s.kind)));
        let sent = sys::sendfile(s.fd, file, 8).show();
        must("close", sys::close(file));
        sent
    }),
    ("splice from a pipe", |s| {
        let (out, into) = must("pipe", sys::pipe());
        must("write", sys::write(into, &payload(s.kind)));
        let moved = sys::splice(out, s.fd, 8, 0).show();
        must("close", sys::close(out).and(sys::close(into)));
        moved
    }),
    ("splice to a pipe", |s| {
        let (out, into) = must("pipe", sys::pipe());
        let moved = sys::splice(s.fd, into, 64, 0).show();
        must("close", sys::close(out).and(sys::close(into)));
        moved
    }),
    ("getsockname", |s| sock::getsockname(s.fd).map(|name| name.show()).show()),
    ("getpeername", |s| sock::getpeername(s.fd).map(|name| name.show()).show()),
    ("bind to any", |s| sock::bind(s.fd, &Name::any(s.kind.family, 0)).show()),
    ("bind to loopback", |s| sock::bind(s.fd, &Name::loopback(s.kind.family, 0)).show()),
    ("bind to a taken port", |s| sock::bind(s.fd, &s.target).show()),
    ("bind to foreign", |s| sock::bind(s.fd, &foreign(s.kind)).show()),
    ("bind AF_UNSPEC", |s| sock::bind(s.fd, &Name::any(s.kind.family, 0).as_family(libc::AF_UNSPEC)).show()),
    ("bind AF_UNIX", |s| sock::bind(s.fd, &s.target.as_family(libc::AF_UNIX)).show()),
    ("bind of a short name", |s| sock::bind(s.fd, &s.target.cut(7)).show()),
    ("connect", |s| sock::connect(s.fd, &s.target).show()),
    ("connect twice", |s| {
        let first = sock::connect(s.fd, &s.target).show();
        at_rest(s.fd);
        format!("{first}, {}", sock::connect(s.fd, &s.target).show())
    }),
    ("connect to nobody", |s| sock::connect(s.fd, &s.nobody()).show()),
    ("connect to nobody twice", |s| {
        let nobody = s.nobody();
        let first = sock::connect(s.fd, &nobody).show();
        at_rest(s.fd);
        format!("{first}, {}", sock::connect(s.fd, &nobody).show())
    }),
    ("connect to foreign", |s| sock::connect(s.fd, &foreign(s.kind)).show()),
    ("connect to any", |s| {
        let port = s.target.port();
        sock::connect(s.fd, &Name::any(s.kind.family, port)).show()
    }),
    ("connect to port 0", |s| sock::connect(s.fd, &Name::loopback(s.kind.family, 0)).show()),
    ("connect AF_UNSPEC", |s| sock::connect(s.fd, &Name::any(libc::AF_UNSPEC, 0)).show()),
    ("connect AF_UNIX", |s| sock::connect(s.fd, &s.target.as_family(libc::AF_UNIX)).show()),
    ("connect of a short name", |s| sock::connect(s.fd, &s.target.cut(7)).show()),
    ("connect of 1 byte", |s| sock::connect(s.fd, &s.target.cut(1)).show()),
    ("listen 0", |s| sys::listen(s.fd, 0).show()),
    ("listen 5", |s| sys::listen(s.fd, 5).show()),
    ("listen -1", |s| sys::listen(s.fd, -1).show()),
    ("accept", |s| accepted(s, 0)),
    ("accept4 with a bad flag", |s| accepted(s, 1)),
    ("shutdown RD", |s| sys::shutdown(s.fd, libc::SHUT_RD).show()),
    ("shutdown WR", |s| sys::shutdown(s.fd, libc::SHUT_WR).show()),
    ("shutdown RDWR", |s| sys::shutdown(s.fd, libc::SHUT_RDWR).show()),
    ("shutdown 3", |s| sys::shutdown(s.fd, 3).show()),
    ("shutdown -1", |s| sys::shutdown(s.fd, -1).show()),
    ("shutdown WR, send", |s| {
        let shut = sys::shutdown(s.fd, libc::SHUT_WR).show();
        format!("{shut}, {}", sys::send(s.fd, &payload(s.kind), QUIET).show())
    }),
    ("recv, recv", |s| {
        let first = again(s);
        format!("{first}, {}", again(s))
    }),
    ("send, recv", |s| {
        let first = sys::send(s.fd, &payload(s.kind), QUIET).show();
        at_rest(s.fd);
        format!("{first}, {}", again(s))
    }),
    ("recv, send", |s| {
        let first = again(s);
        format!("{first}, {}", sys::send(s.fd, &payload(s.kind), QUIET).show())
    }),
    ("poll of nothing", |s| polled(s.fd, 0)),
    ("poll IN", |s| polled(s.fd, libc::POLLIN)),
    ("poll OUT", |s| polled(s.fd, libc::POLLOUT)),
    ("poll PRI", |s| polled(s.fd, libc::POLLPRI)),
    ("poll RDHUP", |s| polled(s.fd, libc::POLLRDHUP)),
    ("poll of all", |s| polled(s.fd, 0x7fff)),
    ("select", |s| selected(s.fd)),
    ("epoll", |s| epolled(s.fd, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLPRI | libc::EPOLLRDHUP)),
    ("epoll ET", |s| epolled(s.fd, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET)),
    ("epoll ONESHOT", |s| epolled(s.fd, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLONESHOT)),
    ("epoll EXCLUSIVE", |s| epolled(s.fd, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLEXCLUSIVE)),
    ("epoll of nothing", |s| epolled(s.fd, 0)),
    ("ioctl FIONREAD", |s| sys::ioctl(s.fd, libc::FIONREAD, -7).show()),
    ("ioctl SIOCOUTQ", |s| sys::ioctl(s.fd, libc::TIOCOUTQ, -7).show()),
    ("ioctl SIOCOUTQNSD", |s| sys::ioctl(s.fd, 0x894b, -7).show()),
    ("ioctl SIOCATMARK", |s| sys::ioctl(s.fd, 0x8905, -7).show()),
    ("ioctl FIONBIO", |s| sys::ioctl(s.fd, libc::FIONBIO, 1).show()),
    ("ioctl SIOCGSTAMP", |s| sys::ioctl(s.fd, 0x8906, -7).map(|_| ()).show()),
    ("ioctl of nobody's", |s| sys::ioctl(s.fd, 0x89ff, -7).show()),
    ("fcntl F_GETFL", |s| sys::fcntl(s.fd, libc::F_GETFL, 0).show()),
    ("fcntl F_GETOWN", |s| sys::fcntl(s.fd, libc::F_GETOWN, 0).show()),
    ("lseek", |s| sys::lseek(s.fd).show()),
    ("pread", |s| sys::pread(s.fd).show()),
    ("fsync", |s| sys::fsync(s.fd).show()),
    ("ftruncate", |s| sys::ftruncate(s.fd).show()),
    ("fstat", |s| sys::file_type(s.fd).show()),
    ("isatty", |s| sys::isatty(s.fd).show()),
    ("SO_ACCEPTCONN", |s| sys::get_option(s.fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).show()),
    ("SO_PEERNAME", |s| sock::get_option(s.fd, libc::SOL_SOCKET, 28, 128).map(|name| name.len()).show()),
    ("IP_MTU", |s| sys::get_option(s.fd, libc::IPPROTO_IP, libc::IP_MTU).show()),
    ("IPV6_MTU", |s| sys::get_option(s.fd, libc::IPPROTO_IPV6, libc::IPV6_MTU).show()),
    ("dup, close one", |s| {
        let other = sys::dup(s.fd);
        let closed = other.and_then(sys::close);
        format!("{}, {}", other.map(|_| "a descriptor").show(), closed.show())
    }),
];
