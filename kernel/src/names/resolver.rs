//! The order in which a kernel looks for a name: its own names, its hosts file, its DNS servers.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use super::answer::{self, Found};
use super::error::NameError;
use super::exchange::{self, Failure};
use super::host::{Families, Host};
use super::hosts::Hosts;
use super::own::{self, Own};
use super::question::Question;
use super::search::{Miss, search};
use super::transport::Transport;

/// What names are looked for in.
pub struct Resolver<'a> {
    /// The kernel itself.
    pub own: Own,
    /// The hosts file.
    pub hosts: Hosts,
    /// The servers, in the order in which they are asked.
    pub servers: &'a [SocketAddr],
    /// The domains that are tried behind a name.
    pub domains: Vec<String>,
    /// The way to the servers.
    pub transport: &'a dyn Transport,
}

impl Resolver<'_> {
    /// Looks up the addresses of `name`.
    pub fn by_name(&self, name: &str, families: Families) -> Result<Host, NameError> {
        own::localhost(name, families)
            .or_else(|| self.hosts.by_name(name, families))
            .or_else(|| self.own.by_name(name, families))
            .map_or_else(|| self.by_name_in_dns(name, families), Ok)
            .and_then(|host| if host.addresses.is_empty() { Err(NameError::NoData) } else { Ok(host) })
    }

    /// Looks up the names of `address`.
    pub fn by_address(&self, address: IpAddr) -> Result<Host, NameError> {
        self.hosts
            .by_address(address)
            .or_else(|| own::loopback(address))
            .or_else(|| self.own.by_address(address))
            .map_or_else(|| self.by_address_in_dns(address), Ok)
    }

    /// res_query(3): the message that answers for `name`, as the server sent it.
    ///
    /// # Errors
    /// The message may be there with an error: it is what the program sees in its buffer.
    pub fn query(&self, name: &str, kind: u16, class: u16) -> (Option<Vec<u8>>, Result<(), NameError>) {
        match self.query_once(name, kind, class) {
            Ok(message) => {
                let verdict = answer::verdict(&message);
                (Some(message), verdict)
            }
            Err(miss) => (None, Err(miss.into())),
        }
    }

    /// res_search(3): as [`query`](Self::query), through the search domains.
    pub fn search(&self, name: &str, kind: u16, class: u16) -> (Option<Vec<u8>>, Result<(), NameError>) {
        let mut last = None;
        let found = search(name, &self.domains, |name| {
            let message = self.query_once(name, kind, class)?;
            let verdict = answer::verdict(&message).map_err(Miss::Answered);
            last = Some(message);
            verdict
        });
        (last, found)
    }

    /// res_send(3): the answer to a message that the program made itself.
    pub fn send(&self, message: &[u8]) -> Result<Vec<u8>, NameError> {
        let question = Question::parse(message).ok_or(NameError::NoRecovery)?;
        Ok(self.one(question)?)
    }

    fn query_once(&self, name: &str, kind: u16, class: u16) -> Result<Vec<u8>, Miss> {
        let question = Question::new(name, RecordType::from(kind), DNSClass::from(class), self.transport.random());
        self.one(question.map_err(Miss::Answered)?)
    }

    fn one(&self, question: Question) -> Result<Vec<u8>, Miss> {
        let answers = exchange::ask(self.transport, self.servers, &[question]).map_err(Miss::Unanswered)?;
        answers.into_iter().flatten().next().ok_or(Miss::Unanswered(Failure::Silence))
    }

    fn by_name_in_dns(&self, name: &str, families: Families) -> Result<Host, NameError> {
        if self.servers.is_empty() {
            return Err(NameError::TryAgain); // at once: there is nobody to wait for
        }
        search(name, &self.domains, |name| self.addresses(name, families))
    }

    /// Asks for A and AAAA together, as far as they are wanted. An answer to one of them is enough.
    fn addresses(&self, name: &str, families: Families) -> Result<Host, Miss> {
        let mut questions = Vec::new();
        for (wanted, kind) in [(families.v4, RecordType::A), (families.v6, RecordType::AAAA)] {
            if wanted {
                let question = Question::new(name, kind, DNSClass::IN, self.transport.random());
                questions.push(question.map_err(Miss::Answered)?);
            }
        }
        let answers = exchange::ask(self.transport, self.servers, &questions).map_err(Miss::Unanswered)?;
        let mut host: Option<Host> = None;
        // Whether the name has what an unanswered question asks for, nobody knows.
        let mut error = if answers.iter().all(Option::is_some) { NameError::NoData } else { NameError::TryAgain };
        for (question, answer) in questions.iter().zip(&answers) {
            let Some(message) = answer else { continue };
            match answer::read(question, message) {
                Ok(found) => add(&mut host, found),
                Err(said) if said != NameError::NoData => error = said,
                Err(_) => {}
            }
        }
        host.ok_or(Miss::Answered(error))
    }

    fn by_address_in_dns(&self, address: IpAddr) -> Result<Host, NameError> {
        if self.servers.is_empty() {
            return Err(NameError::TryAgain);
        }
        let question = Question::about(Name::from(address), RecordType::PTR, DNSClass::IN, self.transport.random())?;
        let message = self.one(question.clone())?;
        let found = answer::read(&question, &message)?;
        // glibc takes the first.
        let name = found.data.iter().find_map(|data| match data {
            RData::PTR(target) => Some(answer::text(&target.0)),
            _ => None,
        });
        Ok(Host { name: name.ok_or(NameError::NoData)?, addresses: vec![address], ..Host::default() })
    }
}

fn add(host: &mut Option<Host>, found: Found) {
    let host = host.get_or_insert_with(|| Host { name: found.name, ..Host::default() });
    found.aliases.iter().for_each(|alias| host.add_alias(alias));
    found.data.iter().filter_map(RData::ip_addr).for_each(|address| host.add_address(address));
}
