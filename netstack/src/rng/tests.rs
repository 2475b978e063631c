use super::*;

#[test]
fn the_seed_decides_everything() {
    let run = |seed| {
        let mut rng = Rng::new([seed; 32]);
        (rng.u32(), rng.u64(), rng.below(1000), rng.hash_key())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn below_stays_below_and_reaches_every_number() {
    let mut rng = Rng::new([7; 32]);
    let mut seen = [false; 5];
    for _ in 0..1000 {
        seen[rng.below(5) as usize] = true;
    }
    assert_eq!(seen, [true; 5]);
    assert_eq!(rng.below(0), 0);
}
