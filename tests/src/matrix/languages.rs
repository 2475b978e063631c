//! The sockets of languages and their libraries.

use super::{Net, Ready};
use crate::failure::ensure;
use crate::unique::Directory;
use crate::{Outcome, Program};

pub fn asyncio(net: &Net) -> Outcome<String> {
    let server = "import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
async def echo(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, '10.0.0.1', 7000, backlog=1024)
    print('ready', flush=True)
    await server.serve_forever()
asyncio.run(main())";
    let client = "import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
async def talk(n, all_there):
    reader, writer = await asyncio.open_connection('10.0.0.1', 7000)
    await all_there.wait()
    word = b'connection %d\\n' % n * 20
    writer.write(word)
    back = await reader.readexactly(len(word))
    writer.close()
    return back == word
async def main():
    all_there = asyncio.Barrier(1000)
    print(sum(await asyncio.gather(*(talk(n, all_there) for n in range(1000)))))
asyncio.run(main())";
    let _server = net.start(Program::python(server), 1, Ready::Says("ready"))?;
    let good = net.client(Program::python(client)).run()?.text();
    ensure(good.trim() == "1000", || format!("{good} of 1000 connections went well"))?;
    Ok("all good".into())
}

pub fn perl(net: &Net) -> Outcome<String> {
    let server = "$| = 1; my $l = IO::Socket::INET->new(LocalAddr => '10.0.0.1', LocalPort => 7000, Listen => 5, ReuseAddr => 1) or die \"$@\";
print \"ready\\n\"; my $c = $l->accept; $c->autoflush(1); while (my $line = <$c>) { print $c $line; }";
    let client = "my $c = IO::Socket::INET->new(PeerAddr => '10.0.0.1', PeerPort => 7000, Timeout => 10) or die \"$@\"; $c->autoflush(1);
my $good = 0; for my $n (1..10000) { print $c \"line $n\\n\"; my $back = <$c>; $good++ if $back eq \"line $n\\n\"; } print \"$good\\n\";";
    let perl = |script| Program::new("perl").args(["-MIO::Socket::INET", "-e", script]);
    let server = net.start(perl(server), 1, Ready::Says("ready"))?;
    let good = net.client(perl(client)).run()?.text();
    ensure(good.trim() == "10000", || format!("{good} of 10000 lines came back"))?;
    server.finish()?.success()?;
    Ok("all came back".into())
}

pub fn node(net: &Net) -> Outcome<String> {
    let server = "require('http').createServer((q, s) => s.end('x'.repeat(1000))).listen(80, '10.0.0.1', () => console.log('ready'))";
    let client = "const http = require('http'); let good = 0
for (let i = 0; i < 200; i++)
  http.get({ host: '10.0.0.1', port: 80, agent: false }, r => {
    let len = 0
    r.on('data', d => len += d.length)
    r.on('end', () => { if (len === 1000 && ++good === 200) console.log('all 200 came') })
  })";
    let node = |script| Program::new("node").args(["-e", script]);
    let _server = net.start(node(server), 1, Ready::Says("ready"))?;
    net.client(node(client)).run()?.expect("all 200 came")?;
    Ok("all came".into())
}

pub fn java(net: &Net) -> Outcome<String> {
    let server = "import com.sun.net.httpserver.*; import java.net.*;
public class Server { public static void main(String[] a) throws Exception {
  var s = HttpServer.create(new InetSocketAddress(\"10.0.0.1\", 80), 100);
  s.createContext(\"/\", x -> { x.sendResponseHeaders(200, 1000); x.getResponseBody().write(new byte[1000]); x.close(); });
  s.start(); System.out.println(\"ready\"); } }";
    let client = "import java.net.*; import java.net.http.*; import java.util.*; import java.util.concurrent.*;
public class Client { public static void main(String[] a) throws Exception {
  var c = HttpClient.newHttpClient(); var all = new ArrayList<CompletableFuture<Integer>>();
  for (int i = 0; i < 100; i++) all.add(c.sendAsync(HttpRequest.newBuilder(URI.create(\"http://10.0.0.1/\")).build(),
      HttpResponse.BodyHandlers.ofByteArray()).thenApply(r -> r.body().length));
  int sum = 0; for (var one : all) sum += one.get(40, TimeUnit.SECONDS);
  System.out.println(\"sum \" + sum); System.exit(0); } }";
    let place = Directory::new("rump-java")?;
    let (server, client) = (place.write("Server.java", server)?, place.write("Client.java", client)?);
    let _server = net.start(Program::new("java").arg(server), 1, Ready::Says("ready"))?;
    net.client(Program::new("java").arg(client)).run()?.expect("sum 100000")?;
    Ok("all came".into())
}
