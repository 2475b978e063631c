//! Paths that swallow long segments without a word (RFC 4821).

mod common;
mod tcp_common;

use common::{Link, Net, NodeId, RouterId};
use netstack::IpNet;
use netstack::route::Route;
use netstack::time::Duration;
use tcp_common::{Listener, Socket, byte};

/// 10.1.0.1 – a router – 10.2.0.1. Both ends take 1500 bytes, the router passes on 1400 and says nothing of what it drops.
fn behind_a_black_hole() -> (Net, NodeId, NodeId, RouterId) {
    let mut net = Net::new(21);
    let (a, b, router) = (net.node(), net.node(), net.router());
    let (near, far) = (net.link(Link::default()), net.link(Link { mtu: 1400, ..Link::default() }));
    net.join_router(router, near, "10.1.0.254/24");
    net.join_router(router, far, "10.2.0.254/24");
    net.make_black_hole(router);
    net.change_link(far, |link| link.mtu = 1500);
    for (node, link, address, via) in
        [(a, near, "10.1.0.1/24", [10, 1, 0, 254]), (b, far, "10.2.0.1/24", [10, 2, 0, 254])]
    {
        let on = net.join(node, link, address);
        let route = Route { dst: IpNet::DEFAULT_V4, via: Some(via.into()), on, metric: 0 };
        net.stack(node).add_route(route).expect("a neighbour");
    }
    (net, a, b, router)
}

struct Transfer {
    ours: Socket,
    theirs: Socket,
    sent: usize,
    read: usize,
}

impl Transfer {
    fn begin(net: &mut Net, from: NodeId, to: NodeId, address: &str) -> Transfer {
        let listener = Listener::new(net, to, "0.0.0.0:80", 4);
        let ours = Socket::connect(net, from, address, 1 << 18);
        net.run_for(Duration::from_millis(100));
        let theirs = listener.accept(net).expect("connected");
        Transfer { ours, theirs, sent: 0, read: 0 }
    }

    /// Carries on to `bytes`; true if they came within `limit`.
    fn carry(&mut self, net: &mut Net, bytes: usize, limit: Duration) -> bool {
        let Transfer { ours, theirs, sent, read } = self;
        net.run_until(limit, |net| {
            let data: Vec<u8> = (*sent..bytes.min(*sent + 100_000)).map(|at| byte(0, at)).collect();
            *sent += ours.write(net, &data);
            let got = theirs.read(net, 1 << 17);
            assert!(got.iter().enumerate().all(|(at, &value)| value == byte(0, *read + at)));
            *read += got.len();
            *read == bytes
        })
    }

    fn segment_size(&self, net: &mut Net) -> u32 {
        self.ours.info(net).snd_mss
    }
}

#[test]
fn bytes_come_through_a_path_that_swallows_long_segments() {
    let (mut net, a, b, _) = behind_a_black_hole();
    let mut transfer = Transfer::begin(&mut net, a, b, "10.2.0.1:80");
    assert_eq!(transfer.segment_size(&mut net), 1448, "what both ends announced");
    assert!(transfer.carry(&mut net, 3_000_000, Duration::from_secs(60)), "{} came", transfer.read);
    // Less the timestamps, and as near as the search goes.
    let size = transfer.segment_size(&mut net);
    assert!((1300..=1348).contains(&size), "{size}");
    // The timeouts were answered within the same millisecond, which is all that their timestamps tell.
    assert_eq!(transfer.ours.info(&mut net).min_rtt.as_micros(), 200);
}

/// RFC 4821 §7.6.2.
#[test]
fn a_probe_that_is_swallowed_is_no_congestion() {
    let (mut net, a, b, _) = behind_a_black_hole();
    let mut transfer = Transfer::begin(&mut net, a, b, "10.2.0.1:80");
    transfer.sent = transfer.ours.write(&mut net, &(0..100_000).map(|at| byte(0, at)).collect::<Vec<_>>());
    assert!(net.run_until(Duration::from_secs(60), |net| transfer.segment_size(net) < 1024));
    let mut bytes = transfer.sent;
    let ssthresh = transfer.ours.info(&mut net).ssthresh;
    let mut swallowed = 0;
    while bytes < 3_000_000 {
        bytes += 10_000;
        let repeated = transfer.ours.info(&mut net).retransmits;
        assert!(transfer.carry(&mut net, bytes, Duration::from_secs(60)));
        swallowed += u32::from(transfer.ours.info(&mut net).retransmits > repeated);
        assert_eq!(transfer.ours.info(&mut net).ssthresh, ssthresh, "after {swallowed} probes");
    }
    assert!(swallowed >= 2, "{swallowed}");
}

#[test]
fn a_path_that_has_become_wider_is_found_out_after_ten_minutes() {
    // RFC 4821 §7.3, RFC 1191 §6.3.
    let (mut net, a, b, router) = behind_a_black_hole();
    let mut transfer = Transfer::begin(&mut net, a, b, "10.2.0.1:80");
    assert!(transfer.carry(&mut net, 3_000_000, Duration::from_secs(60)));
    let narrow = transfer.segment_size(&mut net);
    net.widen(router, 1500);
    for (minutes, bytes, size) in [(9, 4_000_000, narrow), (2, 5_000_000, 1448)] {
        net.run_for(Duration::from_secs(60 * minutes));
        assert!(transfer.carry(&mut net, bytes, Duration::from_secs(60)));
        assert_eq!(transfer.segment_size(&mut net), size, "{minutes} minutes later");
    }
}

#[test]
fn a_silence_that_was_not_of_the_size_leaves_no_small_segments_behind() {
    let mut net = Net::new(5);
    let (a, b) = (net.node(), net.node());
    let link = net.link(Link { mtu: 65535, ..Link::default() });
    net.join(a, link, "10.0.0.1/24");
    net.join(b, link, "10.0.0.2/24");
    let mut transfer = Transfer::begin(&mut net, a, b, "10.0.0.2:80");
    assert!(transfer.carry(&mut net, 500_000, Duration::from_secs(5)));
    let before = transfer.segment_size(&mut net);
    net.change_link(link, |link| link.cut = true);
    assert!(!transfer.carry(&mut net, 1_000_000, Duration::from_secs(5)));
    net.change_link(link, |link| link.cut = false);
    assert!(transfer.carry(&mut net, 8_000_000, Duration::from_secs(60)));
    assert_eq!(transfer.segment_size(&mut net), before);
}
