//! What routers and servers of the link say: advertisements, queries for groups, DHCPv6.

use std::net::Ipv6Addr;

use arbitrary::Arbitrary;
use netstack::link::Mac;
use netstack::wire::dhcpv6::{self, option};
use netstack::wire::ndp::{self, Opt, Options, Prefix, RouterAdvertisement};
use netstack::wire::{icmpv4, icmpv6};

use super::frame::{self, PEER6};
use super::world::Seen;

/// Most options of a message.
const MOST: usize = 12;

/// A router advertisement.
#[derive(Arbitrary, Debug)]
pub struct Offer {
    hop_limit: u8,
    managed: bool,
    other: bool,
    preference: i8,
    lifetime: u16,
    reachable_time: u32,
    retransmit_time: u16,
    options: Vec<Said>,
}

/// An option of it.
#[derive(Arbitrary, Debug)]
enum Said {
    Link(u8),
    /// `net`: one of few, so that the same is said again.
    Prefix {
        net: u8,
        len: u8,
        on_link: bool,
        autonomous: bool,
        valid: u32,
        preferred: u32,
    },
    Mtu(u16),
    Servers {
        lifetime: u16,
        count: u8,
    },
    Domains {
        lifetime: u16,
        names: Vec<u8>,
    },
    Route {
        net: u8,
        len: u8,
        lifetime: u32,
    },
    Nonce(Vec<u8>),
}

impl Offer {
    pub fn build(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for option in self.options.iter().take(MOST) {
            bytes.extend(option.bytes());
        }
        let Ok(options) = Options::parse(&bytes) else { return Vec::new() };
        let Offer { hop_limit, managed, other, preference, lifetime, reachable_time, .. } = self;
        let retransmit_time = self.retransmit_time.into();
        let message = RouterAdvertisement {
            hop_limit,
            managed,
            other,
            preference,
            lifetime,
            reachable_time,
            retransmit_time,
            options,
        };
        frame::message_v6(icmpv6::ROUTER_ADVERTISEMENT, message.emit())
    }
}

impl Said {
    fn bytes(&self) -> Vec<u8> {
        let servers: Vec<u8> = (0..16u128).flat_map(|n| (PEER6.to_bits() + n).to_be_bytes()).collect();
        ndp::emit_options(&[match *self {
            Said::Link(last) => Opt::SourceLink(Mac([2, 0, 0, 0, 0, last])),
            Said::Prefix { net, len, on_link, autonomous, valid, preferred } => {
                let prefix_len = if len < 160 { 64 } else { len - 100 };
                Opt::Prefix(Prefix { prefix: network(net), prefix_len, on_link, autonomous, valid, preferred })
            }
            Said::Mtu(mtu) => Opt::Mtu(mtu.into()),
            Said::Servers { lifetime, count } => {
                Opt::Rdnss { lifetime: lifetime.into(), servers: &servers[..16 * usize::from(1 + count % 16)] }
            }
            Said::Domains { lifetime, ref names } => {
                Opt::Dnssl { lifetime: lifetime.into(), names: &names[..names.len().min(256)] }
            }
            Said::Route { net, len, lifetime } => {
                Opt::Route { prefix: network(net), prefix_len: len % 129, preference: 0, lifetime }
            }
            Said::Nonce(ref nonce) => Opt::Nonce(&nonce[..nonce.len().min(64)]),
        }])
    }
}

/// Networks that prefixes are of: some that the stack may be in, and one that none is.
fn network(which: u8) -> Ipv6Addr {
    match which % 24 {
        22 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        23 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0),
        which => Ipv6Addr::new(0x2001, 0xdb8, 0, which.into(), 0, 0, 0, 0),
    }
}

/// A question of IGMP version 3 or MLD version 2, or of one before.
#[derive(Arbitrary, Debug)]
pub struct Query {
    v6: bool,
    group: u8,
    code: u16,
    flags: u8,
    interval: u8,
    sources: u8,
    older: bool,
}

impl Query {
    pub fn build(self) -> Vec<u8> {
        let Query { v6, group, code, flags, interval, sources, older } = self;
        let count = if sources < 128 { sources % 4 } else { sources };
        let mut message = if v6 {
            let about = frame::group_asked_for(group).octets();
            [&[icmpv6::LISTENER_QUERY, 0, 0, 0], &code.to_be_bytes()[..], &[0, 0], &about].concat()
        } else {
            let about = if group.is_multiple_of(4) { [0; 4] } else { frame::addr(group).octets() };
            [&[0x11, code as u8, 0, 0], &about[..]].concat()
        };
        if !older {
            message.extend([flags, interval, 0, count]);
            for n in 0..count {
                match v6 {
                    true => message.extend(frame::addr6(n).octets()),
                    false => message.extend(frame::addr(n).octets()),
                }
            }
        }
        if v6 {
            return frame::message_v6(icmpv6::LISTENER_QUERY, message);
        }
        icmpv4::fill_checksum(&mut message);
        frame::ipv4([224, 0, 0, 1].into(), 2, 0, 0, false, &message)
    }
}

/// What a DHCPv6 server says to the question that was asked last.
#[derive(Arbitrary, Debug)]
pub struct Dhcpv6 {
    kind: u8,
    /// It does not say who it is, or to whom it speaks.
    nameless: bool,
    options: Vec<(u8, Vec<u8>)>,
}

impl Dhcpv6 {
    pub fn build(&self, seen: &Seen) -> Vec<u8> {
        const NUMBERS: [u16; 6] = [
            option::DNS_SERVERS,
            option::DOMAIN_LIST,
            option::STATUS_CODE,
            option::INFORMATION_REFRESH_TIME,
            option::INF_MAX_RT,
            option::CLIENT_ID,
        ];
        let named = [(option::CLIENT_ID, &seen.dhcpv6.client[..]), (option::SERVER_ID, b"server")];
        let mut options = if self.nameless { Vec::new() } else { named.to_vec() };
        for (number, value) in self.options.iter().take(MOST) {
            options.push((NUMBERS[usize::from(*number) % NUMBERS.len()], &value[..value.len().min(100)]));
        }
        let kind = if self.kind < 224 { dhcpv6::kind::REPLY } else { self.kind };
        let message = dhcpv6::emit(kind, seen.dhcpv6.transaction, &options);
        frame::datagram_v6(seen.dhcpv6.asker, (dhcpv6::SERVER_PORT, dhcpv6::CLIENT_PORT), &message)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::frame::Frame;
    use super::super::op::{Op, Setting};
    use super::super::world::{ON, World};
    use super::*;

    fn automatic() -> World {
        let setting = Setting { mtu: 1400, checksum_offload: false, forwarding: false, automatic: true, limit: 0 };
        let mut world = World::new(setting);
        world.step(Op::Pass(4000));
        world
    }

    /// The type of the ICMPv6 message that the stack sent last, perhaps behind a header of eight bytes.
    fn last_message(world: &World) -> Option<u8> {
        let packet = world.seen().last_packet(true);
        let at = match packet.get(6)? {
            58 => 40,
            0 => 48,
            _ => return None,
        };
        packet.get(at).copied()
    }

    #[test]
    fn an_offer_makes_an_address_and_has_a_server_asked_that_answers() {
        let mut world = automatic();
        let network = Said::Prefix { net: 1, len: 0, on_link: true, autonomous: true, valid: 7200, preferred: 3600 };
        let offer = Offer {
            hop_limit: 64,
            managed: false,
            other: true,
            preference: 0,
            lifetime: 1800,
            reachable_time: 0,
            retransmit_time: 0,
            options: vec![Said::Link(2), network, Said::Servers { lifetime: 600, count: 1 }],
        };
        world.step(Op::Frame(Frame::Offer(offer)));
        world.step(Op::Pass(5000));
        let of_network = |addr: IpAddr| addr.to_string().starts_with("2001:db8:0:1:");
        assert!(world.stack.interfaces().any(|on| on.addresses.iter().any(|address| of_network(address.net.addr))));
        assert!(world.stack.information(ON).is_none());
        let answer = Dhcpv6 { kind: 0, nameless: false, options: vec![(0, PEER6.octets().to_vec())] };
        world.step(Op::Frame(Frame::Dhcpv6(answer)));
        let told = world.stack.information(ON).expect("it asked");
        assert_eq!(told.dns, [PEER6]);
    }

    #[test]
    fn questions_for_groups_are_answered() {
        for older in [false, true] {
            let mut world = automatic();
            world.step(Op::Pass(20_000));
            let query = Query { v6: true, group: 0, code: 1000, flags: 2, interval: 125, sources: 0, older };
            world.step(Op::Frame(Frame::Query(query)));
            world.step(Op::Pass(2000));
            let report = if older { icmpv6::LISTENER_REPORT_V1 } else { icmpv6::LISTENER_REPORT };
            assert_eq!(last_message(&world), Some(report));
        }
    }
}
