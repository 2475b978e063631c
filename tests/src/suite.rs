//! Other people's test suites: a suite's cases on the host kernel, which is the measure, and on a rump kernel.
//!
//! `python` and `perl` know how to run one each. What may differ is in `tests/known/NAME.txt`, with its reason.

mod perl;
mod python;

use std::collections::BTreeMap;

use crate::compat::Kernel;
use crate::{Known, Outcome};

/// A suite of others.
pub struct Suite {
    /// Its name, and its list's.
    pub name: &'static str,
    /// Whose it is.
    pub what: &'static str,
    /// Its parts, each a run of its own, and which of them are quick enough for every run of the tests.
    pub parts: &'static [Part],
    run: fn(Kernel, &str) -> Outcome<Outcomes>,
}

/// A part of a suite.
pub struct Part {
    /// Its name, as the suite has it.
    pub name: &'static str,
    /// It takes seconds, not minutes.
    pub quick: bool,
}

const fn part(name: &'static str) -> Part {
    Part { name, quick: false }
}

const fn quick(name: &'static str) -> Part {
    Part { name, quick: true }
}

/// What became of each case.
pub type Outcomes = BTreeMap<String, String>;

/// All suites.
pub const SUITES: &[Suite] = &[PYTHON, PERL];

const PYTHON: Suite = Suite {
    name: "python",
    what: "CPython's own tests of sockets and of what is made of them (Debian's libpython3.11-testsuite)",
    parts: &[
        part("test_socket"),
        quick("test_select"),
        part("test_selectors"),
        quick("test_epoll"),
        part("test_poll"),
        part("test_asyncio"),
        quick("test_socketserver"),
        part("test_httplib"),
        part("test_httpservers"),
        part("test_ftplib"),
        part("test_smtplib"),
        part("test_ssl"),
        part("test_urllib2_localnet"),
        part("test_xmlrpc"),
    ],
    run: python::run,
};

const PERL: Suite = Suite {
    name: "perl",
    what: "perl's own tests of IO, Socket and IO::Socket::IP (Debian's source package of perl)",
    parts: &[part("IO"), part("Socket"), part("IO-Socket-IP")],
    run: perl::run,
};

/// A part of a suite on both kernels.
pub struct Comparison {
    /// Cases that ran on the host kernel.
    pub cases: usize,
    /// Case, and how it ended on each, where that is not the same.
    pub differences: Vec<(String, String)>,
}

impl Suite {
    /// Runs a part on both kernels.
    pub fn compare(&self, part: &Part) -> Outcome<Comparison> {
        let (host, rump) = ((self.run)(Kernel::Host, part.name)?, (self.run)(Kernel::Rump, part.name)?);
        let absent = "not run";
        let show = |side: &Outcomes, case: &str| side.get(case).map_or(absent.to_owned(), Clone::clone);
        let mut names: Vec<&String> = host.keys().chain(rump.keys().filter(|case| !host.contains_key(*case))).collect();
        names.sort();
        let differences = names.into_iter().filter(|case| host.get(*case) != rump.get(*case));
        let differences =
            differences.map(|case| (case.clone(), format!("{}, on rump {}", show(&host, case), show(&rump, case))));
        Ok(Comparison { cases: host.len(), differences: differences.collect() })
    }

    /// A failure where something differs that is not on the list, or a line of the list of this part does not hold any more.
    pub fn judge(&self, part: &Part, comparison: &Comparison) -> Outcome {
        let how = |(case, how): &(String, String)| (case.clone(), format!("    {how}\n"));
        let differences: Vec<_> = comparison.differences.iter().map(how).collect();
        self.known()?.judge(&differences, &[&format!("test.{}.", part.name)])
    }

    /// Runs the parts that take seconds, and judges.
    pub fn check_quickly(&self) -> Outcome {
        self.parts.iter().filter(|part| part.quick).try_for_each(|part| self.judge(part, &self.compare(part)?))
    }

    /// What may differ.
    pub fn known(&self) -> Outcome<Known> {
        Known::read(self.name)
    }
}
