//! A network of two nodes in one program: addresses, the node table, ping, UDP.
//!
//! Run it with `cargo run --example two_nodes`. It needs no root and no network, and leaves nothing behind.
//!
//! What it shows:
//! - What a kernel knows of its interfaces, and what the bus knows of its nodes: the node table lies in the bus file, where
//!   `rump nodes` would show the same.
//! - A ping is answered by the other kernel itself: no program there takes part. The first one takes longer, because it
//!   waits for ARP.
//! - UDP from one node to the other and back, with what a datagram tells beside its bytes.
//! - Two nodes cannot have one address: the second is told by whom it is taken.
//!
//! Read `frames` next, to see what passes over such a bus.

use kernel::{Kernel, Kind, Net};
use netstack::link::Mac;
use netstack::wire::icmpv4;
use shmif::Bus;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let bus = directory.path().join("bus");
    let one = boot(&bus, "10.0.0.1/24")?;
    let two = boot(&bus, "10.0.0.2/24")?;

    for (name, kernel) in [("one", &one), ("two", &two)] {
        show_interfaces(name, kernel);
    }
    show_nodes(&bus)?;
    ping(&one, "10.0.0.2:0".parse()?)?;
    datagrams(&one, &two)?;

    match boot(&bus, "10.0.0.1/24") {
        Err(error) => println!("a third node with 10.0.0.1: {error}"),
        Ok(_) => return Err("two nodes have the same address".into()),
    }

    one.leave();
    two.leave();
    println!("after both have left, {} nodes are on the bus", Bus::open(&bus, false)?.nodes().len());
    Ok(())
}

/// Boots a kernel with one interface, as a program with `RUMP_NET=shmif:bus,addr=address` does.
fn boot(bus: &Path, address: &str) -> Result<Arc<Kernel>, Box<dyn Error>> {
    let net: Net = format!("shmif:{},addr={address}", bus.display()).parse()?;
    Ok(Kernel::boot(net.into())?)
}

fn show_interfaces(name: &str, kernel: &Kernel) {
    println!("kernel {name}:");
    for interface in kernel.interfaces() {
        let addresses: Vec<_> = interface.addresses.iter().map(|(addr, prefix)| format!("{addr}/{prefix}")).collect();
        let mac = interface.mac.map_or("no Ethernet address".into(), |mac| Mac(mac).to_string());
        println!("  {}: {}, {mac}, mtu {}", interface.name, addresses.join(" "), interface.mtu);
    }
}

/// The table in the bus file: it can be read without joining the bus.
fn show_nodes(bus: &Path) -> Result<(), Box<dyn Error>> {
    println!("nodes on the bus:");
    for node in Bus::open(bus, false)?.nodes() {
        let addresses: Vec<_> = node.addresses.iter().map(|(addr, _)| addr.to_string()).collect();
        println!("  slot {}: {} has {} and {}", node.slot, node.name, Mac(node.mac), addresses.join(" "));
    }
    Ok(())
}

/// Sends echo requests by a ping socket (icmp(7)), which fills in the identifier by itself.
fn ping(from: &Kernel, to: SocketAddr) -> Result<(), Box<dyn Error>> {
    let socket = from.open(Kind::Ping)?;
    let payload = [0x55; 56];
    for sequence in 1..=3u16 {
        let mut request = icmpv4::emit(icmpv4::ECHO_REQUEST, 0, sequence.into(), &payload).to_vec();
        request.extend(payload);
        let mut reply = [0; 1500];
        let sent = Instant::now();
        socket.send_to(&request, to)?;
        let received = socket.recv_from(&mut reply)?;
        let time = sent.elapsed();
        let message =
            icmpv4::Message::parse(&reply[..received.len]).map_err(|error| format!("a bad reply: {error:?}"))?;
        if message.kind != icmpv4::ECHO_REPLY || message.payload != payload {
            return Err("that is no reply to our request".into());
        }
        let ttl = received.info.map_or(0, |info| info.ttl);
        println!("ping {}: sequence {}, ttl {ttl}, {} µs", to.ip(), message.rest as u16, time.as_micros());
    }
    Ok(())
}

/// A question and an answer. One thread is enough: the kernels have their own, and a datagram waits until it is read.
fn datagrams(one: &Kernel, two: &Kernel) -> Result<(), Box<dyn Error>> {
    let server = two.open(Kind::Datagram)?;
    server.bind("10.0.0.2:9000".parse()?)?;
    let client = one.open(Kind::Datagram)?;
    client.send_to(b"who is there?", "10.0.0.2:9000".parse()?)?;

    let mut bytes = [0; 1500];
    let question = server.recv_from(&mut bytes)?;
    let from = question.from.and_then(|name| name.inet()).ok_or("a datagram without a sender")?;
    let info = question.info.ok_or("a datagram without its information")?;
    println!("two: {:?} from {from} to {}", String::from_utf8_lossy(&bytes[..question.len]), info.destination);
    server.send_to(b"kernel two", from)?;

    let answer = client.recv_from(&mut bytes)?;
    println!("one: {:?} is the answer", String::from_utf8_lossy(&bytes[..answer.len]));
    Ok(())
}
