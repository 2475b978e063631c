//! The generated part of the suite: each option on each kind of socket with each kind of value, each call in each state of a socket.
//!
//! A case is an option (`option/SO_KEEPALIVE`) or a kind of socket in a state (`call/tcp/listening`); its lines are `what: value`, each
//! `what` once, so that runs can be compared line by line and not only in order.

mod calls;
mod kinds;
mod option_table;
mod options;
mod pointers;
mod sock;
mod states;

use crate::report::Report;

/// A generated case.
pub struct Generated {
    pub name: String,
    run: Box<dyn Fn(&mut Report)>,
}

impl Generated {
    pub fn run(&self) {
        (self.run)(&mut Report::new(&self.name));
    }
}

/// All of them, in the order of the tables.
pub fn cases() -> impl Iterator<Item = Generated> {
    let options = option_table::ROWS
        .iter()
        .map(|row| Generated { name: format!("option/{}", row.name), run: Box::new(move |r| options::probe(row, r)) });
    let calls = states::all().map(|(kind, state)| Generated {
        name: format!("call/{}/{}", kind.name, state.name),
        run: Box::new(move |r| calls::probe(kind, state, r)),
    });
    let pointers = pointers::ROWS.iter().map(|row| Generated {
        name: format!("pointer/{}", row.name),
        run: Box::new(move |r| pointers::probe(row, r)),
    });
    options.chain(calls).chain(pointers)
}
