use super::*;

const ON: IfIndex = IfIndex(2);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

fn udp(ephemeral: RangeInclusive<u16>) -> (Udp, Rng) {
    let mut rng = Rng::new([1; 32]);
    (Udp::new(&mut rng, ephemeral), rng)
}

fn open(udp: &mut Udp) -> UdpId {
    udp.open(Key(1), arena::ring::heap(64).0)
}

#[test]
fn ephemeral_ports_end_and_come_back() {
    let (mut udp, mut rng) = udp(40_000..=40_009);
    let mut bind = |udp: &mut Udp| {
        let id = open(udp);
        udp.bind(id, addr("0.0.0.0:0"), BindOptions::default(), &mut rng).map(|local| (id, local.port()))
    };
    let sockets: Vec<_> = (0..10).map(|_| bind(&mut udp).expect("a port")).collect();
    let mut ports: Vec<u16> = sockets.iter().map(|(_, port)| *port).collect();
    ports.sort_unstable();
    assert_eq!(ports, (40_000..=40_009).collect::<Vec<_>>());
    assert_eq!(bind(&mut udp), Err(BindError::NoPorts));
    udp.close(sockets[3].0);
    assert_eq!(bind(&mut udp).expect("the one that came back").1, sockets[3].1);
}

#[test]
fn the_most_particular_socket_gets_the_datagram() {
    let (mut udp, mut rng) = udp(40_000..=40_009);
    let reuse = BindOptions { reuse_addr: true, ..BindOptions::default() };
    let mut bind = |udp: &mut Udp, local| {
        let id = open(udp);
        udp.bind(id, addr(local), reuse, &mut rng).expect("shared");
        id
    };
    let any = bind(&mut udp, "0.0.0.0:7");
    let (here, peer) = (addr("10.0.0.1:7"), addr("10.0.0.2:99"));
    assert_eq!(udp.find(false, here, peer, ON), Some(any));
    let newer = bind(&mut udp, "0.0.0.0:7");
    assert_eq!(udp.find(false, here, peer, ON), Some(newer), "of equals the newest");
    let particular = bind(&mut udp, "10.0.0.1:7");
    assert_eq!(udp.find(false, here, peer, ON), Some(particular));
    let connected = bind(&mut udp, "0.0.0.0:7");
    udp.connect(connected, here.ip(), ON, peer);
    assert_eq!(udp.find(false, here, peer, ON), Some(connected));
    assert_eq!(udp.find(false, here, addr("10.0.0.2:98"), ON), Some(particular));
    assert_eq!(udp.find(false, addr("10.0.0.1:8"), peer, ON), None);
    udp.get_mut(particular).expect("open").options.bound_to = Some(IfIndex(9));
    assert_eq!(udp.find(false, here, addr("10.0.0.2:98"), ON), Some(newer), "bound to another interface");
    for id in [connected, particular, newer, any] {
        udp.close(id);
    }
    assert_eq!(udp.find(false, here, peer, ON), None);
    assert!(udp.by_port.is_empty() && udp.by_local.is_empty() && udp.by_ends.is_empty());
}
