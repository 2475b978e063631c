//! epoll: level and edge, one shot, mixed and nested sets.

use libc::{
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLRDHUP,
    POLLIN,
};

use crate::Case;
use crate::net::{connected, free_port, later, listener, must, nonblocking, pair, settle, tcp, timed, udp_pair, woken};
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("epoll.level", level),
    ("epoll.edge", edge),
    ("epoll.edge_partial_read", edge_partial_read),
    ("epoll.edge_out", edge_out),
    ("epoll.edge_of_the_other_direction", edge_of_the_other_direction),
    ("epoll.edge_rearmed_by_mod", edge_rearmed_by_mod),
    ("epoll.one_shot", one_shot),
    ("epoll.modify", modify),
    ("epoll.errors", errors),
    ("epoll.unasked", unasked),
    ("epoll.half_closed", half_closed),
    ("epoll.closed_member", closed_member),
    ("epoll.closed_member_with_copy", closed_member_with_copy),
    ("epoll.added_twice_by_copy", added_twice_by_copy),
    ("epoll.number_used_again", number_used_again),
    ("epoll.mixed", mixed),
    ("epoll.mixed_wakes", mixed_wakes),
    ("epoll.nested", nested),
    ("epoll.few_at_a_time", few_at_a_time),
    ("epoll.timeouts", timeouts),
    ("epoll.wakes", wakes),
    ("epoll.added_while_waiting", added_while_waiting),
    ("epoll.connecting", connecting),
    ("epoll.refused", refused),
    ("epoll.listener", listening),
    ("epoll.listener_edge", listening_edge),
    ("epoll.datagrams_edge", datagrams_edge),
    ("epoll.exclusive", exclusive),
    ("epoll.poll_on_it", poll_on_it),
    ("epoll.two_sets", two_sets),
    ("epoll.fresh_member", fresh_member),
    ("epoll.copied", copied),
    ("epoll.nowhere", nowhere),
];

fn set() -> Fd {
    must("epoll_create1", sys::epoll_create())
}

fn add(epoll: Fd, fd: Fd, events: i32, data: u64) {
    must("EPOLL_CTL_ADD", sys::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, events, data));
}

fn level(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 7);
    r.see("nothing", sys::epoll_wait(e, 8, 0));
    must("send", sys::send(a, b"xy", 0));
    r.see("data", sys::epoll_wait(e, 8, 2000));
    r.see("still", sys::epoll_wait(e, 8, 0));
    must("recv", sys::recv(b, 1, 0));
    r.see("half of it taken", sys::epoll_wait(e, 8, 0));
    must("recv", sys::recv(b, 1, 0));
    r.see("all taken", sys::epoll_wait(e, 8, 0));
}

fn edge(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN | EPOLLET, 7);
    r.see("nothing", sys::epoll_wait(e, 8, 0));
    for round in 1..=3 {
        must("send", sys::send(a, b"x", 0));
        r.see(&format!("arrival {round}"), sys::epoll_wait(e, 8, 2000));
        r.see("not twice", sys::epoll_wait(e, 8, 30));
    }
    must("recv", sys::recv(b, 16, 0));
    r.see("taken", sys::epoll_wait(e, 8, 0));
    must("send", sys::send(a, b"x", 0));
    r.see("new", sys::epoll_wait(e, 8, 2000));
    must("close", sys::close(a));
    r.see("the end", sys::epoll_wait(e, 8, 2000));
    r.see("not twice", sys::epoll_wait(e, 8, 30));
}

fn edge_partial_read(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN | EPOLLET, 7);
    must("send", sys::send(a, b"abcd", 0));
    r.see("data", sys::epoll_wait(e, 8, 2000));
    must("recv", sys::recv(b, 2, 0));
    r.see("no edge by reading", sys::epoll_wait(e, 8, 30));
    must("send", sys::send(a, b"ef", 0));
    r.see("an edge by arrival", sys::epoll_wait(e, 8, 2000));
    r.see("all", sys::recv(b, 16, 0));
}

fn edge_out(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    nonblocking(a);
    add(e, a, EPOLLOUT | EPOLLET, 7);
    r.see("at first", sys::epoll_wait(e, 8, 1000));
    r.see("not twice", sys::epoll_wait(e, 8, 30));
    fill(a);
    let _ = sys::epoll_wait(e, 8, 0);
    r.see("full", sys::epoll_wait(e, 8, 0));
    drain(b);
    r.see("room", sys::epoll_wait(e, 8, 2000));
    r.see("send", sys::send(a, b"x", 0));
}

/// A member hears of its own direction alone, and then of all that is ready.
fn edge_of_the_other_direction(r: &mut Report) {
    let (a, b) = pair();
    nonblocking(a);
    let [input, output, both, end] = [set(), set(), set(), set()];
    add(input, a, EPOLLIN | EPOLLET, 1);
    add(output, a, EPOLLOUT | EPOLLET, 2);
    add(both, a, EPOLLIN | EPOLLOUT | EPOLLET, 3);
    add(end, a, EPOLLRDHUP | EPOLLET, 4);
    // While it fills there may be room for a moment.
    let fill_unseen = || {
        fill(a);
        for e in [input, output, both, end] {
            must("epoll_wait", sys::epoll_wait(e, 8, 0));
        }
    };
    let mut see = |what: &str| {
        for (name, e) in [("IN", input), ("OUT", output), ("both", both), ("RDHUP", end)] {
            r.see(&format!("{what}: {name}"), sys::epoll_wait(e, 8, 50));
        }
    };
    see("at first");
    must("send", sys::send(b, b"x", 0));
    settle(a, POLLIN);
    see("a byte came");
    fill_unseen();
    drain(b);
    settle(a, libc::POLLOUT);
    see("room");
    must("send", sys::send(b, b"y", 0));
    see("another byte");
    must("shutdown", sys::shutdown(b, libc::SHUT_WR));
    settle(a, libc::POLLRDHUP);
    see("a FIN");
    fill_unseen();
    drain(b);
    settle(a, libc::POLLOUT);
    see("room again");
}

/// Sends until there is no room for a while.
fn fill(fd: Fd) {
    while sys::send(fd, &[0; 65536], 0).is_ok() || sys::poll(&[(fd, libc::POLLOUT)], 100).is_ok_and(|(n, _)| n == 1) {}
}

/// Receives until nothing comes for a while.
fn drain(fd: Fd) {
    while sys::recv(fd, 1 << 20, libc::MSG_DONTWAIT).is_ok()
        || sys::poll(&[(fd, POLLIN)], 50).is_ok_and(|(n, _)| n == 1)
    {}
}

fn edge_rearmed_by_mod(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    add(e, b, EPOLLIN | EPOLLET, 7);
    r.see("there when added", sys::epoll_wait(e, 8, 0));
    r.see("not twice", sys::epoll_wait(e, 8, 0));
    r.see("MOD", sys::epoll_ctl(e, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLET, 8));
    r.see("again", sys::epoll_wait(e, 8, 0));
}

fn one_shot(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN | EPOLLONESHOT, 7);
    must("send", sys::send(a, b"x", 0));
    r.see("once", sys::epoll_wait(e, 8, 2000));
    r.see("not twice", sys::epoll_wait(e, 8, 0));
    must("send", sys::send(a, b"y", 0));
    r.see("not by new data", sys::epoll_wait(e, 8, 30));
    r.see("MOD", sys::epoll_ctl(e, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLONESHOT, 9));
    r.see("once more", sys::epoll_wait(e, 8, 0));
    r.see("and no more", sys::epoll_wait(e, 8, 0));
}

fn modify(r: &mut Report) {
    let (_a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    r.see("nothing to read", sys::epoll_wait(e, 8, 0));
    r.see("MOD", sys::epoll_ctl(e, EPOLL_CTL_MOD, b, EPOLLOUT, 0x1234_5678_9abc_def0));
    r.see("room to write", sys::epoll_wait(e, 8, 0));
    r.see("MOD to nothing", sys::epoll_ctl(e, EPOLL_CTL_MOD, b, 0, 2));
    r.see("silent", sys::epoll_wait(e, 8, 0));
    r.see("DEL", sys::epoll_ctl(e, EPOLL_CTL_DEL, b, 0, 0));
    r.see("MOD of none", sys::epoll_ctl(e, EPOLL_CTL_MOD, b, EPOLLOUT, 2));
}

fn errors(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, a, EPOLLIN, 1);
    r.see("ADD twice", sys::epoll_ctl(e, EPOLL_CTL_ADD, a, EPOLLIN, 1));
    r.see("DEL of none", sys::epoll_ctl(e, EPOLL_CTL_DEL, b, 0, 0));
    r.see("MOD of none", sys::epoll_ctl(e, EPOLL_CTL_MOD, b, 0, 0));
    r.see("itself", sys::epoll_ctl(e, EPOLL_CTL_ADD, e, EPOLLIN, 0));
    r.see("a file", sys::epoll_ctl(e, EPOLL_CTL_ADD, must("memfd", sys::memfd(b"")), EPOLLIN, 0));
    r.see("descriptor -1", sys::epoll_ctl(e, EPOLL_CTL_ADD, -1, EPOLLIN, 0));
    r.see("no epoll", sys::epoll_ctl(a, EPOLL_CTL_ADD, b, EPOLLIN, 0));
    r.see("unknown operation", sys::epoll_ctl(e, 77, b, EPOLLIN, 0));
    r.see("wait for 0 events", sys::epoll_wait(e, 0, 0));
    r.see("wait on a socket", sys::epoll_wait(a, 1, 0));
    r.see("wait on -1", sys::epoll_wait(-1, 1, 0));
}

fn unasked(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, a, 0, 3);
    must("linger", sys::set_linger(b, true, 0));
    must("close", sys::close(b));
    r.see("ERR and HUP", sys::epoll_wait(e, 8, 2000));
}

fn half_closed(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, a, EPOLLIN | EPOLLRDHUP | EPOLLET, 3);
    must("shutdown", sys::shutdown(b, libc::SHUT_WR));
    r.see("IN and RDHUP", sys::epoll_wait(e, 8, 2000));
    must("shutdown", sys::shutdown(a, libc::SHUT_WR));
    settle(a, libc::POLLHUP);
    r.see("HUP", sys::epoll_wait(e, 8, 0));
}

fn closed_member(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    must("send", sys::send(a, b"x", 0));
    r.see("before", sys::epoll_wait(e, 8, 2000));
    r.see("close", sys::close(b));
    r.see("after", sys::epoll_wait(e, 8, 0));
    r.see("DEL", sys::epoll_ctl(e, EPOLL_CTL_DEL, b, 0, 0));
}

fn closed_member_with_copy(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    let copy = must("dup", sys::dup(b));
    must("close", sys::close(b));
    must("send", sys::send(a, b"x", 0));
    r.see("the copy keeps the member", sys::epoll_wait(e, 8, 2000));
    must("close", sys::close(copy));
    r.see("after the last close", sys::epoll_wait(e, 8, 0));
}

fn added_twice_by_copy(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    let copy = must("dup", sys::dup(b));
    r.see("ADD of the copy", sys::epoll_ctl(e, EPOLL_CTL_ADD, copy, EPOLLIN, 2));
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("both", sys::epoll_wait(e, 8, 0));
    r.see("DEL of the copy", sys::epoll_ctl(e, EPOLL_CTL_DEL, copy, 0, 0));
    r.see("one", sys::epoll_wait(e, 8, 0));
}

fn number_used_again(r: &mut Report) {
    let (_a, b) = pair();
    let (c, d) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    must("dup2", sys::dup2(d, b));
    r.see("the number is another socket now", sys::epoll_ctl(e, EPOLL_CTL_ADD, b, EPOLLIN, 2));
    must("send", sys::send(c, b"x", 0));
    r.see("wait", sys::epoll_wait(e, 8, 2000));
}

fn mixed(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    let event = must("eventfd", sys::eventfd());
    let e = set();
    add(e, b, EPOLLIN, 1);
    add(e, out, EPOLLIN, 2);
    add(e, event, EPOLLIN, 3);
    r.see("nothing", sys::epoll_wait(e, 8, 0));
    must("write", sys::write(into, b"x"));
    r.see("the pipe", sys::epoll_wait(e, 8, 1000));
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("and the socket", sys::epoll_wait(e, 8, 1000));
    must("write", sys::write(event, &1u64.to_ne_bytes()));
    r.see("and the eventfd", sys::epoll_wait(e, 8, 1000));
    must("read", sys::read(out, 4));
    must("recv", sys::recv(b, 4, 0));
    must("read", sys::read(event, 8));
    r.see("nothing", sys::epoll_wait(e, 8, 0));
}

fn mixed_wakes(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    let e = set();
    add(e, b, EPOLLIN, 1);
    add(e, out, EPOLLIN, 2);
    for _ in 0..3 {
        let writer = later(50, move || sys::write(into, b"x"));
        r.see("woken by the pipe", sys::epoll_wait(e, 8, 5000));
        drop(writer.join());
        must("read", sys::read(out, 4));
        let sender = later(50, move || sys::send(a, b"x", 0));
        r.see("woken by the socket", sys::epoll_wait(e, 8, 5000));
        drop(sender.join());
        must("recv", sys::recv(b, 4, 0));
    }
    r.see("nothing left over", sys::epoll_wait(e, 8, 30));
}

fn nested(r: &mut Report) {
    let (a, b) = pair();
    let (inner, outer) = (set(), set());
    add(inner, b, EPOLLIN, 1);
    add(outer, inner, EPOLLIN, 2);
    r.see("nothing", sys::epoll_wait(outer, 8, 0));
    let sender = later(50, move || sys::send(a, b"x", 0));
    r.see("outer", sys::epoll_wait(outer, 8, 5000));
    r.see("inner", sys::epoll_wait(inner, 8, 0));
    drop(sender.join());
    must("recv", sys::recv(b, 4, 0));
    r.see("outer, taken", sys::epoll_wait(outer, 8, 0));
    r.see("a loop", sys::epoll_ctl(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 0));
}

fn few_at_a_time(r: &mut Report) {
    let e = set();
    let pairs: Vec<_> = (0..6).map(|_| pair()).collect();
    for (index, (a, b)) in pairs.iter().enumerate() {
        add(e, *b, EPOLLIN, index as u64);
        must("send", sys::send(*a, b"x", 0));
        settle(*b, POLLIN);
    }
    // Level-triggered members go to the end of the line, so that none starves.
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.extend(must("epoll_wait", sys::epoll_wait(e, 2, 0)));
    }
    r.see("each once in three waits of 2", seen);
}

fn timeouts(r: &mut Report) {
    let (_a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    for millis in [0, 60, 150] {
        let (result, in_time) = timed(millis as u64, || sys::epoll_wait(e, 8, millis));
        r.see(&format!("{millis} ms"), result);
        r.see("in time", in_time);
    }
    let empty = set();
    let (result, in_time) = timed(60, || sys::epoll_wait(empty, 8, 60));
    r.see("an empty set", result);
    r.see("in time", in_time);
}

fn wakes(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN | EPOLLET, 1);
    for _ in 0..3 {
        let sender = later(60, move || sys::send(a, b"x", 0));
        let (result, in_time) = woken(|| sys::epoll_wait(e, 8, 5000));
        r.see("wait", result);
        r.see("in time", in_time);
        drop(sender.join());
        must("recv", sys::recv(b, 8, 0));
    }
}

fn added_while_waiting(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    let e = set();
    let adder = later(60, move || sys::epoll_ctl(e, EPOLL_CTL_ADD, b, EPOLLIN, 1));
    r.see("wait", sys::epoll_wait(e, 8, 5000));
    drop(adder.join());
}

fn connecting(r: &mut Report) {
    let (_listening, at) = listener(4);
    let fd = tcp();
    nonblocking(fd);
    let e = set();
    add(e, fd, EPOLLIN | EPOLLOUT | EPOLLET, 1);
    r.see("not connecting yet", sys::epoll_wait(e, 8, 0));
    r.see("connect", sys::connect(fd, at));
    r.see("connected", sys::epoll_wait(e, 8, 2000));
    r.see("not twice", sys::epoll_wait(e, 8, 30));
    r.see("SO_ERROR", sys::get_option(fd, libc::SOL_SOCKET, libc::SO_ERROR));
}

fn refused(r: &mut Report) {
    let fd = tcp();
    nonblocking(fd);
    let e = set();
    r.see("connect", sys::connect(fd, free_port()));
    add(e, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 1);
    settle(fd, libc::POLLERR);
    r.see("refused", sys::epoll_wait(e, 8, 0));
}

fn listening(r: &mut Report) {
    let (fd, at) = listener(4);
    let e = set();
    add(e, fd, EPOLLIN | EPOLLOUT, 1);
    r.see("nobody", sys::epoll_wait(e, 8, 0));
    let _clients = [connected(at), connected(at)];
    r.see("somebody", sys::epoll_wait(e, 8, 2000));
    must("accept", sys::accept(fd));
    must("accept", sys::accept(fd));
    r.see("nobody any more", sys::epoll_wait(e, 8, 0));
}

fn listening_edge(r: &mut Report) {
    let (fd, at) = listener(4);
    let e = set();
    add(e, fd, EPOLLIN | EPOLLET, 1);
    for round in 1..=2 {
        let _client = connected(at);
        r.see(&format!("connection {round}"), sys::epoll_wait(e, 8, 2000));
        r.see("not twice", sys::epoll_wait(e, 8, 30));
    }
}

fn datagrams_edge(r: &mut Report) {
    let (a, b) = udp_pair();
    let e = set();
    add(e, b, EPOLLIN | EPOLLET, 1);
    for round in 1..=2 {
        must("send", sys::send(a, b"x", 0));
        r.see(&format!("datagram {round}"), sys::epoll_wait(e, 8, 2000));
        r.see("not twice", sys::epoll_wait(e, 8, 30));
    }
}

fn exclusive(r: &mut Report) {
    let (fd, at) = listener(4);
    let (first, second) = (set(), set());
    add(first, fd, EPOLLIN | EPOLLEXCLUSIVE, 1);
    add(second, fd, EPOLLIN | EPOLLEXCLUSIVE, 2);
    r.see("MOD is refused", sys::epoll_ctl(first, EPOLL_CTL_MOD, fd, EPOLLIN, 1));
    r.see("with ONESHOT", sys::epoll_ctl(set(), EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
    let _client = connected(at);
    settle(fd, POLLIN);
    let seen = sys::epoll_wait(first, 8, 0).map_or(0, |events| events.len())
        + sys::epoll_wait(second, 8, 0).map_or(0, |events| events.len());
    r.see("at least one set sees it", seen >= 1);
}

fn poll_on_it(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    r.see("nothing", sys::poll(&[(e, POLLIN)], 0));
    let sender = later(60, move || sys::send(a, b"x", 0));
    r.see("poll", sys::poll(&[(e, POLLIN)], 5000));
    drop(sender.join());
}

fn two_sets(r: &mut Report) {
    let (a, b) = pair();
    let (first, second) = (set(), set());
    add(first, b, EPOLLIN | EPOLLET, 1);
    add(second, b, EPOLLIN | EPOLLET, 2);
    must("send", sys::send(a, b"x", 0));
    r.see("first", sys::epoll_wait(first, 8, 2000));
    r.see("second", sys::epoll_wait(second, 8, 2000));
    r.see("first again", sys::epoll_wait(first, 8, 0));
}

fn fresh_member(r: &mut Report) {
    let e = set();
    add(e, tcp(), EPOLLIN | EPOLLOUT, 1);
    add(e, crate::net::udp(), EPOLLIN | EPOLLOUT, 2);
    r.see("unconnected", sys::epoll_wait(e, 8, 0));
}

fn copied(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    add(e, b, EPOLLIN, 1);
    let copy = must("dup", sys::dup(e));
    must("close", sys::close(e));
    must("send", sys::send(a, b"x", 0));
    r.see("a copy of the set", sys::epoll_wait(copy, 8, 2000));
}

/// A place for the events that is not there is missed only when there is something to tell.
fn nowhere(r: &mut Report) {
    let (a, b) = pair();
    let e = set();
    r.see("an empty set", sys::epoll_wait_nowhere(e, 8, 0));
    add(e, b, EPOLLIN, 7);
    r.see("nothing ready", sys::epoll_wait_nowhere(e, 8, 0));
    r.see("no room either", sys::epoll_wait_nowhere(e, 0, 0));
    let (none, in_time) = timed(50, || sys::epoll_wait_nowhere(e, 8, 50));
    r.see("after a while", none);
    r.see("in time", in_time);
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("ready", sys::epoll_wait_nowhere(e, 8, 0));
    r.see("still", sys::epoll_wait(e, 8, 0));
}
