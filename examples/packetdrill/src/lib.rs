//! `librump_packetdrill.so`: packetdrill's shared-object interface, answered by rump.
//!
//! [packetdrill](https://github.com/google/packetdrill) runs scripts of system calls and packets against a TCP/IP stack, and
//! checks what comes out and when. With `--so_filename` it does so against a library that fills in one structure of functions.
//! This is that library. `README.md` beside this crate says how to run it.
//!
//! What it shows: everything that packetdrill needs of a stack is there in public. The socket calls are the functions of
//! `librumphijack.so`, opened with dlopen(3) instead of preloaded; the wire is a `shmif` bus of two nodes, of which the stack
//! is one and the script the other.
//!
//! Reading order: [`interface`] (what packetdrill calls), `settings` (its `--so_flags`), `library` (the socket calls), `device`
//! (the script's end of the wire).

mod device;
pub mod interface;
pub mod library;
mod settings;

use device::Device;
use library::Library;
use settings::Settings;
use std::error::Error;

/// What packetdrill's `userdata` stands for.
struct Instance {
    library: Library,
    device: Device,
}

impl Instance {
    /// Makes the wire, then boots the kernel on it.
    fn start(flags: &str) -> Result<Instance, Box<dyn Error>> {
        let settings: Settings = flags.parse()?;
        // The file has to have a name only until both nodes have it open: nothing is left behind, however the program ends.
        let directory = tempfile::tempdir()?;
        let bus = directory.path().join("bus");
        let device = Device::join(&bus)?;
        let library = Library::boot(&settings.library, &settings.net(&bus, device::STACK))?;
        Ok(Instance { library, device })
    }
}
