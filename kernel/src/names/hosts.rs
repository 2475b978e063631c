//! hosts(5): the file of names that `hosts=` gives.

use std::net::IpAddr;

use super::host::{Families, Host, same_name};

/// The lines of a hosts file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    address: IpAddr,
    name: String,
    aliases: Vec<String>,
}

impl Hosts {
    /// Reads the text of a hosts file. A line that is none is left out, as glibc does.
    pub fn parse(text: &str) -> Hosts {
        Hosts { lines: text.lines().filter_map(Line::parse).collect() }
    }

    /// Whom `name` names: every address of every line that has it (`multi on`), under the first one's canonical name.
    pub fn by_name(&self, name: &str, families: Families) -> Option<Host> {
        self.collect(|line| families.contains(&line.address) && line.names().any(|known| same_name(known, name)))
    }

    /// Whose address `address` is: the first line that has it.
    pub fn by_address(&self, address: IpAddr) -> Option<Host> {
        self.lines.iter().find(|line| line.address == address).map(Line::host)
    }

    /// Every line, in the order of the file, as gethostent(3) shows them.
    pub fn iter(&self) -> impl Iterator<Item = Host> + '_ {
        self.lines.iter().map(Line::host)
    }

    fn collect(&self, wanted: impl Fn(&Line) -> bool) -> Option<Host> {
        let mut lines = self.lines.iter().filter(|line| wanted(line));
        let mut host = lines.next()?.host();
        for line in lines {
            host.add_address(line.address);
            line.names().for_each(|name| host.add_alias(name));
        }
        Some(host)
    }
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        let mut words = words(line);
        let address = words.next()?.parse().ok()?;
        let name = words.next()?.to_owned();
        Some(Line { address, name, aliases: words.map(str::to_owned).collect() })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        core::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    fn host(&self) -> Host {
        Host { name: self.name.clone(), aliases: self.aliases.clone(), addresses: vec![self.address] }
    }
}

/// The words of a line of hosts(5) or services(5), up to a comment.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or_default().split_ascii_whitespace()
}
