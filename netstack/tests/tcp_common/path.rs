//! A transfer without end over a long path: the script's peer takes what comes and acknowledges each segment (RFC 2018), a
//! round trip after it left.

use std::collections::{BTreeSet, VecDeque};

use netstack::tcp::TcpOptions;
use netstack::time::Duration;

use super::script::Script;

/// Bytes of a segment.
pub const MSS: u32 = 1000;
/// Bytes of the ring of our program, who always has more to send.
const RING: usize = 1 << 20;

pub struct Path {
    pub s: Script,
    /// Milliseconds of a round trip, of what leaves from now on.
    pub rtt: u64,
    /// Segments that are still to be lost, counted from 0.
    pub loses: BTreeSet<u32>,
    /// Milliseconds since the first segment.
    now: u64,
    /// Acknowledgements under way: when they come, and of which segment.
    under_way: VecDeque<(u64, u32)>,
    /// The first segment that has not arrived, and those behind it that have.
    next: u32,
    beyond: BTreeSet<u32>,
    /// The first segment that has not been sent.
    unsent: u32,
}

impl Path {
    /// The transfer begins.
    pub fn new(rtt: u64, set: impl FnOnce(&mut TcpOptions)) -> Path {
        let mut s = Script::connecting_with(1500, RING);
        s.sends("S 0:0(0) win 65535");
        s.wait_ms(rtt);
        s.gets(&format!("S. 0:0(0) ack 1 win 65535 <mss {MSS},sackOK,ws 7>"));
        s.sends(". 1:1(0) ack 1");
        s.sets(set);
        s.writes(RING - RING % MSS as usize);
        let (loses, under_way, beyond) = Default::default();
        let mut path = Path { s, rtt, loses, now: 0, under_way, next: 0, beyond, unsent: 0 };
        path.look();
        path
    }

    /// What has left since the last look.
    fn look(&mut self) -> u32 {
        let mut count = 0;
        while let Some(line) = self.s.next_sent() {
            assert_eq!(line.len, MSS, "there is always a whole segment to send");
            let number = (line.seq - 1) / MSS;
            self.unsent = self.unsent.max(number + 1);
            if !self.loses.remove(&number) {
                self.under_way.push_back((self.now + self.rtt, number));
            }
            count += 1;
        }
        count
    }

    /// A segment has arrived, and its acknowledgement is here. How many segments leave for it.
    fn acknowledge(&mut self, number: u32) -> u32 {
        self.beyond.insert(number);
        let before = self.next;
        while self.beyond.remove(&self.next) {
            self.next += 1;
        }
        let at = |number: u32| 1 + number * MSS;
        let mut line = format!(". 1:1(0) ack {} win 65535", at(self.next));
        if number >= self.next {
            let is_there = |number: &u32| self.beyond.contains(number);
            let first = (self.next..=number).rev().take_while(is_there).last().unwrap_or(number);
            let end = (number..).take_while(is_there).last().unwrap_or(number) + 1;
            line += &format!(" <sack {}:{}>", at(first), at(end));
        }
        self.s.gets(&line);
        let freed = (self.next - before) * MSS;
        if freed > 0 {
            self.s.writes(freed as usize);
        }
        self.look()
    }

    /// So many milliseconds pass. How many segments leave in them.
    pub fn run_ms(&mut self, ms: u64) -> u32 {
        let mut count = 0;
        for _ in 0..ms {
            self.s.wait_ms(1);
            self.now += 1;
            count += self.look();
            while let Some((_, number)) = self.under_way.pop_front_if(|(at, _)| *at <= self.now) {
                count += self.acknowledge(number);
            }
        }
        count
    }

    /// A round trip passes: how many segments leave in it, which is the window where nothing is lost.
    pub fn round(&mut self) -> u32 {
        self.run_ms(self.rtt)
    }

    /// The next acknowledgement comes, 10 µs after the last. How many segments leave for it.
    pub fn next_acknowledgement(&mut self) -> u32 {
        self.s.net.run_for(Duration::from_micros(10));
        let (_, number) = self.under_way.pop_front().expect("one is under way");
        self.acknowledge(number)
    }

    /// The next `count` new segments are lost.
    pub fn lose_next(&mut self, count: u32) {
        self.loses.extend(self.unsent..self.unsent + count);
    }
}
