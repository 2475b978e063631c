//! A raw look at frames: what passes over a bus while two kernels talk.
//!
//! Run it with `cargo run --example frames`. It needs no root and no network, and leaves nothing behind.
//!
//! What it shows:
//! - `shmif` alone, without a kernel: a node that joins promiscuously receives a copy of every frame, with the time at which
//!   it was sent. `rump dumpbus` is such a node, and writes what it sees as a pcap file. It has its copy before the
//!   addressee has the frame, so that no answer comes before its question.
//! - How a node sleeps: it says that it will, looks once more, and only then sleeps, so that no frame is missed.
//! - `netstack::wire`: parsers that turn bytes into values and take nothing that is malformed.
//! - Nobody computes TCP's and UDP's checksums on a bus, where no bit can fall over: such frames are marked. Nor is 1500 the
//!   end: a frame carries up to 64 KiB.
//!
//! Read `virtual_time` next.

use kernel::{Kernel, Kind, Net};
use netstack::wire::{Malformed, arp, ethernet, icmpv4, ipv4, tcp, udp};
use shmif::{Bell, Bus, Join, Port, Received, Who};
use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let bus = directory.path().join("bus");
    let join = Join { name: "frames".into(), mac: None, mtu: shmif::MAX_MTU, promiscuous: true };
    let (mut port, bell) = Bus::open(&bus, true)?.join(join)?;

    let talk = thread::spawn(move || talk(&bus).map_err(|error| error.to_string()));
    let (mut frames, mut start) = (0, None);
    loop {
        let over = talk.is_finished();
        let received = port.receive(64, &mut |frame, meta| {
            let micros = meta.timestamp_ns.saturating_sub(*start.get_or_insert(meta.timestamp_ns)) / 1000;
            let line = decode(frame, meta).unwrap_or_else(|error| format!("malformed: {error:?}"));
            println!("{micros:6} µs  {line}");
        });
        frames += received;
        if received == 0 && over {
            break;
        }
        sleep(&mut port, &bell);
    }
    let outcome = talk.join().map_err(|_| "the talk panicked")??;
    println!("{frames} frames, {} lost by us", port.counters().rx_overruns);
    println!("what the programs saw of it: {outcome}");
    Ok(())
}

/// Sleeps until there is a frame, for a moment at most: the end of the talk rings no bell.
fn sleep(port: &mut Port, bell: &Bell) {
    // What else a bell rings for: nodes that have gone.
    port.table_changes();
    let token = bell.prepare(Who::Foreground);
    if bell.has_input() {
        bell.cancel(Who::Foreground);
    } else {
        bell.sleep(Who::Foreground, token, Some(Duration::from_millis(10)));
    }
}

/// What the two kernels have to say to each other: a datagram that nobody wants, and a request over TCP.
fn talk(bus: &Path) -> Result<String, Box<dyn Error>> {
    let server = boot(bus, "10.0.0.1/24")?;
    let client = boot(bus, "10.0.0.2/24")?;

    let datagram = client.open(Kind::Datagram)?;
    datagram.connect("10.0.0.1:9".parse()?)?;
    (&*datagram).write_all(b"anybody?")?;
    let Err(refused) = (&*datagram).read(&mut [0; 16]) else { return Err("somebody answered".into()) };

    let listener = server.open(Kind::Stream)?;
    listener.bind("10.0.0.1:80".parse()?)?;
    listener.listen(1)?;
    let request = client.open(Kind::Stream)?;
    request.connect(listener.local_addr()?)?;
    let (response, _) = listener.accept()?;
    (&*request).write_all(b"GET /")?;
    (&*response).read_exact(&mut [0; 5])?;
    (&*response).write_all(&[b'x'; 30_000])?;
    drop(response);
    let length = (&*request).read_to_end(&mut Vec::new())?;
    drop(request);

    client.leave();
    server.leave();
    Ok(format!("the datagram: {refused}; the request: {length} bytes and the end"))
}

fn boot(bus: &Path, address: &str) -> Result<Arc<Kernel>, Box<dyn Error>> {
    let net: Net = format!("shmif:{},addr={address}", bus.display()).parse()?;
    Ok(Kernel::boot(net.into())?)
}

/// One frame as one line.
fn decode(frame: &[u8], meta: Received) -> Result<String, Malformed> {
    let (header, payload) = ethernet::parse(frame)?;
    match header.ethertype {
        ethernet::ARP => {
            let packet = arp::Packet::parse(payload)?;
            Ok(match packet.operation {
                arp::Operation::Request if packet.sender == packet.target => format!("ARP {} is here", packet.sender),
                arp::Operation::Request => format!("ARP {} asks: who has {}?", packet.sender, packet.target),
                arp::Operation::Reply => format!("ARP {} is at {}", packet.sender, packet.sender_mac),
            })
        }
        ethernet::IPV4 => {
            let packet = ipv4::Packet::parse(payload)?;
            let checksum = if meta.checksum_partial { ", checksum left out" } else { "" };
            Ok(format!("{} > {}: {}{checksum}", packet.src(), packet.dst(), transport(&packet, meta)?))
        }
        other => Ok(format!("{} > {}: ethertype {other:#06x}", header.src, header.dst)),
    }
}

fn transport(packet: &ipv4::Packet<'_>, meta: Received) -> Result<String, Malformed> {
    let bytes = packet.payload();
    match packet.protocol() {
        ipv4::TCP => {
            let tcp::Segment { header, payload, .. } = tcp::Segment::parse(bytes)?;
            let flags: Vec<_> = header.flags.iter_names().map(|(name, _)| name).collect();
            let (from, to, flags) = (header.src_port, header.dst_port, flags.join(" "));
            Ok(format!("TCP {from} > {to} {flags}, {} bytes", payload.len()))
        }
        ipv4::UDP => {
            let datagram = udp::Datagram::parse(packet.src(), packet.dst(), bytes, meta.checksum_partial)?;
            Ok(format!("UDP {} > {}, {} bytes", datagram.src_port, datagram.dst_port, datagram.payload.len()))
        }
        ipv4::ICMP => match icmpv4::Message::parse(bytes)? {
            icmpv4::Message { kind: icmpv4::UNREACHABLE, code: icmpv4::unreachable::PORT, .. } => {
                Ok("ICMP nobody listens on that port".into())
            }
            message => Ok(format!("ICMP type {}, code {}", message.kind, message.code)),
        },
        other => Ok(format!("protocol {other}")),
    }
}
