//! Several processes on one bus, some of them killed.
//!
//! The children are this test binary, run again with a part to play.

#![allow(unsafe_code)]

mod common;

use common::{Child, drain, frame, join, scratch};
use shmif::{Bell, NodeGone, Port, Sleep, Transmit, Who};
use std::collections::HashMap;
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
        "leaky" => leaky(path),
        "forked" => forked(path),
        "claim" => claim(path),
        "send" => send(path),
        "storm" => storm(path),
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

/// One whose child has a copy of the open bus.
fn leaky(path: &Path) {
    let (port, bell) = join(path, "leaky");
    let copy = port.descriptor().and_then(|fd| fd.try_clone_to_owned().ok()).expect("a copy");
    let mut heir = std::process::Command::new("sleep").arg("30").stdin(copy).spawn().expect("started");
    let heir_id = heir.id();
    std::thread::spawn(move || {
        bell.enter_background_thread();
        say(&format!("ready {heir_id}"));
        let token = bell.prepare(Who::Background);
        bell.sleep(Who::Background, token, None)
    });
    heir.wait().expect("waited for");
}

/// One that forks, and whose child gives up its copy.
fn forked(path: &Path) {
    let (port, bell) = join(path, "forked");
    // SAFETY: the child makes only calls that are safe in a fork child: `close_in_child` and system calls.
    let child = unsafe { libc::fork() };
    if child == 0 {
        bell.close_in_child();
        port.close_in_child();
        loop {
            std::thread::sleep(Duration::from_secs(60));
        }
    }
    std::thread::spawn(move || {
        bell.enter_background_thread();
        say(&format!("ready {child}"));
        let token = bell.prepare(Who::Background);
        bell.sleep(Who::Background, token, None)
    });
    std::io::stdin().lock().read_line(&mut String::new()).expect("a line");
}

/// One that wants the same address as others, at the same time.
fn claim(path: &Path) {
    let (mut port, _) = join(path, "claimant");
    say("ready");
    std::io::stdin().lock().read_line(&mut String::new()).expect("a line");
    match port.claim(Ipv4Addr::new(10, 0, 0, 1), 24) {
        Ok(()) => say("result claimed"),
        Err(e) => say(&format!("result {e}")),
    }
    std::io::stdin().lock().read_line(&mut String::new()).expect("a line");
}

fn number(key: &str) -> u64 {
    std::env::var(key).expect(key).parse().expect("a number")
}

fn target() -> [u8; 6] {
    number("SHMIF_TARGET").to_le_bytes()[..6].try_into().expect("six bytes")
}

/// Sends numbered frames of many lengths, none of which may get lost uncounted.
fn send(path: &Path) {
    let (mut port, bell) = join(path, "sender");
    let (to, count) = (target(), number("SHMIF_COUNT"));
    for n in 0..count {
        let length = if n % 16 == 0 { 60_000 - (n % 7_000) as usize } else { 40 + (n % 1_400) as usize };
        let mut bytes = frame(to, port.mac(), length, n as u8);
        bytes[14..18].copy_from_slice(&port.slot().to_le_bytes());
        bytes[18..26].copy_from_slice(&n.to_le_bytes());
        loop {
            let token = bell.prepare(Who::Foreground);
            match port.transmit(&[&bytes], false) {
                Transmit::Sent => break,
                Transmit::Full if !bell.has_input() => drop(bell.sleep(Who::Foreground, token, Some(SOON))),
                Transmit::Full => {}
                Transmit::TooLong => panic!("too long"),
            }
            port.receive(16, &mut |_, _| {});
        }
        bell.cancel(Who::Foreground);
    }
    let counters = port.counters();
    say(&format!("sent {} {}", counters.tx_frames, counters.tx_dropped));
}

/// How long a sender waits for room at most: far longer than it should need.
const SOON: Duration = Duration::from_secs(2);

/// Does everything that a node does, until it is killed.
fn storm(path: &Path) {
    let (mut port, bell) = join(path, "storm");
    let _ = port.claim_free(Ipv4Addr::new(10, 0, 0, 0), 24);
    let background = bell.clone();
    std::thread::spawn(move || {
        background.enter_background_thread();
        loop {
            let token = background.prepare(Who::Background);
            background.sleep(Who::Background, token, None);
        }
    });
    say("ready");
    let to = target();
    for n in 0u64.. {
        let to = if n % 8 == 0 { [0xff; 6] } else { to };
        let length = [60, 1514, 9000, 60_000][(n % 4) as usize];
        let _ = port.transmit(&[&frame(to, port.mac(), length, n as u8)], n % 2 == 0);
        port.receive(8, &mut |_, _| {});
        port.table_changes();
        if n % 64 == 0 {
            let token = bell.prepare(Who::Foreground);
            bell.sleep(Who::Foreground, token, Some(Duration::from_micros(50)));
        }
    }
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

#[test]
fn a_node_that_becomes_another_program_has_died() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let (mut port, bell) = join(&path, "observer");
    let mut child = Child::start(&path, "exec", &[]);
    child.expect("ready");
    assert!(port.table_changes().is_empty());
    child.tell("now");
    let gone = wait_for_gone(&mut port, &bell);
    assert_eq!((&gone[0].name[..], gone[0].died, gone.len()), ("exec", true, 1));
}

#[test]
fn a_killed_node_whose_child_holds_its_lock_is_dead_all_the_same() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let (mut port, bell) = join(&path, "observer");
    let mut child = Child::start(&path, "leaky", &[]);
    let heir: i32 = child.expect("ready").parse().expect("a pid");
    assert!(port.table_changes().is_empty());
    child.kill();
    let gone = wait_for_gone(&mut port, &bell);
    assert_eq!((&gone[0].name[..], gone[0].died, gone.len()), ("leaky", true, 1));
    let heir = rustix::process::Pid::from_raw(heir).expect("a pid");
    rustix::process::kill_process(heir, rustix::process::Signal::KILL).expect("still there");
}

#[test]
fn a_fork_child_that_gave_up_its_copy_does_not_delay_the_notice() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let (mut port, bell) = join(&path, "observer");
    let mut parent = Child::start(&path, "forked", &[]);
    let child: i32 = parent.expect("ready").parse().expect("a pid");
    assert!(port.table_changes().is_empty());
    let killed = Instant::now();
    parent.kill();
    let gone = wait_for_gone(&mut port, &bell);
    // With a copy left it would take five seconds.
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    assert_eq!((&gone[0].name[..], gone[0].died, gone.len()), ("forked", true, 1));
    let child = rustix::process::Pid::from_raw(child).expect("a pid");
    rustix::process::kill_process(child, rustix::process::Signal::KILL).expect("still there");
}

#[test]
fn of_nodes_that_claim_one_address_at_once_one_gets_it() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let mut children: Vec<Child> = (0..6).map(|_| Child::start(&path, "claim", &[])).collect();
    children.iter_mut().for_each(|child| drop(child.expect("ready")));
    children.iter_mut().for_each(|child| child.tell("now"));
    let results: Vec<String> = children.iter_mut().map(|child| child.expect("result")).collect();
    let winner = results.iter().position(|r| r == "claimed").expect("one");
    for (_, loss) in results.iter().enumerate().filter(|(child, _)| *child != winner) {
        assert!(
            loss.contains(&format!("is already used on the bus by claimant (pid {}", children[winner].id())),
            "{loss}"
        );
    }
}

/// `SHMIF_TARGET` for children.
fn to(port: &Port) -> (&'static str, String) {
    let [a, b, c, d, e, f] = port.mac();
    ("SHMIF_TARGET", u64::from_le_bytes([a, b, c, d, e, f, 0, 0]).to_string())
}

#[test]
fn eight_senders_to_one_receiver_lose_nothing_but_what_is_counted() {
    const COUNT: u64 = 5000;
    let dir = scratch();
    let path = dir.path().join("bus");
    let (mut port, bell) = join(&path, "receiver");
    let more = [to(&port), ("SHMIF_COUNT", COUNT.to_string())];
    let mut children: Vec<Child> = (0..8).map(|_| Child::start(&path, "send", &more)).collect();
    let mut next: HashMap<u32, u64> = HashMap::new();
    let (mut received, mut lost) = (0, 0);
    let end = Instant::now() + Duration::from_secs(100);
    while received + lost < 8 * COUNT {
        assert!(Instant::now() < end, "{received} received, {:?}", port.counters());
        let token = bell.prepare(Who::Foreground);
        let got = port.receive(64, &mut |bytes, _| {
            let slot = u32::from_le_bytes(bytes[14..18].try_into().expect("four"));
            let n = u64::from_le_bytes(bytes[18..26].try_into().expect("eight"));
            assert!(bytes[26..].iter().all(|byte| *byte == n as u8), "a torn frame got through");
            let next = next.entry(slot).or_default();
            assert!(n >= *next, "out of order");
            *next = n + 1;
        });
        received += got as u64;
        let counters = port.counters();
        lost = counters.rx_torn + counters.rx_overruns;
        if got == 0 && !bell.has_input() {
            bell.sleep(Who::Foreground, token, Some(SOON));
        }
    }
    let mut dropped = 0;
    for child in &mut children {
        let said = child.expect("sent");
        let (sent, drops) = said.split_once(' ').expect("two numbers");
        dropped += drops.parse::<u64>().expect("a number");
        assert_eq!(sent.parse::<u64>().expect("a number") + drops.parse::<u64>().expect("a number"), COUNT);
    }
    children.into_iter().for_each(Child::finish);
    println!("eight senders: {received} received, {dropped} dropped by senders, {:?}", port.counters());
    assert_eq!(received + port.counters().rx_overruns + port.counters().rx_torn, 8 * COUNT);
}

#[test]
fn nodes_killed_at_any_instant_do_not_stop_the_bus() {
    let kills = std::env::var("SHMIF_KILLS").map_or(200, |kills| kills.parse().expect("a number"));
    let dir = scratch();
    let path = dir.path().join("bus");
    let (mut port, bell) = join(&path, "receiver");
    let more = [to(&port)];
    let mut deaths = 0;
    let mut frames = 0u64;
    let mut random = 88_172_645_463_325_252u64;
    let mut alive: Vec<Child> = Vec::new();
    let mut killed = 0;
    while killed < kills {
        while alive.len() < 3 {
            alive.push(Child::start(&path, "storm", &more));
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut victim = alive.remove((random % 3) as usize);
        victim.expect("ready");
        let end = Instant::now() + Duration::from_micros(random >> 20 & 0xfff);
        while Instant::now() < end {
            frames += port.receive(32, &mut |bytes, _| {
                assert!(bytes[14..].iter().all(|byte| *byte == bytes[14]), "a torn frame got through");
            }) as u64;
        }
        victim.kill();
        killed += 1;
        deaths += port.table_changes().iter().filter(|gone| gone.died).count();
    }
    drop(alive);
    let count = 500;
    let more = [to(&port), ("SHMIF_COUNT", format!("{count}"))];
    let mut last = Child::start(&path, "send", &more);
    let mut after = 0;
    let end = Instant::now() + Duration::from_secs(60);
    while after < count {
        assert!(Instant::now() < end, "{after} received, {:?}", port.counters());
        let token = bell.prepare(Who::Background);
        port.receive(64, &mut |bytes, _| after += u32::from(bytes[18..26] == u64::from(after).to_le_bytes()));
        deaths += port.table_changes().iter().filter(|gone| gone.died).count();
        if !bell.has_input() {
            bell.sleep(Who::Background, token, Some(SOON));
        }
    }
    last.expect("sent");
    println!("{kills} kills: {deaths} deaths told, {frames} frames received, {:?}", port.counters());
    assert!(deaths >= kills);
}
