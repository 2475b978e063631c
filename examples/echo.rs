//! An echo server and its client: two rump kernels in one program, on one bus.
//!
//! Run it with `cargo run --example echo`. It needs no root and no network, and leaves nothing behind.
//!
//! What it shows:
//! - A *bus* is a file. Whoever opens it is on one Ethernet: here two kernels of this program, as well as any other.
//! - A *kernel* is booted from the text that `RUMP_NET` would hold. It has addresses, ports and a loopback of its own, so
//!   that port 7 is free in each of the two, and needs no privilege.
//! - A *socket* of a kernel does what the system calls of the same names do, and reads and writes as those of std.
//!
//! Read `two_nodes` next.

use kernel::{Errno, Kernel, Kind, Net, Socket};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let bus = directory.path().join("bus");
    let server = boot(&bus, "10.0.0.1/24")?;
    let client = boot(&bus, "10.0.0.2/24")?;

    let address: SocketAddr = "10.0.0.1:7".parse()?;
    let listener = server.open(Kind::Stream)?;
    listener.bind(address)?;
    listener.listen(8)?;
    println!("server: listening on {address}");
    let echo = thread::spawn(move || serve(&listener));

    talk(&client, address)?;
    let echoed = echo.join().map_err(|_| "the server panicked")??;
    println!("server: {echoed} bytes sent back");

    // The server is at 10.0.0.1 of the bus. In the client's kernel nobody listens on any port 7.
    let nobody = client.open(Kind::Stream)?;
    match nobody.connect("127.0.0.1:7".parse()?) {
        Err(Errno::CONNREFUSED) => println!("client: 127.0.0.1:7 refuses, because each kernel has its own loopback"),
        other => return Err(format!("the client found a server of its own: {other:?}").into()),
    }

    // A kernel runs until it is told to leave: then it delivers what is under way, and takes its node off the bus.
    client.leave();
    server.leave();
    Ok(())
}

/// Boots a kernel with one interface.
fn boot(bus: &Path, address: &str) -> Result<Arc<Kernel>, Box<dyn Error>> {
    let net: Net = format!("shmif:{},addr={address}", bus.display()).parse()?;
    Ok(Kernel::boot(net.into())?)
}

/// Sends one client's bytes back until it has no more; returns how many.
fn serve(listener: &Socket) -> io::Result<u64> {
    let (peer, from) = listener.accept()?;
    println!("server: accepted {from}");
    io::copy(&mut &*peer, &mut &*peer)
}

/// Sends lines and reads each one back.
fn talk(kernel: &Kernel, to: SocketAddr) -> Result<(), Box<dyn Error>> {
    let socket = kernel.open(Kind::Stream)?;
    socket.connect(to)?;
    println!("client: {} is connected to {}", socket.local_addr()?, socket.peer_addr()?);
    let (mut writer, mut reader) = (&*socket, BufReader::new(&*socket));
    let mut answer = String::new();
    for line in ["hello", "is this Linux's TCP?", "no, it is ours"] {
        writeln!(writer, "{line}")?;
        answer.clear();
        reader.read_line(&mut answer)?;
        println!("client: sent {line:?}, read {:?}", answer.trim_end());
    }
    socket.shutdown(libc::SHUT_WR)?;
    if reader.read_line(&mut answer)? != 0 {
        return Err("the server said more than it was told".into());
    }
    println!("client: the server closed after us");
    Ok(())
}
