//! What routers add behind the packet that an ICMP error quotes (RFC 4884 §7, §8): a header and objects.

use super::{be16, checksum};

/// Bytes of the header.
pub const HEADER_LEN: usize = 4;
const VERSION: u8 = 2;
const OBJECT_HEADER_LEN: usize = 4;

/// Can `bytes`, from the header on, be what they claim to be? Of a version that is not known, nobody can tell.
pub fn are_whole(bytes: &[u8]) -> bool {
    if bytes.len() < HEADER_LEN {
        return false;
    }
    if bytes[0] >> 4 != VERSION {
        return true;
    }
    // §7: a zero says that none was computed.
    if be16(bytes, 2) != 0 && checksum::checksum(bytes) != 0 {
        return false;
    }
    let mut rest = &bytes[HEADER_LEN..];
    while !rest.is_empty() {
        let len = if rest.len() < OBJECT_HEADER_LEN { 0 } else { usize::from(be16(rest, 0)) };
        match rest.get(len..) {
            Some(next) if len >= OBJECT_HEADER_LEN => rest = next,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with its checksum, and these objects.
    fn with(objects: &[u8]) -> Vec<u8> {
        let mut bytes = [&[VERSION << 4, 0, 0, 0][..], objects].concat();
        let sum = checksum::checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn what_makes_sense() {
        let label = [0, 8, 1, 1, 1, 2, 3, 4];
        assert!(are_whole(&with(&[])) && are_whole(&with(&label)) && are_whole(&with(&[label, label].concat())));
        assert!(are_whole(&[0x20, 0, 0, 0, 0, 8, 1, 1, 1, 2, 3, 4]), "no checksum");
        assert!(are_whole(&[0x10, 0, 9, 9, 9]), "of another version");
        assert!(!are_whole(&[0x20, 0, 9, 9, 0, 8, 1, 1, 1, 2, 3, 4]), "a wrong checksum");
        assert!(!are_whole(&with(&label[..6])), "an object is cut");
        assert!(!are_whole(&with(&[0, 3, 1, 1])) && !are_whole(&with(&[0, 4, 1])), "it has no header");
        assert!(!are_whole(&[0x20, 0, 0]));
    }
}
