//! The whole-system tests, a module a topic. One binary, since linking is most of what building a test costs:
//! `cargo test -p system-tests names::` runs the tests of one topic.

mod boot;
mod c;
mod capture;
mod compat;
mod death;
mod demo;
mod descriptors;
mod dhcp;
mod errors;
mod flood;
mod forward;
mod harmless;
mod hooks;
mod ipv6;
mod isolation;
mod matrix;
mod monitor;
mod multicast;
mod names;
mod packet;
mod programs;
mod router;
mod semantics;
mod suites;
mod tap;
