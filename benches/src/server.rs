//! The answering side.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::{BULK, CONNECT, FLOW, ROUNDTRIP};

/// Answers until killed. Prints `ready=ADDR` once connections are accepted.
pub fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("ready={}", listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut mode = [0];
        if stream.read(&mut mode)? == 0 {
            continue;
        }
        if mode[0] == CONNECT {
            // In the accepting thread: what is measured is the connection, not the making of threads.
            let _ = farewell(&mut stream);
        } else {
            thread::spawn(move || answer(mode[0], stream));
        }
    }
}

fn farewell(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(&[CONNECT])?;
    stream.read(&mut [0]).map(drop)
}

fn answer(mode: u8, mut stream: TcpStream) {
    let result = match mode {
        BULK => swallow(&mut stream),
        ROUNDTRIP => echo(&mut stream),
        FLOW => count(&mut stream),
        other => Err(io::Error::other(format!("a client asked for the unknown measurement {other}"))),
    };
    if let Err(error) = result {
        eprintln!("netbench: {error}");
    }
}

fn swallow(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            n => total += n as u64,
        }
    }
    stream.write_all(&total.to_le_bytes())
}

/// Counts what comes in a window of time, as who waits for the data would: from the first byte of the connection on.
fn count(stream: &mut TcpStream) -> io::Result<()> {
    let start = Instant::now();
    let mut times = [[0; 4]; 2];
    stream.read_exact(times.as_flattened_mut())?;
    let [skip, time] = times.map(|ms| Duration::from_millis(u32::from_le_bytes(ms).into()));
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0u64;
    while start.elapsed() < skip + time {
        // A flow that stands still must not hold the window open.
        let left = (skip + time).saturating_sub(start.elapsed()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) if start.elapsed() >= skip => total += n as u64,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(error) => return Err(error),
        }
    }
    let mbit = total as f64 * 8.0 / time.as_secs_f64() / 1e6;
    println!("flow={} mbit={mbit:.4}", stream.peer_addr()?.ip());
    Ok(())
}

fn echo(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        stream.write_all(&byte)?;
    }
    Ok(())
}
