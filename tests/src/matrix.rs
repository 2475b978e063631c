//! Real programs with a real workload each, a row a program: `cargo xtask matrix` runs all and writes docs/PROGRAMS.md, the
//! tests run those that are not heavy.

mod configuration;
mod databases;
mod frames;
mod languages;
mod messages;
mod names;
mod streams;
mod tunnels;
mod web;

use std::time::{Duration, Instant};

use crate::{Bus, Failure, Namespace, Outcome, Program, Running, rump};

/// Where a row's programs meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// All in rump kernels, on a bus.
    Bus,
    /// The server in a rump kernel behind a TAP device, the client on the host's own network.
    Tap,
}

/// One of the table.
pub struct Row {
    /// What runs, and what it does.
    pub name: &'static str,
    /// It takes long, or programs that are large to install: not for every commit.
    pub heavy: bool,
    /// Also over TAP: there is one server, and its clients may be the host's.
    pub tap: bool,
    /// Why it fails, where it does.
    pub fails: Option<&'static str>,
    run: fn(&Net) -> Outcome<String>,
}

const fn row(name: &'static str, run: fn(&Net) -> Outcome<String>) -> Row {
    Row { name, heavy: false, tap: false, fails: None, run }
}

impl Row {
    const fn and_tap(self) -> Row {
        Row { tap: true, ..self }
    }

    const fn heavy(self) -> Row {
        Row { heavy: true, ..self }
    }

    const fn fails(self, reason: &'static str) -> Row {
        Row { fails: Some(reason), ..self }
    }

    /// The networks that it is for.
    pub fn networks(&self) -> &'static [Over] {
        if self.tap { &[Over::Bus, Over::Tap] } else { &[Over::Bus] }
    }

    /// Runs it; what it says of itself. It is a failure, too, where it works and its row says otherwise.
    pub fn run(&self, over: Over) -> Outcome<String> {
        rump::built()?;
        let net = Net::new(over)?;
        match ((self.run)(&net), self.fails) {
            (Ok(said), Some(_)) => {
                Err(Failure::new(format!("{} works now ({said}): its row says that it fails", self.name)))
            }
            (Err(_), Some(reason)) => Ok(format!("fails: {reason}")),
            (Ok(said), None) => Ok(said),
            (Err(failure), None) => Err(Failure::new(format!("{}, {over:?}: {failure}", self.name))),
        }
    }
}

/// All programs.
pub const ROWS: &[Row] = &[
    row("curl: 3 MB by http, then 100 requests in parallel", web::curl).and_tap(),
    row("curl: 3 MB by https", web::curl_https).and_tap(),
    row("curl: upload of 3 MB by ftp", web::curl_ftp).and_tap(),
    row("wget: 3 MB by http", web::wget).and_tap(),
    row("php: 3 MB by http, by its curl extension", web::php).and_tap().heavy(),
    row("nginx (one process) under wrk, 50 connections", web::nginx).and_tap(),
    row("lighttpd under wrk, 50 connections", web::lighttpd).and_tap(),
    row("haproxy before nginx under wrk, 50 connections", web::haproxy),
    row("apache (one process, of threads) under wrk, 50 connections", web::apache).and_tap().heavy(),
    row("uvicorn on uvloop under wrk, 50 connections", web::uvicorn).and_tap().heavy(),
    row("git clone over http", web::git),
    row("redis-server under redis-benchmark, 50 connections", messages::redis_benchmark).and_tap(),
    row("redis-server: redis-cli --pipe, 10,000 commands", messages::redis_pipe).and_tap(),
    row("memcached: 1,000 values stored and read", messages::memcached).and_tap(),
    row("mariadbd under sysbench, 8 connections", databases::mariadb).and_tap().heavy(),
    row("named: 1,000 names by UDP and by TCP, as dig asks, and the zone", names::named).and_tap().heavy(),
    row("mosquitto: 100 messages from mosquitto_pub to mosquitto_sub", messages::mosquitto).and_tap(),
    row("python asyncio: 1,000 connections at a time", languages::asyncio).and_tap(),
    row("perl IO::Socket: echo of 10,000 lines", languages::perl).and_tap(),
    row("node: http server, and a client with 200 sockets", languages::node).and_tap().heavy(),
    row("java: com.sun.net.httpserver, and HttpClient with 100 requests at a time", languages::java).and_tap().heavy(),
    row("openssl s_server and s_client", tunnels::openssl).and_tap(),
    row("stunnel between curl and nginx", tunnels::stunnel),
    row("socat: TCP4", |net| tunnels::socat(net, "TCP4-LISTEN:7000", "TCP4:10.0.0.1:7000")).and_tap(),
    row("socat: TCP6", |net| tunnels::socat_over_ipv6(net, "TCP6")),
    row("socat: TCP, forked for each connection", tunnels::socat_forks)
        .fails("a fork's child cannot use its parent's sockets yet (POSIX.md)"),
    row("socat: UDP4", |net| tunnels::socat(net, "UDP4-LISTEN:7000", "UDP4:10.0.0.1:7000")).and_tap(),
    row("socat: UDP6", |net| tunnels::socat_over_ipv6(net, "UDP6")),
    row("socat: OPENSSL", tunnels::socat_openssl).and_tap(),
    row("socat: TCP to UNIX and back", tunnels::socat_unix),
    row("iperf3 -P 8 --bidir, 2 s", streams::iperf3).and_tap(),
    row("nmap -sT: an open port among 100", streams::nmap),
    row("nmap -sS, -sU, -sn: ports and hosts by frames of its own", streams::nmap_raw),
    row("tcpdump: a handshake of two others", frames::tcpdump),
    row("tcpdump -w: what two others say, and tshark reads", frames::tcpdump_writes),
    row("tshark: a handshake of two others", frames::tshark),
    row("arping: 3 questions by ARP", frames::arping),
    row("iproute2: the addresses, the routes, the way to another", configuration::ip),
    row("net-tools: ifconfig, route, arp, netstat", configuration::net_tools),
    row("dnsmasq: gives a node its address, and answers for names", configuration::dnsmasq),
];

/// A row's network.
pub struct Net(Kind);

enum Kind {
    Bus(Bus),
    Tap(Namespace),
}

/// Where the first server is, on either network.
pub const SERVER: &str = "10.0.0.1";

impl Net {
    fn new(over: Over) -> Outcome<Net> {
        Ok(Net(match over {
            Over::Bus => Kind::Bus(Bus::new()),
            Over::Tap => {
                let namespace = Namespace::new()?;
                namespace.tap("tap0", "10.0.0.254/24")?;
                Kind::Tap(namespace)
            }
        }))
    }

    /// The program as the server 10.0.0.`number`; over TAP there is only the first.
    fn server(&self, program: Program, number: u8) -> Program {
        let program = program.limit(Duration::from_secs(120));
        match &self.0 {
            Kind::Bus(bus) => program.rump(&bus.node(&format!("10.0.0.{number}/24"))),
            Kind::Tap(namespace) => program.within(namespace).rump(&format!("tap:tap0,addr=10.0.0.{number}/24")),
        }
    }

    /// The program as a client, once the servers have their addresses.
    fn client(&self, program: Program) -> Program {
        self.client_at("10.0.0.0/24", program)
    }

    fn client_at(&self, address: &str, program: Program) -> Program {
        let program = program.limit(Duration::from_secs(60));
        match &self.0 {
            Kind::Bus(bus) => program.rump(&bus.node(address)),
            Kind::Tap(namespace) => program.within(namespace),
        }
    }

    /// Starts a server that says `ready` when it serves, or where it says nothing, waits until its port takes connections.
    fn start(&self, program: Program, number: u8, ready: Ready<'_>) -> Outcome<Running> {
        let mut running = self.server(program, number).start()?;
        match ready {
            Ready::Says(text) => {
                running.expect(text)?;
            }
            Ready::Takes(port) => self.until_it_takes(number, port)?,
        }
        Ok(running)
    }

    fn until_it_takes(&self, number: u8, port: u16) -> Outcome {
        let begun = Instant::now();
        loop {
            let probe = Program::new("nc").words("-z -w 1").arg(format!("10.0.0.{number}")).arg(port.to_string());
            // A free address might be that of the server that is about to start.
            let probed = self.client_at("10.0.0.250/24", probe).finish()?;
            if probed.status.success() {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(probed.failure("the server does not take connections"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// How one sees that a server serves.
enum Ready<'a> {
    Says(&'a str),
    Takes(u16),
}
