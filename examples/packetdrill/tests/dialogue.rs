#![allow(unsafe_code)]
//! What packetdrill does with the object, without packetdrill: it is opened by dlopen(3), fills in the interface, and answers
//! dialogues of system calls and packets.

use libc::{c_int, c_void, sockaddr_in, socklen_t};
use netstack::tcp::Seq;
use netstack::wire::checksum::Sum;
use netstack::wire::ipv4;
use netstack::wire::tcp::{Flags, Header, MAX_HEADER_LEN, Options, Segment};
use rump_packetdrill::interface::Interface;
use std::ffi::{CString, c_longlong};
use std::mem::{MaybeUninit, size_of};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use system_tests::rump;

const STACK: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A process has one kernel, so tests that share the process take turns.
static DRILL: LazyLock<Mutex<Drill>> = LazyLock::new(|| Mutex::new(Drill::new()));

fn drill() -> MutexGuard<'static, Drill> {
    DRILL.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Drill(Interface);

// SAFETY: the interface may be used by any thread; packetdrill makes blocking calls from a thread of their own.
unsafe impl Send for Drill {}

/// A packet of the stack, taken apart.
#[derive(Debug)]
struct Heard {
    header: Header,
    len: usize,
    micros: i64,
}

impl Drill {
    fn new() -> Drill {
        rump::built().expect("the library");
        let object = object();
        let name = CString::new(object.to_str().expect("UTF-8")).expect("no NUL");
        let flags = CString::new(format!("library={}", rump::library().display())).expect("no NUL");
        let mut interface = MaybeUninit::uninit();
        // SAFETY: the object's constructors are made to run in any program; the symbol has the type that packetdrill documents;
        // it fills in the interface or ends the process.
        unsafe {
            let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_DEEPBIND);
            assert!(!handle.is_null(), "{} does not open", object.display());
            let init = libc::dlsym(handle, c"packetdrill_interface_init".as_ptr());
            assert!(!init.is_null(), "{} has no packetdrill_interface_init", object.display());
            let init: unsafe extern "C" fn(*const libc::c_char, *mut Interface) = std::mem::transmute(init);
            init(flags.as_ptr(), interface.as_mut_ptr());
            Drill(interface.assume_init())
        }
    }

    /// Gives the stack a segment from `REMOTE`.
    fn inject(&self, header: Header, payload: &[u8]) {
        let mut tcp = [0; MAX_HEADER_LEN];
        let len = header.emit(&mut tcp);
        let sum = Sum::pseudo_v4(REMOTE, STACK, ipv4::TCP, (len + payload.len()) as u16);
        let sum = sum.bytes(&tcp[..len]).bytes(payload).finish();
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let mut packet = ipv4::Header::atomic(REMOTE, STACK, ipv4::TCP, 64, 0).emit(len + payload.len()).to_vec();
        packet.extend(&tcp[..len]);
        packet.extend(payload);
        // SAFETY: a packet and its length.
        let sent = unsafe { (self.0.netdev_send)(self.0.userdata, packet.as_ptr().cast(), packet.len()) };
        assert_eq!(sent, 0);
    }

    /// The stack's next packet, which must be a whole TCP segment to `REMOTE` with right checksums.
    fn sniff(&self) -> Heard {
        let mut buffer = [0u8; 4096];
        let (mut len, mut micros): (usize, c_longlong) = (buffer.len(), 0);
        // SAFETY: a buffer, its size, and places for the results.
        let got =
            unsafe { (self.0.netdev_receive)(self.0.userdata, buffer.as_mut_ptr().cast(), &mut len, &mut micros) };
        assert_eq!(got, 0);
        let packet = ipv4::Packet::parse(&buffer[..len]).expect("IPv4");
        assert_eq!((packet.src(), packet.dst(), packet.protocol()), (STACK, REMOTE, ipv4::TCP));
        let sum = Sum::pseudo_v4(STACK, REMOTE, ipv4::TCP, packet.payload().len() as u16).bytes(packet.payload());
        assert_eq!(sum.finish(), 0, "the checksum");
        let segment = Segment::parse(packet.payload()).expect("TCP");
        Heard { header: segment.header, len: segment.payload.len(), micros }
    }

    /// The stack's next segment, with these flags and this much text.
    #[track_caller]
    fn expect(&self, flags: Flags, len: usize) -> Heard {
        let heard = self.sniff();
        assert_eq!((heard.header.flags, heard.len), (flags, len), "{heard:?}");
        heard
    }

    fn socket(&self) -> c_int {
        // SAFETY: numbers.
        let fd =
            unsafe { (self.0.sockets.socket)(self.0.userdata, libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP) };
        assert!(fd >= 0);
        fd
    }

    fn listener(&self, port: u16) -> c_int {
        let fd = self.socket();
        let name = name(STACK, port);
        // SAFETY: an address and its size; numbers.
        unsafe {
            assert_eq!((self.0.sockets.bind)(self.0.userdata, fd, (&raw const name).cast(), NAME_LEN), 0);
            assert_eq!((self.0.sockets.listen)(self.0.userdata, fd, 5), 0);
        }
        fd
    }

    fn accept(&self, listener: c_int) -> (c_int, sockaddr_in) {
        let (mut peer, mut len) = (name(Ipv4Addr::UNSPECIFIED, 0), NAME_LEN);
        // SAFETY: places for an address and its size.
        let fd = unsafe { (self.0.sockets.accept)(self.0.userdata, listener, (&raw mut peer).cast(), &mut len) };
        assert!(fd >= 0, "accept: {}", std::io::Error::last_os_error());
        (fd, peer)
    }

    fn read(&self, fd: c_int) -> Result<Vec<u8>, i32> {
        let mut buffer = [0u8; 4096];
        // SAFETY: a buffer and its size.
        let got = unsafe { (self.0.sockets.read)(self.0.userdata, fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        if got < 0 { Err(errno()) } else { Ok(buffer[..got as usize].to_vec()) }
    }

    fn write(&self, fd: c_int, bytes: &[u8]) {
        // SAFETY: bytes and their number.
        let put = unsafe { (self.0.sockets.write)(self.0.userdata, fd, bytes.as_ptr().cast(), bytes.len()) };
        assert_eq!(put, bytes.len() as isize);
    }

    fn close(&self, fd: c_int) {
        // SAFETY: a number.
        assert_eq!(unsafe { (self.0.sockets.close)(self.0.userdata, fd) }, 0);
    }

    /// getsockopt(2) of an int.
    fn option(&self, fd: c_int, level: c_int, name: c_int) -> c_int {
        let (mut value, mut len): (c_int, socklen_t) = (0, size_of::<c_int>() as socklen_t);
        // SAFETY: a place for an int, and its size.
        let got = unsafe {
            (self.0.sockets.getsockopt)(self.0.userdata, fd, level, name, (&raw mut value).cast::<c_void>(), &mut len)
        };
        assert_eq!(got, 0);
        value
    }

    /// What poll(2) says of one descriptor within a second.
    fn poll(&self, fd: c_int, events: i16) -> i16 {
        let mut asked = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: one entry.
        unsafe { (self.0.sockets.poll)(self.0.userdata, &mut asked, 1, 1000) };
        asked.revents
    }

    /// A connection that `port`'s listener accepted from `remote_port`, and the first sequence number of each end's text.
    fn established(&self, port: u16, remote_port: u16) -> Open {
        let listener = self.listener(port);
        let ends = Ends { port, remote_port };
        self.inject(Header { seq: Seq(0), flags: Flags::SYN, options: mss(1000), ..ends.segment() }, &[]);
        let answer = self.expect(Flags::SYN | Flags::ACK, 0).header;
        assert_eq!((answer.ack, answer.src_port, answer.dst_port), (Seq(1), port, remote_port));
        assert_eq!(answer.options.mss, Some(1460));
        let snd = answer.seq + 1;
        self.inject(Header { seq: Seq(1), ack: snd, ..ends.segment() }, &[]);
        let (fd, peer) = self.accept(listener);
        assert_eq!((peer.sin_addr.s_addr, peer.sin_port), (u32::from(REMOTE).to_be(), remote_port.to_be()));
        self.close(listener);
        Open { fd, ends, snd }
    }
}

struct Open {
    fd: c_int,
    ends: Ends,
    /// Sequence number of the first byte that the stack sends.
    snd: Seq,
}

#[derive(Clone, Copy)]
struct Ends {
    port: u16,
    remote_port: u16,
}

impl Ends {
    /// An acknowledgement from the remote end.
    fn segment(self) -> Header {
        Header {
            src_port: self.remote_port,
            dst_port: self.port,
            seq: Seq(1),
            ack: Seq(0),
            flags: Flags::ACK,
            window: 32792,
            urgent: 0,
            options: Options::default(),
        }
    }
}

const NAME_LEN: socklen_t = size_of::<sockaddr_in>() as socklen_t;

fn name(addr: Ipv4Addr, port: u16) -> sockaddr_in {
    sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(addr).to_be() },
        sin_zero: [0; 8],
    }
}

fn mss(mss: u16) -> Options {
    Options { mss: Some(mss), ..Options::default() }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().expect("an errno")
}

/// Cargo builds the object together with this test, and lays it beside it.
fn object() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let object = "librump_packetdrill.so";
    let places: Vec<PathBuf> = test.ancestors().skip(1).take(2).map(|directory| directory.join(object)).collect();
    let built = places.iter().find(|place| place.exists());
    built.unwrap_or_else(|| panic!("{object} is at none of {places:?}")).clone()
}

/// A passive open, text both ways, and a close that the remote end begins.
#[test]
fn a_server() {
    let drill = drill();
    let Open { fd, ends, snd } = drill.established(8080, 40001);

    drill.inject(Header { ack: snd, flags: Flags::PSH | Flags::ACK, ..ends.segment() }, &[b'q'; 1000]);
    assert_eq!(drill.expect(Flags::ACK, 0).header.ack, Seq(1001));
    assert_eq!(drill.read(fd).expect("text").len(), 1000);

    drill.write(fd, &[b'a'; 1000]);
    let answer = drill.expect(Flags::PSH | Flags::ACK, 1000).header;
    assert_eq!((answer.seq, answer.ack), (snd, Seq(1001)));
    drill.inject(Header { seq: Seq(1001), ack: snd + 1000, ..ends.segment() }, &[]);

    drill.inject(Header { seq: Seq(1001), ack: snd + 1000, flags: Flags::FIN | Flags::ACK, ..ends.segment() }, &[]);
    assert_eq!(drill.expect(Flags::ACK, 0).header.ack, Seq(1002));
    let both = libc::POLLIN | libc::POLLRDHUP;
    assert_eq!(drill.poll(fd, both), both);
    assert_eq!(drill.read(fd), Ok(Vec::new()));
    drill.close(fd);
    let fin = drill.expect(Flags::FIN | Flags::ACK, 0).header;
    assert_eq!(fin.seq, snd + 1000);
    drill.inject(Header { seq: Seq(1002), ack: snd + 1001, ..ends.segment() }, &[]);
}

/// A connect(2) that does not block: fcntl(2), poll(2), getsockopt(2), ioctl(2) and the epoll calls.
#[test]
fn a_client() {
    let drill = drill();
    let Interface { userdata, .. } = drill.0;
    let (sockets, waits) = (&drill.0.sockets, &drill.0.waits);
    let fd = drill.socket();
    let peer = name(REMOTE, 80);
    // SAFETY: numbers; an address and its size.
    unsafe {
        let flags = (sockets.fcntl)(userdata, fd, libc::F_GETFL, 0);
        assert_eq!(flags, libc::O_RDWR);
        assert_eq!((sockets.fcntl)(userdata, fd, libc::F_SETFL, (flags | libc::O_NONBLOCK) as usize), 0);
        assert_eq!((sockets.connect)(userdata, fd, (&raw const peer).cast(), NAME_LEN), -1);
        assert_eq!(errno(), libc::EINPROGRESS);
    }
    let syn = drill.expect(Flags::SYN, 0).header;
    let ends = Ends { port: syn.src_port, remote_port: 80 };
    assert_eq!(syn.dst_port, 80);
    assert_eq!(drill.option(fd, libc::IPPROTO_TCP, libc::TCP_MAXSEG), 536);

    let snd = syn.seq + 1;
    let syn_ack =
        Header { seq: Seq(0), ack: snd, flags: Flags::SYN | Flags::ACK, options: mss(1000), ..ends.segment() };
    drill.inject(syn_ack, &[]);
    assert_eq!(drill.expect(Flags::ACK, 0).header.ack, Seq(1));
    assert_eq!(drill.poll(fd, libc::POLLOUT), libc::POLLOUT);
    assert_eq!(drill.option(fd, libc::SOL_SOCKET, libc::SO_ERROR), 0);
    assert_eq!(drill.option(fd, libc::IPPROTO_TCP, libc::TCP_MAXSEG), 1000);

    // SAFETY: numbers, and places for what comes back.
    unsafe {
        let set = (waits.epoll_create)(userdata, 1);
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 7 };
        assert_eq!((waits.epoll_ctl)(userdata, set, libc::EPOLL_CTL_ADD, fd, &mut event), 0);
        assert_eq!((waits.epoll_wait)(userdata, set, &mut event, 1, 0), 0);
        drill.inject(Header { ack: snd, flags: Flags::PSH | Flags::ACK, ..ends.segment() }, b"hello");
        drill.expect(Flags::ACK, 0);
        assert_eq!((waits.epoll_wait)(userdata, set, &mut event, 1, 1000), 1);
        assert_eq!({ event.u64 }, 7);
        let mut waiting: c_int = 0;
        assert_eq!((sockets.ioctl)(userdata, fd, libc::FIONREAD, &raw mut waiting as usize), 0);
        assert_eq!(waiting, 5);
        drill.close(set);
    }
    // Text that nobody read: the peer learns that it is lost (RFC 2525 §2.17).
    drill.close(fd);
    drill.expect(Flags::RST | Flags::ACK, 0);
}

/// A segment that is not acknowledged comes again, and the times of both are on the clock of gettimeofday(2).
#[test]
fn a_repetition() {
    let drill = drill();
    let Open { fd, ends, snd } = drill.established(8082, 40002);
    let before = now(&drill);
    drill.write(fd, &[b'x'; 500]);
    let first = drill.expect(Flags::PSH | Flags::ACK, 500);
    let again = drill.expect(Flags::PSH | Flags::ACK, 500);
    assert_eq!((first.header.seq, again.header.seq), (snd, snd));
    assert!(before <= first.micros && again.micros <= now(&drill), "{before} {first:?} {again:?}");
    // A tail loss probe waits for twice the round trip, which here is a moment (RFC 8985 §7.2).
    assert!(again.micros > first.micros, "{first:?} {again:?}");
    // SAFETY: a number.
    assert_eq!(unsafe { (drill.0.usleep)(drill.0.userdata, 1000) }, 0);
    drill.inject(Header { ack: snd + 500, flags: Flags::RST | Flags::ACK, ..ends.segment() }, &[]);
    assert_eq!(drill.read(fd), Err(libc::ECONNRESET));
    drill.close(fd);
}

/// Nobody listens: RFC 9293 §3.10.7.1.
#[test]
fn a_closed_port() {
    let drill = drill();
    let ends = Ends { port: 9, remote_port: 40003 };
    drill.inject(Header { seq: Seq(7), flags: Flags::SYN, options: mss(1000), ..ends.segment() }, &[]);
    let reset = drill.expect(Flags::RST | Flags::ACK, 0).header;
    assert_eq!((reset.seq, reset.ack), (Seq(0), Seq(8)));
}

fn now(drill: &Drill) -> i64 {
    let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: a place for the time.
    assert_eq!(unsafe { (drill.0.gettimeofday)(drill.0.userdata, &mut time, std::ptr::null_mut()) }, 0);
    time.tv_sec * 1_000_000 + time.tv_usec
}
