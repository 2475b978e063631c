//! What hosts say of groups in either family: the same dialogues, each in its protocol.

use netstack::FilterMode;
use netstack::datagram::DatagramOptions;
use netstack::time::Duration;

use super::super::Udp;
use super::{ALLOW, BLOCK, Host, IS_EX, IS_IN, Protocol, Said, TO_EX, TO_IN};

/// A test of each dialogue, in a protocol.
#[macro_export]
macro_rules! dialogues {
    ($protocol:ty) => {
        dialogues! { $protocol:
            joining_and_leaving_are_said_at_once_and_once_more
            the_interface_reports_what_it_wants_for_all_sockets
            changes_that_follow_each_other_are_merged
            questions_are_answered_once_within_the_time_that_they_give
            an_older_router_is_spoken_to_in_its_version_until_it_is_gone
            a_router_says_how_often_changes_are_said_and_how_long_an_older_one_counts
            each_socket_hears_the_sources_that_it_wants
        }
    };
    ($protocol:ty: $($name:ident)*) => {
        $(#[test]
        fn $name() {
            $crate::common::groups::dialogues::$name::<$protocol>();
        })*
    };
}
pub use dialogues;

fn to<P: Protocol>(kind: u8, sources: &[P::Addr]) -> Said<P::Addr> {
    (kind, P::GROUP, sources.to_vec())
}

pub fn joining_and_leaving_are_said_at_once_and_once_more<P: Protocol>() {
    let mut host = Host::<P>::new(1);
    let socket = host.socket(7);
    host.join(&socket, P::GROUP);
    assert_eq!(host.said(), [to::<P>(TO_EX, &[])], "at once");
    assert_eq!(host.says_within(1), [to::<P>(TO_EX, &[])], "the robustness variable is 2");
    assert_eq!(host.says_within(60), []);
    host.close(&socket);
    assert_eq!(host.said(), [to::<P>(TO_IN, &[])]);
    assert_eq!(host.says_within(60), [to::<P>(TO_IN, &[])]);
}

pub fn the_interface_reports_what_it_wants_for_all_sockets<P: Protocol>() {
    let mut host = Host::<P>::new(2);
    let [s1, s2] = P::SOURCES;
    let twice = |kind, source: &[P::Addr]| [to::<P>(kind, source), to::<P>(kind, source)];
    let (one, two) = (host.socket(7), host.socket(8));
    host.filter(&one, FilterMode::Include, &[s1]);
    assert_eq!(host.says_within(60), twice(ALLOW, &[s1]));
    host.filter(&two, FilterMode::Include, &[s1, s2]);
    assert_eq!(host.says_within(60), twice(ALLOW, &[s2]));
    host.filter(&one, FilterMode::Include, &[s2]);
    assert_eq!(host.says_within(60), [], "the other one still wants it");
    host.filter(&two, FilterMode::Include, &[s2]);
    assert_eq!(host.says_within(60), twice(BLOCK, &[s1]));
    let three = host.socket(9);
    host.join(&three, P::GROUP);
    assert_eq!(host.says_within(60), twice(TO_EX, &[]));
    host.filter(&three, FilterMode::Exclude, &[s1, s2]);
    assert_eq!(host.says_within(60), twice(BLOCK, &[s1]), "the second is wanted by others");
}

pub fn changes_that_follow_each_other_are_merged<P: Protocol>() {
    let mut host = Host::<P>::new(3);
    let [s1, s2] = P::SOURCES;
    let socket = host.socket(7);
    host.filter(&socket, FilterMode::Include, &[s1]);
    host.filter(&socket, FilterMode::Include, &[s2]);
    let said = host.says_within(60);
    assert_eq!(said[0], to::<P>(ALLOW, &[s1]));
    assert_eq!(said[1..3], [to::<P>(ALLOW, &[s2]), to::<P>(BLOCK, &[s1])], "RFC 9776 §5.1, RFC 9777 §6.1");
    assert_eq!(said.len(), 5);
}

pub fn questions_are_answered_once_within_the_time_that_they_give<P: Protocol>() {
    let mut host = Host::<P>::new(4);
    let ([s1, s2], [other, strange]) = (P::SOURCES, P::OTHER_GROUPS);
    let (one, two) = (host.socket(7), host.socket(7777));
    host.join(&one, P::GROUP);
    host.join(&two, other);
    host.says_within(60);
    host.asked(None, &[]);
    host.asked(None, &[]);
    assert_eq!(host.said(), [], "after a random time");
    assert_eq!(host.says_within(1), [to::<P>(IS_EX, &[]), (IS_EX, other, vec![])], "one answer for both questions");
    host.asked(Some(P::GROUP), &[]);
    assert_eq!(host.says_within(1), [to::<P>(IS_EX, &[])]);
    host.asked(Some(strange), &[]);
    assert_eq!(host.says_within(10), [], "not a member");
    host.filter(&one, FilterMode::Exclude, &[s1]);
    host.says_within(60);
    host.asked(Some(P::GROUP), &[s1, s2]);
    assert_eq!(host.says_within(1), [to::<P>(IS_IN, &[s2])], "what of it is wanted");
    host.asked(Some(P::GROUP), &[s1]);
    assert_eq!(host.says_within(10), []);
    host.asked(Some(P::GROUP), &[s2]);
    host.asked(Some(P::GROUP), &[]);
    assert_eq!(host.says_within(1), [to::<P>(IS_EX, &[s1])], "an answer about all sources answers both");
}

/// The dialect before the newest: IGMP version 2, MLD version 1.
pub fn an_older_router_is_spoken_to_in_its_version_until_it_is_gone<P: Protocol>() {
    let (mut host, socket) = Host::<P>::member(6);
    host.hears(P::ALL, &P::older_query());
    assert_eq!(host.says_within(10), [to::<P>(P::OLDER_REPORT, &[])]);
    // Another member answers first: ours is not needed, and it is not ours to say that we leave.
    host.hears(P::ALL, &P::older_query());
    host.hears_from(P::NEIGHBOUR, P::GROUP, &P::older_report());
    assert_eq!(host.says_within(10), []);
    host.leave(&socket);
    assert_eq!(host.says_within(20), []);
    host.join(&socket, P::GROUP);
    assert_eq!(host.says_within(20), [to::<P>(P::OLDER_REPORT, &[]), to::<P>(P::OLDER_REPORT, &[])]);
    host.leave(&socket);
    assert_eq!(host.says_within(20), [to::<P>(P::OLDER_LEAVE, &[])]);
    // 2 × 125 s + 10 s without a question of the older version.
    host.net.run_for(Duration::from_secs(260));
    host.join(&socket, P::GROUP);
    assert_eq!(host.says_within(20), [to::<P>(TO_EX, &[]), to::<P>(TO_EX, &[])]);
}

/// QRV and QQIC (RFC 9776 §4.1.6, §4.1.7, §8.12; RFC 9777 §5.1.8, §5.1.9, §9.12).
pub fn a_router_says_how_often_changes_are_said_and_how_long_an_older_one_counts<P: Protocol>() {
    let mut host = Host::<P>::new(9);
    let socket = host.socket(7);
    // From 128 on the code is a mantissa and an exponent: 0x88 are 192 s. Who says zero means the usual.
    for (robustness, code, interval) in [(3, 20, 20), (1, 0x88, 192), (0, 0, 125)] {
        host.told(robustness, code);
        host.says_within(1);
        let times = if robustness == 0 { 2 } else { robustness };
        let changes = |kind| vec![to::<P>(kind, &[]); times.into()];
        host.join(&socket, P::GROUP);
        assert_eq!(host.says_within(60), changes(TO_EX));
        host.hears(P::ALL, &P::older_query());
        // The response time of that one is ten seconds.
        host.says_within(u64::from(times) * interval + 10 - 1);
        host.leave(&socket);
        assert_eq!(host.said(), [to::<P>(P::OLDER_LEAVE, &[])]);
        host.says_within(1);
        host.join(&socket, P::GROUP);
        assert_eq!(host.says_within(60), changes(TO_EX));
        host.leave(&socket);
        assert_eq!(host.says_within(60), changes(TO_IN));
    }
}

pub fn each_socket_hears_the_sources_that_it_wants<P: Protocol>() {
    let mut host = Host::<P>::new(8);
    let [s1, s2] = P::SOURCES;
    let mut sockets: [Udp; 5] = host.sharing();
    host.filter(&sockets[0], FilterMode::Include, &[s1]);
    host.join(&sockets[1], P::GROUP);
    host.filter(&sockets[1], FilterMode::Exclude, &[s1]);
    host.join(&sockets[2], P::OTHER_GROUPS[0]);
    // The fourth is in no group, and the fifth wants no groups of others (IP_MULTICAST_ALL, IPV6_MULTICAST_ALL).
    let options: &mut DatagramOptions = host.net.stack(host.node).udp_options(sockets[4].id).expect("open");
    (options.multicast_all, options.v6.multicast_all) = (false, false);
    let heard = host.heard_of([s1, s2], &mut sockets);
    assert_eq!(heard, [vec![s1], vec![s2], vec![s1, s2], vec![s1, s2], vec![]]);
}
