//! IPPROTO_UDP: udp(7); and what UDP-Lite has besides, at its own level and, as on Linux, at that one.

use super::Access::Int;
use super::rows::{change, engine, local, within};
use super::{On, Row, Settings};
use crate::backend::Call;
use crate::{Errno, Result};
use libc::{IPPROTO_UDP, IPPROTO_UDPLITE};
use netstack::datagram::Coverage;
use std::sync::atomic::Ordering;

// linux/udp.h; the libc crate does not have them.
const UDP_ENCAP: i32 = 100;
const UDP_ENCAP_ESPINUDP: i32 = 2;
const UDP_ENCAP_L2TPINUDP: i32 = 3;
const UDP_NO_CHECK6_TX: i32 = 101;
const UDP_NO_CHECK6_RX: i32 = 102;

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
    Row {
        level: IPPROTO_UDP,
        name: UDP_ENCAP,
        on: On::Datagram,
        access: Int {
            get: |s| Ok(s.settings.lock().encapsulation),
            set: Some(|s, v| {
                if !matches!(v, 0 | UDP_ENCAP_ESPINUDP | UDP_ENCAP_L2TPINUDP) {
                    return Err(Errno::NOPROTOOPT);
                }
                change(s, |settings| {
                    settings.encapsulation = v;
                    settings.raw.datagram.esp_in_udp = v == UDP_ENCAP_ESPINUDP;
                    Ok(())
                })
            }),
        },
    },
    // RFC 6935.
    engine!(IPPROTO_UDP, UDP_NO_CHECK6_TX, On::Datagram, s => i32::from(s.raw.datagram.v6.no_checksum),
        v => s.raw.datagram.v6.no_checksum = v != 0),
    engine!(IPPROTO_UDP, UDP_NO_CHECK6_RX, On::Datagram, s => i32::from(s.raw.datagram.v6.takes_no_checksum),
        v => s.raw.datagram.v6.takes_no_checksum = v != 0),
    local!(IPPROTO_UDP, libc::UDP_SEGMENT, On::Datagram, s => s.segment,
        v => s.segment = within(v, 0, i32::from(u16::MAX))? as u16),
    local!(IPPROTO_UDP, libc::UDP_GRO, On::Datagram, s => s.gro, v => s.gro = v != 0),
];

// linux/udp.h.
const UDPLITE_SEND_CSCOV: i32 = 10;
const UDPLITE_RECV_CSCOV: i32 = 11;

/// A row of how much a checksum is to cover: 0 for all, and never less than the header.
macro_rules! coverage {
    ($level:expr, $name:expr, $field:ident) => {
        Row {
            level: $level,
            name: $name,
            on: On::Datagram,
            access: Int {
                get: |s| Ok(lite(&s.settings.lock()).ok().and_then(|lite| lite.$field).map_or(0, i32::from)),
                set: Some(|s, v| {
                    change(s, |settings| {
                        let bytes = if v == 0 { 0 } else { v.clamp(HEADER, i32::from(u16::MAX)) };
                        settings.raw.datagram.lite = Some(Coverage { $field: Some(bytes as u16), ..lite(settings)? });
                        Ok(())
                    })
                }),
            },
        }
    };
}

/// Bytes of the header.
const HEADER: i32 = 8;

/// ENOPROTOOPT of plain UDP.
fn lite(settings: &Settings) -> Result<Coverage> {
    settings.raw.datagram.lite.ok_or(Errno::NOPROTOOPT)
}

/// Of UDP-Lite: udplite(7).
pub(super) static LITE_ROWS: &[Row] = &[
    coverage!(IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, send),
    coverage!(IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, least),
    coverage!(IPPROTO_UDP, UDPLITE_SEND_CSCOV, send),
    coverage!(IPPROTO_UDP, UDPLITE_RECV_CSCOV, least),
];
