//! Calls of one buffer and no flags, and std's traits: what a Rust program uses a socket with.

use super::{Received, SendControl, Socket};
use crate::Result;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::SocketAddr;

impl Socket {
    /// sendto(2).
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> Result<usize> {
        self.send(&[IoSlice::new(bytes)], 0, Some(to.into()), &SendControl::default())
    }

    /// recvfrom(2).
    pub fn recv_from(&self, into: &mut [u8]) -> Result<Received> {
        self.recv(&mut [IoSliceMut::new(into)], 0)
    }
}

/// read(2).
impl Read for &Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(into)])
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(self.recv(bufs, 0)?.len)
    }
}

/// write(2), without SIGPIPE.
impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.send(bufs, 0, None, &SendControl::default())?)
    }

    /// Does nothing: nothing is held back here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
