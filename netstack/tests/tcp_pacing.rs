//! Pacing of text on paths of some length.

mod common;
mod tcp_common;

use common::{Link, Net};
use netstack::tcp::TcpOptions;
use netstack::time::Duration;
use tcp_common::script::Script;
use tcp_common::{Listener, Socket};

/// Round trip of the dialogues.
const RTT_MS: u64 = 40;

/// A connection whose round trip is known, and that has sent its first ten segments.
fn ten_acknowledged() -> Script {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 65535 <mss 1460,ws 7>");
    s.sends("S. 0:0(0) ack 1");
    s.wait_ms(RTT_MS);
    s.gets(". 1:1(0) ack 1 win 8192");
    s.accepts();
    s.writes(14_600);
    assert_eq!(s.count_sent(), 10, "an answer of ten segments leaves at once");
    s.wait_ms(RTT_MS);
    s.gets(". 1:1(0) ack 14601 win 8192");
    s
}

#[test]
fn a_window_leaves_in_bursts_over_the_round_trip() {
    let mut s = ten_acknowledged();
    s.writes(60_000);
    // Twenty segments may be out. Slow start sends twice the window a round trip: two segments every millisecond.
    let bursts: Vec<usize> = (0..RTT_MS)
        .map(|_| {
            let sent = s.count_sent();
            s.wait_ms(1);
            sent
        })
        .collect();
    assert_eq!(bursts.iter().sum::<usize>(), 20, "{bursts:?}");
    assert!(bursts.iter().all(|&sent| sent <= 3), "{bursts:?}");
    let last = bursts.iter().rposition(|&sent| sent > 0).unwrap() as u64;
    assert!((RTT_MS / 2 - 5..=RTT_MS / 2).contains(&last), "{bursts:?}");
}

#[test]
fn what_is_lost_is_sent_again_at_once() {
    let mut s = ten_acknowledged();
    s.writes(60_000);
    s.wait_ms(RTT_MS / 2);
    assert_eq!(s.count_sent(), 20);
    s.wait_ms(RTT_MS / 2);
    for _ in 0..3 {
        s.gets(". 1:1(0) ack 14601 win 8192");
    }
    assert_eq!(s.info().retransmits, 1);
}

#[test]
fn a_short_path_is_not_paced() {
    let mut s = Script::established();
    s.writes(60_000);
    assert_eq!(s.count_sent(), 10);
    s.gets(". 1:1(0) ack 14601 win 65535");
    assert_eq!(s.count_sent(), 20);
}

/// Bytes that arrive in these seconds, by programs that always write and always read.
fn transfer(link: Link, seconds: u64, set: impl Fn(&mut TcpOptions)) -> u64 {
    let (mut net, a, b) = Net::pair(7, link);
    net.keep_trace = false;
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let mut from = Socket::connect_with(&mut net, a, "10.0.0.2:80", 1 << 20, set);
    net.run_for(Duration::from_millis(500));
    let mut to = listener.accept(&mut net).expect("the connection arrived");
    let (chunk, mut read) = (vec![7; 1 << 20], 0);
    for _ in 0..seconds * 1000 {
        let n = from.tx.free().min(chunk.len());
        from.write(&mut net, &chunk[..n]);
        read += to.read(&mut net, usize::MAX).len() as u64;
        net.run_for(Duration::from_millis(1));
    }
    read
}

#[test]
fn a_path_with_a_short_queue_fills() {
    // 50 Mbit/s, 100 ms, and room for a tenth of what the path holds. Bursts of a window get a third of it.
    let link = Link {
        delay: Duration::from_millis(50),
        rate: Some(6_250_000),
        queue: 62_500,
        drop_tail: true,
        ..Link::default()
    };
    let read = transfer(link, 8, |_| {});
    assert!(read > 6_250_000 * 8 * 65 / 100, "{read} bytes in eight seconds");
}

#[test]
fn so_max_pacing_rate_is_kept_on_any_path() {
    for link in [Link::default(), Link::bus(), Link::default().delay_ms(20)] {
        let read = transfer(link.clone(), 4, |options| options.max_pacing_rate = 500_000);
        assert!((1_900_000..2_250_000).contains(&read), "{read} bytes in four seconds over {link:?}");
    }
}
