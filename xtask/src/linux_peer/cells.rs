//! The paths that are measured.

/// A path between two hosts, the same both ways.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Mbit/s of the bottleneck.
    pub mbit: f64,
    /// Round-trip time in milliseconds while nothing waits.
    pub rtt_ms: f64,
    /// Bytes that may wait before the bottleneck, in bandwidth-delay products (but [`SMALLEST_QUEUE`] at least).
    pub queue_bdp: f64,
    /// Percentage of segments with data that are lost by chance.
    pub loss: f64,
    /// Percentage of frames that later ones may pass.
    pub reorder: f64,
}

/// Eight full frames.
const SMALLEST_QUEUE: u64 = 8 * 1514;

impl Cell {
    /// Bytes that may wait before the bottleneck.
    pub fn queue_bytes(&self) -> u64 {
        let bdp = self.mbit * 1e3 / 8.0 * self.rtt_ms;
        ((bdp * self.queue_bdp) as u64).max(SMALLEST_QUEUE)
    }

    /// How the cell is called, in the store and on the command line.
    pub fn name(&self) -> String {
        let Cell { mbit, rtt_ms, queue_bdp, loss, reorder } = self;
        let mut name = format!("{mbit}mbit-{rtt_ms}ms-{queue_bdp}bdp");
        if *loss > 0.0 {
            name += &format!("-loss{loss}");
        }
        if *reorder > 0.0 {
            name += &format!("-reorder{reorder}");
        }
        name
    }

    /// Seconds that a run counts: longer where chance or a long round trip needs it.
    pub fn seconds(&self) -> f64 {
        if self.rtt_ms >= 100.0 || self.loss > 0.0 || self.reorder > 0.0 || self.mbit < 10.0 { 6.0 } else { 3.0 }
    }
}

const fn cell(mbit: f64, rtt_ms: f64, queue_bdp: f64) -> Cell {
    Cell { mbit, rtt_ms, queue_bdp, loss: 0.0, reorder: 0.0 }
}

const fn lossy(mbit: f64, rtt_ms: f64, loss: f64) -> Cell {
    Cell { mbit, rtt_ms, queue_bdp: 1.0, loss, reorder: 0.0 }
}

const fn reordering(mbit: f64, rtt_ms: f64, reorder: f64) -> Cell {
    Cell { mbit, rtt_ms, queue_bdp: 1.0, loss: 0.0, reorder }
}

/// One connection alone.
pub const CELLS: &[Cell] = &[
    cell(1.0, 20.0, 1.0),
    cell(1.0, 100.0, 4.0),
    lossy(1.0, 50.0, 3.0),
    cell(10.0, 10.0, 1.0),
    cell(10.0, 50.0, 0.25),
    cell(10.0, 50.0, 4.0),
    lossy(10.0, 50.0, 1.0),
    lossy(10.0, 100.0, 3.0),
    reordering(10.0, 20.0, 2.0),
    cell(50.0, 20.0, 0.1),
    cell(50.0, 100.0, 1.0),
    cell(100.0, 1.0, 1.0),
    cell(100.0, 20.0, 0.1),
    cell(100.0, 20.0, 1.0),
    lossy(100.0, 20.0, 0.1),
    lossy(100.0, 20.0, 1.0),
    lossy(100.0, 10.0, 3.0),
    reordering(100.0, 20.0, 1.0),
    cell(100.0, 100.0, 0.25),
    lossy(100.0, 100.0, 0.1),
    cell(1000.0, 1.0, 1.0),
    cell(1000.0, 10.0, 0.25),
    lossy(1000.0, 10.0, 0.1),
    cell(1000.0, 100.0, 1.0),
];

/// Two connections through one bottleneck.
pub const SHARED: &[Cell] =
    &[cell(10.0, 20.0, 1.0), cell(50.0, 50.0, 1.0), cell(100.0, 20.0, 1.0), cell(100.0, 20.0, 0.25)];
