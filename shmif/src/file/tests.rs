use super::*;

#[test]
fn a_truncated_file_does_not_grow_again() {
    let dir = tempfile::tempdir_in("/dev/shm").expect("a directory");
    let path = dir.path().join("bus");
    let file = BusFile::open(&path, true).expect("a bus");
    file.extend_to(0).expect("room");
    file.reserve(0, 0, 4096).expect("room");
    let len = || std::fs::metadata(&path).expect("a file").len();
    assert!(len() > 4096);
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("truncated");
    // A node that has not noticed yet wants more room for its frames.
    let _ = file.reserve(0, 4096, 4096);
    assert_eq!(len(), 0);
    BusFile::open(&path, true).expect("an empty file becomes a bus");
}
