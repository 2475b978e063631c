use super::*;

fn frame(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let here = core::net::Ipv4Addr::LOCALHOST;
    let link = ethernet::Header { ethertype: ethernet::IPV4, ..ethernet::Header::default() };
    let header = ipv4::Header::atomic(here, here, protocol, 64, 0);
    [&link.emit()[..], &header.emit(transport.len()), transport].concat()
}

/// With 12 bytes of options.
fn segment() -> Vec<u8> {
    let mut segment = [0; 132];
    segment[12] = 0x80;
    frame(ipv4::TCP, &segment)
}

#[test]
fn as_virtio_has_it() {
    let header = VnetHeader { flags: 1, gso_type: 4, hdr_len: 86, gso_size: 1440, csum_start: 54, csum_offset: 16 };
    let words = [86, 1440, 54, 16].map(u16::to_ne_bytes).concat();
    assert_eq!(header.encode()[..], [&[1, 4], &words[..]].concat());
    assert_eq!(VnetHeader::decode(&header.encode()), header);
}

#[test]
fn what_is_left_to_do_to_a_frame() {
    let nothing = VnetHeader::default();
    let (segment, datagram) = (segment(), frame(ipv4::UDP, &[0; 8]));
    let partial = |frame: &[u8]| VnetHeader::of(frame, Checksum::Partial, None);
    assert_eq!(VnetHeader::of(&segment, Checksum::Unknown, None), nothing);
    assert_eq!(VnetHeader::of(&segment, Checksum::Good, None), VnetHeader { flags: DATA_VALID, ..nothing });
    let left = VnetHeader { flags: NEEDS_CSUM, csum_start: 34, ..nothing };
    assert_eq!(partial(&segment), VnetHeader { csum_offset: 16, ..left });
    assert_eq!(partial(&datagram), VnetHeader { csum_offset: 6, ..left });
    // A link vouches for fragments, too, in which no checksum is left to make.
    assert_eq!(partial(&frame(254, &[0; 8])), VnetHeader { flags: DATA_VALID, ..nothing });
    let joined = VnetHeader::of(&segment, Checksum::Partial, Segments::of_tcp(ethernet::IPV4, 40));
    assert_eq!(joined, VnetHeader { gso_type: 1, hdr_len: 66, gso_size: 40, csum_offset: 16, ..left });
    let echoes = Segments { kind: SegmentsKind::TcpV6, size: 40, echoes: true };
    assert_eq!(VnetHeader::of(&segment, Checksum::Partial, Some(echoes)).gso_type, 0x84);
}

#[test]
fn what_is_to_be_done_to_a_frame() {
    let segment = segment();
    let asked =
        VnetHeader { flags: NEEDS_CSUM, gso_type: 1, hdr_len: 0, gso_size: 40, csum_start: 34, csum_offset: 16 };
    let place = Some(Place { start: 34, offset: 16 });
    let segments = Segments::of_tcp(ethernet::IPV4, 40);
    let work = |asked: VnetHeader| asked.work(&segment, ethernet::IPV4);
    assert_eq!(work(VnetHeader::default()), Ok(Work::default()));
    assert_eq!(work(asked), Ok(Work { checksum: place, segments }));
    assert_eq!(work(VnetHeader { flags: 0, ..asked }), Ok(Work { checksum: None, segments }));
    assert_eq!(work(VnetHeader { gso_type: 0, ..asked }), Ok(Work { checksum: place, segments: None }));
    assert_eq!(
        work(VnetHeader { gso_size: 112, ..asked }),
        Ok(Work { checksum: place, segments: None }),
        "it is one piece"
    );
    for wrong in [
        VnetHeader { gso_size: 0, ..asked },
        VnetHeader { gso_type: 2, ..asked },
        VnetHeader { gso_type: 4, ..asked },
        VnetHeader { gso_type: 5, ..asked },
        VnetHeader { csum_offset: 6, ..asked },
        VnetHeader { csum_start: 19, ..asked },
        VnetHeader { csum_start: 150, ..asked },
        VnetHeader { hdr_len: 167, ..asked },
        VnetHeader { gso_size: 0xffff, ..asked },
    ] {
        assert_eq!(work(wrong), Err(SendError::InvalidDestination), "{wrong:?}");
    }
}
