//! The resolver against scripted servers.

use super::*;
use crate::names::NameError;
use crate::names::host::{Families, Host};

fn v4(world: &World, text: &str) -> core::result::Result<Vec<String>, NameError> {
    world.resolve(&[], |resolver| resolver.by_name(text, Families::V4)).map(addresses)
}

fn addresses(host: Host) -> Vec<String> {
    host.addresses.iter().map(IpAddr::to_string).collect()
}

#[test]
fn a_and_aaaa_are_asked_together_and_an_answer_to_one_is_enough() {
    let world = World::new().server(1, one_address);
    let found = world.resolve(&[], |resolver| resolver.by_name("www.example.com", Families::BOTH)).unwrap();
    assert_eq!(addresses(found), ["192.0.2.1"]);
    assert_eq!(world.asked(), ["0s .1 www.example.com. A", "0s .1 www.example.com. AAAA"]);
}

#[test]
fn answers_may_come_in_the_other_order() {
    let held = RefCell::new(None);
    let world = World::new().server(1, move |question| {
        let name = question.queries[0].name();
        if kind(question) == RecordType::A {
            held.replace(Some(answer(question, ResponseCode::NoError, vec![address(name, "192.0.2.1")])));
            return silence();
        }
        let second = answer(question, ResponseCode::NoError, vec![address(name, "2001:db8::1")]);
        say(&[second, held.take().unwrap()])
    });
    let found = world.resolve(&[], |resolver| resolver.by_name("both.example.com", Families::BOTH)).unwrap();
    assert_eq!(addresses(found), ["192.0.2.1", "2001:db8::1"]);
}

#[test]
fn a_server_that_answers_one_of_two_questions_is_asked_the_other_alone() {
    let first_time = Cell::new(true);
    let world = World::new().server(1, move |question| match kind(question) {
        RecordType::A if first_time.replace(false) => silence(),
        _ => one_address(question),
    });
    let found = world.resolve(&[], |resolver| resolver.by_name("www.example.com", Families::BOTH)).unwrap();
    assert_eq!(addresses(found), ["192.0.2.1"]);
    let asked = world.asked();
    assert_eq!(asked[2..], ["5s .1 www.example.com. A"]);
}

#[test]
fn a_silent_server_has_five_seconds_twice() {
    let world = World::new().server(1, |_| silence());
    assert_eq!(v4(&world, "www.example.com"), Err(NameError::TryAgain));
    assert_eq!(world.asked(), ["0s .1 www.example.com. A", "5s .1 www.example.com. A"]);
    assert_eq!(world.elapsed.get().as_secs(), 10);
}

#[test]
fn each_attempt_goes_through_all_servers_with_glibcs_shares_of_time() {
    let world = World::new().server(1, |_| silence()).server(2, |_| silence()).server(3, |_| silence());
    assert_eq!(v4(&world, "a.b"), Err(NameError::TryAgain));
    let expected = ["0s .1", "5s .2", "8s .3", "14s .1", "19s .2", "22s .3"].map(|at| format!("{at} a.b. A"));
    assert_eq!(world.asked(), expected);
    assert_eq!(world.elapsed.get().as_secs(), 28);
}

#[test]
fn a_fourth_server_is_never_asked() {
    let world = World::new().server(1, |_| silence()).server(2, |_| silence()).server(3, |_| silence());
    let world = world.server(4, one_address);
    assert_eq!(v4(&world, "a.b"), Err(NameError::TryAgain));
}

#[test]
fn a_lost_question_is_asked_again() {
    let first_time = Cell::new(true);
    let lossy = move |question: &Message| if first_time.replace(false) { silence() } else { one_address(question) };
    assert_eq!(v4(&World::new().server(1, lossy), "www.example.com").unwrap(), ["192.0.2.1"]);
}

#[test]
fn refused_and_failed_servers_are_left_at_once_for_the_next() {
    for unusable in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp] {
        let world = World::new().server(1, |_| Deed::Refuse).server(2, move |q| code(q, unusable));
        let world = world.server(3, one_address);
        assert_eq!(v4(&world, "www.example.com").unwrap(), ["192.0.2.1"]);
        assert_eq!(world.elapsed.get(), Duration::ZERO);
    }
}

#[test]
fn a_lame_server_is_left_for_the_next() {
    let lame = |question: &Message| {
        let mut message = answer(question, ResponseCode::NoError, Vec::new());
        message.metadata.recursion_available = false;
        say(&[message])
    };
    assert_eq!(v4(&World::new().server(1, lame).server(2, one_address), "www.example.com").unwrap(), ["192.0.2.1"]);
}

#[test]
fn response_codes_become_the_errors_of_netdb() {
    for (said, error) in [
        (ResponseCode::NXDomain, NameError::NotFound),
        (ResponseCode::NoError, NameError::NoData),
        (ResponseCode::ServFail, NameError::TryAgain),
        (ResponseCode::FormErr, NameError::NoRecovery),
    ] {
        let world = World::new().server(1, move |question| code(question, said));
        assert_eq!(v4(&world, "www.example.com"), Err(error), "{said}");
    }
}

#[test]
fn a_failure_to_one_question_does_not_lose_the_answer_to_the_other() {
    let world = World::new().server(1, |question| match kind(question) {
        RecordType::A => silence(),
        _ => {
            let mut first = question.clone();
            first.queries[0].set_query_type(RecordType::A);
            first.metadata.id -= 1;
            let Deed::Say(found) = one_address(&first) else { unreachable!() };
            let Deed::Say(failed) = code(question, ResponseCode::ServFail) else { unreachable!() };
            Deed::Say([failed, found].concat())
        }
    });
    let found = world.resolve(&[], |resolver| resolver.by_name("www.example.com", Families::BOTH)).unwrap();
    assert_eq!(addresses(found), ["192.0.2.1"]);
    assert_eq!(world.elapsed.get(), Duration::ZERO);
}

#[test]
fn a_refusal_without_the_question_is_heard() {
    for refusal in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::FormErr] {
        let world = World::new().server(1, move |question| {
            let mut message = answer(question, refusal, Vec::new());
            message.queries.clear();
            say(&[message])
        });
        assert!(v4(&world, "www.example.com").is_err());
        assert_eq!(world.elapsed.get(), Duration::ZERO);
    }
}

#[test]
fn a_failure_to_one_question_and_nothing_for_the_other_is_no_verdict() {
    let world = World::new().server(1, |question| match kind(question) {
        RecordType::A => code(question, ResponseCode::ServFail),
        _ => one_address(question),
    });
    let found = world.resolve(&[], |resolver| resolver.by_name("www.example.com", Families::BOTH));
    assert_eq!(found, Err(NameError::TryAgain));
}

#[test]
fn nothing_but_the_true_answer_is_taken() {
    type Spoil = fn(&Message, Message) -> Vec<u8>;
    let spoils: [(&str, Spoil); 7] = [
        ("another id", |_, mut message| {
            message.metadata.id ^= 1;
            message.to_vec().unwrap()
        }),
        ("no response", |_, mut message| {
            message.metadata.message_type = MessageType::Query;
            message.to_vec().unwrap()
        }),
        ("another name", |_, mut message| {
            message.queries[0].set_name(name("evil.example.com."));
            message.to_vec().unwrap()
        }),
        ("another type", |_, mut message| {
            message.queries[0].set_query_type(RecordType::TXT);
            message.to_vec().unwrap()
        }),
        ("no question", |_, mut message| {
            message.queries.clear();
            message.to_vec().unwrap()
        }),
        ("garbage", |_, _| b"\xff\x00garbage".to_vec()),
        ("nothing", |_, _| Vec::new()),
    ];
    for (what, spoil) in spoils {
        let world = World::new().server(1, move |question| {
            let forged = vec![address(question.queries[0].name(), "203.0.113.66")];
            let forged = spoil(question, answer(question, ResponseCode::NoError, forged));
            let Deed::Say(honest) = one_address(question) else { unreachable!() };
            Deed::Say([vec![forged], honest].concat())
        });
        assert_eq!(v4(&world, "www.example.com").unwrap(), ["192.0.2.1"], "{what}");
    }
}

#[test]
fn an_answer_from_another_address_or_port_is_none() {
    for from in [server(2), SocketAddr::from(([10, 0, 0, 1], 5353))] {
        let world = World::new().server(1, move |question| {
            let records = vec![address(question.queries[0].name(), "203.0.113.66")];
            Deed::Forge(from, answer(question, ResponseCode::NoError, records).to_vec().unwrap())
        });
        assert_eq!(v4(&world, "www.example.com"), Err(NameError::TryAgain));
    }
}

#[test]
fn the_case_of_the_question_may_change_on_the_way() {
    let world = World::new().server(1, |question| {
        let shouted = name(&question.queries[0].name().to_ascii().to_ascii_uppercase());
        let mut message = answer(question, ResponseCode::NoError, vec![address(&shouted, "192.0.2.1")]);
        message.queries[0].set_name(shouted);
        say(&[message])
    });
    assert_eq!(v4(&world, "www.example.com").unwrap(), ["192.0.2.1"]);
}

fn truncated(question: &Message) -> Deed {
    let mut message = answer(question, ResponseCode::NoError, Vec::new());
    message.metadata.truncation = true;
    say(&[message])
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp() {
    let world = World::new().server(1, truncated).over_tcp(|question| {
        let owner = question.queries[0].name();
        let records = (1..=40).map(|host| address(owner, &format!("192.0.2.{host}"))).collect();
        say(&[answer(question, ResponseCode::NoError, records)])
    });
    assert_eq!(v4(&world, "many.example.com").unwrap().len(), 40);
    assert_eq!(world.asked(), ["0s .1 many.example.com. A", "0s .1 tcp many.example.com. A"]);
}

#[test]
fn where_tcp_fails_the_next_server_is_asked() {
    let world = World::new().server(1, truncated).server(2, one_address);
    assert_eq!(v4(&world, "many.example.com").unwrap(), ["192.0.2.1"]);
}

#[test]
fn aliases_are_followed_to_the_canonical_name() {
    let world = World::new().server(1, |question| {
        let [asked, middle, end] =
            [question.queries[0].name().clone(), name("middle.example.net."), name("end.example.net.")];
        let stray = address(&name("stray.example.net."), "203.0.113.66");
        let records = vec![alias(&middle, &end), stray, alias(&asked, &middle), address(&end, "192.0.2.1")];
        say(&[answer(question, ResponseCode::NoError, records)])
    });
    let found = world.resolve(&[], |resolver| resolver.by_name("www.example.com", Families::V4)).unwrap();
    assert_eq!(found.name, "end.example.net");
    assert_eq!(found.aliases, ["www.example.com", "middle.example.net"]);
    assert_eq!(addresses(found), ["192.0.2.1"]);
}

#[test]
fn a_loop_of_aliases_ends() {
    let world = World::new().server(1, |question| {
        let asked = question.queries[0].name().clone();
        let other = name("other.example.com.");
        say(&[answer(question, ResponseCode::NoError, vec![alias(&asked, &other), alias(&other, &asked)])])
    });
    assert_eq!(v4(&world, "www.example.com"), Err(NameError::NoData));
}

#[test]
fn an_answer_cut_short_is_no_address() {
    let world = World::new().server(1, |question| {
        let Deed::Say(mut messages) = one_address(question) else { unreachable!() };
        let length = messages[0].len();
        messages[0].truncate(length - 3);
        Deed::Say(messages)
    });
    assert_eq!(v4(&world, "www.example.com"), Err(NameError::NoRecovery));
}

fn known(names: &'static [&'static str]) -> impl Fn(&Message) -> Deed {
    move |question| {
        if names.iter().any(|name| asks_for(question, name)) {
            one_address(question)
        } else {
            code(question, ResponseCode::NXDomain)
        }
    }
}

fn searched(world: &World, text: &str) -> core::result::Result<String, NameError> {
    world
        .resolve(&["one.example", "two.example"], |resolver| resolver.by_name(text, Families::V4))
        .map(|host| host.name)
}

#[test]
fn a_name_without_dots_is_searched_before_it_is_asked_as_it_stands() {
    let world = World::new().server(1, known(&["www.two.example."]));
    assert_eq!(searched(&world, "www").unwrap(), "www.two.example");
    assert_eq!(world.asked(), ["0s .1 www.one.example. A", "0s .1 www.two.example. A"]);

    let world = World::new().server(1, known(&["www."]));
    assert_eq!(searched(&world, "www").unwrap(), "www");
}

#[test]
fn a_name_with_a_dot_is_asked_as_it_stands_first() {
    let world = World::new().server(1, known(&["a.b.one.example."]));
    assert_eq!(searched(&world, "a.b").unwrap(), "a.b.one.example");
    assert_eq!(world.asked(), ["0s .1 a.b. A", "0s .1 a.b.one.example. A"]);
}

#[test]
fn a_name_with_a_dot_at_its_end_is_not_searched() {
    let world = World::new().server(1, known(&["www.one.example."]));
    assert_eq!(searched(&world, "www."), Err(NameError::NotFound));
    assert_eq!(world.asked(), ["0s .1 www. A"]);
}

#[test]
fn a_domain_that_knows_the_name_without_address_counts_more_than_its_absence_elsewhere() {
    let world = World::new().server(1, |question| {
        let nodata = asks_for(question, "www.one.example.");
        code(question, if nodata { ResponseCode::NoError } else { ResponseCode::NXDomain })
    });
    assert_eq!(searched(&world, "www"), Err(NameError::NoData));
}

#[test]
fn a_domain_whose_server_fails_does_not_end_the_search() {
    let world = World::new().server(1, |question| match asks_for(question, "www.two.example.") {
        true => one_address(question),
        false => code(question, ResponseCode::ServFail),
    });
    assert_eq!(searched(&world, "www").unwrap(), "www.two.example");
}

#[test]
fn silence_ends_the_search() {
    let world = World::new().server(1, |_| silence());
    assert_eq!(searched(&world, "www"), Err(NameError::TryAgain));
    assert_eq!(world.elapsed.get().as_secs(), 20); // one domain, then the name as it stands
}

#[test]
fn without_servers_there_is_an_answer_at_once() {
    let world = World::new();
    assert_eq!(v4(&world, "www.example.com"), Err(NameError::TryAgain));
    let peer = world.resolve(&[], |resolver| resolver.by_address("192.0.2.1".parse().unwrap()));
    assert_eq!(peer, Err(NameError::TryAgain));
}

#[test]
fn own_names_and_the_hosts_file_are_answered_without_dns() {
    let world = World::new().server(1, |_| panic!("asked"));
    for (text, found) in [
        ("localhost", vec!["127.0.0.1"]),
        ("LOCALHOST.", vec!["127.0.0.1"]),
        ("a.localhost", vec!["127.0.0.1"]),
        ("me.example.org", vec!["10.0.0.9"]),
        ("me", vec!["10.0.0.9"]),
        ("file", vec!["10.1.1.1", "10.1.1.2"]),
        ("ALIAS", vec!["10.1.1.1"]),
    ] {
        assert_eq!(v4(&world, text).unwrap(), found, "{text}");
    }
    for (text, found) in [("127.0.0.1", "localhost"), ("10.0.0.9", "me.example.org"), ("fd00::1", "file")] {
        let host = world.resolve(&[], |resolver| resolver.by_address(text.parse().unwrap())).unwrap();
        assert_eq!(host.name, found);
    }
}

#[test]
fn an_address_has_the_first_name_that_is_one() {
    let world = World::new().server(1, |question| {
        let owner = question.queries[0].name();
        assert_eq!(owner.to_ascii(), "1.2.0.192.in-addr.arpa.");
        let mut delegated =
            Name::from_labels(["1", "0/25", "2", "0", "192", "in-addr", "arpa"].map(str::as_bytes)).unwrap();
        delegated.set_fqdn(true);
        let records = vec![
            alias(owner, &delegated),
            pointer(&delegated, &Name::from_labels([b"$(reboot)".as_slice(), b"example"]).unwrap()),
            pointer(&delegated, &name("a.example.com.")),
            pointer(&delegated, &name("b.example.com.")),
        ];
        say(&[answer(question, ResponseCode::NoError, records)])
    });
    let host = world.resolve(&[], |resolver| resolver.by_address("192.0.2.1".parse().unwrap())).unwrap();
    assert_eq!((host.name.as_str(), host.aliases), ("a.example.com", Vec::new()));
}

#[test]
fn a_message_of_the_programs_own_is_answered_as_the_server_sent_it() {
    let world = World::new().server(1, one_address);
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.add_query(hickory_proto::op::Query::query(name("www.example.com."), RecordType::A));
    let answered = world.resolve(&[], |resolver| resolver.send(&message.to_vec().unwrap())).unwrap();
    assert_eq!(Message::from_vec(&answered).unwrap().metadata.id, 77);
    let garbage = world.resolve(&[], |resolver| resolver.send(b"garbage"));
    assert_eq!(garbage, Err(NameError::NoRecovery));
}

#[test]
fn names_that_dns_cannot_hold_do_not_exist_and_are_not_sent() {
    let world = World::new().server(1, |_| panic!("asked"));
    for text in ["a b", "..", &"x".repeat(64), &"x.".repeat(200), "gr\u{fc}n"] {
        assert_eq!(v4(&world, text), Err(NameError::NoRecovery), "{text}");
    }
}
