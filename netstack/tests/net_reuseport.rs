//! Programs that choose among the sockets of one address.

mod common;

use std::time::Duration;

use common::*;
use netstack::GroupProgramError::{NoProgram, NotShared};
use netstack::filter::{Instruction, Program};
use netstack::socket::{BindError, BindOptions};

fn shared() -> BindOptions {
    BindOptions { reuse_port: true, ..BindOptions::default() }
}

/// Chooses by the first byte of what the packet carries.
fn by_first_byte() -> Option<Program> {
    let op = |code, k| Instruction { code, jt: 0, jf: 0, k };
    Some(Program::new(vec![op(0x30, 0), op(0x16, 0)]).expect("a program"))
}

#[test]
fn a_group_of_sockets_has_one_program_and_the_last_takes_the_place_of_who_leaves() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let from = net.udp_at(a, "10.0.0.1:1000");
    let at = "10.0.0.2:7".parse().expect("an address and port");
    let join = |net: &mut Net| {
        let socket = net.udp(b);
        net.stack(b).udp_bind(socket.id, at, shared()).expect("shared");
        socket
    };
    let mut members: Vec<Udp> = (0..3).map(|_| join(&mut net)).collect();
    assert_eq!(net.stack(b).udp_set_group_program(members[1].id, None, true), Err(NoProgram));
    assert_eq!(net.stack(b).udp_set_group_program(members[1].id, by_first_byte(), true), Ok(()));
    members.push(join(&mut net));
    let who = |net: &mut Net, members: &mut [Udp], byte| {
        net.udp_send(&from, "10.0.0.2:7", &[byte]).expect("sent");
        net.run_for(Duration::from_millis(10));
        members.iter_mut().position(|member| member.recv().is_some())
    };
    for (byte, member) in [(2, 2), (0, 0), (3, 3), (1, 1)] {
        assert_eq!(who(&mut net, &mut members, byte), Some(member));
    }
    // A number that nobody has: the flow decides, always for the same.
    let hashed = who(&mut net, &mut members, 4);
    assert!(hashed.is_some() && (5..40).all(|byte| who(&mut net, &mut members, byte) == hashed));
    net.stack(b).udp_close(members.remove(0).id);
    assert_eq!(who(&mut net, &mut members, 0), Some(2), "the one that joined last");
    assert_eq!(who(&mut net, &mut members, 1), Some(0));
    // Taken away from one, it is taken away from all.
    assert_eq!(net.stack(b).udp_set_group_program(members[0].id, None, true), Ok(()));
    assert_eq!(net.stack(b).udp_set_group_program(members[1].id, None, true), Err(NoProgram));
    let hashed = who(&mut net, &mut members, 0);
    assert!((1..3).all(|byte| who(&mut net, &mut members, byte) == hashed));
}

#[test]
fn who_has_a_program_before_bind_begins_a_group() {
    let (mut net, _, b) = Net::pair(2, Link::default());
    let at = "10.0.0.2:7".parse().expect("an address and port");
    let (alone, other) = (net.udp(b), net.udp(b));
    assert_eq!(net.stack(b).udp_set_group_program(alone.id, by_first_byte(), false), Err(NotShared));
    net.stack(b).udp_bind(other.id, at, shared()).expect("free");
    assert_eq!(net.stack(b).udp_set_group_program(alone.id, by_first_byte(), true), Ok(()));
    assert_eq!(net.stack(b).udp_bind(alone.id, at, shared()), Err(BindError::AddrInUse));
    let key = net.memory(b).new_key();
    let listener = net.stack(b).tcp_open(key);
    assert_eq!(net.stack(b).tcp_set_group_program(listener, by_first_byte(), true), Ok(()));
    net.stack(b).tcp_bind(listener, at, shared()).expect("free");
    net.stack(b).tcp_listen(listener, 4).expect("bound");
    assert_eq!(net.stack(b).tcp_set_group_program(listener, None, true), Ok(()));
    assert_eq!(net.stack(b).tcp_set_group_program(listener, None, true), Err(NoProgram));
}
