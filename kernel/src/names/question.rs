//! A question to a name server, and which message answers it (RFC 1035 §4, RFC 5452 §9.1).

use hickory_proto::op::{Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::error::NameError;

/// One question, as it goes to a server.
#[derive(Clone, Debug)]
pub struct Question {
    id: u16,
    query: Query,
    message: Vec<u8>,
}

impl Question {
    /// Asks for the records of `kind` that `name` has, under a random `id`. No EDNS, as glibc asks by default.
    ///
    /// # Errors
    /// NO_RECOVERY where `name` cannot be a name of DNS: a label above 63 bytes, say.
    pub fn new(name: &str, kind: RecordType, class: DNSClass, id: u16) -> Result<Question, NameError> {
        let mut name = Name::from_ascii(name).map_err(|_| NameError::NoRecovery)?;
        name.set_fqdn(true);
        Question::about(name, kind, class, id)
    }

    /// As [`new`](Self::new), for a name that is one already.
    pub fn about(name: Name, kind: RecordType, class: DNSClass, id: u16) -> Result<Question, NameError> {
        let mut query = Query::query(name, kind);
        query.set_query_class(class);
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        let message = message.to_vec().map_err(|_| NameError::NoRecovery)?;
        Ok(Question { id, query, message })
    }

    /// The question in a message that a program made itself (res_send(3)).
    pub fn parse(message: &[u8]) -> Option<Question> {
        let (header, query) = beginning(message)?;
        Some(Question { id: header.id, query, message: message.to_vec() })
    }

    /// The bytes that are sent.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The name asked for.
    pub fn name(&self) -> &Name {
        self.query.name()
    }

    /// What is asked of it.
    pub fn kind(&self) -> RecordType {
        self.query.query_type()
    }

    /// The header of `message` if it answers this question: a response with its id, to this very question. Some servers
    /// leave the question out when they refuse; who forges that gains no more than a refusal.
    pub fn answered_by(&self, message: &[u8]) -> Option<Header> {
        let header = Header::read(&mut BinDecoder::new(message)).ok()?;
        if header.message_type != MessageType::Response || header.id != self.id {
            return None;
        }
        let refuses = matches!(
            header.response_code,
            ResponseCode::FormErr | ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused
        );
        if header.counts.queries == 0 && refuses {
            return Some(header);
        }
        let (_, query) = beginning(message)?;
        let same = query.name().eq_ignore_root(self.query.name())
            && query.query_type() == self.query.query_type()
            && query.query_class() == self.query.query_class();
        same.then_some(header)
    }
}

/// The header and the one question of a message. The rest may be cut off or ill-formed.
fn beginning(message: &[u8]) -> Option<(Header, Query)> {
    let mut decoder = BinDecoder::new(message);
    let header = Header::read(&mut decoder).ok()?;
    if header.counts.queries != 1 {
        return None;
    }
    let query = Query::read(&mut decoder).ok()?;
    Some((header, query))
}
