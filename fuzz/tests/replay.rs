//! The kept inputs, and mutations of each, on any toolchain.

use fuzz_targets::{TARGETS, corpus};
use netstack::rng::Rng;

/// Mutations of each input.
const MUTATIONS: u32 = 20;

fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let text = std::fs::read_to_string(corpus::file(name)).expect("the kept inputs");
    let inputs = corpus::parse(&text).unwrap_or_else(|refusal| panic!("corpus/{name}.hex, {refusal}"));
    assert!(!inputs.is_empty());
    let mut rng = Rng::new([1; 32]);
    for input in &inputs {
        target(input);
        for _ in 0..MUTATIONS {
            target(&mutated(input, &inputs, &mut rng));
        }
    }
}

fn mutated(input: &[u8], others: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = input.to_vec();
    for _ in 0..=rng.below(3) {
        let at = rng.below(input.len() as u32 + 1) as usize;
        match rng.below(4) {
            0 => input.truncate(at),
            1 => input.insert(at, rng.u32() as u8),
            2 => {
                let other = &others[rng.below(others.len() as u32) as usize];
                input.extend_from_slice(&other[other.len().min(at)..]);
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = rng.u32() as u8;
                }
            }
        }
    }
    input
}

#[test]
fn every_parser() {
    replay("wire");
}

#[test]
fn the_engine() {
    replay("engine");
}

#[test]
fn what_users_write() {
    replay("config");
}

#[test]
fn filters_of_sockets() {
    replay("filter");
}
