use super::*;

fn net(flags: &str) -> String {
    flags.parse::<Settings>().expect("right").net(Path::new("/bus"), Mac([2, 0, 0, 0, 0, 1]))
}

#[test]
fn the_defaults_are_packetdrills() {
    assert_eq!(net(""), "shmif:/bus,mac=02:00:00:00:00:01,mtu=1500,addr=192.168.0.1/16,gw=192.168.0.2");
}

#[test]
fn every_key_has_its_place() {
    let flags = "mtu=9000,local=10.0.0.1/8,gateway=10.0.0.2,local=10.1.0.1/24,net=hostname=dut+search=example.org";
    assert_eq!(
        net(flags),
        "shmif:/bus,mac=02:00:00:00:00:01,mtu=9000,addr=10.0.0.1/8,addr=10.1.0.1/24,gw=10.0.0.2,hostname=dut,search=example.org"
    );
}

#[test]
fn a_wrong_key_or_value_is_said() {
    for (flags, said) in [("colour=red", "colour is unknown"), ("mtu=big", "mtu=big"), ("local", "local has no value")]
    {
        let error = flags.parse::<Settings>().expect_err(flags);
        assert!(error.contains(said), "{error}");
    }
}
