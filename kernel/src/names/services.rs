//! services(5): names of ports. The host's file is read directly, so that no service of the host is asked.

use std::path::Path;

use super::file;
use super::hosts::words;

const SERVICES: &str = "/etc/services";

/// The port of service `name` (or alias) over `protocol`, as getservbyname(3) says.
pub fn port(name: &str, protocol: &str) -> Option<u16> {
    parse_port(&text(), name, protocol)
}

/// The name of the service at `port` over `protocol`, as getservbyport(3) says.
pub fn name(port: u16, protocol: &str) -> Option<String> {
    parse_name(&text(), port, protocol)
}

fn text() -> String {
    file::read(Path::new(SERVICES)).unwrap_or_default()
}

pub(super) fn parse_port(text: &str, name: &str, protocol: &str) -> Option<u16> {
    lines(text).find(|line| line.protocol == protocol && line.names().any(|known| known == name)).map(|line| line.port)
}

pub(super) fn parse_name(text: &str, port: u16, protocol: &str) -> Option<String> {
    lines(text).find(|line| line.protocol == protocol && line.port == port).map(|line| line.name.to_owned())
}

struct Line<'a> {
    name: &'a str,
    port: u16,
    protocol: &'a str,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        words(self.text).enumerate().filter(|&(index, _)| index != 1).map(|(_, word)| word)
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|text| {
        let mut words = words(text);
        let name = words.next()?;
        let (port, protocol) = words.next()?.split_once('/')?;
        Some(Line { name, port: port.parse().ok()?, protocol, text })
    })
}
