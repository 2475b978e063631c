//! Scripts: servers that say what the script tells them, on a clock that moves only when nobody has anything to say.

mod calls;
mod dns;
mod texts;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, PTR};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::hosts::Hosts;
use super::own::Own;
use super::resolver::Resolver;
use super::transport::{Datagrams, Transport};
use crate::{Errno, Result};

/// What a server does with a question.
type Reply = Box<dyn Fn(&Message) -> Deed>;

/// One thing that a server does.
enum Deed {
    /// Sends these, in this order.
    Say(Vec<Vec<u8>>),
    /// Sends this from another address.
    Forge(SocketAddr, Vec<u8>),
    /// Has no server at its port (ICMP port unreachable).
    Refuse,
}

/// The world of a script.
struct World {
    start: Instant,
    elapsed: Cell<Duration>,
    random: Cell<u16>,
    servers: Vec<(SocketAddr, Reply)>,
    over_tcp: Option<Reply>,
    /// Who was asked what, with the seconds since the start.
    asked: RefCell<Vec<String>>,
}

impl World {
    fn new() -> World {
        World {
            start: Instant::now(),
            elapsed: Cell::default(),
            random: Cell::new(7),
            servers: Vec::new(),
            over_tcp: None,
            asked: RefCell::default(),
        }
    }

    /// Adds the server 10.0.0.`host`.
    fn server(mut self, host: u8, reply: impl Fn(&Message) -> Deed + 'static) -> World {
        self.servers.push((server(host), Box::new(reply)));
        self
    }

    fn over_tcp(mut self, reply: impl Fn(&Message) -> Deed + 'static) -> World {
        self.over_tcp = Some(Box::new(reply));
        self
    }

    fn resolve<T>(&self, search: &[&str], ask: impl FnOnce(&Resolver<'_>) -> T) -> T {
        let servers: Vec<SocketAddr> = self.servers.iter().map(|(server, _)| *server).collect();
        ask(&Resolver {
            own: Own { hostname: "me.example.org".into(), addresses: vec!["10.0.0.9".parse().unwrap()] },
            hosts: Hosts::parse("10.1.1.1 file alias\n10.1.1.2 file second\nfd00::1 file\n"),
            servers: &servers,
            domains: search.iter().map(|domain| domain.to_string()).collect(),
            transport: self,
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.take()
    }

    fn note(&self, server: SocketAddr, how: &str, question: &Message) {
        let query = &question.queries[0];
        let seconds = self.elapsed.get().as_secs();
        self.asked.borrow_mut().push(format!(
            "{seconds}s {} {how}{} {}",
            last(server),
            query.name(),
            query.query_type()
        ));
    }
}

impl Transport for World {
    fn now(&self) -> Instant {
        self.start + self.elapsed.get()
    }

    fn random(&self) -> u16 {
        self.random.set(self.random.get() + 1);
        self.random.get()
    }

    fn open(&self, server: SocketAddr) -> Result<Box<dyn Datagrams + '_>> {
        Ok(Box::new(Conversation { world: self, server, arrived: RefCell::default(), refused: Cell::new(false) }))
    }

    fn stream(&self, server: SocketAddr, message: &[u8], _: Instant) -> Result<Vec<u8>> {
        let question = Message::from_vec(message).unwrap();
        self.note(server, "tcp ", &question);
        match self.over_tcp.as_ref().map(|reply| reply(&question)) {
            Some(Deed::Say(mut messages)) => messages.pop().ok_or(Errno::TIMEDOUT),
            _ => Err(Errno::CONNREFUSED),
        }
    }
}

struct Conversation<'a> {
    world: &'a World,
    server: SocketAddr,
    arrived: RefCell<VecDeque<(Vec<u8>, SocketAddr)>>,
    refused: Cell<bool>,
}

impl Datagrams for Conversation<'_> {
    fn send(&self, message: &[u8]) -> Result<()> {
        let question = Message::from_vec(message).unwrap();
        self.world.note(self.server, "", &question);
        let (_, reply) = self.world.servers.iter().find(|(server, _)| *server == self.server).unwrap();
        match reply(&question) {
            Deed::Say(messages) => self.arrived.borrow_mut().extend(messages.into_iter().map(|m| (m, self.server))),
            Deed::Forge(from, message) => self.arrived.borrow_mut().push_back((message, from)),
            Deed::Refuse => self.refused.set(true),
        }
        Ok(())
    }

    fn receive(&self, into: &mut [u8], deadline: Instant) -> Result<Option<(usize, SocketAddr)>> {
        if self.refused.get() {
            return Err(Errno::CONNREFUSED);
        }
        let Some((message, from)) = self.arrived.borrow_mut().pop_front() else {
            self.world.elapsed.set(deadline - self.world.start);
            return Ok(None);
        };
        into[..message.len()].copy_from_slice(&message);
        Ok(Some((message.len(), from)))
    }
}

fn server(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 53))
}

fn last(server: SocketAddr) -> String {
    format!(".{}", server.ip().to_string().rsplit('.').next().unwrap())
}

/// An answer to `question` with this code and these records.
fn answer(question: &Message, code: ResponseCode, records: Vec<Record>) -> Message {
    let mut message = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    message.metadata.response_code = code;
    message.metadata.recursion_available = true;
    message.add_queries(question.queries.clone());
    message.add_answers(records);
    message
}

fn say(messages: &[Message]) -> Deed {
    Deed::Say(messages.iter().map(|message| message.to_vec().unwrap()).collect())
}

fn silence() -> Deed {
    Deed::Say(Vec::new())
}

fn code(question: &Message, code: ResponseCode) -> Deed {
    say(&[answer(question, code, Vec::new())])
}

/// Answers A with 192.0.2.1 and every other kind with nothing.
fn one_address(question: &Message) -> Deed {
    let name = question.queries[0].name();
    let records = match question.queries[0].query_type() {
        RecordType::A => vec![address(name, "192.0.2.1")],
        _ => Vec::new(),
    };
    say(&[answer(question, ResponseCode::NoError, records)])
}

fn kind(question: &Message) -> RecordType {
    question.queries[0].query_type()
}

fn asks_for(question: &Message, name: &str) -> bool {
    question.queries[0].name().to_ascii() == name
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn address(owner: &Name, text: &str) -> Record {
    let data = match text.parse().unwrap() {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    };
    Record::from_rdata(owner.clone(), 60, data)
}

fn alias(owner: &Name, target: &Name) -> Record {
    Record::from_rdata(owner.clone(), 60, RData::CNAME(CNAME(target.clone())))
}

fn pointer(owner: &Name, target: &Name) -> Record {
    Record::from_rdata(owner.clone(), 60, RData::PTR(PTR(target.clone())))
}
