//! The second address family with real programs: on the bus, and with the host on the other side of a TAP device.

use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Namespace, Outcome, Program, capture};

const MEGABYTES: u64 = 20 << 20;

#[test]
fn curl_fetches_over_the_bus() -> Outcome {
    let (bus, site, captures) = (Bus::new(), Site::new(MEGABYTES)?, Directory::new("rump-captures")?);
    let pcap = captures.join("bus.pcap");
    let net = format!("{},pcap={}", bus.node("fd01::1/64"), pcap.display());
    let server = web::ready(web::server(80, site.path()).args(["--bind", "fd01::1"]).rump(&net))?;
    site.fetch("[fd01::1]", |curl| curl.rump(&bus.node("fd01::2/64")))?;
    server.stop()?;
    capture::check(&pcap, "ipv6 && tcp.srcport == 80 && tcp.len > 0").map(drop)
}

/// A TAP device in a namespace of its own, whose host side is fd01::1.
struct Wire {
    namespace: Namespace,
    captures: Directory,
}

impl Wire {
    fn new() -> Outcome<Wire> {
        let namespace = Namespace::new()?;
        namespace.tap("tap0", "10.1.0.1/24")?;
        namespace.ip("address add fd01::1/64 dev tap0 nodad")?;
        Ok(Wire { namespace, captures: Directory::new("rump-captures")? })
    }

    fn host(&self, program: Program) -> Program {
        program.within(&self.namespace)
    }

    fn rump(&self, program: Program) -> Program {
        let pcap = self.captures.join("wire.pcap");
        self.host(program).rump(&format!("tap:tap0,addr=fd01::2/64,gw=fd01::1,pcap={}", pcap.display()))
    }

    fn check(&self, wanted: &str) -> Outcome {
        capture::check(&self.captures.join("wire.pcap"), wanted).map(drop)
    }
}

#[test]
fn hijacked_curl_fetches_from_the_hosts_python() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(MEGABYTES)?);
    let _server = web::ready(wire.host(web::server(8000, site.path()).args(["--bind", "fd01::1"])))?;
    site.fetch("[fd01::1]:8000", |curl| wire.rump(curl))?;
    wire.check("ipv6 && tcp.srcport == 8000 && tcp.len > 0")
}

#[test]
fn the_hosts_curl_and_ping_reach_a_hijacked_server() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(MEGABYTES)?);
    let server = web::ready(wire.rump(web::server(80, site.path()).args(["--bind", "::"])))?;
    site.fetch("[fd01::2]", |curl| wire.host(curl))?;
    // The second is fragmented both ways.
    wire.host(Program::new("ping").words("-6 -n -c 3 -i 0.2 -w 10 fd01::2")).run()?.expect(" 0% packet loss")?;
    wire.host(Program::new("ping").words("-6 -n -c 2 -i 0.2 -w 10 -s 8000 fd01::2"))
        .run()?
        .expect(" 0% packet loss")?;
    server.stop()?;
    wire.check("icmpv6.type == 129")
}

#[test]
fn hijacked_ping_is_answered() -> Outcome {
    let wire = Wire::new()?;
    wire.rump(Program::new("ping").words("-6 -n -c 3 -i 0.2 -w 10 fd01::1")).run()?.expect(" 0% packet loss")?;
    wire.check("icmpv6.type == 128")
}
