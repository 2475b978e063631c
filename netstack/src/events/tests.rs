use super::*;

#[test]
fn a_socket_touched_twice_is_reported_once_and_can_be_touched_again() {
    let mut events = Events::default();
    let mut out = Vec::new();
    events.touch(Key(3));
    events.touch(Key(700));
    events.touch(Key(3));
    events.take_touched(&mut out);
    assert_eq!(out, [Key(3), Key(700)]);
    out.clear();
    events.take_touched(&mut out);
    assert!(out.is_empty());
    events.touch(Key(3));
    events.take_touched(&mut out);
    assert_eq!(out, [Key(3)]);
}

#[test]
fn notices_that_nobody_takes_are_bounded() {
    let mut events = Events::default();
    let notice = Notice::AddressConflict { addr: Ipv4Addr::new(10, 0, 0, 1), mac: Mac([2; 6]), on: IfIndex(2) };
    for _ in 0..1000 {
        events.notice(notice);
    }
    let mut out = Vec::new();
    events.take_notices(&mut out);
    assert_eq!(out.len(), MAX_NOTICES);
}
