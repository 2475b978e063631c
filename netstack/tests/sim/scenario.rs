//! What happens in a run, decided by its seed before it begins.

use super::program::{End, LONGEST, Plan};
use crate::common::{Bursts, Link, Segments, seeds};
use netstack::rng::Rng;
use netstack::time::Duration;
use netstack::wire::ipv6::MIN_MTU;

/// A chain of links with a router between each two, a node at each end, and connections between the nodes.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    /// Over IPv6.
    pub v6: bool,
    pub links: Vec<Link>,
    pub flows: Vec<Flow>,
    /// Bytes of the rings of connections that come, of each node.
    pub rings: [usize; 2],
    /// The link at that number carries nothing for a while: from when, and for how long.
    pub outage: Option<(usize, Duration, Duration)>,
    /// The node on the right starts again at that time.
    pub reboot: Option<Duration>,
    /// Who opens a connection sends its first bytes in the SYN (RFC 7413).
    pub fast_open: bool,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The node on the left opens it.
    pub from_left: bool,
    pub start: Duration,
    /// What the one that opens it does, and the other.
    pub plans: [Plan; 2],
    /// Bytes of the ring of the one that opens it.
    pub ring: usize,
}

impl Scenario {
    pub fn new(seed: u64) -> Scenario {
        let rng = &mut seeds::rng(seed, 0x5c);
        let kind = rng.below(10);
        let mut links: Vec<Link> = (0..[1, 1, 1, 2, 2, 3][rng.below(6) as usize]).map(|_| link(rng, kind)).collect();
        // The simulated routers do not know joined segments.
        if let [link] = &mut links[..]
            && link.segments == Segments::Cut
            && rng.below(2) == 0
        {
            link.segments = Segments::Joined;
        }
        // Drawn apart, so that a seed's other decisions stay what they were.
        let v6 = seeds::rng(seed, 0x66).below(2) == 0;
        if v6 {
            links.iter_mut().for_each(|link| link.mtu = link.mtu.max(MIN_MTU as u32));
        }
        let mtu = links.iter().map(|link| link.mtu).min().unwrap_or(1500) as usize;
        // The slowest link carries a megabyte in some minutes; a run has some thousand segments.
        let rate = links.iter().filter_map(|link| link.rate).min().unwrap_or(u64::MAX);
        let most = LONGEST.min(mtu * 3000).min((rate as usize).saturating_mul(300)).max(64 << 10);
        let count = [1, 1, 1, 2, 3, 6][rng.below(6) as usize];
        let flows = (0..count).map(|_| flow(rng, most / count)).collect();
        let rings = [1 << (12 + rng.below(9)), 1 << (12 + rng.below(9))];
        let part = |rng: &mut Rng| Duration::from_micros(1 << (10 + rng.below(14)));
        let outage = (rng.below(8) == 0).then(|| {
            let length = Duration::from_millis(1 << (5 + rng.below(11)));
            (rng.below(links.len() as u32) as usize, part(rng), length)
        });
        let reboot = (rng.below(12) == 0).then(|| part(rng));
        // Drawn apart, too.
        let fast_open = seeds::rng(seed, 0xf0).below(3) == 0;
        let mut scenario = Scenario { seed, v6, links, flows, rings, outage, reboot, fast_open };
        let harsh = scenario.is_harsh();
        for flow in &mut scenario.flows {
            let keepalive = harsh || flow.is_rude();
            flow.plans.iter_mut().for_each(|plan| plan.keepalive = keepalive);
        }
        scenario
    }

    /// Where servers listen.
    pub fn server(&self) -> &'static str {
        if self.v6 { "[::]:80" } else { "0.0.0.0:80" }
    }

    /// Long enough for what must succeed, and for what may fail to be given up.
    pub fn limit(&self) -> Duration {
        let hours = if self.is_harsh() || self.flows.iter().any(Flow::is_rude) { 8 } else { 1 };
        Duration::from_secs(hours * 3600)
    }

    /// Loses nothing, and delivers in order and at once.
    pub fn is_faithful(&self) -> bool {
        let faithful = |link: &Link| {
            link.loss == 0
                && link.bursts.is_none()
                && link.duplication == 0
                && link.corruption == 0
                && link.reordering == 0
                && link.jitter.is_zero()
                && link.rate.is_none()
        };
        // A SYN-ACK offers 64 KiB before there is a ring.
        self.rings.iter().all(|ring| *ring >= 1 << 16)
            && self.links.iter().all(faithful)
            && self.links.len() == 1
            && self.outage.is_none()
            && self.reboot.is_none()
    }

    /// May lose each of the three questions who has an address.
    pub fn loses(&self) -> bool {
        self.is_harsh() || self.links.iter().any(|link| link.loss + link.corruption > 0)
    }

    /// What waits to be sent may be more than a link sends in three seconds.
    pub fn queues_for_seconds(&self) -> bool {
        self.links.iter().any(|link| link.rate.is_some_and(|rate| link.queue as u64 >= 3 * rate))
    }

    /// So bad that a connection may be given up, though its ends do their part.
    pub fn is_harsh(&self) -> bool {
        let loss = |link: &Link| link.loss + link.corruption + if link.bursts.is_some() { 2000 } else { 0 };
        self.links.iter().map(loss).sum::<u32>() >= 300 || self.outage.is_some() || self.reboot.is_some()
    }
}

impl Flow {
    /// An end breaks off, and the other may never hear of it.
    pub fn is_rude(&self) -> bool {
        self.plans.iter().any(|plan| plan.end.is_rude())
    }
}

fn link(rng: &mut Rng, kind: u32) -> Link {
    let mtu = [576, 1280, 1500, 1500, 1500, 9000, 65535][rng.below(7) as usize];
    let checksum_offload = rng.below(3) == 0;
    let delay = Duration::from_micros(1 << rng.below(18));
    let segments = if checksum_offload && rng.below(2) == 0 { Segments::Cut } else { Segments::Short };
    let link = Link { mtu, checksum_offload, segments, delay, ..Link::default() };
    match kind {
        0 => link,
        1 => Link::bus(),
        2 => Link { loss: rng.below(300), ..link },
        3 => Link { bursts: Some(Bursts { begin: 1 + rng.below(50), end: 1000 + rng.below(5000) }), ..link },
        4 => Link { reordering: rng.below(2000), hold: delay * (1 + rng.below(3)), ..link },
        5 => Link { jitter: delay * rng.below(3), duplication: rng.below(1000), ..link },
        6 | 7 => Link {
            rate: Some(1 << (14 + rng.below(14))),
            queue: (mtu as usize + 14) * (2 + rng.below(60) as usize),
            queue_frames: if rng.below(2) == 0 { usize::MAX } else { 2 + rng.below(100) as usize },
            drop_tail: rng.below(2) == 0,
            ..link
        },
        _ => Link {
            jitter: Duration::from_micros(u64::from(rng.below(20_000))),
            loss: rng.below(1000),
            duplication: rng.below(500),
            corruption: rng.below(200),
            reordering: rng.below(500),
            hold: delay,
            ..link
        },
    }
}

/// A number from `1 << low` to `1 << high`, each size as likely.
fn spread(rng: &mut Rng, low: u32, high: u32) -> usize {
    let n = 1usize << (low + rng.below(high - low));
    n + rng.below(n as u32) as usize
}

fn flow(rng: &mut Rng, most: usize) -> Flow {
    let mut plans = [plan(rng, most), plan(rng, most)];
    let [client, server] = &mut plans;
    let size = |rng: &mut Rng, bytes: usize| rng.below(bytes.max(1) as u32) as usize;
    match rng.below(10) {
        0 => (client.end, client.bytes) = (End::Abort(size(rng, server.bytes)), client.bytes),
        1 => server.end = End::Abort(size(rng, client.bytes)),
        2 => client.end = End::WalkAway(size(rng, server.bytes)),
        3 => (client.end, server.bytes) = (End::CloseUnsent, 0),
        4 => (server.end, client.bytes) = (End::CloseUnsent, 0),
        5 => client.end = End::Close,
        6 => (client.end, server.end) = (End::Close, End::Close),
        _ => {}
    }
    let start = Duration::from_micros(u64::from(rng.below(1 << 20)));
    Flow { from_left: rng.below(4) > 0, start, plans, ring: 1 << (12 + rng.below(9)) }
}

fn plan(rng: &mut Rng, most: usize) -> Plan {
    let bytes = spread(rng, 16, 23).min(most);
    // A thousand pieces at most, so that a run is short.
    let piece = |rng: &mut Rng| spread(rng, 0, 17).max(bytes / 1000);
    let rest = |rng: &mut Rng| match rng.below(6) {
        0 => Duration::from_micros(spread(rng, 0, 14) as u64),
        _ => Duration::ZERO,
    };
    Plan {
        bytes,
        write: piece(rng),
        read: piece(rng),
        write_rest: rest(rng),
        read_rest: rest(rng),
        nodelay: rng.below(2) == 0,
        cork: rng.below(8) == 0,
        maxseg: (rng.below(8) == 0).then(|| 88 + rng.below(1400) as u16),
        keepalive: false,
        end: End::HalfClose,
    }
}
