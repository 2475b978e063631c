//! resolv.conf(5) `search` and `ndots`: which names are asked for when a program asks for one.

use super::error::NameError;
use super::exchange::Failure;

/// A name with at least this many dots is asked for as it stands before any domain is put behind it.
const NDOTS: usize = 1;

/// Why one candidate gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// A server said so.
    Answered(NameError),
    /// No server gave a usable answer.
    Unanswered(Failure),
}

impl From<Miss> for NameError {
    fn from(miss: Miss) -> NameError {
        match miss {
            Miss::Answered(error) => error,
            Miss::Unanswered(_) => NameError::TryAgain,
        }
    }
}

/// Asks for `name` and for `name` in each of `domains` in glibc's order until one has an answer.
pub fn search<T>(name: &str, domains: &[String], mut ask: impl FnMut(&str) -> Result<T, Miss>) -> Result<T, NameError> {
    let dots = name.bytes().filter(|&byte| byte == b'.').count();
    let absolute = name.ends_with('.');
    let mut as_it_stands = None;
    if dots >= NDOTS || absolute {
        match ask(name) {
            Err(miss) if absolute => return Err(miss.into()),
            Err(miss) => as_it_stands = Some(miss),
            found => return found.map_err(NameError::from),
        }
    }

    let mut no_data = false;
    let mut server_failure = false;
    for domain in domains {
        match ask(&format!("{name}.{domain}")) {
            Ok(found) => return Ok(found),
            Err(Miss::Answered(NameError::NotFound)) => {}
            Err(Miss::Answered(NameError::NoData)) => no_data = true,
            // One domain's server may be ill; the others' may be well.
            Err(Miss::Unanswered(Failure::ServerFailure)) => server_failure = true,
            // Nobody is there: the next domain would only wait as long again.
            Err(Miss::Answered(_) | Miss::Unanswered(Failure::Silence)) => break,
        }
    }

    let miss = match as_it_stands {
        Some(miss) => miss,
        None => match ask(name) {
            Ok(found) => return Ok(found),
            Err(miss) => miss,
        },
    };
    // The answer to the name as it was first asked for counts; after a search, what the domains said counts more.
    Err(match (as_it_stands, no_data, server_failure) {
        (None, true, _) => NameError::NoData,
        (None, false, true) => NameError::TryAgain,
        _ => miss.into(),
    })
}
