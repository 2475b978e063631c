//! What a frame is, as far as chance asks.

/// Is this a TCP segment with data in an IPv4 packet? Only such are lost by chance: which of them is then the same for every
/// sender, however many acknowledgements it asks for, and no run is about how long a lost SYN takes.
pub fn carries_data(frame: &[u8]) -> bool {
    data_len(frame).is_some_and(|len| len > 0)
}

fn data_len(frame: &[u8]) -> Option<usize> {
    const ETHERNET: usize = 14;
    const TCP: u8 = 6;
    let ip = frame.get(ETHERNET..).filter(|_| frame[12..ETHERNET] == [8, 0])?;
    let ip_header = usize::from(ip.first()? & 15) * 4;
    let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
    let tcp_header = usize::from(ip.get(ip_header + 12)? >> 4) * 4;
    if *ip.get(9)? != TCP {
        return None;
    }
    total.checked_sub(ip_header + tcp_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(data: usize) -> Vec<u8> {
        let mut frame = vec![0; 14 + 20 + 32 + data];
        frame[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
        frame[16..18].copy_from_slice(&(52 + data as u16).to_be_bytes());
        frame[23] = 6;
        frame[46] = 8 << 4;
        frame
    }

    #[test]
    fn segments_with_data_and_nothing_else() {
        assert!(carries_data(&tcp(1)) && carries_data(&tcp(1448)));
        assert!(!carries_data(&tcp(0)));
        let mut udp = tcp(100);
        udp[23] = 17;
        assert!(!carries_data(&udp) && !carries_data(&tcp(1)[..40]) && !carries_data(&[]));
        let mut arp = tcp(100);
        arp[13] = 6;
        assert!(!carries_data(&arp));
    }
}
