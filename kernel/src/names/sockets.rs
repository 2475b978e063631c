//! The resolver's way to its servers: sockets of the kernel itself, which no descriptor of the program stands for.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use rustix::rand::{GetRandomFlags, getrandom};

use super::order::Source;
use super::transport::{Datagrams, Transport};
use crate::signal::cancel;
use crate::socket::{Name, SendControl};
use crate::wait::{Waiter, Watch};
use crate::{Errno, Events, Kernel, Result, Socket};

/// How often a random port may be taken before the kernel is asked for one.
const PORT_TRIES: usize = 8;

/// A kernel's sockets as the way to name servers.
pub struct KernelSockets<'a>(pub &'a Arc<Kernel>);

impl Transport for KernelSockets<'_> {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn random(&self) -> u16 {
        random()
    }

    fn open(&self, server: SocketAddr) -> Result<Box<dyn Datagrams + '_>> {
        let socket = self.socket(server, libc::SOCK_DGRAM)?;
        bind_at_random(&socket, server)?;
        socket.connect(server)?;
        Ok(Box::new(Udp { socket, server }))
    }

    fn stream(&self, server: SocketAddr, message: &[u8], deadline: Instant) -> Result<Vec<u8>> {
        let socket = self.socket(server, libc::SOCK_STREAM)?;
        connect(&socket, server, deadline)?;
        let length = u16::try_from(message.len()).map_err(|_| Errno::MSGSIZE)?;
        let framed = [&length.to_be_bytes(), message].concat();
        let mut sent = 0;
        while sent < framed.len() {
            sent += within(&socket, Events::OUT, deadline, || {
                let rest = [IoSlice::new(&framed[sent..])];
                socket.send(&rest, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT, None, &SendControl::default())
            })?;
        }
        let mut length = [0; 2];
        fill(&socket, &mut length, deadline)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        fill(&socket, &mut answer, deadline)?;
        Ok(answer)
    }
}

impl KernelSockets<'_> {
    fn socket(&self, server: SocketAddr, kind: i32) -> Result<Arc<Socket>> {
        if cancel::requested() {
            return Err(Errno::INTR); // no further server is asked
        }
        let domain = if server.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let socket = self.0.socket(domain, kind, 0)?;
        socket.set_nonblocking(true);
        Ok(socket)
    }
}

/// The address that `kernel` would send to `destination` from, with the length of its prefix.
pub fn source(kernel: &Arc<Kernel>, destination: IpAddr) -> Option<Source> {
    let source = kernel.source_for(destination).ok()?;
    let mut addresses = kernel.interfaces().into_iter().flat_map(|interface| interface.addresses);
    let prefix = addresses.find(|(address, _)| *address == source).map_or(128, |(_, prefix)| prefix);
    Some((source, prefix))
}

struct Udp {
    socket: Arc<Socket>,
    server: SocketAddr,
}

impl Datagrams for Udp {
    fn send(&self, message: &[u8]) -> Result<()> {
        self.socket.send(&[IoSlice::new(message)], libc::MSG_NOSIGNAL, None, &SendControl::default()).map(drop)
    }

    fn receive(&self, into: &mut [u8], deadline: Instant) -> Result<Option<(usize, SocketAddr)>> {
        let received = within(&self.socket, Events::IN, deadline, || {
            self.socket.recv(&mut [IoSliceMut::new(into)], libc::MSG_DONTWAIT)
        });
        match received {
            // The socket is connected: what carries no address is the peer's all the same.
            Ok(received) => Ok(Some((received.len, received.from.and_then(Name::inet).unwrap_or(self.server)))),
            Err(Errno::TIMEDOUT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

/// RFC 5452 §9.2: a source port that is hard to guess.
fn bind_at_random(socket: &Socket, server: SocketAddr) -> Result<()> {
    let any = match server {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    for _ in 0..PORT_TRIES {
        let port = random() | 0x8000; // 32768 and above: no server's
        match socket.bind(SocketAddr::new(any, port)) {
            Err(Errno::ADDRINUSE) => {}
            bound => return bound,
        }
    }
    socket.bind(SocketAddr::new(any, 0))
}

fn connect(socket: &Socket, server: SocketAddr, deadline: Instant) -> Result<()> {
    let mut begun = false;
    within(socket, Events::OUT, deadline, || match socket.connect(server) {
        Err(Errno::INPROGRESS | Errno::ALREADY) => {
            begun = true;
            Err(Errno::AGAIN)
        }
        Err(Errno::ISCONN) if begun => Ok(()),
        ended => ended,
    })
}

fn fill(socket: &Socket, into: &mut [u8], deadline: Instant) -> Result<()> {
    let mut filled = 0;
    while filled < into.len() {
        let received = within(socket, Events::IN, deadline, || {
            socket.recv(&mut [IoSliceMut::new(&mut into[filled..])], libc::MSG_DONTWAIT)
        })?;
        if received.len == 0 {
            return Err(Errno::CONNRESET); // the server has closed before its answer was complete
        }
        filled += received.len;
    }
    Ok(())
}

/// Tries until it is no longer EAGAIN, asleep in between until `event`; TIMEDOUT at `deadline`. A signal handler of the program
/// is not the end of it, as in glibc; that the thread is cancelled is.
fn within<T>(socket: &Socket, event: Events, deadline: Instant, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let waiter = Waiter::current();
    let _watch = Watch::new(socket, waiter.clone(), 0);
    loop {
        waiter.arm();
        match attempt() {
            Err(Errno::AGAIN) => {}
            ended => return ended,
        }
        if socket.readiness().intersects(event | Events::ERR | Events::HUP) && Instant::now() < deadline {
            continue;
        }
        match waiter.sleep(&mut [], Some(deadline), None) {
            Ok(crate::wait::Woke::TimedOut) | Err(Errno::TIMEDOUT) => return Err(Errno::TIMEDOUT),
            Err(Errno::INTR) if cancel::requested() => return Err(Errno::INTR),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // Two bytes are given whole or not at all, and only a kernel that has not gathered entropy yet can refuse them.
    while !matches!(getrandom(&mut bytes, GetRandomFlags::empty()), Ok(2)) {}
    u16::from_ne_bytes(bytes)
}
