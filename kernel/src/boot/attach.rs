//! The attach table: a row a component, attached in this order. Each row prints what it did.

use super::{Boot, BootError};
use crate::capture::Capture;
use crate::config::{AddrSpec, LinkSpec, Names};
use crate::link::{self, Attached, Parts};
use crate::{clock, log};
use netstack::iface::InterfaceConfig;
use netstack::link::IfIndex;
use netstack::route::Route;
use netstack::{Advertising, AutoConfig, IpNet};
use std::net::{IpAddr, SocketAddr};

type Result = core::result::Result<(), BootError>;

/// A component of the kernel.
struct Component {
    name: &'static str,
    attach: fn(&mut Boot) -> Result,
}

static COMPONENTS: &[Component] = &[
    Component { name: "kernel", attach: kernel },
    Component { name: "netstack", attach: netstack },
    Component { name: "links", attach: links },
    Component { name: "routes", attach: routes },
    Component { name: "names", attach: names },
];

/// Attaches every component.
pub(super) fn all(boot: &mut Boot) -> Result {
    for component in COMPONENTS {
        (component.attach)(boot)?;
        log::boot(&format!("{}: attached", component.name));
    }
    Ok(())
}

fn kernel(boot: &mut Boot) -> Result {
    let Boot { config, name, .. } = boot;
    log::boot(&format!("rump kernel {} for {name}, process {}", env!("CARGO_PKG_VERSION"), std::process::id()));
    match config.memlimit {
        Some(limit) => log::boot(&format!("memory: {limit} bytes")),
        None => log::boot("memory: unlimited"),
    }
    log::boot(&format!("cpu: {} configured, one runs the engine at a time", config.ncpu));
    Ok(())
}

fn netstack(boot: &mut Boot) -> Result {
    for interface in boot.engine.stack.interfaces() {
        let addresses: Vec<_> = interface.addresses.iter().map(|address| address.net.to_string()).collect();
        log::boot(&format!("{}: {}, mtu {}", interface.name, addresses.join(" "), interface.mtu));
    }
    Ok(())
}

fn links(boot: &mut Boot) -> Result {
    let mut buses = 0;
    for number in 0..boot.config.interfaces.len() {
        let spec = boot.config.interfaces[number].clone();
        let (name, parts) = match &spec.link {
            LinkSpec::Shmif(path) => {
                buses += 1;
                (format!("shmif{}", buses - 1), link::attach_bus(path, &boot.name, spec.mac, spec.mtu))
            }
            LinkSpec::Tap(tap) => (tap.clone(), link::attach_tap(tap, spec.mac, spec.mtu, boot.config.forward)),
        };
        let Parts { mut link, bell, lead, mtu } = parts.map_err(BootError::Attach)?;
        let capture = match &spec.pcap {
            Some(path) => Some(Capture::create(path).map_err(|error| BootError::Attach(error.to_string()))?),
            None => None,
        };
        let (mac, caps) = (link.mac(), link.caps());
        let config = InterfaceConfig { name: name.clone(), mac, mtu, caps };
        let index = boot.engine.stack.add_interface(clock::now(), config);
        log::boot(&format!("{name} at {}: Ethernet address {mac}, mtu {mtu}", place(&spec.link)));
        for address in &spec.addresses {
            let (addr, prefix, any) = match *address {
                AddrSpec::Static(addr, prefix) => (addr, prefix, false),
                AddrSpec::AnyOf(net, prefix) => (net, prefix, true),
                AddrSpec::Static6(addr, prefix) => {
                    add_address(boot, index, addr, prefix)?;
                    log::boot(&format!("{name}: {addr}/{prefix}"));
                    continue;
                }
                AddrSpec::Dhcp | AddrSpec::Auto => {
                    ask_network(boot, index, *address, number as u32)?;
                    let used = boot.engine.stack.use_temporary_addresses(index, spec.temporary);
                    used.map_err(|error| BootError::Attach(format!("use_tempaddr cannot be used: {error:?}")))?;
                    log::boot(&format!("{name}: asks the network for an address ({address})"));
                    continue;
                }
            };
            let addr = link.claim(addr, prefix, any).map_err(BootError::Attach)?;
            add_address(boot, index, addr, prefix)?;
            log::boot(&format!("{name}: {addr}/{prefix}"));
        }
        boot.engine.links.push(Attached { index, link, capture });
        boot.bells.push((format!("rump-{name}"), bell));
        boot.leads.extend(lead);
    }
    Ok(())
}

fn add_address(boot: &mut Boot, on: IfIndex, addr: impl Into<IpAddr>, prefix: u8) -> Result {
    let addr = addr.into();
    boot.engine
        .stack
        .add_address(clock::now(), on, addr, prefix)
        .map_err(|error| BootError::Attach(format!("addr={addr}/{prefix} cannot be used: {error:?}")))
}

fn ask_network(boot: &mut Boot, on: IfIndex, spec: AddrSpec, metric: u32) -> Result {
    let host_name = boot.config.names.hostname.clone();
    if spec == AddrSpec::Auto {
        // Where the MTU is too small for IPv6, there is none.
        let _ = boot.engine.stack.enable_ipv6(clock::now(), on, true);
    }
    let how = AutoConfig { link_local: spec == AddrSpec::Auto, host_name, metric };
    boot.engine
        .stack
        .configure_automatically(clock::now(), on, how)
        .map_err(|error| BootError::Attach(format!("addr={spec} cannot be used: {error:?}")))
}

fn routes(boot: &mut Boot) -> Result {
    if boot.config.forward {
        boot.engine.stack.set_forwarding(true);
        log::boot("forwarding: on");
    }
    for number in 0..boot.config.interfaces.len() {
        let Some(on) = boot.engine.links.get(number).map(|attached| attached.index) else { continue };
        let interface = &boot.config.interfaces[number];
        if let Some(lifetime) = interface.ra {
            let what = advertising(lifetime, &boot.config.names);
            let begun = boot.engine.stack.advertise(clock::now(), on, what);
            begun.map_err(|error| BootError::Attach(format!("ra on {} cannot be used: {error:?}", interface.link)))?;
            log::boot(&format!("router advertisements: on {}", interface.link));
        }
        let v4 = interface.gateway.map(|router| (IpNet::DEFAULT_V4, IpAddr::V4(router)));
        let v6 = interface.gateway6.map(|router| (IpNet::DEFAULT_V6, IpAddr::V6(router)));
        for (dst, gateway) in v4.into_iter().chain(v6) {
            let stack = &mut boot.engine.stack;
            let refused = |error: String| BootError::Attach(format!("gw={gateway} cannot be used: {error}"));
            if gateway.is_ipv6() {
                stack.enable_ipv6(clock::now(), on, false).map_err(|error| refused(format!("{error:?}")))?;
            }
            let route = Route { dst, via: Some(gateway), on, metric: number as u32 };
            stack.add_route(route).map_err(|error| refused(format!("{error:?}")))?;
            log::boot(&format!("route: default via {gateway}"));
        }
    }
    Ok(())
}

/// What a router says besides its networks: the names that it uses itself.
fn advertising(lifetime: u16, names: &Names) -> Advertising {
    let servers = names.dns.iter().filter_map(|server| match server {
        SocketAddr::V6(server) if server.port() == 53 && !server.ip().is_unicast_link_local() => Some(*server.ip()),
        _ => None,
    });
    Advertising { lifetime, servers: servers.collect(), search: names.search.clone() }
}

fn names(boot: &mut Boot) -> Result {
    let names = &boot.config.names;
    crate::names::check(names).map_err(BootError::Attach)?;
    for server in &names.dns {
        log::boot(&format!("names: server {server}"));
    }
    if let Some(hosts) = &names.hosts {
        log::boot(&format!("names: hosts file {}", hosts.display()));
    }
    Ok(())
}

fn place(link: &LinkSpec) -> String {
    match link {
        LinkSpec::Shmif(path) => path.display().to_string(),
        LinkSpec::Tap(name) => format!("TAP {name}"),
    }
}
