use super::*;

fn parts(name_len: u32, buffers: usize) -> Result<(u32, usize)> {
    let mut name = 0u8;
    // SAFETY: null pointers and zero lengths are a message.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = name_len;
    header.msg_iovlen = buffers;
    Out::of(&mut header).parts().map(|message| (message.name_len, message.count))
}

#[test]
fn a_message_with_more_buffers_than_iov_max_is_too_long() {
    assert_eq!(parts(16, IOV_MAX), Ok((16, IOV_MAX)));
    assert_eq!(parts(16, IOV_MAX + 1), Err(Errno::MSGSIZE));
}

#[test]
fn a_name_is_cut_to_the_longest_and_not_negative() {
    assert_eq!(parts(4096, 1), Ok((128, 1)));
    assert_eq!(parts(u32::MAX, 1), Err(Errno::INVAL));
}
