//! Point 10: captures of a bus and of a link, and the sockets of a running kernel.

use rustix::process::Signal;
use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Outcome, Program, capture, failure::ensure};

#[test]
fn dumpbus() -> Outcome {
    let (bus, site, place) = (Bus::new(), Site::new(2_000_000)?, Directory::new("rump-captures")?);
    let file = place.join("out.pcap");
    let mut dump = Program::rump_command().arg("dumpbus").arg(bus.path()).arg("-w").arg(&file).start()?;
    dump.expect("capturing")?;
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node("10.0.0.1/24")))?;
    site.fetch_file("10.0.0.1", |curl| curl.rump(&bus.node("10.0.0.2/24")))?;
    dump.signal(Signal::INT)?;
    dump.finish()?.success()?;
    capture::check(&file, "tcp.srcport == 80 && tcp.len > 0")?;
    for filter in
        ["arp", "tcp.flags.syn == 1 && tcp.flags.ack == 1", "tcp.flags.fin == 1", "tcp.dstport == 80 && tcp.len > 0"]
    {
        ensure(!capture::frames(&file, filter)?.is_empty(), || format!("no frame matches {filter}"))?;
    }
    Ok(())
}

#[test]
fn of_a_link() -> Outcome {
    let (bus, site, place) = (Bus::new(), Site::new(2_000_000)?, Directory::new("rump-captures")?);
    let file = |name: &str| place.join(name);
    let net = |address: &str, name: &str| format!("{},pcap={}", bus.node(address), file(name).display());
    let server = web::ready(web::server(80, site.path()).rump(&net("10.0.0.1/24", "server.pcap")))?;
    site.fetch_file("10.0.0.1", |curl| curl.rump(&net("10.0.0.2/24", "client.pcap")))?;
    // A killed program leaves a readable file.
    server.kill()?;
    for name in ["server.pcap", "client.pcap"] {
        capture::check(&file(name), "tcp.srcport == 80 && tcp.len > 0")?;
    }
    Ok(())
}

#[test]
fn small_frames() -> Outcome {
    let (bus, site, place) = (Bus::new(), Site::new(2_000_000)?, Directory::new("rump-captures")?);
    let net = |address: &str| format!("{},mtu=1500", bus.node(address));
    let pcap = place.join("small.pcap");
    let _server = web::ready(web::server(80, site.path()).rump(&net("10.0.0.1/24")))?;
    site.fetch_file("10.0.0.1", |curl| curl.rump(&format!("{},pcap={}", net("10.0.0.2/24"), pcap.display())))?;
    capture::check(&pcap, "tcp.len > 0")?;
    ensure(capture::frames(&pcap, "frame.len > 1514")?.is_empty(), || "a frame is larger than the MTU".to_owned())
}

#[test]
fn netstat_and_nodes() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(10)?);
    let server = web::ready(web::server(80, site.path()).rump(&bus.node("10.0.0.1/24")))?;
    let pid = server.pid().to_string();
    let shown = Program::rump_command().args(["netstat", "-p", &pid]).run()?.text();
    ensure(shown.contains("LISTEN") && shown.contains(":80"), || format!("rump netstat shows:\n{shown}"))?;
    Program::rump_command().arg("nodes").arg(bus.path()).run()?.expect("10.0.0.1")?.expect(&pid)?;
    Program::rump_command().arg("ps").run()?.expect(&pid)?;
    Ok(())
}

#[test]
fn netstat_tells_any_address_of_the_families_apart() -> Outcome {
    let server = Program::python(
        "import socket, time\n\
         four = socket.create_server(('0.0.0.0', 4444))\n\
         six = socket.create_server(('::', 6666), family=socket.AF_INET6)\n\
         print('ready', flush=True)\n\
         time.sleep(60)",
    );
    let mut server = server.rump(&Bus::new().node("10.0.0.1/24")).start()?;
    server.expect("ready")?;
    let shown = Program::rump_command().args(["netstat", "-p", &server.pid().to_string()]).run()?;
    shown.expect("0.0.0.0:4444")?.expect("[::]:6666")?;
    Ok(())
}
