//! The answering side.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::protocol::{BULK, CONNECT, ROUNDTRIP};

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

fn echo(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        stream.write_all(&byte)?;
    }
    Ok(())
}
