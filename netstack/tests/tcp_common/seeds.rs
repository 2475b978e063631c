//! Many runs of one scenario.

/// Runs `scenario` for `TCP_SEEDS` seeds, by default `usual`, or for `TCP_SEED` alone.
pub fn seeds(usual: u64, scenario: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    match number("TCP_SEED") {
        Some(seed) => scenario(seed),
        None => (0..number("TCP_SEEDS").unwrap_or(usual)).for_each(scenario),
    }
}
