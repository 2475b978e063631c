//! RUMP_NET as users write it: a value or a sentence, and a value that can be written and read again.

use kernel::config::Net;

/// Reads the text; what it says must survive being written.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Net>() {
        Ok(net) => {
            let written = net.to_string();
            assert_eq!(written.parse::<Net>().as_ref(), Ok(&net), "{text:?} is written as {written:?}");
        }
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}
