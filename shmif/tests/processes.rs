//! Several processes on one bus, some of them killed.
//!
//! The children are this test binary, run again with a part to play.

mod common;

use common::{Child, drain, join, scratch};
use shmif::{Bell, NodeGone, Port, Sleep, Who};
use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
#[ignore = "the body of the child processes"]
fn child() {
    let Ok(part) = std::env::var("SHMIF_PART") else { return };
    let path = std::env::var("SHMIF_BUS").expect("a bus");
    let path = Path::new(&path);
    match &part[..] {
        "idle" => idle(path),
        "exec" => exec(path),
        other => panic!("{other}"),
    }
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n> {what}").and_then(|()| out.flush()).expect("a parent");
}

/// A node with an address and a background thread, as a kernel has.
fn idle(path: &Path) {
    let (mut port, bell) = join(path, "idle");
    port.claim_free(Ipv4Addr::new(10, 0, 0, 0), 24).expect("free");
    std::thread::spawn(move || {
        bell.enter_background_thread();
        say("ready");
        loop {
            let token = bell.prepare(Who::Background);
            bell.sleep(Who::Background, token, None);
        }
    });
    loop {
        std::thread::park();
        assert!(port.mac()[0] == 0xb2);
    }
}

/// One that becomes another program.
fn exec(path: &Path) {
    use std::os::unix::process::CommandExt;
    let (_port, bell) = join(path, "exec");
    std::thread::spawn(move || {
        bell.enter_background_thread();
        say("ready");
        let token = bell.prepare(Who::Background);
        bell.sleep(Who::Background, token, None)
    });
    std::io::stdin().lock().read_line(&mut String::new()).expect("a line");
    panic!("{}", std::process::Command::new("sleep").arg("60").exec());
}

#[test]
fn a_killed_node_is_told_once_with_its_addresses_within_milliseconds() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let (mut port, bell) = join(&path, "observer");
    bell.enter_background_thread();
    let mut times = Vec::new();
    for _ in 0..10 {
        let mut idle = Child::start(&path, "idle", &[]);
        idle.expect("ready");
        let nodes = port.nodes();
        let victim = nodes.iter().find(|node| node.name == "idle").expect("on the bus");
        assert!(port.table_changes().is_empty());
        let killed = Instant::now();
        idle.kill();
        let gone = wait_for_gone(&mut port, &bell);
        times.push(killed.elapsed());
        assert_eq!(gone.len(), 1);
        assert!(gone[0].died);
        assert_eq!((gone[0].mac, gone[0].pid), (victim.mac, victim.pid));
        assert_eq!(gone[0].addresses, [(Ipv4Addr::new(10, 0, 0, 1), 24)]);
        assert!(port.table_changes().is_empty());
    }
    times.sort();
    println!("death notice: median {:?}, worst {:?}", times[times.len() / 2], times[times.len() - 1]);
    // Two seconds is when a bounded wait would find it.
    assert!(times[times.len() / 2] < Duration::from_millis(500), "{times:?}");
    bell.leave_background_thread();
}

fn wait_for_gone(port: &mut Port, bell: &Bell) -> Vec<NodeGone> {
    let start = Instant::now();
    loop {
        let token = bell.prepare(Who::Background);
        let gone = port.table_changes();
        if !gone.is_empty() {
            return gone;
        }
        drain(port);
        assert!(start.elapsed() < Duration::from_secs(20), "no notice");
        let _: Sleep = bell.sleep(Who::Background, token, Some(Duration::from_secs(10)));
    }
}
