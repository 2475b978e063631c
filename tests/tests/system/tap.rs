//! Point 3: the host on the other side of a TAP device, in a namespace of the test's own.

use std::time::Duration;

use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Namespace, Outcome, Program, Running, capture};

const HUNDRED_MEGABYTES: u64 = 100 << 20;

struct Wire {
    namespace: Namespace,
    captures: Directory,
}

impl Wire {
    /// The host is 10.1.0.1, the rump kernel will be 10.1.0.2.
    fn new() -> Outcome<Wire> {
        let namespace = Namespace::new()?;
        namespace.tap("tap0", "10.1.0.1/24")?;
        Ok(Wire { namespace, captures: Directory::new("rump-captures")? })
    }

    fn host(&self, program: Program) -> Program {
        program.within(&self.namespace)
    }

    fn rump(&self, program: Program) -> Program {
        let pcap = self.captures.join("wire.pcap");
        program.within(&self.namespace).rump(&format!("tap:tap0,addr=10.1.0.2/24,gw=10.1.0.1,pcap={}", pcap.display()))
    }

    /// Nothing malformed, no bad checksum, in what our end saw.
    fn check(&self, wanted: &str) -> Outcome {
        capture::check(&self.captures.join("wire.pcap"), wanted).map(drop)
    }
}

#[test]
fn hijacked_curl_fetches_from_the_hosts_python() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(HUNDRED_MEGABYTES)?);
    let _server = web::ready(wire.host(web::server(8000, site.path())))?;
    site.fetch_file("10.1.0.1:8000", |curl| wire.rump(curl))?;
    wire.check("tcp.srcport == 8000 && tcp.len > 0")
}

#[test]
fn hijacked_curl_fetches_from_the_hosts_nginx() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(HUNDRED_MEGABYTES)?);
    let place = Directory::new("rump-nginx")?;
    let _server = nginx(&wire, &site, &place)?;
    site.fetch_file("10.1.0.1", |curl| wire.rump(curl))?;
    wire.check("tcp.srcport == 80 && tcp.len > 0")
}

fn nginx(wire: &Wire, site: &Site, place: &Directory) -> Outcome<Running> {
    let configuration = format!(
        "daemon off; master_process off; pid {place}/pid; error_log stderr info;
         events {{ }}
         http {{ access_log off; client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
                 uwsgi_temp_path {place}; scgi_temp_path {place};
                 server {{ listen 80; root {site}; }} }}",
        place = place.path().display(),
        site = site.path().display()
    );
    let file = place.write("nginx.conf", configuration)?;
    let server = Program::new("nginx").arg("-c").arg(file).arg("-p").arg(place.path());
    let mut running = wire.host(server).limit(Duration::from_secs(120)).start()?;
    running.expect("using the \"epoll\" event method")?;
    // It says so before it listens: ask until it answers.
    let ask = web::curl("http://10.1.0.1/").args(["--retry", "20", "--retry-connrefused", "--retry-delay", "1"]);
    wire.host(ask).run()?;
    Ok(running)
}

#[test]
fn the_hosts_curl_fetches_from_a_hijacked_server() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(HUNDRED_MEGABYTES)?);
    let server = web::ready(wire.rump(web::server(80, site.path())))?;
    site.fetch("10.1.0.2", |curl| wire.host(curl))?;
    server.stop()?;
    wire.check("tcp.srcport == 80 && tcp.len > 0")
}

#[test]
fn the_hosts_ping_is_answered() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(10)?);
    let server = web::ready(wire.rump(web::server(80, site.path())))?;
    wire.host(Program::new("ping").words("-n -c 5 -i 0.2 -w 10 10.1.0.2")).run()?.expect(" 0% packet loss")?;
    wire.host(Program::new("ping").words("-n -c 2 -i 0.2 -w 10 -s 8000 10.1.0.2")).run()?.expect(" 0% packet loss")?;
    server.stop()?;
    wire.check("icmp.type == 0")
}

#[test]
fn hijacked_ping_is_answered() -> Outcome {
    let wire = Wire::new()?;
    wire.rump(Program::new("ping").words("-n -c 3 -i 0.2 -w 10 10.1.0.1")).run()?.expect(" 0% packet loss")?;
    wire.check("icmp.type == 8")
}

/// TCPI_OPT_ECN of TCP_INFO, and what congestion control the connection has.
const ECN_AND_CONGESTION: &str = "
info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
print('ecn', info[5] >> 3 & 1, s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b'\\0').decode(), flush=True)";

#[test]
fn ecn_is_asked_for_and_agreed_to() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.1.0.1/24")?;
    let on_rump = |script: &str, more: &str| {
        let script = format!("import socket\n{script}{ECN_AND_CONGESTION}");
        Program::python(&script).within(&namespace).rump(&format!("tap:tap0,addr=10.1.0.2/24{more}"))
    };
    let set = |how: &str| {
        let write = format!("echo {how} >/proc/sys/net/ipv4/tcp_ecn");
        Program::new("sh").args(["-c", &write]).within(&namespace).run().map(drop)
    };
    // 2, Linux's default, agrees; 1 asks.
    set("2")?;
    let listener = "s = socket.create_server(('10.1.0.1', 9000))\nprint('up', flush=True)\nwhile True: s.accept()";
    let mut host = Program::python(&format!("import socket\n{listener}")).within(&namespace).start()?;
    host.expect("up")?;
    let connect = "s = socket.create_connection(('10.1.0.1', 9000))";
    on_rump(connect, ",ecn=on,congestion=reno").run()?.expect("ecn 1 reno")?;
    on_rump(connect, "").run()?.expect("ecn 0 cubic")?;
    set("1")?;
    let accept = "l = socket.create_server(('10.1.0.2', 9000))\nprint('up', flush=True)\ns, _ = l.accept()";
    let mut server = on_rump(accept, "").start()?;
    server.expect("up")?;
    let client = Program::python("import socket\nsocket.create_connection(('10.1.0.2', 9000))");
    client.within(&namespace).run()?;
    server.expect("ecn 1 cubic")?;
    Ok(())
}

#[test]
fn both_ways_at_once() -> Outcome {
    let wire = Wire::new()?;
    let mut server = wire.host(Program::new("iperf3").words("-s -1 --forceflush")).start()?;
    server.expect("Server listening")?;
    wire.rump(Program::new("iperf3").words("-c 10.1.0.1 -t 2 --bidir")).run()?.expect("iperf Done")?;
    server.finish()?.success()?;
    wire.check("tcp.len > 0")
}

#[test]
fn ssh_to_the_hosts_sshd() -> Outcome {
    let wire = Wire::new()?;
    let keys = Directory::new("rump-ssh")?;
    for key in ["host", "user"] {
        Program::new("ssh-keygen").words("-q -t ed25519 -N").arg("").arg("-f").arg(keys.join(key)).run()?;
    }
    std::fs::create_dir_all("/run/sshd")?;
    let place = keys.path().display();
    let configuration = format!(
        "Port 22\nListenAddress 10.1.0.1\nHostKey {place}/host\nAuthorizedKeysFile {place}/user.pub\nPidFile none\n\
         StrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    );
    let file = keys.write("sshd_config", configuration)?;
    let server = Program::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(file).limit(Duration::from_secs(60));
    let mut server = wire.host(server).start()?;
    server.expect("Server listening")?;
    let client = Program::new("ssh")
        .words("-F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i")
        .arg(keys.join("user"))
        .words("root@10.1.0.1 sha256sum")
        .input(vec![b'x'; 3_000_000]);
    let shown = wire.rump(client).run()?.text();
    let expected = Program::new("sha256sum").input(vec![b'x'; 3_000_000]).run()?.text();
    assert_eq!(shown, expected);
    wire.check("tcp.port == 22")
}
