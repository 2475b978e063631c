use super::{FlowLabels, LabelError, LabelRequest, MOST_LABELS, Share};
use crate::ip::HeaderOptions;
use crate::rng::Rng;
use crate::socket::Key;
use crate::time::{Duration, Instant};
use core::net::Ipv6Addr;

const A: Key = Key(1);
const B: Key = Key(2);

/// Labels, at a time.
struct Table {
    labels: FlowLabels,
    rng: Rng,
    now: Instant,
}

impl Table {
    fn new() -> Table {
        Table { labels: FlowLabels::default(), rng: Rng::new([7; 32]), now: Instant::from_millis(1000) }
    }

    fn after(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    fn get(&mut self, key: Key, request: LabelRequest) -> Result<u32, LabelError> {
        self.labels.get(self.now, key, request, &mut self.rng)
    }

    fn create(&mut self, key: Key, label: u32, share: Share) -> Result<u32, LabelError> {
        self.get(key, request(label, share))
    }

    fn put(&mut self, key: Key, label: u32) -> Result<(), LabelError> {
        self.labels.put(self.now, key, label)
    }

    fn may_send(&mut self, key: Key, label: u32) -> bool {
        self.labels.check(self.now, key, label).is_ok()
    }
}

fn request(label: u32, share: Share) -> LabelRequest {
    let (linger, expires, headers) = (Duration::ZERO, Duration::ZERO, HeaderOptions::default());
    LabelRequest { label, create: true, new: false, share, dst: Ipv6Addr::LOCALHOST, linger, expires, headers }
}

#[test]
fn a_label_is_shared_as_its_maker_said() {
    let mut table = Table::new();
    for (label, share, other) in [
        (1, Share::Any, Ok(1)),
        (2, Share::Process(3), Ok(2)),
        (3, Share::User(3), Ok(3)),
        (4, Share::Exclusive, Err(LabelError::NotShared)),
    ] {
        assert_eq!(table.create(A, label, share), Ok(label));
        assert_eq!(table.create(B, label, share), other);
    }
    assert_eq!(table.create(B, 1, Share::User(3)), Err(LabelError::NotShared));
    assert_eq!(table.create(B, 2, Share::Process(4)), Err(LabelError::NotShared));
    assert_eq!(table.get(B, LabelRequest { new: true, ..request(1, Share::Any) }), Err(LabelError::Exists));
}

#[test]
fn without_create_a_label_must_be_there() {
    let mut table = Table::new();
    let found = LabelRequest { create: false, ..request(1, Share::Any) };
    assert_eq!(table.get(A, found.clone()), Err(LabelError::NotFound));
    table.create(B, 1, Share::Any).expect("new");
    assert_eq!(table.get(A, found), Ok(1));
}

#[test]
fn label_0_is_one_that_nobody_has() {
    let mut table = Table::new();
    let (one, other) = (table.create(A, 0, Share::Any), table.create(A, 0, Share::Any));
    assert_ne!(one, other);
    assert!(matches!(one, Ok(1..=0xf_ffff)));
}

#[test]
fn a_label_is_given_up_as_often_as_it_was_asked_for() {
    let mut table = Table::new();
    table.create(A, 1, Share::Any).expect("new");
    table.create(A, 1, Share::Any).expect("again");
    assert_eq!([(); 3].map(|()| table.put(A, 1)), [Ok(()), Ok(()), Err(LabelError::NotFound)]);
    assert_eq!(table.put(B, 1), Err(LabelError::NotFound));
}

#[test]
fn what_nobody_uses_lingers() {
    let mut table = Table::new();
    table.get(A, LabelRequest { linger: Duration::from_secs(20), ..request(1, Share::Exclusive) }).expect("new");
    table.after(100);
    assert!(table.labels.view(table.now, A, 1).is_some(), "it is used");
    table.labels.put_all(table.now, A);
    table.after(19);
    assert_eq!(table.create(B, 1, Share::Exclusive), Err(LabelError::NotShared));
    table.after(1);
    assert_eq!(table.create(B, 1, Share::Exclusive), Ok(1));
}

#[test]
fn what_lingers_can_be_made_and_not_found() {
    let mut table = Table::new();
    table.create(A, 1, Share::Any).expect("new");
    table.put(A, 1).expect("held");
    assert_eq!(table.get(B, LabelRequest { create: false, ..request(1, Share::Any) }), Err(LabelError::NotFound));
    assert_eq!(table.get(B, LabelRequest { new: true, ..request(1, Share::Any) }), Err(LabelError::Exists));
    assert_eq!(table.create(B, 1, Share::Any), Ok(1));
}

#[test]
fn times_grow_and_do_not_shrink() {
    let mut table = Table::new();
    table.create(A, 1, Share::Any).expect("new");
    let times = |table: &Table| {
        let view = table.labels.view(table.now, A, 1).expect("held");
        (view.linger.as_secs(), view.expires.as_secs())
    };
    assert_eq!(times(&table), (6, 6));
    let mut renew = |linger, expires| {
        let (linger, expires) = (Duration::from_secs(linger), Duration::from_secs(expires));
        table.labels.renew(table.now, A, 1, (linger, expires), false).expect("held");
        times(&table)
    };
    assert_eq!(renew(20, 30), (20, 30));
    assert_eq!(renew(10, 15), (20, 30));
    assert_eq!(renew(40, 0), (40, 40));
}

#[test]
fn who_may_renew_anybodys_renews_what_is_used() {
    let mut table = Table::new();
    table.create(A, 1, Share::Exclusive).expect("new");
    let mut renew = |key, anybodys| table.labels.renew(table.now, key, 1, (Duration::ZERO, Duration::ZERO), anybodys);
    assert_eq!(renew(B, false), Err(LabelError::NotFound));
    assert_eq!(renew(B, true), Ok(()));
    table.put(A, 1).expect("held");
    let renewed = table.labels.renew(table.now, B, 1, (Duration::ZERO, Duration::ZERO), true);
    assert_eq!(renewed, Err(LabelError::NotFound));
}

#[test]
fn beside_a_restricted_label_each_must_be_asked_for() {
    let mut table = Table::new();
    table.create(A, 1, Share::Any).expect("new");
    assert!(table.may_send(B, 9));
    table.create(A, 2, Share::Exclusive).expect("new");
    assert!(!table.may_send(B, 9) && !table.may_send(B, 1) && !table.may_send(B, 2));
    assert!(table.may_send(A, 1) && table.may_send(A, 2));
    table.labels.put_all(table.now, A);
    assert!(!table.may_send(B, 9), "it lingers");
    table.after(6);
    assert!(table.may_send(B, 9));
}

#[test]
fn extension_headers_restrict_a_label_and_go_with_it() {
    let mut table = Table::new();
    let headers = HeaderOptions { hop_by_hop: vec![0; 8], ..HeaderOptions::default() };
    table.get(A, LabelRequest { headers: headers.clone(), ..request(1, Share::Any) }).expect("new");
    assert_eq!(table.labels.check(table.now, A, 1).map(|found| found.as_deref().cloned()), Ok(Some(headers)));
    assert!(!table.may_send(B, 1));
}

#[test]
fn there_is_an_end_to_labels() {
    let mut table = Table::new();
    for _ in 0..MOST_LABELS {
        table.create(A, 0, Share::Any).expect("room");
    }
    assert_eq!(table.create(A, 0, Share::Any), Err(LabelError::TooMany));
    table.labels.put_all(table.now, A);
    table.after(6);
    assert!(table.create(A, 0, Share::Any).is_ok());
}
