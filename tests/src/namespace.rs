//! A network namespace of a test's own: where the host plays the other side.

use crate::{Outcome, Program, failure::ensure, unique};

/// A named network namespace with its loopback up, deleted on drop. Making one needs root.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes it.
    pub fn new() -> Outcome<Namespace> {
        ensure(rustix::process::geteuid().is_root(), || {
            "this test makes a network namespace: run it as root".to_owned()
        })?;
        let name = unique::name("rump-test");
        ip(&format!("netns add {name}"))?;
        let namespace = Namespace { name };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `ip -n NAME WORDS`.
    pub fn ip(&self, words: &str) -> Outcome<String> {
        ip(&format!("-n {} {words}", self.name))
    }

    /// A TAP device with an address for the host's side (`10.1.0.1/24`), up.
    pub fn tap(&self, device: &str, address: &str) -> Outcome {
        self.ip(&format!("tuntap add dev {device} mode tap"))?;
        self.ip(&format!("address add {address} dev {device}"))?;
        self.ip(&format!("link set {device} up"))?;
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns delete {}", self.name));
    }
}

fn ip(words: &str) -> Outcome<String> {
    Ok(Program::new("ip").words(words).run()?.text())
}
