//! TCP_REPAIR: a connection is taken apart, and put together again in another socket (tcp(7) has nothing of it; Linux's tcp.c).

use libc::{
    EAGAIN, IPPROTO_TCP, MSG_DONTWAIT, MSG_PEEK, POLLIN, POLLRDHUP, SHUT_WR, SO_REUSEADDR, SOL_SOCKET, TCP_QUEUE_SEQ,
    TCP_REPAIR, TCP_REPAIR_OPTIONS, TCP_REPAIR_QUEUE, TCP_REPAIR_WINDOW, TCP_TIMESTAMP,
};
use std::net::SocketAddrV4;
use std::thread;
use std::time::Duration;

use crate::Case;
use crate::net::{connected, here, listener, must, nonblocking, pair, receive_all, settle, tcp};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("repair.values", values),
    ("repair.of_a_listener", of_a_listener),
    ("repair.queues", queues),
    ("repair.sequence_numbers", sequence_numbers),
    ("repair.sequence_numbers_of_a_connection", sequence_numbers_of_a_connection),
    ("repair.options", options),
    ("repair.window", window),
    ("repair.options_of_who_has_sent", options_of_who_has_sent),
    ("repair.segment_size", segment_size),
    ("repair.timestamp", timestamp),
    ("repair.timestamp_of_before", timestamp_of_before),
    ("repair.timestamp_of_a_listener", timestamp_of_a_listener),
    ("repair.reading_takes_nothing", reading_takes_nothing),
    ("repair.closing_says_nothing", closing_says_nothing),
    ("repair.disconnecting_says_nothing", disconnecting_says_nothing),
    ("repair.opening_says_nothing", opening_says_nothing),
    ("repair.a_used_port", a_used_port),
    ("repair.reuse", reuse),
    ("repair.errors_of_send", errors_of_send),
    ("repair.written_text_is_not_sent", written_text_is_not_sent),
    ("repair.written_text_arrives_to_be_read", written_text_arrives_to_be_read),
    ("repair.a_connection_moves", |r| moves(r, false)),
    ("repair.a_connection_moves_with_what_waits", |r| moves(r, true)),
    ("repair.a_connection_moves_while_the_peer_speaks", moves_while_the_peer_speaks),
];

const ON: i32 = 1;
const OFF: i32 = 0;
/// Without a probe of the peer's window.
const OFF_NO_PROBE: i32 = -1;

const NO_QUEUE: i32 = 0;
const RECEIVE: i32 = 1;
const SEND: i32 = 2;

/// Codes of `struct tcp_repair_opt`: those of the options themselves.
const MSS: u32 = 2;
const WINDOW_SCALE: u32 = 3;
const SACK_PERMITTED: u32 = 4;
const TIMESTAMPS: u32 = 8;

fn set(fd: Fd, name: i32, value: i32) -> Ret {
    sys::set_option(fd, IPPROTO_TCP, name, value)
}

fn get(fd: Fd, name: i32) -> Ret<i32> {
    sys::get_option(fd, IPPROTO_TCP, name)
}

fn repaired(fd: Fd) -> Fd {
    must("TCP_REPAIR", set(fd, TCP_REPAIR, ON));
    fd
}

fn choose(fd: Fd, queue: i32) {
    must("TCP_REPAIR_QUEUE", set(fd, TCP_REPAIR_QUEUE, queue));
}

fn sequence(fd: Fd, queue: i32) -> i32 {
    choose(fd, queue);
    must("TCP_QUEUE_SEQ", get(fd, TCP_QUEUE_SEQ))
}

fn values(r: &mut Report) {
    let fd = tcp();
    r.see("default", get(fd, TCP_REPAIR));
    for value in [2, -2, 1, 1, 0, 0, -1, 1, -1] {
        r.see(&format!("set {value}"), set(fd, TCP_REPAIR, value));
        r.see("get", get(fd, TCP_REPAIR));
        r.see("SO_REUSEADDR", sys::get_option(fd, SOL_SOCKET, SO_REUSEADDR));
    }
    must("SO_REUSEADDR", sys::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    must("on and off", set(repaired(fd), TCP_REPAIR, OFF));
    r.see("SO_REUSEADDR after a repair", sys::get_option(fd, SOL_SOCKET, SO_REUSEADDR));
}

fn of_a_listener(r: &mut Report) {
    let (ear, _) = listener(1);
    r.see("get", get(ear, TCP_REPAIR));
    for value in [ON, OFF, 2] {
        r.see(&format!("set {value}"), set(ear, TCP_REPAIR, value));
    }
}

fn queues(r: &mut Report) {
    let fd = tcp();
    r.see("without repair", set(fd, TCP_REPAIR_QUEUE, SEND));
    r.see("get", get(fd, TCP_REPAIR_QUEUE));
    repaired(fd);
    r.see("first", get(fd, TCP_REPAIR_QUEUE));
    for queue in [SEND, RECEIVE, 3, -1, NO_QUEUE, SEND] {
        r.see(&format!("set {queue}"), set(fd, TCP_REPAIR_QUEUE, queue));
        r.see("get", get(fd, TCP_REPAIR_QUEUE));
    }
    must("off", set(fd, TCP_REPAIR, OFF));
    r.see("after repair", get(fd, TCP_REPAIR_QUEUE));
    r.see("its sequence number", get(fd, TCP_QUEUE_SEQ).map(|_| ()));
    repaired(fd);
    r.see("in the next repair", get(fd, TCP_REPAIR_QUEUE));
}

fn sequence_numbers(r: &mut Report) {
    let fd = tcp();
    let mut set_and_get = |what: &str, value| {
        r.see(&format!("set {what}"), set(fd, TCP_QUEUE_SEQ, value));
        r.see("get", get(fd, TCP_QUEUE_SEQ));
    };
    set_and_get("without repair", 1);
    repaired(fd);
    set_and_get("that of no queue", 1);
    for queue in [SEND, RECEIVE] {
        choose(fd, queue);
        for value in [7, -1, i32::MIN] {
            set_and_get(&format!("{value} in {queue}"), value);
        }
    }
    choose(fd, SEND);
    r.see("the first again", get(fd, TCP_QUEUE_SEQ));
}

fn sequence_numbers_of_a_connection(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"12345", 0));
    settle(b, POLLIN);
    let (a, b) = (repaired(a), repaired(b));
    r.see("sent is received", sequence(a, SEND).wrapping_sub(sequence(b, RECEIVE)));
    r.see("received is sent", sequence(a, RECEIVE).wrapping_sub(sequence(b, SEND)));
    for queue in [NO_QUEUE, RECEIVE, SEND] {
        choose(a, queue);
        r.see("set", set(a, TCP_QUEUE_SEQ, 1));
    }
}

fn option_bytes(list: &[(u32, u32)]) -> Vec<u8> {
    list.iter().flat_map(|(code, value)| [code.to_ne_bytes(), value.to_ne_bytes()].concat()).collect()
}

fn set_options(fd: Fd, list: &[(u32, u32)]) -> Ret {
    sys::set_option_bytes(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, &option_bytes(list))
}

fn options(r: &mut Report) {
    let fd = tcp();
    r.see("without repair", set_options(fd, &[(MSS, 1000)]));
    repaired(fd);
    r.see("unconnected", set_options(fd, &[(MSS, 1000)]));
    let (a, _b) = pair();
    r.see("connected, without repair", set_options(a, &[(MSS, 1000)]));
    repaired(a);
    r.see("nothing", set_options(a, &[]));
    r.see("half of one", sys::set_option_bytes(a, IPPROTO_TCP, TCP_REPAIR_OPTIONS, &[0; 4]));
    for one in
        [(WINDOW_SCALE, 15), (WINDOW_SCALE, 15 << 16), (SACK_PERMITTED, 1), (TIMESTAMPS, 1), (99, 1), (MSS, 1000)]
    {
        r.see(&format!("{one:?}"), set_options(a, &[one]));
    }
    r.see("one and a half", sys::set_option_bytes(a, IPPROTO_TCP, TCP_REPAIR_OPTIONS, &[0; 12]));
    r.see("get", get(a, TCP_REPAIR_OPTIONS));
}

/// `struct tcp_repair_window`: snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup.
fn window_of(fd: Fd) -> Ret<[u32; 5]> {
    let bytes = sys::get_option_bytes(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, 20)?;
    let word = |n: usize| u32::from_ne_bytes(bytes[4 * n..4 * n + 4].try_into().expect("four bytes"));
    Ok([word(0), word(1), word(2), word(3), word(4)])
}

fn set_window(fd: Fd, window: [u32; 5]) -> Ret {
    sys::set_option_bytes(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window.map(u32::to_ne_bytes).concat())
}

fn window(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(b, b"12345", 0));
    settle(a, POLLIN);
    r.see("get, without repair", window_of(a).map(|_| ()));
    r.see("set, without repair", set_window(a, [0; 5]));
    repaired(a);
    for room in [0, 4, 19, 24] {
        let got = sys::get_option_bytes(a, IPPROTO_TCP, TCP_REPAIR_WINDOW, room);
        r.see(&format!("room for {room}"), got.map(|bytes| bytes.len()));
    }
    let [wl1, wnd, most, rcv_wnd, wup] = must("window", window_of(a));
    let received = sequence(a, RECEIVE) as u32;
    r.see("windows", wnd > 0 && most >= wnd && rcv_wnd > 0);
    r.see("last update from, acknowledged", received.wrapping_sub(wl1) <= 5 && received.wrapping_sub(wup) <= 5);
    r.see("too short", sys::set_option_bytes(a, IPPROTO_TCP, TCP_REPAIR_WINDOW, &[0; 16]));
    r.see("more than ever", set_window(a, [wl1, most + 1, most, rcv_wnd, wup]));
    r.see("from the future", set_window(a, [received.wrapping_add(rcv_wnd + 1), wnd, most, rcv_wnd, wup]));
    r.see("acknowledged what has not come", set_window(a, [wl1, wnd, most, rcv_wnd, received.wrapping_add(1)]));
    r.see("the same", set_window(a, [wl1, wnd, most, rcv_wnd, wup]));
    r.see("a smaller one", set_window(a, [wl1, 1000, most, rcv_wnd, wup]));
    r.see("it shows", must("window", window_of(a))[1]);
}

fn timestamp(r: &mut Report) {
    let fd = tcp();
    r.see("without repair", set(fd, TCP_TIMESTAMP, 1_000_000));
    repaired(fd);
    r.see("set", set(fd, TCP_TIMESTAMP, 1_000_000));
    thread::sleep(Duration::from_millis(20));
    let now = must("get", get(fd, TCP_TIMESTAMP));
    r.see("it goes on", (1_000_015..1_001_500).contains(&now));
}

/// Of the socket's repair; of the connection that it makes afterwards nothing knows of it.
fn timestamp_of_before(r: &mut Report) {
    let (ear, at) = listener(1);
    let fd = repaired(tcp());
    must("TCP_TIMESTAMP", set(fd, TCP_TIMESTAMP, 16));
    must("off", set(fd, TCP_REPAIR, OFF));
    must("connect", sys::connect(fd, at));
    let (child, _) = must("accept", sys::accept(ear));
    speaks(r, fd, child);
}

fn timestamp_of_a_listener(r: &mut Report) {
    let ear = repaired(tcp());
    must("TCP_TIMESTAMP", set(ear, TCP_TIMESTAMP, 16));
    must("off", set(ear, TCP_REPAIR, OFF));
    must("listen", sys::listen(ear, 1));
    let port = must("getsockname", sys::getsockname(ear)).port();
    let fd = connected(here(port));
    let (child, _) = must("accept", sys::accept(ear));
    speaks(r, child, fd);
}

/// An option of the engine's is set, and text comes.
fn speaks(r: &mut Report, from: Fd, to: Fd) {
    must("TCP_NODELAY", set(from, libc::TCP_NODELAY, 1));
    must("send", sys::send(from, b"x", 0));
    r.see("comes", sys::poll(&[(to, POLLIN)], 1500));
}

fn options_of_who_has_sent(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    repaired(a);
    for one in [(MSS, 1000), (WINDOW_SCALE, 15), (99, 1)] {
        r.see(&format!("{one:?}"), set_options(a, &[one]));
    }
    let (c, d) = pair();
    must("shutdown", sys::shutdown(d, SHUT_WR));
    settle(c, POLLIN);
    r.see("the peer has closed", set_options(repaired(c), &[(99, 1)]));
    r.see("windows without a connection", set_window(repaired(tcp()), [0; 5]));
}

fn segment_size(r: &mut Report) {
    let (a, _b) = pair();
    repaired(a);
    must("options", set_options(a, &[(MSS, 1000)]));
    r.see("under repair", get(a, libc::TCP_MAXSEG));
    r.see("unconnected", get(repaired(tcp()), libc::TCP_MAXSEG));
}

fn reuse(r: &mut Report) {
    let fd = repaired(tcp());
    for value in [0, 1] {
        must("SO_REUSEADDR", sys::set_option(fd, SOL_SOCKET, SO_REUSEADDR, value));
        r.see(&format!("set {value}"), sys::get_option(fd, SOL_SOCKET, SO_REUSEADDR));
    }
    let (_ear, at) = listener(1);
    r.see("bind to a listener's, then", sys::bind(fd, at));
    let (first, second) = (repaired(tcp()), tcp());
    must("bind", sys::bind(first, here(0)));
    let at = must("getsockname", sys::getsockname(first));
    must("off", set(first, TCP_REPAIR, OFF));
    must("SO_REUSEADDR", sys::set_option(second, SOL_SOCKET, SO_REUSEADDR, 1));
    r.see("bind to what was bound under repair", sys::bind(second, at));
}

fn errors_of_send(r: &mut Report) {
    let (a, b) = pair();
    choose(repaired(a), SEND);
    must("SO_LINGER", sys::set_linger(b, true, 0));
    must("close", sys::close(b));
    settle(a, libc::POLLERR);
    r.see("reset", sys::send(a, b"x", libc::MSG_NOSIGNAL));
    r.see("again", sys::send(a, b"x", libc::MSG_NOSIGNAL));
    let ear = repaired(tcp());
    must("listen", sys::listen(ear, 1));
    r.see("a listener is one no more", sys::connect_raw(ear, libc::AF_UNSPEC, 16));
    r.see("error", sys::get_option(ear, SOL_SOCKET, libc::SO_ERROR));
}

fn reading_takes_nothing(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(b, b"to read", 0));
    settle(a, POLLIN);
    must("send", sys::send(a, b"sent", 0));
    settle(b, POLLIN);
    repaired(a);
    for queue in [NO_QUEUE, RECEIVE, SEND] {
        choose(a, queue);
        r.see(&format!("read of {queue}"), sys::recv(a, 100, MSG_DONTWAIT));
        r.see("peek", sys::recv(a, 100, MSG_PEEK | MSG_DONTWAIT));
        r.see("of a part", sys::recv(a, 3, MSG_PEEK | MSG_DONTWAIT));
    }
    must("off", set(a, TCP_REPAIR, OFF_NO_PROBE));
    r.see("after repair", sys::recv(a, 100, MSG_DONTWAIT));
    let fresh = repaired(tcp());
    for queue in [NO_QUEUE, RECEIVE, SEND] {
        choose(fresh, queue);
        r.see(&format!("peek of {queue}, unconnected"), sys::recv(fresh, 100, MSG_PEEK | MSG_DONTWAIT));
    }
}

/// What the peer of a connection that has gone without a word sees: nothing.
fn see_nothing(r: &mut Report, peer: Fd) {
    nonblocking(peer);
    thread::sleep(Duration::from_millis(50));
    r.see("poll", sys::poll(&[(peer, POLLIN | POLLRDHUP)], 0));
    r.see("recv", sys::recv(peer, 10, 0));
}

fn closing_says_nothing(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(b, b"unread", 0));
    settle(a, POLLIN);
    must("close", sys::close(repaired(a)));
    see_nothing(r, b);
    r.see("send", sys::send(b, b"hello?", 0));
    settle(b, POLLRDHUP);
    r.see("then", sys::recv(b, 10, 0));
}

fn disconnecting_says_nothing(r: &mut Report) {
    let (a, b) = pair();
    repaired(a);
    r.see("connect to nothing", sys::connect_raw(a, libc::AF_UNSPEC, 16));
    r.see("error", sys::get_option(a, SOL_SOCKET, libc::SO_ERROR));
    r.see("still", get(a, TCP_REPAIR));
    see_nothing(r, b);
}

fn opening_says_nothing(r: &mut Report) {
    let (ear, at) = listener(1);
    nonblocking(ear);
    let fd = repaired(tcp());
    r.see("connect", sys::connect(fd, at));
    r.see("again", sys::connect(fd, at));
    r.see("peer", sys::getpeername(fd).is_ok());
    r.see("poll", sys::poll(&[(fd, POLLIN | libc::POLLOUT)], 0));
    r.see("accept", sys::accept(ear).map(|_| ()));
    let waiting = repaired(tcp());
    nonblocking(waiting);
    r.see("without waiting", sys::connect(waiting, at));
}

fn a_used_port(r: &mut Report) {
    let (_ear, at) = listener(1);
    let fd = tcp();
    r.see("bind", sys::bind(fd, at));
    r.see("bind under repair", sys::bind(repaired(fd), at));
    let (client, other) = (connected(at), repaired(tcp()));
    let taken = must("getsockname", sys::getsockname(client));
    r.see("bind to a connection's", sys::bind(other, taken));
    r.see("connect as it has", sys::connect(other, at));
}

fn written_text_is_not_sent(r: &mut Report) {
    let (a, b) = pair();
    repaired(a);
    r.see("to no queue", sys::send(a, b"lost", 0));
    choose(a, SEND);
    let before = sequence(a, SEND);
    r.see("send", sys::send(a, b"written", 0));
    r.see("sequence number", sequence(a, SEND).wrapping_sub(before));
    r.see("unacknowledged", sys::ioctl(a, libc::TIOCOUTQ, 0));
    r.see("peek", sys::recv(a, 100, MSG_PEEK));
    nonblocking(b);
    r.see("the peer", sys::recv(b, 10, 0));
    must("off", set(a, TCP_REPAIR, OFF));
    // The retransmission timer brings it.
    settle(b, POLLIN);
    r.see("then", sys::recv(b, 10, 0));
    let fresh = repaired(tcp());
    choose(fresh, SEND);
    r.see("unconnected", sys::send(fresh, b"x", libc::MSG_NOSIGNAL));
    choose(fresh, RECEIVE);
    r.see("to its received", sys::send(fresh, b"x", libc::MSG_NOSIGNAL));
}

fn written_text_arrives_to_be_read(r: &mut Report) {
    let (a, b) = pair();
    repaired(a);
    let before = sequence(a, RECEIVE);
    r.see("send", sys::send(a, b"not from the peer", 0));
    r.see("nothing", sys::send(a, b"", 0));
    r.see("sequence number", sequence(a, RECEIVE).wrapping_sub(before));
    r.see("poll", sys::poll(&[(a, POLLIN)], 0));
    must("off", set(a, TCP_REPAIR, OFF_NO_PROBE));
    r.see("read", sys::recv(a, 100, 0));
    nonblocking(b);
    r.see("the peer", sys::recv(b, 10, 0));
    // They do not agree any more on what was sent, and would not come to an end.
    must("close", sys::close(repaired(a)));
    must("close", sys::close(repaired(b)));
}

/// All that there is to know of a connection.
struct Taken {
    local: SocketAddrV4,
    remote: SocketAddrV4,
    /// Of the first byte in each queue.
    sequences: [i32; 2],
    queues: [Vec<u8>; 2],
    window: [u32; 5],
    timestamp: i32,
    options: Vec<(u32, u32)>,
}

impl Taken {
    /// Takes the connection apart; its socket is closed.
    fn of(fd: Fd) -> Taken {
        let info = must("TCP_INFO", sys::get_option_bytes(fd, IPPROTO_TCP, libc::TCP_INFO, 32));
        let (has, scales) = (info[5], u32::from(info[6]));
        repaired(fd);
        let mut options = vec![(MSS, must("TCP_MAXSEG", get(fd, libc::TCP_MAXSEG)) as u32)];
        if has & 4 != 0 {
            options.push((WINDOW_SCALE, (scales & 15) | (scales >> 4) << 16));
        }
        if has & 2 != 0 {
            options.push((SACK_PERMITTED, 0));
        }
        if has & 1 != 0 {
            options.push((TIMESTAMPS, 0));
        }
        let queue = |which| {
            choose(fd, which);
            match sys::recv(fd, 1 << 20, MSG_PEEK | MSG_DONTWAIT) {
                Err(errno) if errno.0 == EAGAIN => Vec::new(),
                got => must("peek", got),
            }
        };
        let queues = [RECEIVE, SEND].map(queue);
        let first = |which: i32, queue: &Vec<u8>| sequence(fd, which).wrapping_sub(queue.len() as i32);
        let taken = Taken {
            local: must("getsockname", sys::getsockname(fd)),
            remote: must("getpeername", sys::getpeername(fd)),
            sequences: [first(RECEIVE, &queues[0]), first(SEND, &queues[1])],
            queues,
            window: must("window", window_of(fd)),
            timestamp: must("TCP_TIMESTAMP", get(fd, TCP_TIMESTAMP)),
            options,
        };
        must("close", sys::close(fd));
        taken
    }

    /// Puts it together again.
    fn restored(&self) -> Fd {
        let fd = repaired(tcp());
        must("bind", sys::bind(fd, self.local));
        for (queue, sequence) in [RECEIVE, SEND].into_iter().zip(self.sequences) {
            choose(fd, queue);
            must("TCP_QUEUE_SEQ", set(fd, TCP_QUEUE_SEQ, sequence));
        }
        must("connect", sys::connect(fd, self.remote));
        must("options", set_options(fd, &self.options));
        must("TCP_TIMESTAMP", set(fd, TCP_TIMESTAMP, self.timestamp));
        for (queue, bytes) in [RECEIVE, SEND].into_iter().zip(&self.queues) {
            choose(fd, queue);
            if !bytes.is_empty() {
                must("send", sys::send(fd, bytes, 0));
            }
        }
        must("window", set_window(fd, self.window));
        must("off", set(fd, TCP_REPAIR, OFF));
        fd
    }
}

/// `waits`: there is something in both queues.
fn moves(r: &mut Report, waits: bool) {
    let (ear, at) = listener(1);
    let a = connected(at);
    let (b, _) = must("accept", sys::accept(ear));
    must("send", sys::send(b, b"early", 0));
    settle(a, POLLIN);
    if !waits {
        r.see("early", sys::recv(a, 5, 0));
    }
    must("send", sys::send(a, b"and ", 0));
    settle(b, POLLIN);
    repaired(a);
    if waits {
        // As if it had been sent and lost.
        choose(a, SEND);
        must("send", sys::send(a, b"late", 0));
    }
    let taken = Taken::of(a);
    r.see("received", taken.queues[0].clone());
    r.see("sent", taken.queues[1].clone());
    let options: Vec<_> = taken.options.iter().map(|(code, _)| code.to_string()).collect();
    r.see("options", options.join(" "));
    let a = taken.restored();
    r.see("names", sys::getsockname(a) == Ok(taken.local) && sys::getpeername(a) == Ok(at));
    if waits {
        r.see("early", sys::recv(a, 100, 0));
    }
    r.see("send", sys::send(a, b", moved", 0));
    must("shutdown", sys::shutdown(a, SHUT_WR));
    r.see("came", receive_all(b, 100));
    r.see("answer", sys::send(b, b"answer", 0));
    must("close", sys::close(b));
    r.see("came back", receive_all(a, 100));
}

/// What comes for a connection that is nowhere is for the next owner.
fn moves_while_the_peer_speaks(r: &mut Report) {
    let (a, b) = pair();
    let taken = Taken::of(a);
    // A segment that meets no socket is answered with a RST: so it speaks only when there is one.
    let a = taken.restored();
    let data: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    let sender = {
        let data = data.clone();
        thread::spawn(move || {
            must("send", sys::send(b, &data, 0));
            must("shutdown", sys::shutdown(b, SHUT_WR));
            receive_all(b, 65536)
        })
    };
    r.see("all came", receive_all(a, 65536) == data);
    must("send", sys::send(a, &data, 0));
    must("close", sys::close(a));
    r.see("all came back", sender.join().expect("the sender") == data);
}
