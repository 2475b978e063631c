use crate::socket::Socket;
use crate::socket::testing::{Alone, at, int, linger_zero, recv, recv_all, send, set_timeout};
use crate::{Errno, Events};
use libc::{
    MSG_DONTWAIT, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_ERROR,
};
use std::io::IoSliceMut;
use std::thread;
use std::time::{Duration, Instant};

/// Sends until there is no room; how much that was.
fn fill(socket: &Socket) -> usize {
    let mut sent = 0;
    while let Ok(n) = send(socket, &[7; 65536], MSG_DONTWAIT) {
        sent += n;
    }
    sent
}

#[test]
fn data_then_the_end_then_the_end_again() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    assert_eq!(send(&client, b"hello", 0), Ok(5));
    client.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(recv(&server, 3, 0), Ok(b"hel".to_vec()));
    assert_eq!(recv(&server, 9, 0), Ok(b"lo".to_vec()));
    assert_eq!(recv(&server, 9, 0), Ok(vec![]));
    assert_eq!(recv(&server, 9, 0), Ok(vec![]));
    assert_eq!(send(&client, b"x", 0), Err(Errno::PIPE));
    assert_eq!(send(&server, b"half open", 0), Ok(9));
    assert_eq!(recv(&client, 99, 0), Ok(b"half open".to_vec()));
    drop(server);
    assert_eq!(recv(&client, 9, 0), Ok(vec![]));
}

#[test]
fn shutdown_of_reading_is_the_end_here_alone() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    server.shutdown(SHUT_RD).expect("shutdown");
    assert_eq!(recv(&server, 9, 0), Ok(vec![]));
    assert_eq!(send(&server, b"still", 0), Ok(5));
    assert_eq!(recv(&client, 9, 0), Ok(b"still".to_vec()));
    server.shutdown(SHUT_RDWR).expect("shutdown");
    assert_eq!(recv(&client, 9, 0), Ok(vec![]));
    assert_eq!(server.shutdown(99), Err(Errno::INVAL));
    assert_eq!(kernel.stream().shutdown(SHUT_WR), Err(Errno::NOTCONN));
}

#[test]
fn a_reset_is_an_error_once_and_then_the_end() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    linger_zero(&server);
    drop(server);
    assert_eq!(client.readiness() & (Events::ERR | Events::HUP | Events::IN), Events::ERR | Events::HUP | Events::IN);
    assert_eq!(recv(&client, 9, 0), Err(Errno::CONNRESET));
    assert_eq!(recv(&client, 9, 0), Ok(vec![]));
    assert_eq!(send(&client, b"x", 0), Err(Errno::PIPE));
    assert_eq!(client.peer_addr(), Err(Errno::NOTCONN));
}

#[test]
fn so_error_takes_the_reset() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    linger_zero(&server);
    drop(server);
    assert_eq!(int(&client, SO_ERROR), Errno::CONNRESET.raw_os_error());
    assert_eq!(int(&client, SO_ERROR), 0);
    assert_eq!(recv(&client, 9, 0), Ok(vec![]));
}

#[test]
fn unread_data_makes_a_close_a_reset() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    send(&client, b"never read", 0).expect("send");
    recv(&server, 1, MSG_PEEK).expect("it has come");
    drop(server);
    assert_eq!(recv(&client, 9, 0), Err(Errno::CONNRESET));
}

#[test]
fn nobody_there_refuses_and_the_socket_can_try_again() {
    let kernel = Alone::boot();
    let client = kernel.stream();
    assert_eq!(client.connect(at("127.0.0.1:80")), Err(Errno::CONNREFUSED));
    assert_eq!(int(&client, SO_ERROR), 0, "connect has told it");
    let _listener = kernel.listener("127.0.0.1:80");
    assert_eq!(client.connect(at("127.0.0.1:80")), Ok(()));
    assert_eq!(client.connect(at("127.0.0.1:80")), Err(Errno::ISCONN));
    assert_eq!(kernel.stream().connect(at("10.0.0.1:80")), Err(Errno::NETUNREACH));
    assert_eq!(kernel.stream().connect(at("0.0.0.0:80")), Ok(()), "the unspecified address is this host");
}

#[test]
fn a_nonblocking_connect_tells_its_end_once() {
    let kernel = Alone::boot();
    let listener = kernel.listener("127.0.0.1:80");
    let client = kernel.stream();
    client.set_nonblocking(true);
    assert_eq!(client.connect(at("127.0.0.1:80")), Err(Errno::INPROGRESS));
    let (server, _) = listener.accept().expect("accept");
    assert_eq!(client.connect(at("127.0.0.1:80")), Ok(()));
    assert_eq!(client.connect(at("127.0.0.1:80")), Err(Errno::ISCONN));
    assert_eq!(send(&server, b"x", 0), Ok(1));

    let refused = kernel.stream();
    refused.set_nonblocking(true);
    assert_eq!(refused.connect(at("127.0.0.1:81")), Err(Errno::INPROGRESS));
    assert_eq!(refused.readiness() & Events::ERR, Events::ERR);
    assert_eq!(int(&refused, SO_ERROR), Errno::CONNREFUSED.raw_os_error());
}

#[test]
fn a_fresh_socket_neither_sends_nor_receives() {
    let kernel = Alone::boot();
    let fresh = kernel.stream();
    assert_eq!(send(&fresh, b"x", 0), Err(Errno::PIPE));
    assert_eq!(recv(&fresh, 9, 0), Err(Errno::NOTCONN));
    assert_eq!((fresh.inq(), fresh.outq()), (Ok(0), Ok(0)));
}

#[test]
fn disconnect_resets_the_peer_and_frees_the_socket() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    client.disconnect().expect("disconnect");
    assert_eq!(recv(&server, 9, 0), Err(Errno::CONNRESET));
    let _listener = kernel.listener("127.0.0.1:80");
    assert_eq!(client.connect(at("127.0.0.1:80")), Ok(()));
}

#[test]
fn timeouts_end_a_wait_with_what_there_is() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    let time = Duration::from_millis(30);
    set_timeout(&server, libc::SO_RCVTIMEO, time);
    set_timeout(&client, libc::SO_SNDTIMEO, time);
    let start = Instant::now();
    assert_eq!(recv(&server, 9, 0), Err(Errno::AGAIN));
    assert!(start.elapsed() >= time);
    send(&client, b"abc", 0).expect("send");
    assert_eq!(recv(&server, 9, MSG_WAITALL), Ok(b"abc".to_vec()), "the timeout ends MSG_WAITALL");

    let start = Instant::now();
    let sent = send(&client, &vec![0; 16 << 20], 0).expect("as much as there is room for");
    assert!(sent < 16 << 20 && start.elapsed() >= time, "{sent}");
    assert_eq!(send(&client, b"x", 0), Err(Errno::AGAIN));
}

#[test]
fn nonblocking_calls_do_not_wait() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    assert_eq!(recv(&server, 9, MSG_DONTWAIT), Err(Errno::AGAIN));
    server.set_nonblocking(true);
    assert_eq!(recv(&server, 9, 0), Err(Errno::AGAIN));
    let filled = fill(&client);
    assert!(filled > 0 && !client.readiness().contains(Events::OUT));
    let mut received = 0;
    while received < filled {
        received += recv(&server, 1 << 20, 0).expect("it is on its way inside this process").len();
    }
    assert!(client.readiness().contains(Events::OUT));
    assert_eq!((received, client.outq()), (filled, Ok(0)));
}

#[test]
fn blocked_calls_go_on_when_the_peer_does() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    thread::scope(|scope| {
        let reader = scope.spawn(|| recv(&server, 9, 0));
        send(&client, b"x", 0).expect("send");
        assert_eq!(reader.join().expect("thread"), Ok(b"x".to_vec()));

        let writer = scope.spawn(|| send(&client, &vec![1; 8 << 20], 0));
        let mut received = 0;
        while received < 8 << 20 {
            received += recv(&server, 1 << 20, 0).expect("recv").len();
        }
        assert_eq!(writer.join().expect("thread"), Ok(8 << 20));

        let reader = scope.spawn(|| recv(&server, 9, 0));
        client.shutdown(SHUT_WR).expect("shutdown");
        assert_eq!(reader.join().expect("thread"), Ok(vec![]));
    });
}

#[test]
fn flags_of_recv() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    send(&client, b"abcdef", 0).expect("send");
    assert_eq!(server.inq(), Ok(6));
    assert_eq!(recv(&server, 3, MSG_PEEK), Ok(b"abc".to_vec()));
    assert_eq!(recv(&server, 3, MSG_PEEK), Ok(b"abc".to_vec()));
    let (bytes, discarded) = recv_all(&server, 2, MSG_TRUNC).expect("recv");
    assert_eq!((bytes, discarded.len), (vec![0, 0], 2), "MSG_TRUNC copies nothing");
    assert_eq!(recv(&server, 9, MSG_OOB), Err(Errno::INVAL));
    thread::scope(|scope| {
        let reader = scope.spawn(|| recv(&server, 6, MSG_WAITALL));
        send(&client, b"gh", 0).expect("send");
        assert_eq!(reader.join().expect("thread"), Ok(b"cdefgh".to_vec()));
    });
}

/// What arrives while a large read is under way belongs behind what it has read, not behind a gap.
#[test]
fn a_read_of_many_pieces_has_no_gap_while_data_arrives() {
    const TOTAL: usize = 64 << 20;
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    let byte = |at: usize| (at % 251) as u8;
    thread::scope(|scope| {
        scope.spawn(|| {
            let pattern: Vec<u8> = (0..251 * 8).map(byte).collect();
            let mut sent = 0;
            while sent < TOTAL {
                let Ok(n) = send(&client, &pattern[sent % 251..][..1500.min(TOTAL - sent)], MSG_NOSIGNAL) else {
                    break;
                };
                sent += n;
            }
        });
        let server = server; // A failure closes it, and so ends the sender.
        let (mut room, mut got) = (vec![0; 4 << 20], 0);
        while got < TOTAL {
            let len = server.recv(&mut [IoSliceMut::new(&mut room)], 0).expect("recv").len;
            assert_ne!(len, 0, "the end after {got} bytes");
            let wrong = room[..len].iter().enumerate().find(|(n, b)| **b != byte(got + n));
            assert_eq!(wrong, None, "behind {got} bytes");
            got += len;
        }
    });
}
