//! What only holds for a `RUMP_NET` as a whole.

use core::net::{Ipv4Addr, Ipv6Addr};

use netstack::{IpNet, TemporaryAddresses};

use super::ConfigError;
use super::net::{AddrSpec, Interface, LinkSpec, Net};

pub(super) fn check(net: &Net) -> Result<(), ConfigError> {
    for (at, interface) in net.interfaces.iter().enumerate() {
        gateway(interface)?;
        let before = &net.interfaces[..at];
        addresses_once(interface, before)?;
        asks_once(interface)?;
        temporary_of_routers(interface)?;
        router_advertises(interface, net.forward)?;
        mac_once(interface, before)?;
        tap_once(interface, before)?;
    }
    Ok(())
}

fn gateway(interface: &Interface) -> Result<(), ConfigError> {
    if let Some(gateway) = interface.gateway6 {
        gateway6(interface, gateway)?;
    }
    let Some(gateway) = interface.gateway else { return Ok(()) };
    let part = format!("gw={gateway} on {}", interface.link);
    if !interface.addresses.iter().any(|address| address.has_host(gateway)) {
        let networks: Vec<_> = interface.addresses.iter().map(AddrSpec::to_string).collect();
        let networks = if networks.is_empty() { "none, for there is no addr=".to_owned() } else { networks.join(", ") };
        let reason = format!("the router must be a host in a network of its interface, which has {networks}");
        return Err(ConfigError::Placement { part, reason });
    }
    if statics(interface).any(|own| own == gateway) {
        let reason = "the interface has that address itself: give the address of the router".to_owned();
        return Err(ConfigError::Placement { part, reason });
    }
    Ok(())
}

/// A link-local router needs no address beside: every interface that speaks IPv6 has a link-local one.
fn gateway6(interface: &Interface, gateway: Ipv6Addr) -> Result<(), ConfigError> {
    let nets = || statics6(interface).map(|(addr, prefix)| IpNet::new(addr, prefix));
    let reason = if statics6(interface).any(|(own, _)| own == gateway) {
        "the interface has that address itself: give the address of the router"
    } else if !gateway.is_unicast_link_local() && !nets().any(|net| net.contains(gateway.into())) {
        "the router must be link-local, or in an IPv6 network of its interface: give an addr= of its network"
    } else {
        return Ok(());
    };
    let part = format!("gw={gateway} on {}", interface.link);
    Err(ConfigError::Placement { part, reason: reason.to_owned() })
}

fn addresses_once(interface: &Interface, before: &[Interface]) -> Result<(), ConfigError> {
    let twice = statics6(interface).enumerate().find(|(at, own)| {
        statics6(interface).take(*at).chain(before.iter().flat_map(statics6)).any(|other| other.0 == own.0)
    });
    if let Some((_, (address, _))) = twice {
        let part = format!("addr={address} on {}", interface.link);
        let reason = "it stands twice: each address of a kernel stands once".to_owned();
        return Err(ConfigError::Placement { part, reason });
    }
    let mut seen: Vec<(Ipv4Addr, &LinkSpec)> = before.iter().flat_map(|i| statics(i).map(|a| (a, &i.link))).collect();
    for address in statics(interface) {
        if let Some((_, link)) = seen.iter().find(|(a, _)| *a == address) {
            let part = format!("addr={address} on {}", interface.link);
            let reason = format!("{link} has that address already: each address of a kernel stands once");
            return Err(ConfigError::Placement { part, reason });
        }
        seen.push((address, &interface.link));
    }
    Ok(())
}

/// One client of DHCP an interface.
fn asks_once(interface: &Interface) -> Result<(), ConfigError> {
    let mut asks = interface.addresses.iter().filter(|address| matches!(address, AddrSpec::Dhcp | AddrSpec::Auto));
    let (Some(_), Some(second)) = (asks.next(), asks.next()) else { return Ok(()) };
    let part = format!("addr={second} on {}", interface.link);
    let reason =
        "the interface asks the network for an address already: one addr=dhcp or addr=auto is enough".to_owned();
    Err(ConfigError::Placement { part, reason })
}

/// Without what routers give there is nothing to make temporary addresses of.
fn temporary_of_routers(interface: &Interface) -> Result<(), ConfigError> {
    if interface.temporary == TemporaryAddresses::Off || interface.addresses.contains(&AddrSpec::Auto) {
        return Ok(());
    }
    let part = format!("use_tempaddr on {}", interface.link);
    let reason =
        "temporary addresses are made of what routers give, and the interface does not ask them: give it addr=auto";
    Err(ConfigError::Placement { part, reason: reason.to_owned() })
}

/// A host says nothing of routers (RFC 4861 §6.2.2), and a router has a network to speak of.
fn router_advertises(interface: &Interface, forward: bool) -> Result<(), ConfigError> {
    let reason = match interface.ra {
        None => return Ok(()),
        Some(_) if !forward => "only a router advertises itself: give forward=on as well",
        Some(_) if statics6(interface).next().is_none() => {
            "there is no network to advertise: give the interface an addr= of IPv6"
        }
        Some(_) => return Ok(()),
    };
    let part = format!("ra on {}", interface.link);
    Err(ConfigError::Placement { part, reason: reason.to_owned() })
}

fn mac_once(interface: &Interface, before: &[Interface]) -> Result<(), ConfigError> {
    let Some(mac) = interface.mac else { return Ok(()) };
    match before.iter().find(|other| other.mac == Some(mac)) {
        Some(other) => {
            let part = format!("mac={} on {}", mac.map(|byte| format!("{byte:02x}")).join(":"), interface.link);
            let reason = format!("{} has that address already: give each interface its own", other.link);
            Err(ConfigError::Placement { part, reason })
        }
        None => Ok(()),
    }
}

/// A TAP interface has one program at its other end; a bus may be joined twice.
fn tap_once(interface: &Interface, before: &[Interface]) -> Result<(), ConfigError> {
    let taken = matches!(interface.link, LinkSpec::Tap(_)) && before.iter().any(|other| other.link == interface.link);
    if taken {
        let reason =
            "it stands twice, and a TAP interface can be opened only once: put all addr= behind one".to_owned();
        return Err(ConfigError::Placement { part: interface.link.to_string(), reason });
    }
    Ok(())
}

fn statics(interface: &Interface) -> impl Iterator<Item = Ipv4Addr> {
    interface.addresses.iter().filter_map(|address| match address {
        AddrSpec::Static(address, _) => Some(*address),
        AddrSpec::Static6(..) | AddrSpec::AnyOf(..) | AddrSpec::Dhcp | AddrSpec::Auto => None,
    })
}

fn statics6(interface: &Interface) -> impl Iterator<Item = (Ipv6Addr, u8)> {
    interface.addresses.iter().filter_map(|address| match address {
        AddrSpec::Static6(address, prefix) => Some((*address, *prefix)),
        _ => None,
    })
}
