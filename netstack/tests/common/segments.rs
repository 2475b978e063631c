//! What a device does that cuts TCP segments.

use netstack::wire::checksum::{Sum, checksum};
use std::net::{Ipv4Addr, Ipv6Addr};

const ETHERNET: usize = 14;
const TCP: u8 = 6;

/// The frames that a frame with `head` bytes of headers becomes, each with `size` bytes of its payload. Their checksums are still to
/// be completed.
pub(super) fn cut(frame: &[u8], head: usize, size: u16) -> Vec<Vec<u8>> {
    let (headers, payload) = frame.split_at(head);
    let last = payload.len().div_ceil(size.into()) - 1;
    let piece = |(index, text): (usize, &[u8])| {
        let mut headers = headers.to_vec();
        let len = headers.len() - ETHERNET + text.len();
        let (ip, tcp) = headers[ETHERNET..].split_at_mut(if frame[ETHERNET] >> 4 == 4 { 20 } else { 40 });
        let sum = if ip.len() == 20 {
            ip[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            ip[10..12].fill(0);
            let sum = checksum(ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            let [src, dst] = [12, 16].map(|at| Ipv4Addr::from_octets(ip[at..at + 4].try_into().expect("four bytes")));
            Sum::pseudo(src.into(), dst.into(), TCP, len - ip.len())
        } else {
            ip[4..6].copy_from_slice(&((len - 40) as u16).to_be_bytes());
            let [src, dst] =
                [8, 24].map(|at| Ipv6Addr::from_octets(ip[at..at + 16].try_into().expect("sixteen bytes")));
            Sum::pseudo(src.into(), dst.into(), TCP, len - ip.len())
        };
        let seq = u32::from_be_bytes(tcp[4..8].try_into().expect("four bytes"));
        tcp[4..8].copy_from_slice(&seq.wrapping_add((index * usize::from(size)) as u32).to_be_bytes());
        const FIN_AND_PSH: u8 = 0x09;
        const CWR: u8 = 0x80;
        tcp[13] &= if index == last { !0 } else { !FIN_AND_PSH };
        tcp[13] &= if index == 0 { !0 } else { !CWR };
        tcp[16..18].copy_from_slice(&sum.partial().to_be_bytes());
        [&headers, text].concat()
    };
    payload.chunks(size.into()).enumerate().map(piece).collect()
}
