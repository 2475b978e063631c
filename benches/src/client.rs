//! The measuring side.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};

use crate::protocol::{BULK, CONNECT, FLOW, ROUNDTRIP};

/// Writes of `size` bytes for `time`, then waits for the server's count. Prints `gbit`.
pub fn bulk(address: SocketAddr, size: usize, time: Duration) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(&[BULK])?;
    let block = vec![0x5a; size];
    let mut sent = 0u64;
    let start = Instant::now();
    while start.elapsed() < time {
        stream.write_all(&block)?;
        sent += size as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    let seconds = start.elapsed().as_secs_f64();
    let received = u64::from_le_bytes(count);
    if received != sent {
        return Err(io::Error::other(format!("sent {sent} bytes, but the server received {received}")));
    }
    println!("bytes={sent}");
    println!("gbit={:.3}", sent as f64 * 8.0 / seconds / 1e9);
    Ok(())
}

/// One byte there and back for `time`, after a short warm-up. Prints `median_us` and `p99_us`.
pub fn roundtrip(address: SocketAddr, time: Duration) -> io::Result<()> {
    const WARM_UP: usize = 200;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(&[ROUNDTRIP])?;
    let mut byte = [0];
    for _ in 0..WARM_UP {
        stream.write_all(&[1])?;
        stream.read_exact(&mut byte)?;
    }
    let mut samples = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    let mut before = start;
    while before - start < time {
        stream.write_all(&[1])?;
        stream.read_exact(&mut byte)?;
        let now = Instant::now();
        samples.push(now - before);
        before = now;
    }
    samples.sort_unstable();
    let micros = |d: Duration| d.as_secs_f64() * 1e6;
    println!("rounds={}", samples.len());
    println!("median_us={:.2}", micros(samples[samples.len() / 2]));
    println!("p99_us={:.2}", micros(samples[samples.len() * 99 / 100]));
    Ok(())
}

/// `count` connections one after the other; the client closes first. Prints `per_second`.
pub fn connect(address: SocketAddr, count: u32) -> io::Result<()> {
    let start = Instant::now();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&[CONNECT])?;
        stream.read_exact(&mut [0])?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("connections={count}");
    println!("per_second={:.0}", f64::from(count) / seconds);
    Ok(())
}

/// Sends for as long as the server takes it: it lets `skip` pass and counts for `time`. The server prints the figure.
pub fn flow(address: SocketAddr, skip: Duration, time: Duration, congestion: Option<&str>) -> io::Result<()> {
    let mut stream = connected(address, congestion)?;
    let mut request = vec![FLOW];
    for wait in [skip, time] {
        request.extend_from_slice(&(wait.as_millis() as u32).to_le_bytes());
    }
    stream.write_all(&request)?;
    let block = vec![0x5a; 128 * 1024];
    // The server ends it by closing with data unread, which is a reset.
    while stream.write_all(&block).is_ok() {}
    Ok(())
}

/// The algorithm is chosen before the connection begins: a Linux socket that had BBR for a moment stays paced whatever follows it.
fn connected(address: SocketAddr, congestion: Option<&str>) -> io::Result<TcpStream> {
    let Some(algorithm) = congestion else { return TcpStream::connect(address) };
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::net::sockopt::set_tcp_congestion(&socket, algorithm)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket.into())
}
