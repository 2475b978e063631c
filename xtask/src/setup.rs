//! What has to be installed, and how it is without starting Debian's services on the user's ports.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use system_tests::failure::ensure;
use system_tests::packages::{PACKAGES, Package, find};
use system_tests::{Failure, Outcome};

/// All that the demo and the tests need, but for what the whole matrix of programs alone does.
pub fn everything() -> Outcome {
    install(missing(|package| !package.matrix))
}

/// All that the matrix of programs needs.
pub fn for_matrix() -> Outcome {
    install(missing(|_| true))
}

/// All that the demo needs.
pub fn for_demo() -> Outcome {
    install(missing(|package| package.demo))
}

fn missing(wanted: impl Fn(&Package) -> bool) -> Vec<&'static Package> {
    let absent = |package: &&Package| package.programs.iter().any(|program| find(program).is_err());
    PACKAGES.iter().filter(|package| wanted(package)).filter(absent).collect()
}

fn install(packages: Vec<&Package>) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    println!("missing:");
    packages.iter().for_each(|package| println!("  {:<18} {}", package.name, package.why));
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let command = format!("apt-get install --yes --no-install-recommends {}", names.join(" "));
    ensure(rustix::process::geteuid().is_root(), || {
        format!("not everything is installed. Run:\n\n  sudo {command}\n")
    })?;
    let _services_stay_off = NoServices::begin()?;
    // The lists may be absent or old; if they cannot be fetched, what is there may still do.
    let _ = apt_get(&["update", "--quiet"]);
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(&names);
    apt_get(&arguments)?;
    let left = missing(|package| names.contains(&package.name));
    if left.is_empty() {
        Ok(())
    } else {
        let left: Vec<&str> = left.iter().map(|package| package.name).collect();
        Err(Failure::new(format!("installed, yet the programs of {} are not found", left.join(", "))))
    }
}

fn apt_get(arguments: &[&str]) -> Outcome {
    let status =
        Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status().map_err(|error| {
            Failure::new(format!("apt-get ({error}): install the programs above with your system's package manager"))
        })?;
    ensure(status.success(), || format!("`apt-get {}` failed ({status})", arguments.join(" ")))
}

/// While this lives, installing a package starts no service (policy-rc.d answers 101, "action forbidden by policy").
struct NoServices {
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn begin() -> Outcome<NoServices> {
        // Somebody else's policy stays; it is there for the same reason.
        if Path::new(POLICY).exists() {
            return Ok(NoServices { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\n# cargo xtask setup: no service may start; removed when it is done\nexit 101\n")?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(NoServices { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
