//! What a program asks of a packet besides its bytes: loads from offsets that no packet has (SKF_AD_OFF and above).

use super::view::View;

/// SKF_AD_OFF.
const BASE: u32 = -0x1000_i32 as u32;

/// What Linux answers to such a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Protocol,
    PacketType,
    Interface,
    /// Finds a netlink attribute: from where the accumulator says, of the type that the index register says.
    Attribute,
    /// As above, inside of another attribute.
    NestedAttribute,
    HardwareType,
    /// Not a load: the accumulator XOR the index register.
    Xor,
    PayloadOffset,
    Random,
    /// Marks, queues, hashes, processors, VLANs: there are none.
    None,
}

/// Is an absolute offset one of those that only fields have?
pub(super) fn is_reserved(k: u32) -> bool {
    k >= BASE
}

impl Field {
    pub(super) fn of(k: u32) -> Option<Field> {
        Some(match k.checked_sub(BASE)? {
            0 => Field::Protocol,
            4 => Field::PacketType,
            8 => Field::Interface,
            12 => Field::Attribute,
            16 => Field::NestedAttribute,
            28 => Field::HardwareType,
            40 => Field::Xor,
            52 => Field::PayloadOffset,
            56 => Field::Random,
            // SKF_AD_MARK, QUEUE, RXHASH, CPU, VLAN_TAG, VLAN_TAG_PRESENT, VLAN_TPID.
            20 | 24 | 32 | 36 | 44 | 48 | 60 => Field::None,
            _ => return None,
        })
    }

    pub(super) fn load(self, view: &View<'_>, a: u32, x: u32, random: &mut dyn FnMut() -> u32) -> u32 {
        /// ARPHRD_ETHER and ARPHRD_LOOPBACK.
        const ETHERNET: u32 = 1;
        const LOOPBACK: u32 = 772;
        let own = view.bytes.get(view.start..).unwrap_or_default();
        match self {
            Field::Protocol => view.protocol.into(),
            Field::PacketType => view.kind as u32,
            Field::Interface => view.on.0,
            Field::Attribute => attribute(own, a as usize, own.len(), x),
            Field::NestedAttribute => match length_at(own, a as usize) {
                Some(len) if len <= own.len() - a as usize => attribute(own, a as usize + 4, a as usize + len, x),
                _ => 0,
            },
            Field::HardwareType if view.loopback => LOOPBACK,
            Field::HardwareType => ETHERNET,
            Field::Xor => a ^ x,
            Field::PayloadOffset => view.payload_offset(),
            Field::Random => random(),
            Field::None => 0,
        }
    }
}

/// The length of a netlink attribute (RFC 3549 §2.3's TLV, in the machine's order), its header of four bytes among it.
fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let header: [u8; 4] = *bytes.get(at..)?.first_chunk()?;
    Some(usize::from(u16::from_ne_bytes([header[0], header[1]])))
}

/// Where between `at` and `end` an attribute of type `kind` is; 0: nowhere.
fn attribute(bytes: &[u8], mut at: usize, end: usize, kind: u32) -> u32 {
    /// NLA_TYPE_MASK.
    const TYPE: u16 = 0x3fff;
    while let Some(len) = length_at(&bytes[..end.min(bytes.len())], at)
        && len >= 4
        && at + len <= end
    {
        let found = u16::from_ne_bytes([bytes[at + 2], bytes[at + 3]]) & TYPE;
        if u32::from(found) == kind {
            return at as u32;
        }
        at += len.next_multiple_of(4);
    }
    0
}
