//! Other people's test suites: a suite's cases on the host kernel, which is the measure, and on a rump kernel.
//!
//! `python`, `perl` and `tokio` know how to run one each. What may differ is in `tests/known/NAME.txt`, with its reason.

mod perl;
mod python;
mod tokio;

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
pub const SUITES: &[Suite] = &[PYTHON, PERL, TOKIO];

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

const TOKIO: Suite = Suite {
    name: "tokio",
    what: "tokio's own tests of sockets, readiness and the runtime that waits for them (its published crate, 1.54.1)",
    parts: &[
        part("io_async_fd"),
        part("io_copy_bidirectional"),
        part("io_driver"),
        part("io_driver_drop"),
        part("buffered"),
        part("coop_budget"),
        part("net_bind_resource"),
        part("net_lookup_host"),
        part("net_panic"),
        part("net_quickack"),
        part("net_unix_pipe"),
        part("no_rt"),
        part("rt_busy_tick"),
        part("rt_common"),
        part("rt_handle_block_on"),
        part("rt_shutdown_err"),
        part("rt_threaded"),
        part("tcp_accept"),
        part("tcp_accept_ready"),
        part("tcp_connect"),
        part("tcp_echo"),
        part("tcp_into_split"),
        part("tcp_into_std"),
        part("tcp_peek"),
        part("tcp_shutdown"),
        part("tcp_socket"),
        part("tcp_split"),
        part("tcp_stream"),
        part("udp"),
        part("uds_cred"),
        part("uds_datagram"),
        part("uds_socket"),
        part("uds_split"),
        part("uds_stream"),
        part("unix_shutdown"),
    ],
    run: tokio::run,
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
