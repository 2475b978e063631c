//! stdio(3) over sockets: streams that fdopen(3) makes, and the standard ones of a server for inetd(8), which has a connection in their place.

use crate::Case;
use crate::net::{must, pair};
use crate::report::Report;
use crate::sys;
use crate::sys::streams::{Stream, close_standard_output, print_number};

pub const CASES: &[Case] = &[
    ("stdio.stream", stream),
    ("stdio.written_through_a_signal", written_through_a_signal),
    ("stdio.stream_follows_its_number", stream_follows_its_number),
    ("stdio.appends", appends),
    ("stdio.reopened", reopened),
    ("stdio.reopened_in_vain", reopened_in_vain),
    ("stdio.wide_characters", wide_characters),
    ("stdio.standard_output", standard_output),
    ("stdio.standard_output_made_by_dup", standard_output_made_by_dup),
    ("stdio.standard_output_again", standard_output_again),
    ("stdio.standard_output_goes_back_full", standard_output_goes_back_full),
    ("stdio.standard_output_closed", standard_output_closed),
    ("stdio.standard_output_reopened", standard_output_reopened),
    ("stdio.standard_input", standard_input),
];

fn stream(r: &mut Report) {
    let (a, b) = pair();
    let stream = Stream::over(a, c"r+").expect("fdopen");
    r.see("fileno", stream.number() == a);
    r.see("puts", stream.puts("hello\n"));
    r.see("before it is flushed", sys::recv(b, 16, libc::MSG_DONTWAIT));
    r.see("fflush", stream.flush());
    r.see("recv", sys::recv(b, 16, 0));
    must("send", sys::send(b, b"one\ntwo", 0));
    must("shutdown", sys::shutdown(b, libc::SHUT_WR));
    r.see("fgets", stream.line().unwrap_or_default());
    r.see("fgets", stream.line().unwrap_or_default());
    r.see("the end", stream.line().is_none());
}

/// The handler ends the write(2) that sleeps; the stream goes on with the rest.
fn written_through_a_signal(r: &mut Report) {
    extern "C" fn handler(_: i32) {}
    let (a, b) = pair();
    let stream = Stream::over(a, c"w").expect("fdopen");
    let reader = std::thread::spawn(move || {
        sys::block_alarm();
        std::thread::sleep(std::time::Duration::from_millis(250));
        std::iter::from_fn(|| sys::recv(b, 1 << 20, 0).ok().map(|bytes| bytes.len()).filter(|len| *len > 0))
            .sum::<usize>()
    });
    must("sigaction", sys::handle(libc::SIGALRM, handler, 0));
    must("setitimer", sys::alarm(100, 0));
    r.see("puts", stream.puts(&"x".repeat(32 << 20)));
    r.see("fflush", stream.flush());
    must("shutdown", sys::shutdown(a, libc::SHUT_WR));
    r.see("came", reader.join().expect("joined"));
}

fn stream_follows_its_number(r: &mut Report) {
    let (a, b) = pair();
    let stream = Stream::over(a, c"w").expect("fdopen");
    let (reading, writing) = must("pipe", sys::pipe());
    must("dup2", sys::dup2(writing, a));
    r.see("puts", stream.puts("to the pipe\n"));
    r.see("fflush", stream.flush());
    r.see("read", sys::read(reading, 16));
    r.see("the connection has ended", sys::recv(b, 16, 0));
}

fn appends(r: &mut Report) {
    let (a, b) = pair();
    let stream = Stream::over(a, c"a").expect("fdopen");
    r.see("F_GETFL", must("fcntl", sys::fcntl(a, libc::F_GETFL, 0)) & libc::O_APPEND != 0);
    r.see("puts", stream.puts("text"));
    r.see("fflush", stream.flush());
    r.see("recv", sys::recv(b, 16, 0));
}

/// The stream is of a file now, under the number of the socket, which is closed.
fn reopened(r: &mut Report) {
    let (a, b) = pair();
    let stream = Stream::over(a, c"r+").expect("fdopen");
    r.see("puts", stream.puts("not flushed"));
    let reopened = stream.reopen(Some(c"/dev/zero"), c"r+").expect("freopen");
    r.see("the same stream", reopened == stream);
    r.see("the same number", reopened.number() == a);
    r.see("recv", sys::recv(b, 16, 0));
    r.see("the connection has ended", sys::recv(b, 16, 0));
    r.see("getsockname", sys::getsockname(a).map(|_| ()));
    r.see("puts", reopened.puts("to the file"));
    r.see("fflush", reopened.flush());
    r.see("fputws", reopened.puts_wide("of another orientation"));
    r.see("fclose", reopened.close());
    r.see("its number", sys::fcntl(a, libc::F_GETFL, 0));

    let (a, _) = pair();
    let stream = Stream::over(a, c"r+").expect("fdopen");
    let reopened = stream.reopen(Some(c"/dev/null"), c"w").expect("freopen");
    r.see("fputws", reopened.puts_wide("wide"));
    r.see("fclose", reopened.close());
}

fn reopened_in_vain(r: &mut Report) {
    for (path, name) in [(Some(c"/nowhere/at/all"), "no such file"), (None, "itself")] {
        let (a, b) = pair();
        let stream = Stream::over(a, c"r+").expect("fdopen");
        r.see(name, stream.reopen(path, c"r").map(|_| ()));
        r.see("the number is closed", sys::fcntl(a, libc::F_GETFL, 0));
        r.see("the connection has ended", sys::recv(b, 16, 0));
    }
}

/// A stream of bytes has no wide characters to give.
fn wide_characters(r: &mut Report) {
    let (a, b) = pair();
    let stream = Stream::over(a, c"r+").expect("fdopen");
    must("send", sys::send(b, b"one\ntwo\n", 0));
    r.see("fgets", stream.line().unwrap_or_default());
    r.see("fgetws", stream.wide_line().is_some());
    r.see("fputws", stream.puts_wide("wide"));
    r.see("fgets", stream.line().unwrap_or_default());
}

/// Runs `with` while descriptor 1 is `to`.
fn on_standard_output<R>(to: sys::Fd, with: impl FnOnce() -> R) -> R {
    let saved = must("dup", sys::dup(1));
    must("dup2", sys::dup2(to, 1));
    let result = with();
    must("dup2", sys::dup2(saved, 1));
    must("close", sys::close(saved));
    result
}

fn standard_output(r: &mut Report) {
    let (a, b) = pair();
    let (printed, flushed, number) = on_standard_output(a, || {
        let printed = print_number(7);
        (printed, Stream::standard_output().flush(), Stream::standard_output().number())
    });
    r.see("printf", printed);
    r.see("fflush", flushed);
    r.see("fileno", number);
    r.see("recv", sys::recv(b, 32, 0));
    r.see("afterwards", print_number(8));
    r.see("fflush", Stream::standard_output().flush());
    r.see("nothing of it came", sys::recv(b, 16, libc::MSG_DONTWAIT));
}

fn standard_output_made_by_dup(r: &mut Report) {
    let (a, b) = pair();
    let saved = must("dup", sys::dup(1));
    must("close", sys::close(1));
    let number = must("dup", sys::dup(a));
    let printed = (print_number(7), Stream::standard_output().flush());
    must("close", sys::close(1));
    must("dup", sys::dup(saved));
    r.see("the lowest number", number);
    r.see("printf, fflush", format!("{printed:?}"));
    r.see("recv", sys::recv(b, 32, 0));
}

fn standard_output_again(r: &mut Report) {
    for number in 1..=3 {
        let (a, b) = pair();
        on_standard_output(a, || {
            print_number(number);
            Stream::standard_output().flush()
        })
        .ok();
        r.see("recv", sys::recv(b, 32, 0));
    }
}

fn standard_output_goes_back_full(r: &mut Report) {
    let (a, b) = pair();
    on_standard_output(a, || print_number(7));
    r.see("fflush", Stream::standard_output().flush());
    r.see("what was not flushed goes where the number leads", sys::recv(b, 32, libc::MSG_DONTWAIT));
}

fn standard_output_closed(r: &mut Report) {
    let (a, b) = pair();
    let saved = must("dup", sys::dup(1));
    must("dup2", sys::dup2(a, 1));
    must("close", sys::close(a));
    print_number(7);
    let closed = close_standard_output();
    let seen = (sys::recv(b, 32, 0), sys::recv(b, 32, 0));
    must("dup2", sys::dup2(saved, 1));
    r.see("fclose", closed);
    r.see("recv", seen.0);
    r.see("and the end", seen.1);
}

fn standard_output_reopened(r: &mut Report) {
    let (a, b) = pair();
    let (same, closed, printed) = on_standard_output(a, || {
        must("close", sys::close(a));
        print_number(7);
        let reopened = Stream::standard_output().reopen(Some(c"/dev/null"), c"w").expect("freopen");
        let closed = (sys::recv(b, 32, 0), sys::recv(b, 32, 0));
        (reopened == Stream::standard_output(), closed, (print_number(8), reopened.number(), reopened.flush()))
    });
    r.see("it is standard output", same);
    r.see("recv", closed.0);
    r.see("and the end", closed.1);
    r.see("printf, fileno, fflush", format!("{printed:?}"));
}

fn standard_input(r: &mut Report) {
    let (a, b) = pair();
    let saved = must("dup", sys::dup(0));
    must("dup2", sys::dup2(a, 0));
    must("send", sys::send(b, b"one\ntwo\n", 0));
    let lines = (Stream::standard_input().line(), Stream::standard_input().line());
    must("dup2", sys::dup2(saved, 0));
    r.see("fgets", format!("{lines:?}"));
}
