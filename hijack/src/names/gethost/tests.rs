#![allow(unsafe_code)]

use super::*;
use std::ffi::CStr;

fn host() -> Host {
    Host {
        name: "web.example".into(),
        aliases: vec!["web".into(), "www".into()],
        addresses: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
    }
}

/// The pointers of an array up to its null.
fn array(first: *mut *mut c_char) -> Vec<*mut c_char> {
    // SAFETY: `pack` ends its arrays with a null.
    (0..).map(|index| unsafe { first.add(index).read() }).take_while(|pointer| !pointer.is_null()).collect()
}

fn text(string: *mut c_char) -> String {
    // SAFETY: `pack` ends its strings with a NUL.
    unsafe { CStr::from_ptr(string) }.to_str().unwrap().to_owned()
}

#[test]
fn a_host_is_packed_at_any_alignment_as_c_reads_it() {
    for skip in 0..8 {
        let mut buf = [0xaau8; 256];
        let packed = pack(&host(), AF_INET, &mut buf[skip..]).unwrap();
        assert_eq!(text(packed.h_name), "web.example");
        assert_eq!(array(packed.h_aliases).into_iter().map(text).collect::<Vec<_>>(), ["web", "www"]);
        assert_eq!((packed.h_addrtype, packed.h_length), (AF_INET, 4));
        let addresses = array(packed.h_addr_list).into_iter().map(|address| {
            // SAFETY: four bytes, as `h_length` says.
            unsafe { address.cast::<[u8; 4]>().read() }
        });
        assert_eq!(addresses.collect::<Vec<_>>(), [[10, 0, 0, 1], [10, 0, 0, 2]]);
        assert!(packed.h_aliases.is_aligned() && packed.h_addr_list.is_aligned());
    }
}

#[test]
fn what_does_not_fit_is_not_packed_and_nothing_is_written_behind() {
    // Aligned, so that the least length is known: two arrays of three pointers, two addresses, three strings.
    let mut words = [0u64; 16];
    // SAFETY: the bytes of the words.
    let buf = unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), 128) };
    let least = 2 * 3 * size_of::<usize>() + 2 * 4 + "web.example.web.www.".len();
    for length in 0..least {
        buf.fill(0x55);
        assert!(pack(&host(), AF_INET, &mut buf[..length]).is_none(), "{length}");
        assert!(buf[length..].iter().all(|&byte| byte == 0x55));
    }
    assert!(pack(&host(), AF_INET, &mut buf[..least]).is_some());
}
