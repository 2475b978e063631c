//! A connection that carries more than sequence numbers can tell apart.

mod common;

use common::*;
use netstack::time::Duration;

#[test]
fn more_than_half_of_the_circle_of_sequence_numbers() {
    const TOTAL: u64 = (1 << 31) + (64 << 20);
    let (mut net, a, b) = Net::pair(1, Link::bus());
    net.memory(b).set_ring(1 << 20);
    let key = net.memory(b).new_key();
    let listener = net.stack(b).tcp_open(key);
    net.stack(b).tcp_bind(listener, "0.0.0.0:80".parse().expect("an address"), Default::default()).expect("free");
    net.stack(b).tcp_listen(listener, 1).expect("bound");
    let (mut writer, tx) = arena::ring::heap(1 << 20);
    let (rx, _reader) = arena::ring::heap(1 << 16);
    let key = net.memory(a).new_key();
    let (now, client) = (net.now(), net.stack(a).tcp_open(key));
    net.stack(a).tcp_connect(now, client, "10.0.0.2:80".parse().expect("an address"), tx, rx).expect("a route");
    net.run_for(Duration::from_millis(10));
    let accepted = net.stack(b).tcp_accept(listener).expect("connected");
    let (_writer, mut reader) = net.memory(b).take_ends(accepted.key).expect("the pool's");
    let block = vec![7; 1 << 20];
    let mut received = 0;
    let mut last_progress = net.now();
    while received < TOTAL {
        if writer.write(&block) > 0 {
            let now = net.now();
            net.stack(a).tcp_data_queued(now, client);
        }
        net.run_for(Duration::from_micros(100));
        net.trace.clear();
        let there = reader.len();
        if there > 0 {
            received += there as u64;
            last_progress = net.now();
            if reader.consume(there) {
                let now = net.now();
                net.stack(b).tcp_space_freed(now, accepted.id);
            }
        }
        assert!(net.now().since(last_progress) < Duration::from_secs(5), "stalled after {received} bytes");
    }
}
