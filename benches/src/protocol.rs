//! What the two sides say to each other: the first byte of a connection names the measurement.

/// The client sends until it shuts its side; the server answers with the count of bytes (8 bytes, little endian).
pub const BULK: u8 = b'B';
/// The server sends each byte back.
pub const ROUNDTRIP: u8 = b'R';
/// The server sends one byte and waits for the client's close.
pub const CONNECT: u8 = b'C';
/// The client sends as long as it can. Two numbers follow (4 bytes each, little endian): the milliseconds that the server lets
/// pass and those in which it counts what comes. Then it closes.
pub const FLOW: u8 = b'F';
