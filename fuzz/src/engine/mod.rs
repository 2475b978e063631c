//! The whole stack: arbitrary frames and calls in arbitrary order, and what must hold whatever they are.
//!
//! `op` is what can happen, `frame` makes frames that get far (`said` those of routers and servers, `extended` those with
//! options), `world` lets it happen, `check` looks at each frame that the stack sends. In the end every socket is closed and time passes: nothing may be held then, and no timer run on.

mod check;
mod extended;
mod frame;
mod op;
mod said;
mod sockets;
mod world;

use arbitrary::Unstructured;

/// Most things that happen in one run.
const MOST: usize = 256;

/// Set in the environment, it makes a run print what happens.
const SHOW: &str = "FUZZ_SHOW";

/// Reads what is to happen out of `data`, and lets it.
pub fn run(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok(setting) = data.arbitrary() else { return };
    let show = std::env::var_os(SHOW).is_some();
    let mut world = world::World::new(setting);
    for _ in 0..MOST {
        if data.is_empty() {
            break;
        }
        let Ok(op) = data.arbitrary::<op::Op>() else { break };
        if show {
            eprintln!("{op:?}");
        }
        world.step(op);
    }
    world.end();
}
