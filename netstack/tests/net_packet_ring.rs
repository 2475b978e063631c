//! Rings of frames in memory that a program maps: whose a place is, and when.

mod common;

use std::sync::Arc;
use std::time::Duration;

use arena::Window;
use common::*;
use netstack::PacketTo;
use netstack::iface::LOOPBACK;
use netstack::link::Mac;
use netstack::packet::ring::{Direction, Ground, RingError, RingOptions, RingRequest, RingView, Version};
use netstack::packet::{ALL, PacketStatistics, PacketType};
use netstack::socket::SendError;

const PROTOCOL: u16 = 0x1234;
const MS: Duration = Duration::from_millis(1);

/// Version 3: where in a block the status is, and how many frames there are.
const STATUS: usize = 8;
const FRAMES: usize = 12;

fn set_ring(
    net: &mut Net,
    socket: &Packets,
    direction: Direction,
    version: Version,
    request: RingRequest,
) -> Result<Option<Arc<RingView>>, RingError> {
    let now = net.now();
    let stack = net.stack(socket.node);
    stack.packet_set_ring_options(socket.id, RingOptions { version, ..RingOptions::default() })?;
    let ground = Ground {
        page: 4096,
        window: &mut |len| Window::alone(len).ok().map(Arc::new),
        wall: |at| 1_000_000_000_000_000_000 + at.0,
        now,
    };
    stack.packet_set_ring(socket.id, direction, &request, ground)?;
    Ok(stack.packet_rings(socket.id).and_then(|rings| rings.rx))
}

fn blocks(net: &mut Net, socket: &Packets, retire_ms: u32) -> Arc<RingView> {
    let request =
        RingRequest { block_size: 4096, blocks: 2, frame_size: 2048, frames: 4, retire_ms, ..RingRequest::default() };
    set_ring(net, socket, Direction::In, Version::V3, request).expect("a ring").expect("of what comes")
}

/// A node, with a socket that sees all frames that come in.
fn alone() -> (Net, NodeId, Packets) {
    let (mut net, a, _) = Net::pair(1, Link::default());
    net.run_for(Duration::from_secs(20));
    let socket = net.packet(a, Some(ETH), PROTOCOL);
    net.touched(a);
    (net, a, socket)
}

fn come(net: &mut Net, node: NodeId, len: usize) {
    net.inject(node, ETH, &ethernet_frame(Mac::BROADCAST, STRANGER, PROTOCOL, &vec![7; len]));
}

fn word(view: &RingView, at: usize) -> u32 {
    view.window().load(at)
}

#[test]
fn a_place_goes_to_the_program_and_back() {
    let (mut net, a, socket) = alone();
    let request = RingRequest { block_size: 4096, blocks: 1, frame_size: 1024, frames: 4, ..RingRequest::default() };
    let ring = set_ring(&mut net, &socket, Direction::In, Version::V2, request).expect("a ring").expect("there");
    assert!(!ring.readable() && !net.touched(a).contains(&socket.key));
    come(&mut net, a, 100);
    assert!(ring.readable() && net.touched(a).contains(&socket.key));
    let mut time = [0; 8];
    ring.window().read(16, &mut time);
    let at = Duration::from_nanos(net.now().0);
    assert_eq!(u32::from_ne_bytes([time[0], time[1], time[2], time[3]]), 1_000_000_000 + at.as_secs() as u32);
    assert_eq!(u32::from_ne_bytes([time[4], time[5], time[6], time[7]]), at.subsec_nanos());
    for _ in 0..5 {
        come(&mut net, a, 100);
    }
    assert_eq!([0, 1024, 2048, 3072].map(|at| word(&ring, at) & 1), [1; 4]);
    let counts = net.stack(a).packet_take_statistics(socket.id);
    assert_eq!(counts, Some(PacketStatistics { packets: 6, drops: 2, freezes: 0 }));
    assert_eq!(ring.given(), 4);
    // All but the newest: still there is something to see.
    [0, 1024, 2048].iter().for_each(|at| ring.window().store(*at, 0));
    assert!(ring.readable());
    ring.window().store(3072, 0);
    assert!(!ring.readable());
}

/// As on Linux a place has room for what is said of a frame, and need not have any for the frame.
#[test]
fn places_too_small_for_any_byte_of_a_frame_say_that_it_came() {
    let (mut net, a, socket) = alone();
    let request = RingRequest { block_size: 4096, blocks: 1, frame_size: 64, frames: 64, ..RingRequest::default() };
    let ring = set_ring(&mut net, &socket, Direction::In, Version::V2, request).expect("a ring").expect("there");
    (0..64).for_each(|_| come(&mut net, a, 30));
    let last = 63 * 64;
    let said = [0, 4, 8, 12].map(|at| word(&ring, last + at));
    assert_eq!(said, [0x2000_0001, 44, 0, 80 << 16 | 66], "status, length, bytes that are there, where they would be");
}

#[test]
fn a_block_goes_to_the_program_when_its_time_has_come_and_an_empty_one_never() {
    let (mut net, a, socket) = alone();
    let opened = net.now();
    let ring = blocks(&mut net, &socket, 50);
    assert!(net.stack(a).next_deadline().is_none_or(|at| at > opened + 50 * MS), "nothing is in it");
    net.run_for(70 * MS);
    come(&mut net, a, 100);
    assert_eq!(net.stack(a).next_deadline(), Some(opened + 100 * MS), "the second span's end");
    net.run_for(29 * MS);
    assert!((word(&ring, STATUS), word(&ring, FRAMES)) == (0, 1) && !ring.readable());
    net.touched(a);
    net.run_for(MS);
    assert_eq!((word(&ring, STATUS), word(&ring, 4096 + FRAMES)), (0x21, 0), "TP_STATUS_USER, TP_STATUS_BLK_TMO");
    assert!(ring.readable() && net.touched(a).contains(&socket.key));
    assert_eq!(ring.given(), 1);
}

#[test]
fn a_full_block_goes_at_once_and_without_another_frames_are_lost() {
    let (mut net, a, socket) = alone();
    let ring = blocks(&mut net, &socket, 1000);
    let counts = |net: &mut Net| net.stack(a).packet_take_statistics(socket.id).expect("open");
    for _ in 0..2 {
        come(&mut net, a, 1400);
    }
    assert_eq!(word(&ring, STATUS), 0);
    come(&mut net, a, 1400);
    assert_eq!((word(&ring, STATUS), word(&ring, FRAMES), word(&ring, 4096 + FRAMES)), (1, 2, 1));
    for _ in 0..3 {
        come(&mut net, a, 1400);
    }
    assert_eq!((word(&ring, 4096 + STATUS), word(&ring, 4096 + FRAMES)), (1, 2));
    assert_eq!(counts(&mut net), PacketStatistics { packets: 6, drops: 2, freezes: 1 });
    // The second one does not help: it is not next.
    ring.window().store(4096 + STATUS, 0);
    come(&mut net, a, 1400);
    assert_eq!(counts(&mut net), PacketStatistics { packets: 1, drops: 1, freezes: 0 });
    ring.window().store(STATUS, 0);
    come(&mut net, a, 1400);
    assert_eq!(counts(&mut net), PacketStatistics { packets: 1, drops: 0, freezes: 0 });
    assert_eq!((word(&ring, STATUS), word(&ring, FRAMES)), (0, 1));
}

#[test]
fn what_a_program_scribbles_harms_nobody() {
    let (mut net, a, socket) = alone();
    let ring = blocks(&mut net, &socket, 50);
    for round in 0..200u32 {
        come(&mut net, a, 1 + (round as usize * 37) % 1400);
        ring.window().write(0, &vec![(round * 7) as u8; 8192]);
        if round % 3 == 0 {
            [STATUS, 4096 + STATUS].iter().for_each(|at| ring.window().store(*at, 0));
        }
        net.run_for(13 * MS);
    }
    [STATUS, 4096 + STATUS].iter().for_each(|at| ring.window().store(*at, 0));
    let before = ring.given();
    for _ in 0..4 {
        come(&mut net, a, 1400);
    }
    assert!(ring.given() > before, "it goes on");
}

#[test]
fn a_ring_is_one_at_a_time() {
    let (mut net, _, socket) = alone();
    let request = RingRequest { block_size: 4096, blocks: 1, frame_size: 1024, frames: 4, ..RingRequest::default() };
    let mut set =
        |version, request| set_ring(&mut net, &socket, Direction::In, version, request).map(|ring| ring.is_some());
    assert_eq!(set(Version::V1, RingRequest { frames: 3, ..request }), Err(RingError::Invalid));
    assert_eq!(set(Version::V1, request), Ok(true));
    assert_eq!(set(Version::V2, request), Err(RingError::Busy), "its version stays");
    let now = net.now();
    let stack = net.stack(socket.node);
    let mut again = |request: &RingRequest| {
        let ground = Ground { page: 4096, window: &mut |_| None, wall: |at| at.0, now };
        stack.packet_set_ring(socket.id, Direction::In, request, ground)
    };
    assert_eq!(again(&request), Err(RingError::Busy));
    assert_eq!(again(&RingRequest::default()), Ok(()));
    assert_eq!(again(&request), Err(RingError::NoMemory));
}

#[test]
fn frames_leave_in_their_order_until_one_cannot() {
    let (mut net, a, sender) = alone();
    let mut seen = net.packet(a, Some(LOOPBACK), ALL);
    let request = RingRequest { block_size: 4096, blocks: 1, frame_size: 1024, frames: 4, ..RingRequest::default() };
    set_ring(&mut net, &sender, Direction::Out, Version::V2, request).expect("a ring");
    let window = net.stack(a).packet_rings(sender.id).and_then(|rings| rings.tx).expect("a ring");
    let put = |place: usize, len: usize| {
        let frame = ethernet_frame(Mac::default(), Mac::default(), PROTOCOL, &vec![place as u8; len - 14]);
        window.write(place * 1024 + 32, &frame);
        window.store(place * 1024 + 4, len as u32);
        window.store(place * 1024, 1);
    };
    let status = || [0, 1, 2, 3].map(|place| window.load(place * 1024));
    let mut send = |net: &mut Net| {
        let (now, to) = (net.now(), PacketTo { on: LOOPBACK, protocol: PROTOCOL, mac: Mac::default() });
        let sent = net.stack(a).packet_send_ring(now, sender.id, Some(to), None);
        net.run_for(MS);
        let outgoing = seen.take().into_iter().filter(|(kind, ..)| *kind == PacketType::Outgoing);
        let outgoing = outgoing.map(|(_, _, len)| len).collect::<Vec<_>>();
        (sent, outgoing)
    };
    assert_eq!(send(&mut net), (Ok(0), vec![]));
    put(0, 20);
    put(1, 30);
    put(3, 40);
    assert_eq!(send(&mut net), (Ok(50), vec![20, 30]));
    assert_eq!(status(), [0, 0, 0, 1], "what comes before is not there");
    put(2, 50);
    window.store(2 * 1024 + 4, 993);
    assert_eq!(send(&mut net), (Err(SendError::MessageTooLong), vec![]));
    assert_eq!(status(), [0, 0, 4, 1], "TP_STATUS_WRONG_FORMAT");
    put(2, 50);
    assert_eq!(send(&mut net), (Ok(90), vec![50, 40]));
}
