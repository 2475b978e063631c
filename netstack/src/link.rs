//! The interface between the engine and a link: frames in, frames out.

/// An interface of one stack, numbered from 1 as Linux numbers them (`lo` is 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(pub u32);

/// A 48-bit Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Mac = Mac([0xff; 6]);
}

impl core::fmt::Display for Mac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// What is known of a frame's transport checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: it has to be verified.
    #[default]
    Unknown,
    /// The device has verified it.
    Good,
    /// The frame never left this machine's memory: the field holds only the pseudo-header's sum, and there is nothing to verify.
    Partial,
}

impl Checksum {
    /// Partial, or unknown.
    pub fn partial_if(partial: bool) -> Checksum {
        if partial { Checksum::Partial } else { Checksum::Unknown }
    }
}

/// What a link knows of a frame that it delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxMeta {
    /// Of its checksum.
    pub checksum: Checksum,
    /// Not 0: the device, or the sender's, joined several TCP segments of one flow into this frame, each but the last with this
    /// many bytes of payload.
    pub segment_size: u16,
}

/// A frame on its way out, in parts: `head` is all headers, `payload` may lie in a socket's ring.
#[derive(Clone, Copy, Debug)]
pub struct TxFrame<'a> {
    /// Ethernet header and everything up to the payload.
    pub head: &'a [u8],
    /// The payload, in two parts where it wraps in its ring. Either may be empty.
    pub payload: (&'a [u8], &'a [u8]),
    /// The transport checksum field holds only the pseudo-header sum, because the link said that it wants it so
    /// ([`LinkCaps::checksum_offload`]): the link completes it or says so to its receiver.
    pub checksum_partial: bool,
    /// Not 0: the payload is more than one packet carries. The link cuts it into pieces of this many bytes and gives each a copy of
    /// the headers, brought up to date; it has said that it does ([`LinkCaps::segment_offload`]).
    pub segment_size: u16,
}

impl TxFrame<'_> {
    /// Bytes of the whole frame.
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.0.len() + self.payload.1.len()
    }

    /// True for a frame of no bytes, which the engine never makes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parts in order, for a gathering write.
    pub fn parts(&self) -> [&[u8]; 3] {
        [self.head, self.payload.0, self.payload.1]
    }
}

/// What became of a frame given to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum TxResult {
    /// The link has it (it may still lose it).
    Sent,
    /// The link has no room now: the engine keeps the data and tries again soon.
    Full,
}

/// What a link can do for the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCaps {
    /// The link does not need transport checksums computed.
    pub checksum_offload: bool,
    /// The largest IP packet with a TCP segment, in bytes, that the link cuts into packets of its MTU by itself
    /// ([`TxFrame::segment_size`]); 0: it does not. More than 0 only together with `checksum_offload`.
    pub segment_offload: u32,
}

/// Where the engine puts frames: all links of a kernel behind one face.
pub trait Sink {
    /// Sends one Ethernet frame on interface `on`. Must not block.
    fn transmit(&mut self, on: IfIndex, frame: &TxFrame<'_>) -> TxResult;
}
