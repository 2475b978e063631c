//! How much a packet is charged to a socket's buffers.

/// What Linux charges for a packet over the loopback (skb->truesize), of its bytes with the IP header: a buffer of one of a few
/// sizes, which also holds what surrounds the packet, and its description; of a long packet what the buffer does not hold besides.
pub(crate) fn truesize(packet: usize) -> usize {
    const BUFFERS: [usize; 6] = [576, 1024, 2048, 4096, 8192, 16384];
    const AROUND: usize = 351;
    const DESCRIPTION: usize = 256;
    const IN_BUFFER: usize = 28;
    match BUFFERS.into_iter().find(|size| packet + AROUND <= *size) {
        Some(size) => size + DESCRIPTION,
        None => BUFFERS[0] + DESCRIPTION + packet - IN_BUFFER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_linuxs() {
        // What SO_MEMINFO shows of UDP datagrams of these sizes.
        let of = |payload: usize| truesize(payload + 28);
        let sizes = [0, 197, 198, 645, 646, 1670, 3718, 7814, 16004, 16006, 60000].map(of);
        assert_eq!(sizes, [832, 832, 1280, 1280, 2304, 4352, 8448, 16640, 16640, 16838, 60832]);
    }
}
