//! The socket-semantics suite: many small cases over the C library's sockets on 127.0.0.1, each printing what it observed.
//!
//! The program does not judge. It is run on the host kernel and under `librumphijack.so`, and the lines must be the same; see
//! `tests/system/semantics.rs`. `semantics list` names the cases, `semantics case NAME` runs one in this process, and
//! `semantics run PREFIX` runs all whose name begins with it, a process each with a deadline.
//!
//! A case is a function of [`report::Report`] and a row of its module's `CASES`, or one that [`matrix`] generates. The calls are in
//! [`sys`], made pairs in [`net`].

mod anycast;
mod arp;
mod blocked;
mod cork;
mod data;
mod dgram;
mod driven;
mod epoll;
mod errno;
mod fastopen;
mod fd;
mod filter;
mod flowlabel;
mod fortified;
mod header;
mod included;
mod inet6;
mod life;
mod listen;
mod lowat;
mod matrix;
mod multicast;
mod names;
mod net;
mod netlink;
mod number;
mod options;
mod packet;
mod packetbyname;
mod packetfanout;
mod packetring;
mod packetvnet;
mod pktoptions;
mod poll;
mod procnet;
mod raw;
mod receiving;
mod repair;
mod report;
mod resolver;
mod reuseport;
mod savesyn;
mod signal;
mod smallstack;
mod sockdiag;
mod splice;
mod stamping;
mod stdio;
mod streamip;
mod sys;
mod udplite;
mod urgent;
mod zerocopy;

use std::process::{Command, ExitCode};
use std::time::Duration;

use report::Report;

/// A name and what it does. The names begin with the module's.
type Case = (&'static str, fn(&mut Report));

/// How long one case may take: the longest waits for a few timeouts of a tenth of a second.
const LIMIT: Duration = Duration::from_secs(10);

fn cases() -> impl Iterator<Item = &'static Case> {
    [
        life::CASES,
        listen::CASES,
        lowat::CASES,
        data::CASES,
        splice::CASES,
        options::CASES,
        dgram::CASES,
        receiving::CASES,
        udplite::CASES,
        cork::CASES,
        zerocopy::CASES,
        stamping::CASES,
        urgent::CASES,
        driven::CASES,
        fastopen::CASES,
        multicast::CASES,
        inet6::CASES,
        flowlabel::CASES,
        anycast::CASES,
        header::CASES,
        included::CASES,
        raw::CASES,
        pktoptions::CASES,
        streamip::CASES,
        poll::CASES,
        epoll::CASES,
        fd::CASES,
        stdio::CASES,
        signal::CASES,
        smallstack::CASES,
        names::CASES,
        number::CASES,
        packet::CASES,
        packetring::CASES,
        packetfanout::CASES,
        packetvnet::CASES,
        packetvnet::rings::CASES,
        packetbyname::CASES,
        fortified::CASES,
        blocked::CASES,
        filter::CASES,
        repair::CASES,
        reuseport::CASES,
        savesyn::CASES,
        netlink::CASES,
        procnet::CASES,
        arp::CASES,
        sockdiag::CASES,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => names().for_each(|name| println!("{name}")),
        ["case", name] if !run_here(name) => return usage(&format!("there is no case {name:?}")),
        ["case", _] => {}
        ["run"] => names().for_each(|name| run_apart(&name)),
        ["run", prefix] => names().filter(|name| name.starts_with(prefix)).for_each(|name| run_apart(&name)),
        _ => return usage("what to do?"),
    }
    ExitCode::SUCCESS
}

fn names() -> impl Iterator<Item = String> {
    cases().map(|(name, _)| (*name).to_owned()).chain(matrix::cases().map(|case| case.name))
}

/// Whether there is such a case.
fn run_here(name: &str) -> bool {
    if let Some((name, case)) = cases().find(|(known, _)| *known == name) {
        case(&mut Report::new(name));
    } else if let Some(case) = matrix::cases().find(|case| case.name == name) {
        case.run();
    } else {
        return false;
    }
    true
}

fn usage(what: &str) -> ExitCode {
    eprintln!("semantics: {what}\nusage: semantics list | case NAME | run [PREFIX]");
    ExitCode::FAILURE
}

/// A process of its own: a fresh kernel under the preload, and a hang or a crash is one line of one case.
fn run_apart(name: &str) {
    let exe = std::env::current_exe().unwrap_or_else(|_| "semantics".into());
    let mut child = match Command::new(exe).args(["case", name]).spawn() {
        Ok(child) => child,
        Err(error) => return println!("{name}: did not start: {error}"),
    };
    let ended = net::within(LIMIT, || child.try_wait().ok().flatten());
    match ended {
        Some(status) if status.success() => {}
        Some(status) => println!("{name}: ended by {status}"),
        None => {
            println!("{name}: hangs");
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
