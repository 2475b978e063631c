use super::*;

fn bytes(addr: &str) -> Vec<u8> {
    let (bytes, len) = encode(addr.parse().expect("an address"));
    bytes[..len].to_vec()
}

#[test]
fn what_is_encoded_is_parsed() {
    for (domain, addr) in [(AF_INET, "10.1.2.3:80"), (AF_INET, "0.0.0.0:0"), (AF_INET6, "[2001:db8::7]:65535")] {
        let addr: SocketAddr = addr.parse().expect("an address");
        assert_eq!(parse(domain, &bytes(&addr.to_string())), Ok(Address::Inet(addr)));
    }
}

#[test]
fn lengths_and_families_fail_as_on_linux() {
    let inet = bytes("10.1.2.3:80");
    let inet6 = bytes("[::1]:80");
    assert_eq!(parse(AF_INET, &[]), Err(Errno::INVAL));
    assert_eq!(parse(AF_INET, &inet[..1]), Err(Errno::INVAL));
    assert_eq!(parse(AF_INET, &inet[..15]), Err(Errno::INVAL));
    assert_eq!(
        parse(AF_INET, &[&inet[..], &[0; 100]].concat()),
        Ok(Address::Inet("10.1.2.3:80".parse().expect("valid")))
    );
    assert_eq!(parse(AF_INET, &inet6), Err(Errno::AFNOSUPPORT));
    assert_eq!(parse(AF_INET, &inet6[..8]), Err(Errno::INVAL));
    assert_eq!(parse(AF_INET6, &inet6[..23]), Err(Errno::INVAL));
    assert_eq!(parse(AF_INET6, &inet6[..24]), parse(AF_INET6, &inet6));
}

#[test]
fn unspecified_is_an_address_only_where_it_must_be() {
    let mut any = bytes("0.0.0.0:53");
    any[..2].fill(0);
    let address = parse(AF_INET, &any).expect("two bytes are enough");
    assert_eq!(address, Address::Unspecified(Some("0.0.0.0:53".parse().expect("valid"))));
    assert_eq!(address.inet(), Ok("0.0.0.0:53".parse().expect("valid")));
    assert_eq!(parse(AF_INET, &[0, 0]).and_then(Address::inet), Err(Errno::INVAL));
}
