//! poll, ppoll and select.

use libc::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, SHUT_WR};

use crate::Case;
use crate::net::{bound_udp, connected, later, listener, must, nonblocking, pair, settle, tcp, timed, udp, woken};
use crate::report::Report;
use crate::sys;

pub const CASES: &[Case] = &[
    ("poll.fresh", fresh),
    ("poll.connected", connected_states),
    ("poll.peer_half_closed", peer_half_closed),
    ("poll.own_half_closed", own_half_closed),
    ("poll.peer_closed", peer_closed),
    ("poll.reset", reset),
    ("poll.unasked", unasked),
    ("poll.read_normal", read_normal),
    ("poll.odd_descriptors", odd_descriptors),
    ("poll.timeouts", timeouts),
    ("poll.wakes_for_data", wakes_for_data),
    ("poll.wakes_for_connection", wakes_for_connection),
    ("poll.wakes_for_room", wakes_for_room),
    ("poll.wakes_for_close", wakes_for_close),
    ("poll.mixed_with_pipe", mixed_with_pipe),
    ("poll.same_twice", same_twice),
    ("poll.ppoll", ppoll),
    ("poll.many", many),
    ("poll.select", select),
    ("poll.select_wakes", select_wakes),
    ("poll.select_wrong", select_wrong),
    ("poll.select_after_close", select_after_close),
    ("poll.priority", priority),
];

const ALL: i16 = POLLIN | POLLOUT | POLLRDHUP | POLLPRI;

fn fresh(r: &mut Report) {
    r.see("tcp", sys::poll(&[(tcp(), ALL)], 0));
    r.see("udp", sys::poll(&[(udp(), ALL)], 0));
    r.see("bound udp", sys::poll(&[(bound_udp().0, ALL)], 0));
    let fd = tcp();
    must("bind", sys::bind(fd, crate::net::here(0)));
    r.see("bound tcp", sys::poll(&[(fd, ALL)], 0));
    r.see("listener", sys::poll(&[(listener(1).0, ALL)], 0));
}

fn connected_states(r: &mut Report) {
    let (a, b) = pair();
    r.see("idle", sys::poll(&[(a, ALL), (b, ALL)], 0));
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("data", sys::poll(&[(a, ALL), (b, ALL)], 0));
    r.see("asking for OUT alone", sys::poll(&[(b, POLLOUT)], 0));
    must("recv", sys::recv(b, 4, 0));
    r.see("data taken", sys::poll(&[(a, ALL), (b, ALL)], 0));
}

fn peer_half_closed(r: &mut Report) {
    let (a, b) = pair();
    must("shutdown", sys::shutdown(b, SHUT_WR));
    settle(a, POLLRDHUP);
    r.see("all asked", sys::poll(&[(a, ALL)], 0));
    r.see("IN asked", sys::poll(&[(a, POLLIN)], 0));
    r.see("the end is read", sys::recv(a, 4, 0));
    r.see("still", sys::poll(&[(a, ALL)], 0));
}

fn own_half_closed(r: &mut Report) {
    let (a, b) = pair();
    must("shutdown", sys::shutdown(a, SHUT_WR));
    settle(b, POLLRDHUP);
    r.see("own", sys::poll(&[(a, ALL)], 0));
    must("shutdown", sys::shutdown(b, SHUT_WR));
    settle(a, POLLHUP);
    r.see("both", sys::poll(&[(a, ALL)], 0));
}

fn peer_closed(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(b, b"last", 0));
    must("close", sys::close(b));
    settle(a, POLLRDHUP);
    r.see("data and the end", sys::poll(&[(a, ALL)], 0));
    r.see("recv", sys::recv(a, 8, 0));
    r.see("the end", sys::poll(&[(a, ALL)], 0));
}

fn reset(r: &mut Report) {
    let (a, b) = pair();
    must("linger", sys::set_linger(b, true, 0));
    must("close", sys::close(b));
    settle(a, POLLERR);
    r.see("before", sys::poll(&[(a, ALL)], 0));
    r.see("SO_ERROR", sys::get_option(a, libc::SOL_SOCKET, libc::SO_ERROR));
    r.see("after", sys::poll(&[(a, ALL)], 0));
}

fn unasked(r: &mut Report) {
    let (a, b) = pair();
    must("linger", sys::set_linger(b, true, 0));
    must("close", sys::close(b));
    r.see("ERR and HUP come unasked", sys::poll(&[(a, 0)], 2000));
}

fn read_normal(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("RDNORM and WRNORM", sys::poll(&[(b, libc::POLLRDNORM | libc::POLLWRNORM)], 0));
}

fn odd_descriptors(r: &mut Report) {
    let (a, b) = pair();
    r.see("negative is passed over", sys::poll(&[(-1, ALL), (a, POLLOUT)], 0));
    must("close", sys::close(b));
    r.see("closed is NVAL", sys::poll(&[(b, POLLIN), (a, POLLOUT)], 0));
    r.see("nothing at all", sys::poll(&[], 0));
}

fn timeouts(r: &mut Report) {
    let (a, _b) = pair();
    for millis in [0, 50, 150] {
        let (result, in_time) = timed(millis as u64, || sys::poll(&[(a, POLLIN)], millis));
        r.see(&format!("{millis} ms"), result);
        r.see("in time", in_time);
    }
}

fn wakes_for_data(r: &mut Report) {
    let (a, b) = pair();
    let sender = later(100, move || sys::send(b, b"x", 0));
    let (result, in_time) = woken(|| sys::poll(&[(a, POLLIN)], 5000));
    r.see("poll", result);
    r.see("in time", in_time);
    drop(sender.join());
    let ((c, at), d) = (bound_udp(), udp());
    let sender = later(100, move || sys::sendto(d, b"x", 0, at));
    r.see("udp", sys::poll(&[(c, POLLIN)], 5000));
    drop(sender.join());
}

fn wakes_for_connection(r: &mut Report) {
    let (fd, at) = listener(4);
    let client = later(100, move || connected(at));
    r.see("poll", sys::poll(&[(fd, POLLIN)], 5000));
    drop(client.join());
}

fn wakes_for_room(r: &mut Report) {
    let (a, b) = pair();
    nonblocking(a);
    while sys::send(a, &[0; 65536], 0).is_ok() || sys::poll(&[(a, POLLOUT)], 100).is_ok_and(|(n, _)| n == 1) {}
    let reader = later(100, move || {
        let mut total = 0;
        while let Ok(bytes) = sys::recv(b, 1 << 20, libc::MSG_DONTWAIT) {
            total += bytes.len();
        }
        total > 0
    });
    r.see("poll", sys::poll(&[(a, POLLOUT)], 5000));
    r.see("read", reader.join().expect("joined"));
}

fn wakes_for_close(r: &mut Report) {
    let (a, b) = pair();
    let closer = later(100, move || sys::close(b));
    r.see("poll", sys::poll(&[(a, POLLIN | POLLRDHUP)], 5000));
    drop(closer.join());
}

fn mixed_with_pipe(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    let set = [(a, POLLIN), (out, POLLIN), (into, POLLOUT)];
    r.see("the pipe has room", sys::poll(&set, 0));
    let set = [(a, POLLIN), (out, POLLIN)];
    let writer = later(100, move || sys::write(into, b"x"));
    r.see("the pipe wakes", sys::poll(&set, 5000));
    drop(writer.join());
    must("read", sys::read(out, 4));
    let sender = later(100, move || sys::send(b, b"x", 0));
    r.see("the socket wakes", sys::poll(&set, 5000));
    drop(sender.join());
    let (_, in_time) = timed(100, || sys::poll(&[(out, POLLIN), (listener(1).0, POLLIN)], 100));
    r.see("neither: in time", in_time);
}

fn same_twice(r: &mut Report) {
    let (a, _b) = pair();
    r.see("poll", sys::poll(&[(a, POLLOUT), (a, POLLIN), (a, POLLOUT)], 0));
}

fn ppoll(r: &mut Report) {
    let (a, b) = pair();
    let (result, in_time) = timed(80, || sys::ppoll(&[(a, POLLIN)], 80));
    r.see("nothing", result);
    r.see("in time", in_time);
    must("send", sys::send(b, b"x", 0));
    r.see("data", sys::ppoll(&[(a, POLLIN)], 2000));
}

fn many(r: &mut Report) {
    let pairs: Vec<_> = (0..100).map(|_| pair()).collect();
    let set: Vec<_> = pairs.iter().map(|(_, b)| (*b, POLLIN)).collect();
    r.see("none", sys::poll(&set, 0).map(|(n, _)| n));
    must("send", sys::send(pairs[70].0, b"x", 0));
    r.see(
        "one",
        sys::poll(&set, 2000)
            .map(|(n, events)| (n, events.iter().position(|&e| e != 0).unwrap_or(0)))
            .map(|(n, at)| format!("{n} at {at}")),
    );
    pairs.iter().for_each(|(a, _)| assert_eq!(sys::send(*a, b"y", 0), Ok(1)));
    pairs.iter().for_each(|(_, b)| settle(*b, POLLIN));
    r.see("all", sys::poll(&set, 0).map(|(n, _)| n));
}

/// `select`'s answer with names for the descriptors.
fn named(names: &[(sys::Fd, &str)], result: sys::Ret<(i64, [Vec<sys::Fd>; 3])>) -> sys::Ret<String> {
    result.map(|(n, sets)| {
        let shown = sets.map(|set| {
            let words: Vec<&str> = set
                .iter()
                .map(|fd| names.iter().find(|(known, _)| known == fd).map_or("?", |(_, name)| name))
                .collect();
            words.join(",")
        });
        format!("{n} r[{}] w[{}] e[{}]", shown[0], shown[1], shown[2])
    })
}

fn select(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    let names = [(a, "a"), (b, "b"), (out, "out"), (into, "into")];
    let all = [a, b, out];
    r.see("idle", named(&names, sys::select(&all, &[a, b, into], &all, 0)));
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("data", named(&names, sys::select(&all, &[], &all, 1000)));
    must("write", sys::write(into, b"x"));
    r.see("both", named(&names, sys::select(&all, &[], &[], 1000)));
    must("linger", sys::set_linger(a, true, 0));
    must("close", sys::close(a));
    settle(b, POLLERR);
    r.see("reset", named(&names, sys::select(&[b], &[b], &[b], 0)));
    r.see("nothing", named(&names, sys::select(&[], &[], &[], 20)));
}

fn select_wakes(r: &mut Report) {
    let (a, b) = pair();
    let (out, _into) = must("pipe", sys::pipe());
    let sender = later(100, move || sys::send(b, b"x", 0));
    r.see("select", named(&[(a, "a"), (out, "out")], sys::select(&[a, out], &[], &[], 5000)));
    drop(sender.join());
    let (result, in_time) = timed(100, || sys::select(&[out], &[], &[], 100));
    r.see("timeout", named(&[], result));
    r.see("in time", in_time);
}

fn select_wrong(r: &mut Report) {
    let (a, b) = pair();
    must("close", sys::close(b));
    r.see("a closed descriptor", named(&[], sys::select(&[a, b], &[], &[], 0)));
    r.see("negative time", named(&[], sys::select(&[a], &[], &[], -1000)));
}

fn select_after_close(r: &mut Report) {
    let (a, b) = pair();
    must("close", sys::close(b));
    settle(a, POLLIN);
    r.see("readable and writable", named(&[(a, "a")], sys::select(&[a], &[a], &[a], 0)));
}

fn priority(r: &mut Report) {
    let (a, _b) = pair();
    r.see("PRI alone, nothing", sys::poll(&[(a, POLLPRI)], 20));
    r.see("no events", sys::poll(&[(a, 0)], 20));
}
