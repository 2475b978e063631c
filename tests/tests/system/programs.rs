//! Point 6: the real programs, one test each, on a bus of the test's own.

use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Outcome, Program, Running};

/// The server's address on each test's bus.
const SERVER: &str = "10.0.0.1/24";
/// Any free address for clients.
const CLIENT: &str = "10.0.0.0/24";

#[test]
fn curl() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(3_000_000)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node(SERVER)))?;
    site.fetch("10.0.0.1", |curl| curl.rump(&bus.node(CLIENT)))?;
    let many = web::curl("http://10.0.0.1/?[1-20]").args(["--parallel", "--parallel-max", "5", "-o", "/dev/null"]);
    many.rump(&bus.node(CLIENT)).run()?;
    const CURL_COULD_NOT_CONNECT: i32 = 7;
    let refused = web::curl("http://10.0.0.1:81/").rump(&bus.node(CLIENT)).finish()?;
    refused.code(CURL_COULD_NOT_CONNECT)?.expect("10.0.0.1")?;
    Ok(())
}

#[test]
fn wget() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(1000)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node(SERVER)))?;
    let page = Program::new("wget").words("-q -O - --tries=1 --timeout=20 http://10.0.0.1/");
    assert_eq!(page.rump(&bus.node(CLIENT)).run()?.text(), web::PAGE);
    Ok(())
}

#[test]
fn python_urllib() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(1_000_000)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node(SERVER)))?;
    let script = "import urllib.request as r\nprint(len(r.urlopen('http://10.0.0.1/file', timeout=20).read()))";
    assert_eq!(Program::python(script).rump(&bus.node(CLIENT)).run()?.text().trim(), "1000000");
    Ok(())
}

#[test]
fn python_socket() -> Outcome {
    let bus = Bus::new();
    let server = Program::python(
        "import socket, selectors
with socket.create_server(('10.0.0.1', 7000)) as s:
    print('ready')
    c, peer = s.accept()
    c.settimeout(20)
    data = b''
    while piece := c.recv(65536):
        data += piece
    c.sendall(b'%d' % len(data))
    c.close()",
    );
    let mut server = server.rump(&bus.node(SERVER)).start()?;
    server.expect("ready")?;
    let client = Program::python(
        "import socket
c = socket.create_connection(('10.0.0.1', 7000), timeout=20)
c.sendall(bytes(2_000_000))
c.shutdown(socket.SHUT_WR)
print(c.recv(100).decode())",
    );
    assert_eq!(client.rump(&bus.node(CLIENT)).run()?.text().trim(), "2000000");
    server.finish()?.success()?;
    Ok(())
}

#[test]
fn python_threads_and_asyncio() -> Outcome {
    let bus = Bus::new();
    let server = Program::python(
        "import asyncio
async def echo(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, '10.0.0.1', 7000)
    print('ready')
    await server.serve_forever()
asyncio.run(main())",
    );
    let mut server = server.rump(&bus.node(SERVER)).start()?;
    server.expect("ready")?;
    let client = Program::python(
        "import socket, threading
good = []
def talk(n):
    c = socket.create_connection(('10.0.0.1', 7000), timeout=20)
    word = b'thread %d ' % n * 1000
    c.sendall(word)
    c.shutdown(socket.SHUT_WR)
    back = b''
    while piece := c.recv(4096):
        back += piece
    good.append(back == word)
threads = [threading.Thread(target=talk, args=(n,)) for n in range(20)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sum(good))",
    );
    assert_eq!(client.rump(&bus.node(CLIENT)).run()?.text().trim(), "20");
    Ok(())
}

#[test]
fn netcat() -> Outcome {
    let bus = Bus::new();
    let mut server =
        Program::new("nc").words("-n -v -N -l 10.0.0.1 7000").input("answer\n").rump(&bus.node(SERVER)).start()?;
    server.expect("Listening")?;
    let client = Program::new("nc").words("-N 10.0.0.1 7000").input("question\n").rump(&bus.node(CLIENT)).run()?;
    assert_eq!(client.text(), "answer\n");
    assert_eq!(server.finish()?.success()?.text(), "question\n");
    Ok(())
}

#[test]
fn netcat_udp() -> Outcome {
    let bus = Bus::new();
    let mut server = Program::new("nc").words("-n -v -u -l -W 1 10.0.0.1 7000").rump(&bus.node(SERVER)).start()?;
    server.expect("Bound")?;
    Program::new("nc").words("-u -w 1 10.0.0.1 7000").input("a datagram\n").rump(&bus.node(CLIENT)).run()?;
    assert_eq!(server.finish()?.success()?.text(), "a datagram\n");
    Ok(())
}

fn socat_echo(listen: &str, connect: &str) -> Outcome {
    let bus = Bus::new();
    let server = Program::new("socat").args(["-d", "-d", listen, "PIPE"]).rump(&bus.node(SERVER));
    let mut server = server.start()?;
    server.expect("listening on")?;
    let text = "through socat\n".repeat(50);
    let client = Program::new("socat").args(["-t", "2", "-", connect]).input(text.clone()).rump(&bus.node(CLIENT));
    assert_eq!(client.run()?.text(), text);
    Ok(())
}

#[test]
fn socat() -> Outcome {
    socat_echo("TCP-LISTEN:7000", "TCP:10.0.0.1:7000")
}

#[test]
fn socat_relay() -> Outcome {
    // A program with rump sockets on both sides of its select.
    let (bus, site) = (Bus::new(), Site::new(5_000_000)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node(SERVER)))?;
    let relay = || Program::new("socat").args(["-d", "-d", "TCP-LISTEN:8080", "TCP:10.0.0.1:80"]);
    let mut running = relay().rump(&bus.node("10.0.0.3/24")).start()?;
    running.expect("listening on")?;
    site.fetch_file("10.0.0.3:8080", |curl| curl.rump(&bus.node(CLIENT)))
}

fn iperf(options: &str) -> Outcome {
    let bus = Bus::new();
    let mut server = Program::new("iperf3").words("-s -1 --forceflush").rump(&bus.node(SERVER)).start()?;
    server.expect("Server listening")?;
    let client = Program::new("iperf3").words("-c 10.0.0.1 -t 2").words(options).rump(&bus.node(CLIENT)).run()?;
    ensure(client.text().contains("iperf Done"), || format!("iperf3 did not finish:\n{}", client.text()))?;
    ensure(client.text().contains("receiver"), || format!("iperf3 shows no receiver:\n{}", client.text()))?;
    server.finish()?.success()?;
    Ok(())
}

#[test]
fn iperf3_tcp() -> Outcome {
    iperf("")
}

#[test]
fn iperf3_reverse() -> Outcome {
    iperf("-R")
}

#[test]
fn iperf3_parallel() -> Outcome {
    iperf("-P 4 --bidir")
}

#[test]
fn iperf3_udp() -> Outcome {
    iperf("-u -b 100M")
}

fn redis(bus: &Bus, directory: &Directory) -> Outcome<Running> {
    let server = Program::new("redis-server")
        .words("--bind 10.0.0.1 --port 6379 --protected-mode no --save --dir")
        .arg(directory.path())
        .rump(&bus.node(SERVER));
    let mut running = server.limit(Duration::from_secs(120)).start()?;
    running.expect("Ready to accept connections")?;
    Ok(running)
}

fn redis_cli(bus: &Bus, words: &str) -> Outcome<String> {
    let client = Program::new("redis-cli").words("-h 10.0.0.1").words(words).rump(&bus.node(CLIENT));
    Ok(client.run()?.text().trim().to_owned())
}

#[test]
fn redis_and_its_client() -> Outcome {
    let (bus, directory) = (Bus::new(), Directory::new("rump-redis")?);
    let server = redis(&bus, &directory)?;
    assert_eq!(redis_cli(&bus, "ping")?, "PONG");
    assert_eq!(redis_cli(&bus, "set key value")?, "OK");
    assert_eq!(redis_cli(&bus, "get key")?, "value");
    assert_eq!(redis_cli(&bus, "-r 500 incr counter")?.lines().last(), Some("500"));
    server.stop()?;
    Ok(())
}

#[test]
fn redis_forks_to_save() -> Outcome {
    // The child of BGSAVE writes a file and uses no socket; the parent goes on serving.
    let (bus, directory) = (Bus::new(), Directory::new("rump-redis")?);
    let mut server = redis(&bus, &directory)?;
    redis_cli(&bus, "set kept yes")?;
    assert_eq!(redis_cli(&bus, "bgsave")?, "Background saving started");
    server.expect("Background saving terminated with success")?;
    assert!(directory.join("dump.rdb").is_file());
    assert_eq!(redis_cli(&bus, "get kept")?, "yes");
    Ok(())
}

#[test]
fn redis_benchmark() -> Outcome {
    let (bus, directory) = (Bus::new(), Directory::new("rump-redis")?);
    let _server = redis(&bus, &directory)?;
    let client = Program::new("redis-benchmark").words("-h 10.0.0.1 -n 20000 -c 50 -t set,get -q");
    client.rump(&bus.node(CLIENT)).limit(Duration::from_secs(60)).run()?.expect("requests per second")?;
    Ok(())
}

#[test]
fn ping() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(10)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node(SERVER)))?;
    let ping = Program::new("ping").words("-n -c 3 -i 0.2 -w 10 10.0.0.1").rump(&bus.node(CLIENT)).run()?;
    ping.expect(" 0% packet loss")?;
    let own = Program::new("ping").words("-n -c 1 -w 5 127.0.0.1").rump(&bus.node(CLIENT)).run()?;
    own.expect(" 0% packet loss")?;
    Ok(())
}
