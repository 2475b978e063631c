use crate::socket::testing::{Alone, at};
use crate::socket::{LinkAddr, Name, Socket};
use crate::{Errno, Result};
use libc::{AF_PACKET, MSG_DONTWAIT, SOCK_DGRAM, SOCK_RAW};
use std::io::IoSliceMut;
use std::sync::Arc;

const LO: u32 = 1;
const ALL: u16 = 3;

fn on_lo(protocol: u16) -> LinkAddr {
    LinkAddr { interface: LO, protocol, ..LinkAddr::default() }
}

fn packet(kernel: &Alone, kind: i32, protocol: u16) -> Arc<Socket> {
    kernel.socket(AF_PACKET, kind, i32::from(protocol.to_be())).expect("socket")
}

fn recv(socket: &Socket) -> Result<(Vec<u8>, LinkAddr)> {
    let mut bytes = [0; 2048];
    let received = socket.recv(&mut [IoSliceMut::new(&mut bytes)], MSG_DONTWAIT)?;
    let Some(Name::Link(from)) = received.from else { panic!("{:?}", received.from) };
    Ok((bytes[..received.len].to_vec(), from))
}

#[test]
fn what_a_program_sends_to_itself_is_seen_leaving_and_arriving() {
    let kernel = Alone::boot();
    let (all, ip) = (packet(&kernel, SOCK_RAW, ALL), packet(&kernel, SOCK_DGRAM, 0x0800));
    let (from, to) = (kernel.datagram_at("127.0.0.1:1000"), kernel.datagram_at("127.0.0.1:2000"));
    from.send_to(b"hello", at("127.0.0.1:2000")).expect("send");
    for packet_type in [4, 0] {
        let (frame, from) = recv(&all).expect("a frame");
        assert_eq!((frame.len(), &frame[12..15], &frame[42..]), (47, &[8, 0, 0x45][..], &b"hello"[..]));
        assert_eq!((from.packet_type, from.protocol, from.interface, from.len), (packet_type, 0x0800, LO, 6));
        assert_eq!(from.hardware, libc::ARPHRD_LOOPBACK);
    }
    let (payload, from) = recv(&ip).expect("a packet");
    assert_eq!((payload.len(), from.packet_type), (33, 0), "of one protocol alone, only what arrives");
    assert_eq!(recv(&ip), Err(Errno::AGAIN));
    drop(to);
}

#[test]
fn a_socket_that_goes_looks_on_no_more() {
    let kernel = Alone::boot();
    let (gone, stays) = (packet(&kernel, SOCK_RAW, ALL), packet(&kernel, SOCK_RAW, ALL));
    drop(gone);
    let frame = [&[0; 12][..], &[0x12, 0x34], b"text"].concat();
    assert_eq!(stays.send(&[std::io::IoSlice::new(&frame)], 0, None, &Default::default()), Err(Errno::NXIO));
    stays.bind_link(&on_lo(0)).expect("bind");
    assert_eq!(stays.send(&[std::io::IoSlice::new(&frame)], 0, None, &Default::default()), Ok(frame.len()));
    let (bytes, from) = recv(&stays).expect("not that it left, but that it came");
    assert_eq!((bytes, from.packet_type, from.protocol), (frame, 0, 0x1234));
    assert_eq!(recv(&stays), Err(Errno::AGAIN));
}
