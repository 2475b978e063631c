//! Programs that tell of a network, or set it up for others.

use super::{Net, Ready};
use crate::failure::ensure;
use crate::{Outcome, Program};

/// Out of the way of clients, who take what addresses are free, and of the server.
const AT: &str = "10.0.0.200/24";

pub fn ip(net: &Net) -> Outcome<String> {
    let listener = Program::new("nc").words("-n -v -k -l 10.0.0.1 7000");
    let _listener = net.start(listener, 1, Ready::Says("Listening"))?;
    let asks =
        |words: &str| -> Outcome<String> { Ok(net.client_at(AT, Program::new("ip").words(words)).run()?.text()) };
    let addresses = asks("-o -4 addr show")?;
    let ours = "inet 10.0.0.200/24 brd 10.0.0.255 scope global shmif0";
    ensure(addresses.contains(ours), || format!("ip addr says\n{addresses}"))?;
    let routes = asks("route")?;
    let ours = "10.0.0.0/24 dev shmif0 proto kernel scope link src 10.0.0.200";
    ensure(routes.trim() == ours, || format!("ip route says\n{routes}"))?;
    let way = asks("route get 10.0.0.1")?;
    ensure(way.contains("10.0.0.1 dev shmif0 src 10.0.0.200"), || format!("ip route get says\n{way}"))?;
    Ok("addresses, routes and a way are the node's".into())
}

/// They read /proc/net.
pub fn net_tools(net: &Net) -> Outcome<String> {
    let listener = Program::new("nc").words("-n -v -k -l 10.0.0.1 7000");
    let _listener = net.start(listener, 1, Ready::Says("Listening"))?;
    for (program, words, expected) in [
        ("ifconfig", "", "inet 10.0.0.200  netmask 255.255.255.0  broadcast 10.0.0.255"),
        ("route", "-n", "10.0.0.0        0.0.0.0         255.255.255.0   U     0      0        0 shmif0"),
        ("netstat", "-rn", "10.0.0.0        0.0.0.0         255.255.255.0   U         0 0          0 shmif0"),
        ("netstat", "-in", "shmif0"),
    ] {
        let said = net.client_at(AT, Program::new(program).words(words)).run()?.text();
        ensure(said.contains(expected), || format!("{program} {words} says\n{said}"))?;
        ensure(!said.contains("eth0"), || format!("{program} {words} tells of the host:\n{said}"))?;
    }
    // Those of one process are what it asks for itself.
    let python = "import socket, os; s = socket.create_server(('10.0.0.200', 7001)); c = socket.create_connection(('10.0.0.1', 7000)); \
                  print(open('/proc/net/tcp').read(), open('/proc/net/arp').read())";
    let said = net.client_at(AT, Program::new("python3").args(["-c", python])).run()?.text();
    for expected in [": C800000A:1B59 00000000:0000 0A ", " 0100000A:1B58 01 ", "10.0.0.1         0x1         0x2 "] {
        ensure(said.contains(expected), || format!("/proc/net says\n{said}"))?;
    }
    Ok("interfaces, routes, neighbours and sockets are the node's".into())
}

pub fn dnsmasq(net: &Net) -> Outcome<String> {
    let server = Program::new("dnsmasq")
        .words("--no-daemon --log-facility=- --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --no-ping")
        .words("--user=root --group=root --interface=shmif0 --bind-interfaces --dhcp-authoritative --leasefile-ro")
        .words("--dhcp-range=10.0.0.50,10.0.0.99,255.255.255.0,120 --host-record=www.example.test,10.0.0.7");
    let _server = net.start(server, 1, Ready::Says("started"))?;
    let asks = Program::new("getent").words("ahostsv4 www.example.test");
    let outcome = net.client_at("dhcp", asks).run()?;
    ensure(outcome.text().starts_with("10.0.0.7 "), || format!("getent says\n{}", outcome.text()))?;
    ensure(outcome.error_text().is_empty(), || format!("it complains:\n{}", outcome.error_text()))?;
    Ok("gave an address and a name".into())
}
