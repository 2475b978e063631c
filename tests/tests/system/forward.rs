//! A kernel that is a router: between a bus and the host's side of a TAP device.

use std::time::Duration;

use system_tests::web::{self, Site};
use system_tests::{Bus, Namespace, Outcome, Program, Running};

struct Routed {
    namespace: Namespace,
    bus: Bus,
    _router: Running,
}

impl Routed {
    /// The host (10.5.0.1) – the router (10.5.0.2, 10.6.0.1) – the bus 10.6.0.0/24.
    fn new() -> Outcome<Routed> {
        let (namespace, bus) = (Namespace::new()?, Bus::new());
        namespace.tap("tap0", "10.5.0.1/24")?;
        namespace.ip("route add 10.6.0.0/24 via 10.5.0.2")?;
        let net = format!("tap:tap0,addr=10.5.0.2/24,forward=on;{}", bus.node("10.6.0.1/24"));
        let idle = Program::python("import socket, time\ns = socket.socket()\nprint('up', flush=True)\ntime.sleep(60)");
        let mut router = idle.within(&namespace).rump(&net).limit(Duration::from_secs(60)).start()?;
        router.expect("up")?;
        Ok(Routed { namespace, bus, _router: router })
    }

    fn on_bus(&self, program: Program) -> Program {
        program.rump(&format!("{},gw=10.6.0.1", self.bus.node("10.6.0.0/24")))
    }
}

#[test]
fn a_program_on_the_bus_fetches_from_the_host_by_a_rump_router() -> Outcome {
    let (routed, site) = (Routed::new()?, Site::new(4 << 20)?);
    let _server = web::ready(web::server(8000, site.path()).within(&routed.namespace))?;
    site.fetch_file("10.5.0.1:8000", |curl| routed.on_bus(curl))
}

#[test]
fn ping_by_a_rump_router_counts_it_and_hears_of_what_goes_no_further() -> Outcome {
    let routed = Routed::new()?;
    let ping = routed.on_bus(Program::new("ping").words("-n -c 2 -i 0.2 -w 10 10.5.0.1")).run()?;
    ping.expect("ttl=63")?.expect(" 0% packet loss")?;
    let expired = Program::python(
        "import socket
icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
icmp.settimeout(10)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
s.sendto(b'x', ('10.5.0.1', 9))
packet, sender = icmp.recvfrom(2000)
print('type', packet[20], 'from', sender[0])",
    );
    routed.on_bus(expired).run()?.expect("type 11 from 10.6.0.1")?;
    Ok(())
}

#[test]
fn the_way_is_traced_by_errors_that_are_queued() -> Outcome {
    let routed = Routed::new()?;
    // -I has one socket for all probes: an error that is still to be read ends the next send, as on Linux. So one at a time (-N 1).
    for words in ["-n -w 3 -q 1 10.5.0.1", "-n -I -N 1 -w 3 -q 1 10.5.0.1"] {
        let traced = routed.on_bus(Program::new("traceroute").words(words)).run()?;
        traced.expect(" 1  10.6.0.1 ")?.expect(" 2  10.5.0.1 ")?;
    }
    // The bus takes longer packets than the TAP: the router says so.
    let path = routed.on_bus(Program::new("tracepath").words("-n 10.5.0.1")).run()?;
    path.expect("10.6.0.1")?.expect("pmtu 1500")?.expect("hops 2 back 2")?;
    Ok(())
}
