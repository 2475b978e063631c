//! Point 1: two unmodified programs, two rump kernels, one bus, no root. (`cargo xtask demo` shows the same to a person.)

use std::time::Duration;

use rustix::process::geteuid;
use system_tests::unique::Directory;
use system_tests::web::Site;
use system_tests::{Bus, Outcome, Program, strace, web};

const NOBODY: u32 = 65534;

#[test]
fn a_hundred_megabytes_over_the_bus() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(100 << 20)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node("10.0.0.1/24")))?;
    site.fetch("10.0.0.1", |curl| curl.rump(&bus.node("10.0.0.2/24")))
}

#[test]
fn by_the_launcher() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(100_000)?);
    let launcher = |net: &str| Program::rump_command().args(["run", "--net", net, "--"]);
    let server = launcher(&bus.node("10.0.0.1/24")).words("python3 -u -m http.server 80 --directory").arg(site.path());
    let _server = web::ready(server)?;
    let page = launcher(&bus.node("10.0.0.2/24")).words("curl -sS --max-time 20 http://10.0.0.1/").run()?.text();
    assert_eq!(page, web::PAGE);
    Ok(())
}

#[test]
fn no_root_and_no_socket_of_the_host() -> Outcome {
    let traces = Directory::new("rump-traces")?;
    let user = |program: Program, trace: &str| {
        let program = program.traced(&traces.join(trace)).limit(Duration::from_secs(60));
        if geteuid().is_root() { program.user(NOBODY) } else { program }
    };
    if geteuid().is_root() {
        // The other user has to write there.
        Program::new("chmod").arg("777").arg(traces.path()).run()?;
    }
    let (bus, site) = (Bus::new(), Site::new(1_000_000)?);
    let build = Directory::new("rump-library")?;
    let library = build.join("librumphijack.so");
    system_tests::rump::built()?;
    std::fs::copy(system_tests::rump::library(), &library)?;
    let on = |program: Program, address: &str| program.env("LD_PRELOAD", &library).env("RUMP_NET", bus.node(address));
    let server = on(user(web::server(80, site.path()), "server"), "10.0.0.1/24");
    let server = web::ready(server)?;
    let page = on(user(web::curl("http://10.0.0.1/file"), "client"), "10.0.0.2/24").arg("--output").arg("/dev/null");
    page.run()?;
    server.stop()?;
    strace::no_host_inet(&traces.join("client"))?;
    strace::no_host_inet(&traces.join("server"))
}
