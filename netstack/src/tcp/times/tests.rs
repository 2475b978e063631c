use super::*;

fn request(end: u64) -> Request {
    let request = TxTimestampRequest { sent: true, id: end as u32, ..TxTimestampRequest::default() };
    Request { end, tag: Tag { key: Key(0), request }, text: Vec::new() }
}

#[test]
fn segments_that_come_unread_are_joined_and_have_the_newest_ones_time() {
    let mut times = Times::default();
    for n in 1..=20 {
        times.arrive(n * 10, Instant(n));
    }
    assert_eq!(times.arrival(0, 0), Some(Instant(17)));
    assert_eq!(times.arrival(169, 170), Some(Instant(17)));
    assert_eq!(times.arrival(170, 170), Some(Instant(20)));
    assert_eq!(times.arrival(199, 200), Some(Instant(20)));
    assert_eq!(times.arrival(200, 200), None);
}

#[test]
fn what_nobody_reads_takes_no_more_than_so_much() {
    let mut times = Times::default();
    for n in 1..=1_000_000 {
        times.arrive(n, Instant(n));
    }
    assert_eq!(times.arrived.len(), MOST_PIECES);
    assert_eq!(times.arrival(999_999, 0), Some(Instant(1_000_000)));
}

#[test]
fn of_several_sends_in_one_segment_the_last_is_told() {
    let mut times = Times { requests: [3, 5, 9].map(request).into(), ..Times::default() };
    assert_eq!(times.leaving(0, 5).map(|request| request.end), Some(5));
    assert_eq!(times.requests.len(), 2);
    assert!(times.leaving(5, 8).is_none());
    assert_eq!(times.leaving(5, 10).map(|request| request.end), Some(9));
}
