//! Router discovery, the router's part (RFC 4861 §6.2): advertisements of our own.

use core::net::{IpAddr, Ipv6Addr};

use crate::events::Notice;
use crate::iface::{Address, AddressOrigin, Interface};
use crate::ip::discovery;
use crate::link::{IfIndex, Mac};
use crate::ndp::{Advertiser, Advertising, MAX_NETWORKS, PREFERRED, Task, VALID};
use crate::socket::AddressError;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ipv6::MIN_MTU;
use crate::wire::ndp::{self, Opt, Options, Prefix, RouterAdvertisement};

impl Stack {
    /// Says on a link that we are a router there, and what hosts may make addresses of: the networks of the addresses that were
    /// set. Said while the stack passes packets on ([`set_forwarding`](Self::set_forwarding)), until
    /// [`stop_advertising`](Self::stop_advertising).
    pub fn advertise(&mut self, now: Instant, on: IfIndex, what: Advertising) -> Result<(), AddressError> {
        if !Advertising::LIFETIMES.contains(&what.lifetime) {
            return Err(AddressError::Invalid);
        }
        self.enable_ipv6(now, on, false)?;
        let link = self.ndp.links.get_mut(&on).ok_or(AddressError::Invalid)?;
        link.advertiser = Some(Advertiser::new(what));
        self.ndp.tasks.set(Task::Advertise(on), now);
        Ok(())
    }

    /// Says on all links that we are a router no more (§6.2.5), at a clean end. False if we said nothing of it before.
    pub fn stop_advertising(&mut self, now: Instant) -> bool {
        self.now = now;
        let mut said = false;
        for on in self.ndp.links.keys().copied().collect::<Vec<_>>() {
            self.ndp.tasks.cancel(Task::Advertise(on));
            let advertiser = self.ndp.links.get_mut(&on).and_then(|link| link.advertiser.take());
            if advertiser.is_some() && self.forwarding {
                said = true;
                self.send_advertisement(on, 0, &[]);
            }
        }
        said
    }

    /// It is time to speak. Before there is an address to speak from, nothing is said; [`begin_advertising`](Self::begin_advertising)
    /// begins it then.
    pub(super) fn go_on_advertising(&mut self, now: Instant, on: IfIndex) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        if interface.link_local().is_none() || !self.forwarding {
            return;
        }
        let (networks, mtu) = (networks(interface), interface.mtu);
        let Some(advertiser) = self.ndp.links.get_mut(&on).and_then(|link| link.advertiser.as_mut()) else { return };
        let next = advertiser.spoke(now, &mut self.rng);
        let lifetime = advertiser.what.lifetime;
        let (servers, names) = (advertiser.what.server_bytes(), advertiser.what.search_bytes());
        let mut options = vec![Opt::Mtu(mtu)];
        options.extend(networks.into_iter().map(Opt::Prefix));
        if !servers.is_empty() {
            options.push(Opt::Rdnss { lifetime: lifetime.into(), servers: &servers });
        }
        if !names.is_empty() {
            options.push(Opt::Dnssl { lifetime: lifetime.into(), names: &names });
        }
        self.send_advertisement(on, lifetime, &options);
        self.ndp.tasks.set(Task::Advertise(on), next);
    }

    /// There is a link-local address now.
    pub(super) fn begin_advertising(&mut self, now: Instant, on: IfIndex) {
        if self.ndp.links.get(&on).is_some_and(|link| link.advertiser.is_some()) {
            self.ndp.tasks.set(Task::Advertise(on), now);
        }
    }

    /// §6.2.6: a host asks for routers. It may say where it is, unless it has no address yet (§6.1.1).
    pub(in crate::stack) fn input_router_solicitation(
        &mut self,
        now: Instant,
        on: IfIndex,
        src: Ipv6Addr,
        link: Option<Mac>,
    ) {
        match link {
            Some(_) if src.is_unspecified() => return self.count_error(on),
            Some(mac) => self.learn_link_address(now, on, src, mac),
            None => {}
        }
        let Some(advertiser) = self.ndp.links.get_mut(&on).and_then(|link| link.advertiser.as_mut()) else { return };
        let at = advertiser.asked(now, &mut self.rng);
        self.ndp.tasks.set(Task::Advertise(on), at);
    }

    /// §6.2.7: routers of a link that say different things of it confuse its hosts. Said once of each router and thing.
    pub(in crate::stack) fn check_consistency(
        &mut self,
        on: IfIndex,
        router: Ipv6Addr,
        advertisement: &RouterAdvertisement<'_>,
    ) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let ours = networks(interface);
        let differs = |option: Opt<'_>| match option {
            Opt::Mtu(mtu) if mtu != interface.mtu => Some("MTU"),
            Opt::Prefix(theirs) => {
                let same =
                    ours.iter().find(|ours| (ours.prefix, ours.prefix_len) == (theirs.prefix, theirs.prefix_len))?;
                let lifetimes = |prefix: &Prefix| (prefix.valid, prefix.preferred);
                (lifetimes(same) != lifetimes(&theirs)).then_some("lifetimes of a prefix")
            }
            _ => None,
        };
        let hop_limit = advertisement.hop_limit != 0 && advertisement.hop_limit != interface.v6.hop_limit;
        let servers = advertisement.managed || advertisement.other;
        let fields =
            [(hop_limit, "hop limit"), (servers, "flags of DHCPv6")].into_iter().filter(|(differs, _)| *differs);
        let what = fields.map(|(_, what)| what).next().or_else(|| advertisement.options.iter().find_map(differs));
        let Some(advertiser) = self.ndp.links.get_mut(&on).and_then(|link| link.advertiser.as_mut()) else { return };
        if let Some(what) = what.filter(|what| advertiser.disagreement.replace((router, what)) != Some((router, what)))
        {
            self.events.notice(Notice::InconsistentAdvertisement { router, on, what });
        }
    }

    fn send_advertisement(&mut self, on: IfIndex, lifetime: u16, options: &[Opt<'_>]) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let Some(src) = interface.link_local() else { return };
        let options = ndp::emit_options(&[&[Opt::SourceLink(interface.mac)], options].concat());
        let Ok(options) = Options::parse(&options) else { return };
        let message = RouterAdvertisement {
            hop_limit: interface.v6.hop_limit,
            managed: false,
            other: false,
            preference: 0,
            lifetime,
            reachable_time: 0,
            retransmit_time: 0,
            options,
        };
        let header = discovery(src, ndp::ALL_NODES);
        self.ip.send_icmpv6(&mut *self.pool, on, None, header, &[], message.emit());
    }
}

/// What hosts on the link are told of its networks, each once: they are on the link, and addresses are made of those whose
/// prefix leaves room for an identifier (RFC 4862 §5.5.3 (d)).
fn networks(interface: &Interface) -> Vec<Prefix> {
    let mut known: Vec<Prefix> = Vec::new();
    for Address { net, .. } in interface.addresses.iter().filter(|address| address.origin == AddressOrigin::Manual) {
        let IpAddr::V6(prefix) = net.network().addr else { continue };
        let prefix_len = net.prefix_len;
        let told = known.iter().any(|other| (other.prefix, other.prefix_len) == (prefix, prefix_len));
        if !told && !prefix.is_unicast_link_local() && prefix_len < 128 && known.len() < MAX_NETWORKS {
            let (valid, preferred) = (VALID, PREFERRED);
            known.push(Prefix { prefix, prefix_len, on_link: true, autonomous: prefix_len == 64, valid, preferred });
        }
    }
    known
}

const _: () = assert!(MIN_MTU >= 40 + 16 + 8 + 8 + 32 * MAX_NETWORKS + 8 + 16 * 8 + 8 + 608);
