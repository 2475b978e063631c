//! The words in which rows are written.

use super::Access::{Bytes, Int};
use super::{GetBytes, On, Row, SetBytes, Settings};
use crate::backend::Call;
use crate::endpoint::Kind;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_SOCKET;
use std::time::Duration;

/// A row of an option that is a field of the settings and that only this side of the backend looks at.
macro_rules! local {
    ($level:expr, $name:expr, $on:expr, $s:ident => $get:expr, $v:ident => $set:expr) => {
        super::Row {
            level: $level,
            name: $name,
            on: $on,
            access: super::Access::Int {
                get: |socket| {
                    let $s = &*socket.settings.lock();
                    Ok(i32::from($get))
                },
                set: Some(|socket, $v| {
                    let $s = &mut *socket.settings.lock();
                    $set;
                    Ok(())
                }),
            },
        }
    };
}

/// A row of an option that the engine must know: the setting changes, then the engine is told.
macro_rules! engine {
    ($level:expr, $name:expr, $on:expr, $s:ident => $get:expr, $v:ident => $set:expr) => {
        super::Row {
            level: $level,
            name: $name,
            on: $on,
            access: super::Access::Int {
                get: |socket| {
                    let $s = &*socket.settings.lock();
                    Ok($get)
                },
                set: Some(|socket, $v| {
                    super::rows::change(socket, |$s| {
                        $set;
                        Ok(())
                    })
                }),
            },
        }
    };
}

/// A row of what can only be read.
pub(super) const fn reading(name: i32, get: fn(&Socket) -> Result<i32>) -> Row {
    Row { level: SOL_SOCKET, name, on: On::All, access: Int { get, set: None } }
}

pub(super) const fn bytes(level: i32, name: i32, on: On, get: Option<GetBytes>, set: Option<SetBytes>) -> Row {
    Row { level, name, on, access: Bytes { get, set } }
}

/// Changes the settings and tells the engine; nothing changes where `f` or the engine refuses.
pub(super) fn change(socket: &Socket, f: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
    let mut settings = socket.settings.lock();
    let mut changed = settings.clone();
    f(&mut changed)?;
    let call = match socket.endpoint.kind {
        Kind::Stream => Call::SetTcpOptions(socket.id(), changed.tcp.clone()),
        _ => Call::SetDatagramOptions(socket.id(), changed.raw),
    };
    socket.backend.call(call)?;
    *settings = changed;
    Ok(())
}

pub(super) fn within(value: i32, least: i32, most: i32) -> Result<i32> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(Errno::INVAL) }
}

pub(super) fn seconds(value: i32, most: i32) -> Result<Duration> {
    Ok(Duration::from_secs(within(value, 1, most)? as u64))
}

pub(super) use {engine, local};
