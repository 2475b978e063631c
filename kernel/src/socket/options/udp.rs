//! IPPROTO_UDP: udp(7).

use super::Access::Int;
use super::rows::{local, within};
use super::{On, Row};
use crate::backend::Call;
use libc::IPPROTO_UDP;
use std::sync::atomic::Ordering;

pub(super) static ROWS: &[Row] = &[
    Row {
        level: IPPROTO_UDP,
        name: libc::UDP_CORK,
        on: On::Datagram,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().cork)),
            set: Some(|s, v| {
                s.settings.lock().cork = v != 0;
                if v == 0 {
                    s.corked.store(false, Ordering::Release);
                    s.backend.call(Call::Uncork(s.id()))?;
                }
                Ok(())
            }),
        },
    },
    local!(IPPROTO_UDP, libc::UDP_SEGMENT, On::Datagram, s => s.segment,
        v => s.segment = within(v, 0, i32::from(u16::MAX))? as u16),
    local!(IPPROTO_UDP, libc::UDP_GRO, On::Datagram, s => s.gro, v => s.gro = v != 0),
];
