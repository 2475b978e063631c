//! connect(2), and what Fast Open makes of it: MSG_FASTOPEN, and the first send after TCP_FASTOPEN_CONNECT.

use crate::backend::Call;
use crate::endpoint::State;
use crate::socket::Socket;
use crate::socket::stream::{check_readable, parts};
use crate::{Errno, Result};
use netstack::tcp::FastOpenModes;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// No SYN carries more.
const MOST_TEXT: usize = u16::MAX as usize;

impl Socket {
    /// connect(2), with the states of Linux's inet_stream_connect().
    pub(in crate::socket) fn connect_stream(&self, addr: Result<SocketAddr>) -> Result<()> {
        if !self.connecting.load(Ordering::Acquire) {
            // Also after the connection is over, until connect(2) with AF_UNSPEC.
            if self.endpoint.state().intersects(State::CONNECTED | State::LISTENING) {
                return Err(Errno::ISCONN);
            }
            let (named, addr) = self.toward(addr)?;
            if self.repairs() {
                self.restore(addr)?;
                *self.peer.lock() = Some(named);
                return Ok(());
            }
            let fast = self.settings.lock().fast_open_connect;
            self.backend.call(match fast {
                true => Call::ConnectFast(self.id(), addr, self.buffers(), None),
                false => Call::Connect(self.id(), addr, self.buffers()),
            })?;
            *self.peer.lock() = Some(named);
            self.connecting.store(true, Ordering::Release);
            if self.endpoint.state().contains(State::DEFERRED) {
                return Ok(());
            }
            if self.nonblocking() {
                return Err(Errno::INPROGRESS);
            }
        } else if self.endpoint.state().contains(State::DEFERRED) {
            // So does Linux, but a blocking call there waits for a SYN that nobody sends.
            return Err(Errno::ISCONN);
        } else if self.nonblocking() && self.endpoint.state().contains(State::CONNECTING) {
            return Err(Errno::ALREADY);
        }
        self.await_connected()
    }

    /// As tcp_sendmsg_fastopen() of Linux: connects if need be, with text in the SYN. Returns how much of `bufs` the SYN carries, and
    /// what connect(2) would have returned.
    pub(super) fn open_with_text(
        &self,
        bufs: &[IoSlice<'_>],
        to: Option<SocketAddr>,
        nonblocking: bool,
    ) -> (usize, Result<()>) {
        let state = self.endpoint.state();
        let fresh = !self.connecting.load(Ordering::Acquire);
        if fresh || state.contains(State::DEFERRED) {
            let taken = match self.send_syn(bufs, to, fresh) {
                Ok(taken) => taken,
                Err(error) => return (0, Err(error)),
            };
            self.connecting.store(true, Ordering::Release);
            return (taken, if nonblocking { Err(Errno::INPROGRESS) } else { self.await_connected() });
        }
        if nonblocking && state.contains(State::CONNECTING) {
            return (0, Err(Errno::ALREADY));
        }
        (0, self.await_connected())
    }

    fn send_syn(&self, bufs: &[IoSlice<'_>], to: Option<SocketAddr>, fresh: bool) -> Result<usize> {
        let parts = parts(bufs);
        let call = if fresh {
            if !self.settings.lock().fast_open.contains(FastOpenModes::CLIENT) {
                return Err(Errno::OPNOTSUPP);
            }
            if self.endpoint.state().intersects(State::LISTENING | State::CONNECTED) {
                return Err(Errno::ISCONN);
            }
            let remote = self.to_connect(to.ok_or(Errno::INVAL)?)?;
            Call::ConnectFast(self.id(), remote, self.buffers(), Some(&parts))
        } else {
            Call::SendSyn(self.id(), &parts)
        };
        // The engine copies it, under its lock.
        check_readable(&parts, MOST_TEXT)?;
        let sent = self.backend.call(call)?.sent()?;
        if fresh {
            *self.peer.lock() = to;
        }
        Ok(sent)
    }

    /// Waits until the handshake is over, and returns its outcome.
    fn await_connected(&self) -> Result<()> {
        let waited = self.block(false, self.send_deadline(), || {
            let over = !self.endpoint.state().contains(State::CONNECTING);
            Ok(over.then_some(()))
        });
        match waited {
            Ok(()) => {}
            Err(Errno::AGAIN) => return Err(Errno::INPROGRESS),
            Err(error) => return Err(error),
        }
        self.connecting.store(false, Ordering::Release);
        if !self.endpoint.state().contains(State::CLOSED) {
            return Ok(());
        }
        let error = self.take_error().unwrap_or(Errno::CONNABORTED);
        // As on Linux, after a connect(2) that has failed the socket is as new.
        self.disconnect()?;
        Err(error)
    }
}
