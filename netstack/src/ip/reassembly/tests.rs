use core::net::Ipv4Addr;

use super::*;
use crate::socket::{StreamBuffers, StreamSizes};
use crate::wire::ipv4::Packet;

/// Counts what is charged, up to a limit.
struct Meter {
    charged: usize,
    limit: usize,
}

impl BufferPool for Meter {
    fn receive_size(&self, _: StreamSizes) -> usize {
        0
    }

    fn stream(&mut self, _: StreamSizes) -> Option<StreamBuffers> {
        None
    }
    fn charge(&mut self, bytes: usize) -> bool {
        let fits = self.charged + bytes <= self.limit;
        if fits {
            self.charged += bytes;
        }
        fits
    }
    fn release(&mut self, bytes: usize) {
        self.charged -= bytes;
    }
}

#[test]
fn a_mark_on_a_fragment_is_a_mark_on_the_whole() {
    let mut pool = Meter { charged: 0, limit: 1 << 20 };
    let mut reassembly = Reassembly::new(&mut Rng::new([9; 32]));
    let (src, dst) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    for (identification, fields, whole) in [
        (1, [0b10, 0b11], Some(0b11)),
        (2, [0b11, 0b10], Some(0b11)),
        (3, [0b10, 0b10], Some(0b10)),
        (4, [0, 0], Some(0)),
        (5, [0, 0b11], None),
    ] {
        let mut got = None;
        for (at, tos) in fields.into_iter().enumerate() {
            let header = ipv4::Header {
                identification,
                dont_fragment: false,
                more_fragments: at == 0,
                fragment_offset: at as u16 * 8,
                ..ipv4::Header::atomic(src, dst, 17, 64, tos)
            };
            let bytes = [&header.emit(8)[..], &[7; 8]].concat();
            let packet = Packet::parse(&bytes).unwrap();
            got = reassembly.insert(Instant::default(), IfIndex(2), &Fragment::v4(&packet), &mut pool).unwrap();
        }
        let got = got.map(|whole| Packet::parse(&whole.bytes).expect("a good checksum").tos() & 3);
        assert_eq!(got, whole, "{fields:?}");
    }
    assert_eq!(pool.charged, 0);
}

/// Cuts a payload at random places and returns the fragments in random order, some of them twice.
fn cut(payload: &[u8], identification: u16, rng: &mut Rng) -> Vec<Vec<u8>> {
    let (src, dst) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let mut fragments = Vec::new();
    let mut start = 0;
    while start < payload.len() {
        let end = payload.len().min(start + 8 * (1 + rng.below(200) as usize));
        let header = ipv4::Header {
            identification,
            dont_fragment: false,
            more_fragments: end < payload.len(),
            fragment_offset: start as u16,
            ..ipv4::Header::atomic(src, dst, 17, 64, 0)
        };
        let fragment = [&header.emit(end - start), &payload[start..end]].concat();
        if rng.below(4) == 0 {
            fragments.push(fragment.clone());
        }
        fragments.push(fragment);
        start = end;
    }
    for n in (1..fragments.len()).rev() {
        fragments.swap(n, rng.below(n as u32 + 1) as usize);
    }
    fragments
}

#[test]
fn however_a_datagram_is_cut_and_shuffled_it_comes_together_once() {
    let mut rng = Rng::new([3; 32]);
    for round in 0..300u16 {
        let len = 16 + rng.below(65_000) as usize;
        let payload: Vec<u8> = (0..len).map(|n| (n * 31 + usize::from(round)) as u8).collect();
        let mut reassembly = Reassembly::new(&mut rng);
        let mut pool = Meter { charged: 0, limit: usize::MAX };
        let mut whole = Vec::new();
        for fragment in cut(&payload, round, &mut rng) {
            let fragment = Packet::parse(&fragment).expect("a fragment");
            if fragment.is_fragment() {
                whole.extend(
                    reassembly.insert(Instant(0), IfIndex(2), &Fragment::v4(&fragment), &mut pool).expect("no flaw"),
                );
            }
        }
        // Doubles that come after the whole begin a datagram that never ends.
        while reassembly.expire(Instant(u64::MAX), &mut pool).is_some() {}
        assert_eq!(pool.charged, 0);
        if len > 1600 {
            assert_eq!(whole.len(), 1, "round {round}");
            let packet = Packet::parse(&whole[0].bytes).expect("a packet with a right checksum");
            assert!(!packet.is_fragment());
            assert_eq!(packet.payload(), payload);
        }
    }
}

#[test]
fn a_header_with_options_may_not_make_the_whole_too_long() {
    let mut reassembly = Reassembly::new(&mut Rng::new([4; 32]));
    let mut pool = Meter { charged: 0, limit: usize::MAX };
    let (src, dst) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let header = |offset: u16, more: bool| ipv4::Header {
        dont_fragment: false,
        more_fragments: more,
        fragment_offset: offset,
        ..ipv4::Header::atomic(src, dst, 17, 64, 0)
    };
    // The first fragment has 40 bytes of options, the last ends where only a header without options leaves room.
    let mut first = [&header(0, true).emit(40 + 65_472)[..], &[1; 40], &[7; 65_472]].concat();
    first[0] = 0x4f;
    first[10..12].fill(0);
    let sum = checksum::checksum(&first[..60]);
    first[10..12].copy_from_slice(&sum.to_be_bytes());
    let first = Packet::parse(&first).expect("a fragment");
    assert_eq!(reassembly.insert(Instant(0), IfIndex(2), &Fragment::v4(&first), &mut pool), Ok(None));
    assert!(pool.charged > 65_472, "it waits for the rest");
    let last = [&header(65_472, false).emit(32)[..], &[7; 32]].concat();
    let last = Packet::parse(&last).expect("a fragment");
    assert_eq!(reassembly.insert(Instant(0), IfIndex(2), &Fragment::v4(&last), &mut pool), Ok(None));
    assert_eq!(pool.charged, 0);
}
