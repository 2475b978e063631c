//! A router of IPv6 as hosts see it: what it offers.

use std::net::Ipv6Addr;

use super::{Link, Net, NodeId, STRANGER, ethernet_frame, icmpv6_packet};
use netstack::link::IfIndex;
use netstack::time::Duration;
use netstack::wire::ethernet;
use netstack::wire::ndp::{self, Opt, Prefix, RouterAdvertisement};

/// The first interface of a node beside `lo`.
pub const ETH: IfIndex = IfIndex(2);
/// The router, which is the stranger.
pub const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xff);
/// The network that it offers.
pub const NET: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0);

/// A prefix (NET) for addresses, with these lifetimes in seconds.
pub fn prefix(valid: u32, preferred: u32) -> Opt<'static> {
    Opt::Prefix(Prefix { prefix: NET, prefix_len: 64, on_link: true, autonomous: true, valid, preferred })
}

/// What a router says that says nothing of the link.
pub fn silent() -> RouterAdvertisement<'static> {
    RouterAdvertisement {
        hop_limit: 0,
        managed: false,
        other: false,
        preference: 0,
        lifetime: 1800,
        reachable_time: 0,
        retransmit_time: 0,
        options: ndp::Options::parse(&[]).expect("none"),
    }
}

/// The node hears the router say this.
pub fn hear(net: &mut Net, node: NodeId, offer: RouterAdvertisement<'_>, options: &[Opt<'_>]) {
    let options = ndp::emit_options(&[&[Opt::SourceLink(STRANGER)], options].concat());
    let options = ndp::Options::parse(&options).expect("well made");
    let message = RouterAdvertisement { options, ..offer }.emit();
    let packet = icmpv6_packet(ROUTER, ndp::ALL_NODES, 255, message);
    let frame = ethernet_frame(ethernet::multicast(ndp::ALL_NODES.into()), STRANGER, ethernet::IPV6, &packet);
    net.inject(node, ETH, &frame);
}

/// A node that listens to routers, and has its link-local address.
pub fn listener(seed: u64) -> (Net, NodeId) {
    let mut net = Net::new(seed);
    let a = net.node();
    let link = net.link(Link::default());
    let on = net.attach(a, link);
    let now = net.now();
    net.stack(a).enable_ipv6(now, on, true).expect("a good link");
    net.run_for(Duration::from_secs(3));
    (net, a)
}
