use super::*;

#[test]
fn a_descriptor_comes_back_as_it_went() {
    for (slot, block, sequence) in [(0, 0, 0), (SLOTS - 1, BLOCKS - 1, Descriptor::SEQUENCE_MASK), (5, 300, 77)] {
        let frame = Descriptor { slot, block, sequence };
        for position in [0, 1, RING as u64, 123_456_789] {
            let entry = frame.entry(position);
            assert_eq!(Descriptor::from_entry(entry), frame);
            assert!(Descriptor::is_at(entry, position));
            assert!(!Descriptor::is_at(entry, position + RING as u64));
            assert!(!Descriptor::is_at(entry, position.wrapping_sub(RING as u64)));
        }
    }
}

#[test]
fn a_ring_of_zeros_is_what_the_lap_before_the_first_left() {
    assert!(!Descriptor::is_at(0, 0));
    assert!(Descriptor::is_at(0, 0u64.wrapping_sub(RING as u64)));
}

#[test]
fn the_tag_comes_round_after_a_million_laps() {
    let frame = Descriptor { slot: 1, block: 2, sequence: 3 };
    let last = (RING as u64) * ((1 << 20) - 1);
    assert!(Descriptor::is_at(frame.entry(last), last));
    assert!(!Descriptor::is_at(frame.entry(last), last + RING as u64));
    assert_eq!(Descriptor::tag(last), 0);
}

#[test]
fn any_word_is_some_life_and_some_descriptor() {
    for word in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
        let life = Life::from_bits(word);
        assert_eq!(Life::from_bits(life.bits()), life);
        assert!(Descriptor::from_entry(word).slot < SLOTS);
    }
    let life = Life { generation: 7, before: State::Free, state: State::Died };
    assert_eq!(life.next(), Life { generation: 8, before: State::Died, state: State::Live });
}

#[test]
fn addresses_and_macs() {
    let claim = ([10, 1, 2, 3].into(), 24);
    assert_eq!(address_of(address_word(claim.0, claim.1)), Some(claim));
    for nonsense in [0, u64::MAX, 1 << 40 | 33 << 32, 1 << 41] {
        assert_eq!(address_of(nonsense), None);
    }
    let mac = [0xb2, 0xa0, 1, 2, 3, 4];
    assert_eq!(mac_of(mac_word(mac)), mac);
    assert_eq!(mac_of(u64::MAX), [0xff; 6]);
}

#[test]
fn every_block_lies_in_the_area_and_holds_its_class() {
    let mut end = SMALL_OFFSET;
    for block in 0..BLOCKS {
        let (offset, bytes) = block_span(block).expect("a block");
        assert_eq!(offset, end);
        end = offset + bytes;
    }
    assert!(end <= AREA_STRIDE);
    assert_eq!(block_span(BLOCKS), None);
    assert_eq!(block_capacity(BLOCKS), 0);
    assert!(block_capacity(BLOCKS - 1) >= MAX_FRAME);
}
