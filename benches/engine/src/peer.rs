//! Two smoltcp stacks, back to back, in the same shape as ours.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use crate::pair::Offload;
use crate::wire::{Frame, Wire};

/// Two stacks and the wires that leave them.
pub struct Pair {
    now: Instant,
    sides: Vec<Side>,
    wires: [Wire; 2],
    mtu: usize,
    offload: bool,
}

struct Side {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

impl Pair {
    /// A connection over a link with this MTU. Segments longer than that smoltcp does not make. Buffers are of `ring` bytes.
    pub fn new(mtu: u32, offload: Offload, ring: usize) -> Pair {
        let offload = offload != Offload::None;
        let mut wires = [Wire::default(), Wire::default()];
        let now = Instant::ZERO;
        let sides = (0..2).map(|number| {
            let mut device = Port { mtu: mtu as usize, offload, wires: &mut wires, side: number };
            let mac = EthernetAddress([2, 0, 0, 0, 0, number as u8 + 1]);
            let mut interface = Interface::new(Config::new(HardwareAddress::Ethernet(mac)), &mut device, now);
            interface.update_ip_addrs(|addresses| {
                addresses.push(IpCidr::new(address(number), 24)).expect("room for one");
            });
            let buffer = || tcp::SocketBuffer::new(vec![0; ring]);
            let mut socket = tcp::Socket::new(buffer(), buffer());
            if number == 1 {
                socket.listen(80).expect("a port");
            } else {
                socket.connect(interface.context(), (address(1), 80), 50_000).expect("a closed socket");
            }
            let mut sockets = SocketSet::new(Vec::new());
            let socket = sockets.add(socket);
            Side { interface, sockets, socket }
        });
        let mut pair = Pair { now, sides: sides.collect(), wires, mtu: mtu as usize, offload };
        while !pair.socket(1).may_send() {
            pair.pass(Duration::from_micros(100));
        }
        pair
    }

    /// The socket of a side.
    pub fn socket(&mut self, side: usize) -> &mut tcp::Socket<'static> {
        let Side { sockets, socket, .. } = &mut self.sides[side];
        sockets.get_mut(*socket)
    }

    /// Both stacks run, and time passes.
    pub fn pass(&mut self, time: Duration) {
        for number in 0..2 {
            let Side { interface, sockets, .. } = &mut self.sides[number];
            let mut device = Port { mtu: self.mtu, offload: self.offload, wires: &mut self.wires, side: number };
            interface.poll(self.now, &mut device, sockets);
        }
        self.now += time;
    }
}

fn address(number: usize) -> IpAddress {
    IpAddress::v4(10, 0, 0, number as u8 + 1)
}

/// A stack's end of the wires.
struct Port<'a> {
    mtu: usize,
    offload: bool,
    wires: &'a mut [Wire; 2],
    side: usize,
}

impl Device for Port<'_> {
    type RxToken<'b>
        = Received
    where
        Self: 'b;
    type TxToken<'b>
        = Sending<'b>
    where
        Self: 'b;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sending<'_>)> {
        let [a, b] = &mut *self.wires;
        let (own, others) = if self.side == 0 { (a, b) } else { (b, a) };
        let frame = others.receive()?;
        Some((Received(frame.bytes), Sending(own)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.wires[self.side]))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + 14;
        if self.offload {
            capabilities.checksum = ChecksumCapabilities::ignored();
            capabilities.checksum.ipv4 = Checksum::Both;
        }
        capabilities
    }
}

struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Sending<'a>(&'a mut Wire);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = self.0.buffer();
        buffer.resize(len, 0);
        let result = f(&mut buffer);
        self.0.send(Frame { bytes: buffer, good: false, segment_size: 0 });
        result
    }
}
