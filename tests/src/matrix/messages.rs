//! Stores and brokers.

use super::{Net, Ready, SERVER};
use crate::failure::ensure;
use crate::unique::Directory;
use crate::{Outcome, Program, Running};

fn redis(net: &Net, place: &Directory) -> Outcome<Running> {
    let server = Program::new("redis-server").words("--bind 10.0.0.1 --port 6379 --protected-mode no --save --dir");
    net.start(server.arg(place.path()), 1, Ready::Says("Ready to accept connections"))
}

pub fn redis_benchmark(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-redis")?;
    let _server = redis(net, &place)?;
    let load = Program::new("redis-benchmark").words("-h 10.0.0.1 -n 50000 -c 50 -t set,get --csv");
    let said = net.client(load).run()?.text();
    let rate = |test: &str| {
        let line = said.lines().find(|line| line.starts_with(&format!("\"{test}\"")))?;
        line.split(',').nth(1).map(|rate| rate.trim_matches('"').to_owned())
    };
    match (rate("SET"), rate("GET")) {
        (Some(set), Some(get)) => Ok(format!("SET {set}/s, GET {get}/s")),
        _ => Err(crate::Failure::new(format!("redis-benchmark says\n{said}"))),
    }
}

pub fn redis_pipe(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-redis")?;
    let _server = redis(net, &place)?;
    let commands: String = (0..10_000).map(|n| format!("SET key{n} {n}\r\n")).collect();
    let pipe = Program::new("redis-cli").words("-h 10.0.0.1 --pipe").input(commands);
    net.client(pipe).run()?.expect("errors: 0, replies: 10000")?;
    let size = net.client(Program::new("redis-cli").words("-h 10.0.0.1 dbsize")).run()?.text();
    ensure(size.trim() == "10000", || format!("the server has {size} keys"))?;
    Ok("errors: 0, replies: 10000".into())
}

pub fn memcached(net: &Net) -> Outcome<String> {
    let server = Program::new("memcached").words("-u root -l 10.0.0.1 -p 11211");
    let _server = net.start(server, 1, Ready::Takes(11211))?;
    let store: String = (0..1000).map(|n| format!("set key{n} 0 0 5\r\n{n:05}\r\n")).collect();
    let read: String = (0..1000).map(|n| format!("get key{n}\r\n")).collect();
    let client = Program::new("nc").words("-N").arg(SERVER).arg("11211").input(format!("{store}{read}quit\r\n"));
    let said = net.client(client).run()?.text();
    let (stored, found) = (said.matches("STORED").count(), said.matches("VALUE").count());
    ensure((stored, found) == (1000, 1000), || format!("{stored} were stored, {found} found"))?;
    ensure(said.contains("VALUE key999 0 5\r\n00999\r\n"), || "a value is another".into())?;
    Ok("all found".into())
}

pub fn mosquitto(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-mosquitto")?;
    let file = place.write("mosquitto.conf", "listener 1883 10.0.0.1\nallow_anonymous true\nuser root\n")?;
    let mut broker = net.start(Program::new("mosquitto").arg("-v").arg("-c").arg(file), 1, Ready::Takes(1883))?;
    let subscribe = Program::new("mosquitto_sub").words("-h 10.0.0.1 -q 1 -t numbers -C 100 -W 30");
    let subscriber = net.client(subscribe).start()?;
    broker.expect("Sending SUBACK")?;
    let numbers: String = (1..=100).map(|n| format!("number {n}\n")).collect();
    net.client(Program::new("mosquitto_pub").words("-h 10.0.0.1 -q 1 -t numbers -l").input(numbers)).run()?;
    let said = subscriber.finish()?.success()?.text();
    let came = (1..=100).filter(|n| said.lines().any(|line| line == format!("number {n}"))).count();
    ensure(came == 100, || format!("{came} of 100 messages came"))?;
    Ok("all came".into())
}
