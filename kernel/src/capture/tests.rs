use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use netstack::wire::checksum::Sum;
use pcap_file::pcap::PcapReader;
use pcap_file::{DataLink, TsResolution};

use super::*;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn frames(path: &Path) -> Vec<(Duration, u32, Vec<u8>)> {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let header = reader.header();
    assert_eq!((header.datalink, header.ts_resolution), (DataLink::ETHERNET, TsResolution::NanoSecond));
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        frames.push((packet.timestamp, packet.orig_len, packet.data.into_owned()));
    }
    frames
}

/// An Ethernet frame with a UDP datagram from 10.0.0.1 to 10.0.0.2 whose checksum field holds the pseudo-header's sum.
fn partial_frame() -> Vec<u8> {
    let ip = [69, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0x66, 0xcc, 10, 0, 0, 1, 10, 0, 0, 2];
    let sum = Sum::pseudo_v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, 11).partial();
    [&[0xb2; 12][..], &[8, 0], &ip, &[0, 7, 0, 7, 0, 11], &sum.to_be_bytes(), b"abc"].concat()
}

#[test]
fn what_is_captured_is_read_back_by_another_reader() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    capture.frame(1_700_000_000_123_456_789, &[&[1; 14], &[], &[2; 3]], false).unwrap();
    capture.frame(u64::MAX, &[&[7; 65_549]], false).unwrap();
    let expected = [
        (Duration::new(1_700_000_000, 123_456_789), 17, [[1; 14].as_slice(), &[2; 3]].concat()),
        (Duration::new(u64::from(u32::MAX), 709_551_615), 65_549, vec![7; 65_549]),
    ];
    assert_eq!(frames(&path), expected, "readable while it is still being written");
}

#[test]
fn a_partial_checksum_is_completed_in_the_copy_and_a_full_one_is_left() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    let frame = partial_frame();
    capture.frame(0, &[&frame[..42], &frame[42..43], &frame[43..]], true).unwrap();
    capture.frame(0, &[&frame], false).unwrap();
    let captured = frames(&path);
    let udp = &captured[0].2[34..];
    assert_eq!(Sum::pseudo_v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, 11).bytes(udp).finish(), 0);
    assert_eq!((&captured[0].2[..40], &captured[0].2[42..]), (&frame[..40], &frame[42..]));
    assert_eq!(captured[1].2, frame);
}

#[test]
fn frames_that_are_no_packets_are_captured_as_they_are() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    let odd =
        [vec![], vec![8], vec![0xff; 14], [vec![0; 12], vec![8, 0, 0x4f, 1]].concat(), partial_frame()[..36].to_vec()];
    for frame in &odd {
        capture.frame(0, &[frame], true).unwrap();
    }
    assert_eq!(frames(&path).into_iter().map(|(_, _, data)| data).collect::<Vec<_>>(), odd);
}

#[test]
fn a_frame_beyond_the_snap_length_is_cut() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    capture.frame(0, &[&[1; SNAP_LEN], &[2]], false).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 24 + RECORD_HEADER + SNAP_LEN);
    assert_eq!(bytes[36..40], (SNAP_LEN as u32 + 1).to_ne_bytes());
}

#[test]
fn a_capture_begins_anew_and_only_one_writes_a_file_at_a_time() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut first = Capture::create(&path).unwrap();
    first.frame(0, &[&[1; 60]], false).unwrap();
    let error = Capture::create(&path).unwrap_err();
    assert_eq!(error, CaptureError::Busy(path.clone()));
    assert_eq!(frames(&path).len(), 1, "the refused one emptied nothing");
    drop(first);
    drop(Capture::create(&path).unwrap());
    assert_eq!(frames(&path), []);
}

#[test]
fn what_is_not_a_file_is_refused_without_waiting() {
    let directory = directory();
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    for path in [&pipe, directory.path(), Path::new("/dev/full")] {
        assert_eq!(Capture::create(path).unwrap_err(), CaptureError::NotAFile(path.to_owned()));
    }
    let missing = directory.path().join("missing/a.pcap");
    assert_eq!(Capture::create(&missing).unwrap_err(), CaptureError::Open(missing.clone(), Errno::NOENT));
}

#[test]
fn a_write_error_is_said_once_and_ends_the_capture() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    let full = rustix::fs::open("/dev/full", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    capture.file = Some(descriptor::protect(full));
    assert_eq!(capture.frame(0, &[&[1; 60]], false), Err(CaptureError::Write(path.clone(), Errno::NOSPC)));
    assert_eq!(capture.frame(0, &[&[1; 60]], false), Ok(()));
    assert_eq!(frames(&path), []);
}

#[test]
fn at_the_limit_of_file_sizes_the_capture_ends_before_a_signal_would() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    capture.limit = 24 + 2 * 76;
    capture.frame(0, &[&[1; 60]], false).unwrap();
    capture.frame(0, &[&[2; 60]], false).unwrap();
    assert_eq!(capture.frame(0, &[&[3; 60]], false), Err(CaptureError::Write(path.clone(), Errno::FBIG)));
    assert_eq!(frames(&path).len(), 2);
}

#[test]
fn a_program_that_wants_the_number_of_the_descriptor_gets_it() {
    let directory = directory();
    let path = directory.path().join("a.pcap");
    let mut capture = Capture::create(&path).unwrap();
    let number = capture.file.as_ref().unwrap().as_raw_fd();
    descriptor::protect_move(number).unwrap();
    assert_ne!(capture.file.as_ref().unwrap().as_raw_fd(), number);
    capture.frame(0, &[&[1; 60]], false).unwrap();
    assert_eq!(frames(&path).len(), 1);
}
