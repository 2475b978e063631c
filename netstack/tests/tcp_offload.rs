//! Segmentation offload: segments longer than the MTU for links that cut them, and joined ones from links that do not.

mod common;
mod tcp_common;

use common::{Link, Net, NodeId, Segments};
use netstack::time::Duration;
use netstack::wire::{ethernet, ipv4};
use tcp_common::{Listener, Socket, byte};

const TOTAL: usize = 4 << 20;

struct Way {
    /// Frames with text, and the longest frame.
    frames: usize,
    longest: usize,
    /// TCP_INFO's segments with text, of the sender and of the receiver.
    segments: (u64, u64),
}

fn net_over(link: Link) -> (Net, NodeId, NodeId) {
    let mut net = Net::new(8);
    let (a, b, link) = (net.node(), net.node(), net.link(link));
    net.join(a, link, "10.0.0.1/24");
    net.join(b, link, "10.0.0.2/24");
    (net, a, b)
}

/// 4 MiB over a link; what was seen on it.
fn carry(link: Link) -> Way {
    let (mut net, a, b) = net_over(link);
    let listener = Listener::new(&mut net, b, "10.0.0.2:80", 4);
    let mut ours = Socket::connect(&mut net, a, "10.0.0.2:80", 1 << 20);
    net.run_for(Duration::from_millis(100));
    let mut theirs = listener.accept(&mut net).expect("connected");
    let (mut sent, mut read) = (0, 0);
    let done = net.run_until(Duration::from_secs(120), |net| {
        let data: Vec<u8> = (sent..TOTAL.min(sent + 100_000)).map(|at| byte(0, at)).collect();
        sent += ours.write(net, &data);
        let got = theirs.read(net, 1 << 20);
        assert!(got.iter().enumerate().all(|(at, &value)| value == byte(0, read + at)), "behind {read} bytes");
        read += got.len();
        read == TOTAL
    });
    assert!(done, "{read} bytes came");
    let text =
        |frame: &[u8]| frame.len() > 80 && frame[12..14] == ethernet::IPV4.to_be_bytes() && frame[23] == ipv4::TCP;
    let frames = net.trace.iter().filter(|seen| seen.from == a && text(&seen.frame));
    Way {
        frames: frames.clone().count(),
        longest: frames.map(|seen| seen.frame.len()).max().unwrap_or(0),
        segments: (ours.info(&mut net).data_segs_out, theirs.info(&mut net).data_segs_in),
    }
}

#[test]
fn a_link_that_cuts_gets_long_segments_and_its_pieces_are_whole() {
    let way = carry(Link::tap(Segments::Cut));
    assert_eq!(way.longest, 1514);
    assert_eq!(way.segments.0 as usize, way.frames, "as many as were on the wire");
}

#[test]
fn what_a_link_that_does_not_cut_has_no_room_for_waits_and_is_not_lost() {
    // Room for three frames at a time: segments that are cut before it fill it in their midst.
    let way = carry(Link { rate: Some(10 << 20), queue_frames: 3, ..Link::tap(Segments::Short) });
    assert_eq!(way.longest, 1514);
    assert!(way.frames < TOTAL.div_ceil(1448) * 101 / 100, "{} frames", way.frames);
    assert_eq!(way.segments.0 as usize, way.frames, "as many as were on the wire");
}

#[test]
fn joined_segments_are_counted_as_what_they_were() {
    let way = carry(Link::tap(Segments::Joined));
    assert!(way.longest > 30_000, "{}", way.longest);
    let full = TOTAL.div_ceil(1448);
    assert!(way.frames < full / 10, "{} frames", way.frames);
    assert!((full as u64..full as u64 * 11 / 10).contains(&way.segments.0), "{}", way.segments.0);
    assert_eq!(way.segments.0, way.segments.1);
}

#[test]
fn pieces_and_joined_segments_that_are_lost_are_sent_again() {
    for segments in [Segments::Cut, Segments::Joined] {
        carry(Link::tap(segments).delay_ms(2).jitter_ms(1).loss(100));
    }
}

#[test]
fn a_slow_path_does_not_get_long_bursts() {
    // 1 MB/s and 20 ms: a window of some 20 segments, of which no more than two leave as one.
    let link = Link { rate: Some(1 << 20), queue: 1 << 16, drop_tail: true, ..Link::tap(Segments::Joined) };
    let way = carry(link.delay_ms(20));
    assert!(way.longest <= 14 + 40 + 12 + 2 * 1448, "{}", way.longest);
}
