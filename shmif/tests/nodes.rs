//! Nodes of one process on one bus: joining, addresses, frames, sleeping.

mod common;

use common::{drain, frame, join, join_as, scratch};
use shmif::{Bus, BusError, Join, Sleep, Transmit, Who};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

const BROADCAST: [u8; 6] = [0xff; 6];

#[test]
fn a_frame_reaches_the_node_whose_address_it_has_and_no_other() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (mut b, _), (mut c, _)) = (join(&path, "a"), join(&path, "b"), join(&path, "c"));
    let sent = frame(b.mac(), a.mac(), 100, 7);
    assert_eq!(a.transmit(&[&sent[..20], &sent[20..50], &sent[50..]], true), Transmit::Sent);
    let got = drain(&mut b);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].0, sent);
    assert!(got[0].1.checksum_partial);
    assert!(got[0].1.timestamp_ns > 0);
    assert!(drain(&mut c).is_empty());
    assert!(drain(&mut a).is_empty());
}

#[test]
fn broadcast_and_unknown_go_to_all_and_a_promiscuous_node_sees_everything() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (mut b, _), (mut c, _)) = (join(&path, "a"), join(&path, "b"), join(&path, "c"));
    let (mut tap, _) = join_as(&path, Join { name: "tap".into(), mac: None, mtu: 1500, promiscuous: true });
    for to in [BROADCAST, [2, 0, 0, 0, 0, 9], b.mac()] {
        assert_eq!(a.transmit(&[&frame(to, a.mac(), 60, 1)], false), Transmit::Sent);
    }
    assert_eq!(drain(&mut b).len(), 3);
    assert_eq!(drain(&mut c).len(), 2);
    assert_eq!(drain(&mut tap).len(), 3);
    assert_eq!(drain(&mut a).len(), 0);
}

#[test]
fn a_frame_is_as_long_as_the_mtu_allows_and_no_longer() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    let longest = frame(b.mac(), a.mac(), shmif::MAX_FRAME, 3);
    assert_eq!(a.transmit(&[&longest], false), Transmit::Sent);
    assert_eq!(a.transmit(&[&longest, &[0]], false), Transmit::TooLong);
    assert_eq!(drain(&mut b)[0].0, longest);
}

#[test]
fn a_sender_that_finds_no_room_is_woken_when_there_is_some() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, bell), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    let full = frame(b.mac(), a.mac(), 1514, 5);
    let sent = (0..10_000).take_while(|_| a.transmit(&[&full], false) == Transmit::Sent).count();
    assert!((100..=256).contains(&sent), "{sent}");
    assert!(!bell.has_input());
    assert_eq!(drain(&mut b).len(), sent);
    assert!(bell.has_input());
    assert_eq!(a.transmit(&[&full], false), Transmit::Sent);
    assert_eq!(a.counters().tx_full, 1);
    assert_eq!(b.counters().rx_frames, sent as u64);
}

#[test]
fn a_stopped_receiver_holds_up_nobody() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (stopped, _), (mut b, _)) = (join(&path, "a"), join(&path, "stopped"), join(&path, "b"));
    let lost = frame(stopped.mac(), a.mac(), 60_000, 1);
    while a.transmit(&[&lost], false) == Transmit::Sent {}
    assert_eq!(a.transmit(&[&frame(b.mac(), a.mac(), 60_000, 2)], false), Transmit::Sent);
    assert_eq!(drain(&mut b).len(), 1);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(a.transmit(&[&lost], false), Transmit::Sent);
    assert_eq!(stopped.counters().rx_overruns, 1);
    assert_eq!(a.counters().tx_dropped, 1);
}

#[test]
fn one_address_one_node() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (mut b, _)) = (join(&path, "first"), join(&path, "second"));
    let address = Ipv4Addr::new(10, 0, 0, 1);
    a.claim(address, 24).expect("free");
    match b.claim(address, 24) {
        Err(BusError::AddressInUse { address: same, node, pid, slot }) => {
            assert_eq!((same, &node[..], pid, slot), (address, "first", std::process::id(), a.slot()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(b.claim_free(address, 24).expect("room"), Ipv4Addr::new(10, 0, 0, 2));
    assert_eq!(
        b.claim_free(Ipv4Addr::new(10, 0, 0, 0), 30).expect_err("both taken").to_string(),
        "every host address of 10.0.0.0/30 is in use on the bus; use a larger net"
    );
    drop(a);
    b.claim(address, 24).expect("free again");
    let nodes = Bus::open(&path, false).expect("a bus").nodes();
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].addresses, [(Ipv4Addr::new(10, 0, 0, 2), 24), (address, 24)]);
}

#[test]
fn who_leaves_is_told_once_and_did_not_die() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    b.claim(Ipv4Addr::new(10, 0, 0, 7), 24).expect("free");
    assert!(a.table_changes().is_empty());
    let mac = b.mac();
    drop(b);
    let gone = a.table_changes();
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].mac, gone[0].died, &gone[0].name[..]), (mac, false, "b"));
    assert_eq!(gone[0].addresses, [(Ipv4Addr::new(10, 0, 0, 7), 24)]);
    assert!(a.table_changes().is_empty());
}

#[test]
fn a_frame_wakes_the_foreground_sleeper_first() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, bell), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    let mac = a.mac();
    for who in [Who::Foreground, Who::Background] {
        let token = bell.prepare(who);
        assert!(!bell.has_input());
        let sleeper = std::thread::spawn({
            let bell = bell.clone();
            move || bell.sleep(who, token, Some(Duration::from_secs(20)))
        });
        assert_eq!(b.transmit(&[&frame(mac, b.mac(), 60, 0)], false), Transmit::Sent);
        assert_eq!(sleeper.join().expect("no panic"), Sleep::Woken);
        assert_eq!(drain(&mut a).len(), 1);
    }
    let token = bell.prepare(Who::Background);
    assert_eq!(bell.sleep(Who::Background, token, Some(Duration::from_millis(20))), Sleep::TimedOut);
}

#[test]
fn what_is_not_a_bus_is_refused_in_one_sentence_and_left_alone() {
    let dir = scratch();
    let at = |name: &str| dir.path().join(name);
    let why = |path: PathBuf| Bus::open(&path, true).err().expect("refused").to_string();
    std::fs::write(at("text"), "hello".repeat(2000)).expect("written");
    std::fs::write(at("short"), "hello").expect("written");
    assert!(why(at("text")).contains("does not begin as one"));
    assert!(why(at("short")).contains("too short"));
    assert!(why(dir.path().to_owned()).contains("is a directory"));
    assert!(why(at("none/bus")).contains("cannot create"));
    assert_eq!(std::fs::read(at("short")).expect("there"), b"hello");
    let (port, _) = join(&at("bus"), "a");
    drop(port);
    let mut bytes = std::fs::read(at("bus")).expect("a bus");
    bytes[8] = 9;
    std::fs::write(at("newer"), &bytes[..1 << 20]).expect("written");
    assert!(why(at("newer")).contains("format version 9 and this program speaks version 1"));
    let absent = Bus::open(&at("absent"), false).err().expect("refused").to_string();
    assert!(absent.contains("cannot open") && absent.contains("No such file"), "{absent}");
}

#[test]
fn two_hundred_nodes_join_and_hear_each_other() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let start = std::time::Instant::now();
    let mut nodes: Vec<_> = (0..200).map(|n| join(&path, &format!("node{n}")).0).collect();
    let joined = start.elapsed();
    let call = frame(BROADCAST, nodes[0].mac(), 60, 1);
    assert_eq!(nodes[0].transmit(&[&call], false), Transmit::Sent);
    let answer_to = nodes[0].mac();
    for node in &mut nodes[1..] {
        assert_eq!(drain(node).len(), 1);
        assert_eq!(node.transmit(&[&frame(answer_to, node.mac(), 60, 2)], false), Transmit::Sent);
    }
    assert_eq!(drain(&mut nodes[0]).len(), 199);
    let talked = start.elapsed() - joined;
    drop(nodes.split_off(1));
    assert_eq!(nodes[0].table_changes().len(), 199);
    println!("200 nodes: joined in {joined:?}, a call and its answers in {talked:?}");
}
