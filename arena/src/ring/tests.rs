use super::{Consumer, Producer, heap};

#[test]
fn bytes_come_out_in_order_across_the_wrap() {
    let (mut p, mut c) = heap(16);
    let mut buf = [0; 16];
    for round in 0..100u8 {
        assert_eq!(p.write(&[round; 11]), 11);
        assert_eq!(c.read(&mut buf).0, 11);
        assert_eq!(buf[..11], [round; 11]);
    }
    assert_eq!(p.position(), 1100);
}

#[test]
fn a_full_ring_takes_no_more() {
    let (mut p, mut c) = heap(8);
    assert_eq!(p.write(b"0123456789"), 8);
    assert_eq!(p.write(b"x"), 0);
    c.consume(3);
    assert_eq!(p.free(), 3);
    assert_eq!(p.write(b"abcd"), 3);
    assert_eq!(c.slices(0, 8), (&b"34567"[..], &b"abc"[..]));
}

#[test]
fn reassembly_writes_ahead_and_publishes_once_the_gap_is_filled() {
    let (mut p, mut c) = heap(16);
    assert_eq!(p.write_at(3, b"def"), 3);
    assert!(c.is_empty());
    assert_eq!(p.write_at(0, b"abc"), 3);
    p.publish(6);
    let mut buf = [0; 8];
    assert_eq!(c.read(&mut buf).0, 6);
    assert_eq!(&buf[..6], b"abcdef");
    assert_eq!(p.write_at(10, b"0123456789"), 6);
}

#[test]
fn the_producer_hears_of_space_once_at_the_mark() {
    let (mut p, mut c) = heap(16);
    p.notify_never();
    p.write(&[0; 16]);
    assert!(!c.consume(2));
    p.notify_after(4);
    assert!(!c.consume(3));
    assert!(c.consume(1));
    assert!(!c.consume(4));
}

/// The two ends, with the position of the other's side as a hostile holder of the memory would have it.
fn scribbled(at: u64) -> (Producer, Consumer) {
    let (mut p, c) = heap(16);
    p.write(&[7; 16]);
    p.shared.header().set_head(at);
    p.shared.header().set_tail(at);
    (p, c)
}

#[test]
fn what_is_used_and_kept_is_told() {
    let (mut p, mut c) = heap(16);
    let view = p.view();
    p.write(&[1; 10]);
    assert_eq!((view.used(), view.unused()), (10, 10));
    c.set_used(4);
    assert_eq!((view.used(), view.unused()), (10, 6));
    c.consume(3);
    c.set_used(7);
    assert_eq!((view.used(), view.unused()), (7, 0));
    p.write(&[1; 5]);
    assert_eq!(view.unused(), 5);
    // Freed without a word: that is used as well.
    c.consume(9);
    assert_eq!((view.used(), view.unused()), (3, 3));
}

#[test]
fn scribbled_positions_garble_the_data_and_stop_nobody() {
    for at in [0, 3, 17, u64::MAX - 1, u64::MAX] {
        let (mut p, mut c) = scribbled(at);
        assert!(p.free() <= 16 && c.len() <= 16);
        p.write_at(1, &[1; 32]);
        p.publish(16);
        p.notify_after(usize::MAX);
        c.peek_at(0, &mut [0; 32]);
        c.consume(16);
        assert_eq!((p.position(), c.position()), (32, 16));
    }
}
