use super::*;

#[test]
fn no_family_is_a_way_round_to_the_hosts_network() {
    for family in OTHER_WAYS {
        assert_eq!(socket(family, libc::SOCK_STREAM, 0), Some(Err(Errno::AFNOSUPPORT)), "{family}");
    }
    assert_eq!(socket(libc::AF_UNIX, libc::SOCK_STREAM, 0), None);
    // What is not about the network.
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT), None);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER), Some(Err(Errno::PROTONOSUPPORT)));
}
