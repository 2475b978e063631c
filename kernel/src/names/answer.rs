//! What an answer says: the chain of aliases to a canonical name, and the records that this has.

use hickory_proto::op::{Header, Message, ResponseCode};
use hickory_proto::rr::{Name, RData};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::error::NameError;
use super::host::without_dot;
use super::question::Question;

/// The records asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name that has them.
    pub name: String,
    /// The names that led there, the one asked for first.
    pub aliases: Vec<String>,
    /// The records.
    pub data: Vec<RData>,
}

/// Reads the answer to `question`.
///
/// # Errors
/// What the server said by its response code, or NO_DATA.
pub fn read(question: &Question, message: &[u8]) -> Result<Found, NameError> {
    verdict(message)?;
    let message = Message::from_vec(message).map_err(|_| NameError::NoRecovery)?;
    let (name, aliases) = follow(question.name(), &message);
    let data: Vec<RData> = message
        .answers
        .iter()
        .filter(|record| record.record_type() == question.kind() && record.name.eq_ignore_root(&name))
        .map(|record| record.data.clone())
        .filter(is_sound)
        .collect();
    let all_names = [&name].into_iter().chain(&aliases);
    if data.is_empty() || !all_names.into_iter().all(is_name_of_a_record) {
        return Err(NameError::NoData);
    }
    Ok(Found { name: text(&name), aliases: aliases.iter().map(text).collect(), data })
}

/// What the header says, as res_query(3) turns it into h_errno.
///
/// # Errors
/// Every response code but NOERROR; NO_DATA where there are no answers.
pub fn verdict(message: &[u8]) -> Result<(), NameError> {
    let header = Header::read(&mut BinDecoder::new(message)).map_err(|_| NameError::NoRecovery)?;
    match header.response_code {
        ResponseCode::NoError if header.counts.answers == 0 => Err(NameError::NoData),
        ResponseCode::NoError => Ok(()),
        ResponseCode::NXDomain => Err(NameError::NotFound),
        ResponseCode::ServFail => Err(NameError::TryAgain),
        _ => Err(NameError::NoRecovery),
    }
}

/// Follows CNAMEs from `name` (RFC 1034 §3.6.2). The chain is as long as the answer at most, so that a loop ends.
fn follow(name: &Name, message: &Message) -> (Name, Vec<Name>) {
    let mut name = name.clone();
    let mut aliases = Vec::new();
    for _ in 0..message.answers.len() {
        let next = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name.eq_ignore_root(&name) => Some(target.0.clone()),
            _ => None,
        });
        let Some(next) = next else { break };
        aliases.push(core::mem::replace(&mut name, next));
    }
    (name, aliases)
}

/// A PTR that names no host (res_hnok) could carry anything into a shell or a log.
fn is_sound(data: &RData) -> bool {
    match data {
        RData::PTR(target) => is_host_name(&target.0),
        _ => true,
    }
}

fn is_host_name(name: &Name) -> bool {
    name.num_labels() > 0
        && name.iter().all(|label| !label.starts_with(b"-") && label.iter().copied().all(is_host_byte))
}

/// Owners of records may be service names (`_sip._tcp`) or in-addr.arpa delegations (`0/25`), but they are printable.
fn is_name_of_a_record(name: &Name) -> bool {
    name.iter().flatten().all(u8::is_ascii_graphic)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A name as C programs see it.
pub fn text(name: &Name) -> String {
    without_dot(&name.to_ascii()).to_owned()
}
