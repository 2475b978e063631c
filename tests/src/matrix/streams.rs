//! Measuring and scanning.

use super::{Net, Ready};
use crate::failure::ensure;
use crate::{Failure, Outcome, Program};

pub fn iperf3(net: &Net) -> Outcome<String> {
    let server = net.start(Program::new("iperf3").words("-s -1 --forceflush"), 1, Ready::Says("Server listening"))?;
    let said = net.client(Program::new("iperf3").words("-c 10.0.0.1 -t 2 -P 8 --bidir")).run()?.text();
    ensure(said.contains("iperf Done"), || format!("iperf3 did not finish:\n{said}"))?;
    let way = |role: &str| {
        let line =
            said.lines().find(|line| line.contains("[SUM]") && line.contains(role) && line.ends_with("receiver"))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| word.ends_with("bits/sec"))?;
        Some(format!("{} {}", words[at - 1], words[at]))
    };
    server.finish()?.success()?;
    match (way("[TX-C]"), way("[RX-C]")) {
        (Some(there), Some(back)) => Ok(format!("{there} there, {back} back")),
        _ => Err(Failure::new(format!("iperf3 shows no sums:\n{said}"))),
    }
}

pub fn nmap(net: &Net) -> Outcome<String> {
    let listener = Program::new("nc").words("-n -v -k -l 10.0.0.1 7042");
    let _listener = net.start(listener, 1, Ready::Says("Listening"))?;
    let scan = Program::new("nmap").words("-sT -Pn -n --unprivileged -p 7000-7099 10.0.0.1");
    let said = net.client(scan).run()?.text();
    ensure(said.contains("7042/tcp open"), || format!("nmap says\n{said}"))?;
    ensure(said.contains("99 closed"), || format!("nmap says\n{said}"))?;
    Ok("found, and 99 closed".into())
}

/// It finds its interface in /proc/net/dev and its source by netlink.
pub fn nmap_raw(net: &Net) -> Outcome<String> {
    let listener = Program::new("nc").words("-n -v -k -l 10.0.0.1 7042");
    let _listener = net.start(listener, 1, Ready::Says("Listening"))?;
    for (words, expected) in [
        ("-n -sS -p 7041-7042 10.0.0.1", ["7041/tcp closed", "7042/tcp open"]),
        ("-n -sU -p 7041 10.0.0.1", ["7041/udp closed", "1 host up"]),
        ("-n -sn 10.0.0.0/30", ["4 IP addresses", "(2 hosts up)"]),
    ] {
        let said = net.client(Program::new("nmap").words(words)).run()?.text();
        ensure(expected.iter().all(|words| said.contains(words)), || format!("nmap {words} says\n{said}"))?;
    }
    Ok("found".into())
}
