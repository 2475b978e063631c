//! Two sockets of one stack that talk over its loopback.

use arena::ring;
use netstack::link::{IfIndex, Sink, TxFrame, TxResult};
use netstack::socket::{BufferPool, Key, StreamBuffers, StreamSizes};
use netstack::tcp::State;
use netstack::time::Instant;
use netstack::{Config, Stack};
use std::sync::mpsc::{Sender, channel};

struct NoLink;

impl Sink for NoLink {
    fn transmit(&mut self, _: IfIndex, _: &TxFrame<'_>) -> TxResult {
        panic!("a frame of the loopback came to a link");
    }
}

struct Pool(Sender<(arena::Producer, arena::Consumer)>);

impl BufferPool for Pool {
    fn receive_size(&self, _: StreamSizes) -> usize {
        1 << 19
    }

    fn stream(&mut self, _: StreamSizes) -> Option<StreamBuffers> {
        let (tx, engine_tx) = ring::heap(1 << 19);
        let (engine_rx, rx) = ring::heap(1 << 19);
        self.0.send((tx, rx)).ok()?;
        Some(StreamBuffers { key: Key(100), tx: engine_tx, rx: engine_rx })
    }
    fn charge(&mut self, _: usize) -> bool {
        true
    }
    fn release(&mut self, _: usize) {}
}

#[test]
fn a_connection_over_the_loopback_opens_carries_bytes_and_goes_quiet() {
    let (to_pool, pool) = channel();
    let mut stack = Stack::new(Config::default(), Box::new(Pool(to_pool)));
    let now = Instant::from_millis(1);
    let listener = stack.tcp_open(Key(0));
    let address = "127.0.0.1:80".parse().expect("an address");
    stack.tcp_bind(listener, address, Default::default()).expect("free");
    stack.tcp_listen(listener, 5).expect("bound");
    let client = stack.tcp_open(Key(1));
    let (mut tx, engine_tx) = ring::heap(1 << 19);
    let (engine_rx, _rx) = ring::heap(1 << 19);
    stack.tcp_connect(now, client, address, engine_tx, engine_rx).expect("a route");
    stack.poll(now, &mut NoLink);
    assert_eq!(stack.tcp_status(client).expect("open").state, State::Established);
    let _server = stack.tcp_accept(listener).expect("a connection");
    let (_tx, mut rx) = pool.recv().expect("rings");
    tx.write(b"hello");
    stack.tcp_data_queued(now, client);
    stack.poll(now, &mut NoLink);
    let mut got = [0; 5];
    assert_eq!(rx.read(&mut got).0, 5);
    assert_eq!(&got, b"hello");
    let later = stack.next_deadline().expect("a delayed acknowledgement");
    assert!(later > now, "nothing is left to do at once");
}
