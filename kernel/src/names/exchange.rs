//! Questions to the servers and answers from them: the timeouts, the attempts and the order of glibc's res_send.
//!
//! Each attempt goes through all servers; each server has its share of time to answer all questions (A and AAAA of one name
//! go out together). What a server refuses, or answers with nothing usable, goes on to the next.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Header, ResponseCode};

use super::question::Question;
use super::transport::Transport;

/// resolv.conf(5) `attempts`.
const ATTEMPTS: u32 = 2;
/// resolv.conf(5) `timeout`, in seconds.
const TIMEOUT: u32 = 5;
/// glibc takes the first three servers (MAXNS).
const SERVERS: usize = 3;
/// The largest UDP payload.
const LARGEST: usize = 65535;

/// Why no question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The last that was heard is a server's failure (SERVFAIL).
    ServerFailure,
    /// Nothing, or nothing of use.
    Silence,
}

/// One message for each question, `None` where only others were answered.
pub type Answers = Vec<Option<Vec<u8>>>;

/// Asks all `questions` of `servers`. At least one has an answer then.
pub fn ask(transport: &dyn Transport, servers: &[SocketAddr], questions: &[Question]) -> Result<Answers, Failure> {
    let servers = &servers[..servers.len().min(SERVERS)];
    let mut failure = Failure::Silence;
    for _ in 0..ATTEMPTS {
        for (index, &server) in servers.iter().enumerate() {
            let mut round = Round::new(transport, server, patience(index, servers.len()), questions);
            let end = round.run();
            if round.answers.iter().any(Option::is_some) {
                return Ok(round.answers);
            }
            if end == End::Unusable(ResponseCode::ServFail) {
                failure = Failure::ServerFailure;
            }
        }
    }
    Err(failure)
}

/// How long the server at `index` of `count` may take. (glibc doubles by the server's place, not by the attempt.)
fn patience(index: usize, count: usize) -> Duration {
    let seconds = match index {
        0 => TIMEOUT,
        _ => (TIMEOUT << index) / count as u32,
    };
    Duration::from_secs(seconds.max(1).into())
}

/// How a round with one server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Every question has its answer.
    Complete,
    /// The time is over.
    Silent,
    /// The server answered, with this.
    Unusable(ResponseCode),
    /// The server cannot be reached.
    Unreachable,
}

/// One server's turn.
struct Round<'a> {
    transport: &'a dyn Transport,
    server: SocketAddr,
    patience: Duration,
    questions: &'a [Question],
    answers: Answers,
    /// What the server said to those that it did not answer.
    refusals: Vec<Option<End>>,
}

impl<'a> Round<'a> {
    fn new(
        transport: &'a dyn Transport,
        server: SocketAddr,
        patience: Duration,
        questions: &'a [Question],
    ) -> Round<'a> {
        let (answers, refusals) = (vec![None; questions.len()], vec![None; questions.len()]);
        Round { transport, server, patience, questions, answers, refusals }
    }

    fn run(&mut self) -> End {
        let end = self.converse();
        // Some servers answer only one of two questions that come together: the other is asked alone.
        if end == End::Silent && self.answers.iter().any(Option::is_some) {
            return self.converse();
        }
        end
    }

    /// Sends the open questions from one socket and waits until none is open.
    fn converse(&mut self) -> End {
        let Ok(datagrams) = self.transport.open(self.server) else { return End::Unreachable };
        for question in self.open().map(|index| &self.questions[index]) {
            if datagrams.send(question.message()).is_err() {
                return End::Unreachable;
            }
        }
        let deadline = self.transport.now() + self.patience;
        let mut buffer = vec![0; LARGEST];
        while self.open().next().is_some() {
            match datagrams.receive(&mut buffer, deadline) {
                Ok(Some((length, from))) if from == self.server => self.take(&buffer[..length.min(LARGEST)]),
                Ok(Some(_)) => {} // a stranger's
                Ok(None) => return End::Silent,
                Err(_) => return End::Unreachable,
            }
        }
        self.refusals.iter().flatten().next().copied().unwrap_or(End::Complete)
    }

    /// The questions that the server has said nothing to.
    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.questions.len()).filter(|&index| self.answers[index].is_none() && self.refusals[index].is_none())
    }

    /// Takes a datagram. One that answers no open question is as if it had not come (RFC 5452 §9.1).
    fn take(&mut self, message: &[u8]) {
        let said = self.open().find_map(|index| Some((index, self.questions[index].answered_by(message)?)));
        let Some((index, header)) = said else { return };
        let answer = usable(&header).and_then(|()| match header.truncation {
            false => Ok(message.to_vec()),
            true => whole(self.transport, self.server, &self.questions[index], self.patience),
        });
        match answer {
            Ok(answer) => self.answers[index] = Some(answer),
            Err(end) => self.refusals[index] = Some(end),
        }
    }
}

/// The whole of an answer that was truncated (RFC 7766 §5: TC means that TCP is to be asked).
fn whole(
    transport: &dyn Transport,
    server: SocketAddr,
    question: &Question,
    patience: Duration,
) -> Result<Vec<u8>, End> {
    let deadline = transport.now() + patience;
    let message = transport.stream(server, question.message(), deadline).map_err(|_| End::Unreachable)?;
    let header = question.answered_by(&message).ok_or(End::Unreachable)?;
    usable(&header)?;
    Ok(message)
}

/// Whether an answer ends the question, or the next server is to be asked.
fn usable(header: &Header) -> Result<(), End> {
    match header.response_code {
        code @ (ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused) => Err(End::Unusable(code)),
        // A server that knows nothing of the name and does not look either.
        ResponseCode::NoError
            if header.counts.answers == 0
                && header.counts.additionals == 0
                && !header.authoritative
                && !header.recursion_available =>
        {
            Err(End::Unusable(ResponseCode::NoError))
        }
        _ => Ok(()),
    }
}
