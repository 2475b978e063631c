//! How a kernel comes to be: its configuration, its components in the order of the attach table (`boot/attach.rs`), its threads.

mod attach;
mod automatic;

use crate::backend::{Backend, Local};
use crate::config::{Config, ConfigError};
use crate::engine::{Engine, Owner, Pool, Sockets};
use crate::link::{Doorbell, Idle, Lead};
use crate::lock::{lock, read, write};
use crate::signal::cancel;
use crate::{Errno, Kernel, Result, descriptor, host, log, names, reserve, thread};
use arena::Arena;
use netstack::Stack;
use std::ffi::OsString;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockWriteGuard};
use std::time::Duration;

/// Why a kernel did not boot. Displays as one sentence.
#[derive(Debug)]
pub enum BootError {
    /// A setting is wrong.
    Config(ConfigError),
    /// A component could not be attached; the sentence says why, and what to do.
    Attach(String),
    /// The host has no memory or no descriptors for it.
    Host(&'static str, Errno),
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::Config(error) => error.fmt(f),
            BootError::Attach(sentence) => f.write_str(sentence),
            BootError::Host(what, errno) => write!(f, "the host gives no {what} for the kernel: {errno}"),
        }
    }
}

impl std::error::Error for BootError {}

/// A kernel that is being put together.
pub(crate) struct Boot {
    config: Config,
    name: String,
    engine: Engine,
    bells: Vec<(String, Arc<dyn Doorbell>)>,
    leads: Vec<Arc<dyn Lead>>,
}

/// Bytes of stack that are enough for a boot, which takes some 50 KiB.
const STACK: usize = 128 << 10;

static KERNEL: RwLock<Option<&'static Arc<Kernel>>> = RwLock::new(None);
static BOOTING: Mutex<()> = Mutex::new(());

/// The kernel of this process, booted at the first call. A wrong setting ends the process with its one sentence: a program
/// that was meant for a rump kernel must never find itself on the host's network. ENETDOWN in a child of vfork(2).
pub fn current() -> Result<&'static Arc<Kernel>> {
    // It would run the parent's engine, or make this process the owner of the parent's tables.
    if descriptor::in_vfork_child() {
        return Err(Errno::NETDOWN);
    }
    if let Some(kernel) = booted() {
        return Ok(kernel);
    }
    let _turn = lock(&BOOTING);
    if let Some(kernel) = booted() {
        return Ok(kernel);
    }
    let boot = || Config::from_env(environment).map_err(BootError::Config).and_then(Kernel::boot);
    let booted = cancel::shielded(|| match thread::has_stack(STACK) {
        true => boot(),
        false => thread::run("rump-boot", boot).map_err(|errno| BootError::Host("thread", errno)).flatten(),
    });
    match booted {
        Ok(kernel) => {
            if kernel.config.interfaces.is_empty() {
                log::warn("RUMP_NET names no link: this program has a loopback of its own and no other network");
            }
            let kernel: &'static Arc<Kernel> = Box::leak(Box::new(kernel));
            *write(&KERNEL) = Some(kernel);
            Ok(kernel)
        }
        Err(error) => {
            log::warn(&error.to_string());
            host::exit(1)
        }
    }
}

/// The kernel of this process, if it has booted.
pub fn booted() -> Option<&'static Arc<Kernel>> {
    *read(&KERNEL)
}

/// Whether this process has a kernel, or is told to have one (RUMP_NET). No boot.
pub fn expected() -> bool {
    booted().is_some() || names::is_told()
}

/// The locks of this file, held by a thread that forks.
pub(crate) struct Held {
    _booting: MutexGuard<'static, ()>,
    kernel: RwLockWriteGuard<'static, Option<&'static Arc<Kernel>>>,
}

/// Before a fork: waits for a boot that is under way.
pub(crate) fn hold() -> Held {
    Held { _booting: lock(&BOOTING), kernel: write(&KERNEL) }
}

impl Held {
    /// In a child of a fork: the kernel is the parent's.
    pub(crate) fn forget_kernel(mut self) {
        if let Some(kernel) = self.kernel.take() {
            kernel.local.close_in_child();
        }
    }
}

/// The process's environment.
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

impl Kernel {
    /// Boots a kernel of its own: several may live in one process. It runs, whoever still holds it, until
    /// [`leave`](Kernel::leave).
    ///
    /// ```
    /// use rump_kernel::{Kernel, Net};
    ///
    /// let net: Net = "hostname=alone".parse()?; // as RUMP_NET
    /// let kernel = Kernel::boot(net.into())?;
    /// assert_eq!(kernel.interfaces()[0].name, "lo");
    /// kernel.leave();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn boot(config: Config) -> core::result::Result<Arc<Kernel>, BootError> {
        log::set_verbose(config.verbose);
        let name = program_name();
        let arena =
            Arena::held_by(&format!("rump-{name}"), config.memlimit, |file| Box::new(descriptor::protect(file)));
        let arena = arena.map_err(|errno| BootError::Host("memory", errno))?;
        if !reserve::is_there(0) {
            return Err(BootError::Host("memory", Errno::NOMEM));
        }
        let sockets = Arc::new(Sockets::new(arena));
        let mut seed = [0; 32];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
            .map_err(|errno| BootError::Host("random numbers", errno))?;
        let stack = netstack::Config {
            seed,
            fast_open: config.tcp.fast_open,
            fast_open_pause: Duration::from_secs(config.tcp.fast_open_pause.into()),
            secret: config.secret,
            ..netstack::Config::default()
        };
        let stack = Stack::new(stack, Box::new(Pool::new(sockets.clone())));
        let engine = Engine::new(stack, sockets);
        let mut boot = Boot { config, name, engine, bells: Vec::new(), leads: Vec::new() };
        attach::all(&mut boot)?;
        boot.finish()
    }
}

impl Boot {
    /// Starts the links' threads, and waits for addresses that come from the network.
    fn finish(self) -> core::result::Result<Arc<Kernel>, BootError> {
        let Boot { config, engine, mut bells, mut leads, .. } = self;
        if bells.is_empty() {
            bells.push(("rump-clock".into(), Arc::new(Idle::default())));
        }
        let asking: Vec<_> = engine.links.iter().zip(&config.interfaces).map(|(link, of)| (link.index, of)).collect();
        // A blocked thread can wait for one link only.
        let lead = if bells.len() == 1 { leads.pop() } else { None };
        let owner = Owner::new(engine);
        owner.set_doorbells(bells.iter().map(|(_, bell)| bell.clone()).collect());
        let local = Arc::new(Local::new(owner, lead, config.spin));
        for (number, (name, bell)) in bells.into_iter().enumerate() {
            let local = local.clone();
            thread::spawn(&name, move || local.owner.serve(&*bell, number == 0))
                .map_err(|errno| BootError::Host("thread", errno))?;
        }
        automatic::wait(&local, &asking);
        let backend: Arc<dyn Backend> = local.clone();
        Ok(Arc::new(Kernel { config, local, backend, left: AtomicBool::new(false), netlink_ports: Default::default() }))
    }
}

/// The program's name as the host shows it.
fn program_name() -> String {
    let exe = rustix::fs::readlink("/proc/self/exe", Vec::new()).ok();
    let exe = exe.and_then(|path| path.into_string().ok()).unwrap_or_default();
    exe.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("program").to_string()
}
