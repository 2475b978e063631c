use super::*;

fn written(space: usize, messages: &[(i32, i32, &[u8])]) -> (Vec<u8>, bool) {
    let mut space = vec![0; space];
    let mut writer = Writer::new(&mut space);
    for (level, kind, data) in messages {
        writer.put(*level, *kind, data);
    }
    let (len, truncated) = (writer.used(), writer.truncated());
    space.truncate(len);
    (space, truncated)
}

#[test]
fn what_is_put_is_read_back() {
    let (bytes, truncated) = written(256, &[(0, 2, &[64, 0, 0, 0]), (0, 1, &[9]), (1, 29, &[7; 16])]);
    assert!(!truncated);
    let read: Vec<_> = Reader::new(&bytes).map(|message| message.expect("well formed")).collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[0].words(), Ok([64]));
    assert_eq!((read[1].level, read[1].kind, read[1].data), (0, 1, &[9][..]));
    assert_eq!(read[2].data, [7; 16]);
    assert_eq!(read[2].words::<1>(), Err(Errno::INVAL));
}

#[test]
fn what_does_not_fit_is_cut_off_and_said() {
    assert_eq!(written(8, &[(0, 2, &[1; 4])]), (vec![], true));
    let (bytes, truncated) = written(18, &[(0, 2, &[1; 4])]);
    assert!(truncated);
    assert_eq!(Reader::new(&bytes).next(), Some(Ok(ControlMessage { level: 0, kind: 2, data: &[1, 1] })));
}

#[test]
fn a_length_that_lies_is_einval() {
    for len in [0usize, 15, 25, usize::MAX] {
        let mut bytes = written(64, &[(0, 2, &[1; 4])]).0;
        bytes[..8].copy_from_slice(&len.to_ne_bytes());
        assert_eq!(Reader::new(&bytes).next(), Some(Err(Errno::INVAL)), "{len}");
    }
}
