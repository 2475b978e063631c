//! Programs that look at frames, and make their own.

use super::{Net, Ready};
use crate::failure::ensure;
use crate::unique::Directory;
use crate::{Outcome, Program, capture};

/// A node that listens to others. (Clients take what addresses are free, and there are no others yet.)
const AT: &str = "10.0.0.200/24";

/// What two nodes say to each other while a third captures.
fn connect(net: &Net) -> Outcome {
    let listener = Program::new("nc").words("-n -v -k -l 10.0.0.1 7000");
    let _listener = net.start(listener, 1, Ready::Says("Listening"))?;
    net.client(Program::new("nc").words("-n -z -w 5 10.0.0.1 7000")).run()?;
    Ok(())
}

pub fn tcpdump(net: &Net) -> Outcome<String> {
    let captures = Program::new("tcpdump").words("-i shmif0 -n -l -c 3 tcp port 7000");
    let mut captures = net.client_at(AT, captures).start()?;
    captures.expect("listening on shmif0")?;
    connect(net)?;
    let said = captures.finish()?.success()?.text();
    let handshake = said.contains("10.0.0.1.7000: Flags [S],") && said.contains("IP 10.0.0.1.7000 > ");
    ensure(handshake && said.contains("Flags [S.],"), || format!("tcpdump says\n{said}"))?;
    Ok("saw a handshake".into())
}

pub fn tcpdump_writes(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-captures")?;
    let file = place.join("frames.pcap");
    let captures = Program::new("tcpdump").words("-i shmif0 -Z root -U -c 6 -w").arg(&file).words("tcp or arp");
    let mut captures = net.client_at(AT, captures).start()?;
    captures.expect("listening on shmif0")?;
    connect(net)?;
    captures.finish()?.success()?;
    let frames = capture::check(&file, "frame")?;
    let handshake = capture::check(&file, "tcp.flags.syn == 1 && tcp.dstport == 7000")?;
    Ok(format!("{frames} frames, {handshake} of them a SYN, which tshark reads"))
}

pub fn tshark(net: &Net) -> Outcome<String> {
    let captures = Program::new("tshark").words("-i shmif0 -n -l -c 3 -f").arg("tcp port 7000");
    let mut captures = net.client_at(AT, captures).start()?;
    captures.expect("Capture started")?;
    connect(net)?;
    let said = captures.finish()?.success()?.text();
    ensure(said.contains("7000 [SYN]") && said.contains("[SYN, ACK]"), || format!("tshark says\n{said}"))?;
    Ok("saw a handshake".into())
}

pub fn arping(net: &Net) -> Outcome<String> {
    let listener = Program::new("nc").words("-n -v -k -l 10.0.0.1 7000");
    let _listener = net.start(listener, 1, Ready::Says("Listening"))?;
    let said = net.client(Program::new("arping").words("-i shmif0 -c 3 10.0.0.1")).run()?.text();
    ensure(said.contains("3 packets received,   0% unanswered"), || format!("arping says\n{said}"))?;
    Ok("3 answers to 3 questions".into())
}
