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
    /// The host (10.5.0.1, fd05::1) – the router (10.5.0.2, fd05::2, 10.6.0.1, fd06::1) – the bus 10.6.0.0/24, fd06::/64.
    fn new() -> Outcome<Routed> {
        let (namespace, bus) = (Namespace::new()?, Bus::new());
        namespace.tap("tap0", "10.5.0.1/24")?;
        namespace.ip("address add fd05::1/64 nodad dev tap0")?;
        namespace.ip("route add 10.6.0.0/24 via 10.5.0.2")?;
        namespace.ip("route add fd06::/64 via fd05::2")?;
        let on_bus = bus.node("10.6.0.1/24");
        let net = format!("tap:tap0,addr=10.5.0.2/24,addr=fd05::2/64,forward=on;{on_bus},addr=fd06::1/64");
        let idle = Program::python("import socket, time\ns = socket.socket()\nprint('up', flush=True)\ntime.sleep(60)");
        let mut router = idle.within(&namespace).rump(&net).limit(Duration::from_secs(60)).start()?;
        router.expect("up")?;
        Ok(Routed { namespace, bus, _router: router })
    }

    fn on_bus(&self, program: Program) -> Program {
        program.rump(&format!("{},gw=10.6.0.1", self.bus.node("10.6.0.0/24")))
    }

    fn on_bus_v6(&self, program: Program) -> Program {
        program.rump(&format!("{},gw=fd06::1", self.bus.node("fd06::2/64")))
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

#[test]
fn ipv6_goes_by_a_rump_router_too() -> Outcome {
    let (routed, site) = (Routed::new()?, Site::new(4 << 20)?);
    let ping = routed.on_bus_v6(Program::new("ping").words("-6 -n -c 2 -i 0.2 -w 10 fd05::1")).run()?;
    ping.expect("ttl=63")?.expect(" 0% packet loss")?;
    let _server = web::ready(web::server(8000, site.path()).words("--bind ::").within(&routed.namespace))?;
    site.fetch_file("[fd05::1]:8000", |curl| routed.on_bus_v6(curl))?;
    let traced = routed.on_bus_v6(Program::new("traceroute").words("-6 -n -w 3 -q 1 fd05::1")).run()?;
    traced.expect(" 1  fd06::1 ")?.expect(" 2  fd05::1 ")?;
    let too_long = Program::python(
        "import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.connect(('fd05::1', 9))
s.setsockopt(socket.IPPROTO_IPV6, 23, 2)  # IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO
s.send(b'x' * 2000)
end = time.monotonic() + 10
error = 0
while not error and time.monotonic() < end:
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print('heard', error)
try:
    s.send(b'x' * 1453)
except OSError as error:
    print('too long', error.errno)
print('fits', s.send(b'x' * 1452))",
    );
    routed.on_bus_v6(too_long).run()?.expect("heard 90")?.expect("too long 90")?.expect("fits 1452")?;
    Ok(())
}

#[test]
fn the_host_reaches_the_bus_by_ipv6_through_a_rump_router() -> Outcome {
    let (routed, site) = (Routed::new()?, Site::new(1 << 20)?);
    let server = web::server(8000, site.path()).words("--bind ::");
    let _server = web::ready(routed.on_bus_v6(server))?;
    site.fetch_file("[fd06::2]:8000", |curl| curl.within(&routed.namespace))?;
    let ping = Program::new("ping").words("-6 -n -c 2 -i 0.2 -w 10 -s 1452 -M do fd06::2").within(&routed.namespace);
    ping.run()?.expect("ttl=63")?.expect(" 0% packet loss")?;
    let traced = Program::new("traceroute").words("-6 -n -w 3 -q 1 fd06::2").within(&routed.namespace).run()?;
    traced.expect(" 1  fd05::2 ")?.expect(" 2  fd06::2 ")?;
    Ok(())
}
