//! Sockets as descriptors: numbers, copies, flags, what files do and sockets do not.

use std::io::{BufRead, BufReader, Write};

use libc::{
    AF_INET, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC, FIONBIO, O_CLOEXEC, O_NONBLOCK,
    SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM,
};

use crate::Case;
use crate::net::{listener, must, pair, tcp};
use crate::report::{Report, made, place};
use crate::sys;

pub const CASES: &[Case] = &[
    ("fd.is_a_socket", is_a_socket),
    ("fd.lowest_number", lowest_number),
    ("fd.closed", closed),
    ("fd.creation_flags", creation_flags),
    ("fd.close_on_exec", close_on_exec),
    ("fd.status_flags", status_flags),
    ("fd.fionbio", fionbio),
    ("fd.copies_share", copies_share),
    ("fd.last_close_counts", last_close_counts),
    ("fd.dup2_over_a_socket", dup2_over_a_socket),
    ("fd.dup2_onto_a_file", dup2_onto_a_file),
    ("fd.dup2_wrong", dup2_wrong),
    ("fd.dup3", dup3),
    ("fd.high_number", high_number),
    ("fd.file_over_a_socket", file_over_a_socket),
    ("fd.standard_input", standard_input),
    ("fd.not_a_file", not_a_file),
    ("fd.limit", limit),
    ("fd.limit_at_accept", limit_at_accept),
    ("fd.close_range", close_range),
    ("fd.stream_reading", stream_reading),
    ("fd.fork_child_closes", fork_child_closes),
    ("fd.proc_link", proc_link),
];

fn is_a_socket(r: &mut Report) {
    let fd = tcp();
    r.see("type", sys::file_type(fd).map(|kind| kind == libc::S_IFSOCK));
    r.see("isatty", sys::isatty(fd));
}

fn lowest_number(r: &mut Report) {
    let (a, b, c) = (tcp(), tcp(), tcp());
    must("close", sys::close(b));
    must("close", sys::close(a));
    r.see("the lowest free one", tcp() == a);
    r.see("the next", tcp() == b);
    r.see("a file takes the next", must("open", sys::open_null()) > c);
}

fn closed(r: &mut Report) {
    let fd = tcp();
    r.see("close", sys::close(fd));
    r.see("close again", sys::close(fd));
    r.see("send", sys::send(fd, b"x", 0));
    r.see("recv", sys::recv(fd, 4, 0));
    r.see("read", sys::read(fd, 4));
    r.see("write", sys::write(fd, b"x"));
    r.see("getsockname", place(sys::getsockname(fd)));
    r.see("fcntl", sys::fcntl(fd, F_GETFL, 0));
    r.see("listen", sys::listen(fd, 1));
    r.see("dup", made(sys::dup(fd)));
}

fn creation_flags(r: &mut Report) {
    for (name, flags) in
        [("none", 0), ("NONBLOCK", SOCK_NONBLOCK), ("CLOEXEC", SOCK_CLOEXEC), ("both", SOCK_NONBLOCK | SOCK_CLOEXEC)]
    {
        let fd = must("socket", sys::socket(AF_INET, SOCK_STREAM | flags, 0));
        r.see(&format!("{name}: O_NONBLOCK"), sys::fcntl(fd, F_GETFL, 0).map(|f| f & O_NONBLOCK != 0));
        r.see(&format!("{name}: FD_CLOEXEC"), sys::fcntl(fd, F_GETFD, 0).map(|f| f & FD_CLOEXEC != 0));
    }
}

fn close_on_exec(r: &mut Report) {
    let fd = tcp();
    r.see("set", sys::fcntl(fd, F_SETFD, FD_CLOEXEC));
    r.see("get", sys::fcntl(fd, F_GETFD, 0));
    let copy = must("dup", sys::dup(fd));
    r.see("a copy has it not", sys::fcntl(copy, F_GETFD, 0));
    r.see("unset", sys::fcntl(fd, F_SETFD, 0));
    r.see("get", sys::fcntl(fd, F_GETFD, 0));
    let copy = must("fcntl", sys::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    r.see("F_DUPFD_CLOEXEC", sys::fcntl(copy, F_GETFD, 0));
}

fn status_flags(r: &mut Report) {
    let (a, _b) = pair();
    r.see("at first", sys::fcntl(a, F_GETFL, 0).map(|flags| flags as u32));
    r.see("set", sys::fcntl(a, F_SETFL, O_NONBLOCK));
    r.see("get", sys::fcntl(a, F_GETFL, 0).map(|flags| flags as u32));
    r.see("recv", sys::recv(a, 4, 0));
    let copy = must("dup", sys::dup(a));
    r.see("a copy shares it", sys::recv(copy, 4, 0));
    r.see("cleared through the copy", sys::fcntl(copy, F_SETFL, 0));
    r.see("get", sys::fcntl(a, F_GETFL, 0).map(|flags| flags as u32));
}

fn fionbio(r: &mut Report) {
    let (a, _b) = pair();
    r.see("set", sys::ioctl(a, FIONBIO, 1));
    r.see("get", sys::fcntl(a, F_GETFL, 0).map(|flags| flags & O_NONBLOCK != 0));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("clear", sys::ioctl(a, FIONBIO, 0));
    r.see("get", sys::fcntl(a, F_GETFL, 0).map(|flags| flags & O_NONBLOCK != 0));
}

fn copies_share(r: &mut Report) {
    let (a, b) = pair();
    let copy = must("dup", sys::dup(a));
    r.see("send by the copy", sys::send(copy, b"one", 0));
    r.see("send by the first", sys::send(a, b"two", 0));
    r.see("recv", sys::recv(b, 6, libc::MSG_WAITALL));
    must("option", sys::set_option(copy, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1));
    r.see("an option is shared", sys::get_option(a, libc::SOL_SOCKET, libc::SO_KEEPALIVE));
    r.see("the name is the same", sys::getsockname(a).map(|name| Ok(name) == sys::getsockname(copy)));
}

fn last_close_counts(r: &mut Report) {
    let (a, b) = pair();
    let copy = must("dup", sys::dup(a));
    r.see("close the first", sys::close(a));
    r.see("the peer sees nothing", sys::poll(&[(b, libc::POLLIN)], 50));
    r.see("the copy works", sys::send(copy, b"alive", 0));
    r.see("recv", sys::recv(b, 16, 0));
    r.see("close the copy", sys::close(copy));
    r.see("the peer sees the end", sys::recv(b, 16, 0));
}

fn dup2_over_a_socket(r: &mut Report) {
    let ((a, b), (c, d)) = (pair(), pair());
    r.see("dup2", sys::dup2(c, a).map(|fd| fd == a));
    r.see("the old connection ends", sys::recv(b, 4, 0));
    r.see("the number is the new one", sys::send(a, b"new", 0));
    r.see("recv", sys::recv(d, 8, 0));
}

fn dup2_onto_a_file(r: &mut Report) {
    let (a, b) = pair();
    let file = must("open", sys::open_null());
    r.see("dup2", sys::dup2(a, file).map(|fd| fd == file));
    r.see("write", sys::write(file, b"was a file"));
    r.see("recv", sys::recv(b, 16, 0));
    r.see("type", sys::file_type(file).map(|kind| kind == libc::S_IFSOCK));
}

fn dup2_wrong(r: &mut Report) {
    let (a, b) = pair();
    r.see("onto itself", sys::dup2(a, a).map(|fd| fd == a));
    r.see("still works", sys::send(a, b"x", 0));
    r.see("recv", sys::recv(b, 4, 0));
    r.see("onto -1", made(sys::dup2(a, -1)));
    r.see("from -1", made(sys::dup2(-1, a)));
    r.see("still works", sys::send(a, b"x", 0));
}

fn dup3(r: &mut Report) {
    let (a, b) = pair();
    let number = must("open", sys::open_null());
    r.see("dup3", sys::dup3(a, number, O_CLOEXEC).map(|fd| fd == number));
    r.see("FD_CLOEXEC", sys::fcntl(number, F_GETFD, 0));
    r.see("send", sys::send(number, b"x", 0));
    r.see("recv", sys::recv(b, 4, 0));
    r.see("onto itself", made(sys::dup3(a, a, 0)));
    r.see("unknown flag", made(sys::dup3(a, number, 1)));
}

fn high_number(r: &mut Report) {
    let (a, b) = pair();
    let high = sys::fcntl(a, F_DUPFD, 500);
    r.see("F_DUPFD 500", high);
    must("close", sys::close(a));
    if let Ok(high) = high {
        r.see("send", sys::send(high, b"from high up", 0));
        r.see("recv", sys::recv(b, 16, 0));
        r.see("select", sys::select(&[], &[high], &[], 0).map(|(n, _)| n));
    }
}

fn file_over_a_socket(r: &mut Report) {
    // A number that was a socket's and is a file's must behave as the file's.
    let (a, b) = pair();
    must("close", sys::close(a));
    let (out, into) = must("pipe", sys::pipe());
    r.see("the pipe has the socket's number", out == a || into == a);
    r.see("write", sys::write(into, b"plain"));
    r.see("read", sys::read(out, 16));
    r.see("send on a pipe", sys::send(into, b"x", 0));
    r.see("getsockname", place(sys::getsockname(out)));
    r.see("the peer saw the end", sys::recv(b, 4, 0));
}

fn standard_input(r: &mut Report) {
    let (a, b) = pair();
    must("dup2", sys::dup2(a, 0));
    must("close", sys::close(a));
    must("send", sys::send(b, b"to standard input\n", 0));
    r.see("read", sys::read(0, 64));
    r.see("write to it", sys::write(0, b"back"));
    r.see("recv", sys::recv(b, 16, 0));
}

fn not_a_file(r: &mut Report) {
    let (a, _b) = pair();
    r.see("lseek", sys::lseek(a));
    r.see("pread", sys::pread(a));
    r.see("ftruncate", sys::ftruncate(a));
    r.see("fsync", sys::fsync(a));
}

fn limit(r: &mut Report) {
    must("setrlimit", sys::limit_descriptors(20));
    let mut made = Vec::new();
    let error = loop {
        match sys::socket(AF_INET, SOCK_STREAM, 0) {
            Ok(fd) if made.len() < 100 => made.push(fd),
            Ok(_) => break "never".to_owned(),
            Err(errno) => break errno.to_string(),
        }
    };
    r.see("all below the limit", made.iter().all(|&fd| fd < 20));
    r.see("sockets until the limit", made.len());
    r.see("then", error);
    must("close", sys::close(made[0]));
    r.see("one closed, one made", sys::socket(AF_INET, SOCK_STREAM, 0).map(|fd| fd == made[0]));
}

fn limit_at_accept(r: &mut Report) {
    let (listening, at) = listener(4);
    let client = crate::net::connected(at);
    let next = must("dup", sys::dup(0));
    must("setrlimit", sys::limit_descriptors(next as u64));
    r.see("accept", made(sys::accept(listening).map(|(fd, _)| fd)));
    must("setrlimit", sys::limit_descriptors(100));
    r.see("nothing is lost", made(sys::accept(listening).map(|(fd, _)| fd)));
    r.see("the connection lives", sys::send(client, b"x", 0));
}

fn close_range(r: &mut Report) {
    let (a, b) = pair();
    let last = must("fcntl", sys::fcntl(a, F_DUPFD, 40));
    must("close", sys::close(a));
    r.see("close_range", sys::close_range(last, last + 10));
    r.see("the peer sees the end", sys::recv(b, 4, 0));
    r.see("the number is free", sys::send(last, b"x", 0));
}

fn stream_reading(r: &mut Report) {
    let (a, b) = pair();
    let copy = must("dup", sys::dup(b));
    must("send", sys::send(a, b"first line\nsecond line\n", 0));
    let (mut writer, reader) = (sys::into_file(b), sys::into_file(copy));
    let mut lines = BufReader::new(reader).lines();
    for _ in 0..2 {
        r.see("line", lines.next().and_then(Result::ok).unwrap_or_default());
    }
    r.see("write", writer.write_all(b"answer\n").is_ok());
    r.see("recv", sys::recv(a, 16, 0));
}

fn fork_child_closes(r: &mut Report) {
    let (a, b) = pair();
    match must("fork", sys::fork()) {
        0 => {
            let _ = sys::close(a);
            let _ = sys::close(b);
            sys::exit_now(5)
        }
        child => r.see("child's status", sys::wait(child)),
    }
    r.see("the parent's connection lives", sys::send(a, b"alive", 0));
    r.see("recv", sys::recv(b, 16, 0));
    r.see("close", sys::close(a));
    r.see("the end", sys::recv(b, 16, 0));
}

fn proc_link(r: &mut Report) {
    let fd = tcp();
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}"));
    r.see("names a socket", link.is_ok_and(|link| link.to_string_lossy().starts_with("socket:[")));
}
