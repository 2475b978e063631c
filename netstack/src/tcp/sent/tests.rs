use super::*;

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// `segments` segments of 100 bytes from 0, one a millisecond.
fn queue(segments: u32) -> SentQueue {
    let mut queue = SentQueue::default();
    for i in 0..segments {
        queue.push(Seq(i * 100), Seq(i * 100 + 100), at(u64::from(i)), Departure::default());
    }
    queue
}

fn sack(queue: &mut SentQueue, start: u32, end: u32) -> Vec<(u32, u32)> {
    let mut news = Vec::new();
    queue.on_sack(Seq(start), Seq(end), 100, |record| news.push((record.start.0, record.end.0)));
    news
}

fn sent_before(ms: u64) -> impl FnMut(&Sent) -> Verdict {
    move |record| if record.at < at(ms) { Verdict::Lost } else { Verdict::InTime }
}

#[test]
fn a_block_is_news_once() {
    let mut q = queue(10);
    assert_eq!(sack(&mut q, 300, 500), [(300, 400), (400, 500)]);
    assert_eq!(sack(&mut q, 200, 700), [(200, 300), (500, 600), (600, 700)]);
    assert_eq!(sack(&mut q, 200, 700), []);
    assert_eq!((q.sacked(), q.pipe()), (500, 500));
    let mut news = Vec::new();
    q.on_ack(Seq(250), |record, new| news.push((record.start.0, new)));
    assert_eq!(news, [(0, 100), (100, 100), (200, 0)]);
    assert_eq!((q.sacked(), q.pipe()), (450, 300));
}

#[test]
fn of_a_record_in_part_whole_segments_count() {
    let mut q = SentQueue::default();
    q.push(Seq(0), Seq(1000), at(0), Departure::default());
    assert_eq!(sack(&mut q, 210, 590), [(300, 500)]);
    assert_eq!(sack(&mut q, 301, 302), []);
    assert_eq!(q.sacked(), 200);
    assert_eq!(sack(&mut q, 950, 1000), [], "less than a segment");
    assert_eq!(sack(&mut q, 900, 1000), [(900, 1000)]);
}

#[test]
fn a_receiver_that_lies_does_not_split_for_ever() {
    let segments = 4 * MAX_PIECES as u32;
    let mut q = SentQueue::default();
    q.push(Seq(0), Seq(segments * 100), at(0), Departure::default());
    // Every other segment.
    for start in (100..segments * 100).step_by(200) {
        sack(&mut q, start, start + 100);
    }
    assert!(q.queue.len() <= MAX_PIECES + 1, "{} records", q.queue.len());
    // What needs no split still counts.
    sack(&mut q, 100, segments * 100);
    assert_eq!(q.sacked(), (segments - 1) * 100);
}

#[test]
fn what_is_lost_is_sent_again_oldest_first() {
    let mut q = queue(10);
    sack(&mut q, 500, 600);
    assert_eq!(q.detect(sent_before(3)), 300);
    assert_eq!(q.pipe(), 1000 - 100 - 300);
    assert_eq!(q.next_waiting(60), Some((Seq(0), Seq(60))));
    q.repeat(Seq(0), Seq(60), at(20), Departure::default());
    assert_eq!(q.next_waiting(40), Some((Seq(60), Seq(100))), "at most so much");
    assert_eq!(q.next_waiting(100), Some((Seq(60), Seq(160))), "small ones go together");
    q.repeat(Seq(60), Seq(100), at(20), Departure::default());
    assert_eq!(q.next_waiting(100), Some((Seq(100), Seq(200))));
    assert_eq!((q.lost(), q.repeated(), q.pipe()), (300, 100, 700));
    // The repetition is lost too.
    assert_eq!(q.detect(sent_before(21)), 100 + 600);
    assert_eq!(q.next_waiting(60), Some((Seq(0), Seq(60))));
}

#[test]
fn an_undo_leaves_nothing_lost() {
    let mut q = queue(4);
    q.on_timeout(|_| Verdict::Lost);
    assert_eq!((q.lost(), q.pipe()), (400, 0));
    q.repeat(Seq(0), Seq(100), at(9), Departure::default());
    q.forgive();
    assert_eq!((q.lost(), q.pipe()), (0, 500));
    assert_eq!(q.next_waiting(100), None);
}

#[test]
fn a_receiver_that_takes_a_sack_back_is_sent_everything() {
    let mut q = queue(4);
    sack(&mut q, 100, 300);
    q.on_ack(Seq(100), |_, _| {});
    q.on_timeout(|_| Verdict::Lost);
    assert_eq!((q.sacked(), q.lost()), (0, 300));
}

#[test]
fn the_queue_is_bounded_and_ack_processing_is_not_quadratic() {
    let mut q = SentQueue::default();
    for i in 0..3 * MAX_RECORDS as u32 {
        q.push(Seq(i), Seq(i + 1), at(0), Departure::default());
    }
    assert_eq!(q.queue.len(), MAX_RECORDS);
    // Growing blocks over a window of 10,000 segments, each acknowledgement tells of the whole.
    let mut q = queue(10_000);
    let mut steps = 0;
    for i in 1..10_000 {
        q.on_sack(Seq(100), Seq(i * 100 + 100), 100, |_| steps += 1);
        q.detect(|_| Verdict::InTime);
    }
    assert_eq!(steps, 9999);
    assert_eq!(q.queue[1].run_end, Seq(1_000_000));
}

#[test]
fn numbers_may_wrap() {
    let mut q = SentQueue::default();
    let begin = Seq(0xffff_ff00);
    for i in 0..6 {
        q.push(begin + i * 100, begin + i * 100 + 100, at(u64::from(i)), Departure::default());
    }
    q.on_sack(begin + 300, begin + 500, 100, |_| {});
    assert_eq!(q.detect(sent_before(2)), 200);
    assert_eq!(q.next_waiting(100), Some((begin, begin + 100)));
    q.on_ack(begin + 600, |_, _| {});
    assert_eq!((q.pipe(), q.sacked(), q.lost(), q.is_empty()), (0, 0, 0, true));
}
