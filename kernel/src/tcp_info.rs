//! TCP_INFO: the engine's figures as Linux's `struct tcp_info`.

use netstack::tcp::{FastOpenFail, Phase, State, TcpInfo};

/// Bytes of the structure, as of Linux 6.18. What Accurate ECN counts is zero, as where it is not in use.
const LEN: usize = 280;
/// Until a loss there is no slow start threshold.
const TCP_INFINITE_SSTHRESH: u32 = 0x7fff_ffff;

/// The structure as bytes. Times are in microseconds or milliseconds as Linux has them.
pub(crate) fn encode(info: &TcpInfo) -> Vec<u8> {
    let mut b = vec![0; LEN];
    b[0] = state(info.state);
    b[1] = phase(info.phase);
    b[2] = info.backoff;
    b[3] = info.probes;
    b[4] = info.backoff;
    b[5] = u8::from(info.timestamps) | u8::from(info.sack) << 1 | u8::from(info.scales.is_some()) << 2;
    b[5] |= u8::from(info.ecn) << 3 | u8::from(info.ecn_seen) << 4;
    b[5] |= u8::from(info.syn_data) << 5 | u8::from(info.fast_open_child) << 7;
    b[7] = u8::from(info.app_limited) | fast_open_fail(info.fast_open_fail) << 1;
    if let Some((send, receive)) = info.scales {
        b[6] = send & 15 | receive << 4;
    }
    let micros = |d: std::time::Duration| u32::try_from(d.as_micros()).unwrap_or(u32::MAX);
    let millis = |d: std::time::Duration| u32::try_from(d.as_millis()).unwrap_or(u32::MAX);
    let mss = info.snd_mss.max(1);
    let words = [
        (8, micros(info.rto)),
        // TCP_ATO_MIN, from the first text on.
        (12, if info.data_segs_in > 0 { 40_000 } else { 0 }),
        (16, info.snd_mss),
        (20, info.rcv_mss),
        (24, info.unacked.div_ceil(mss)),
        (28, info.sacked.div_ceil(mss)),
        (32, info.lost.div_ceil(mss)),
        (36, info.repeated.div_ceil(mss)),
        (44, millis(info.last_data_sent)),
        (52, millis(info.last_data_recv)),
        (56, millis(info.last_ack_recv)),
        (60, info.pmtu),
        (64, info.rcv_wnd),
        (68, micros(info.srtt)),
        (72, micros(info.rttvar)),
        (76, if info.ssthresh == u32::MAX { TCP_INFINITE_SSTHRESH } else { info.ssthresh / mss }),
        (80, info.cwnd / mss),
        (84, info.advmss),
        // TCP_FASTRETRANS_THRESH, where nothing came from further behind.
        (88, info.reordering.div_ceil(mss).max(3)),
        (92, micros(info.rcv_rtt)),
        (96, info.rcv_space),
        (100, info.retransmits),
        (136, info.segs_out as u32),
        (140, info.segs_in as u32),
        (144, info.unsent),
        (148, micros(info.min_rtt)),
        (152, info.data_segs_in as u32),
        (156, info.data_segs_out as u32),
        (192, info.delivered.div_ceil(u64::from(mss)) as u32),
        (216, info.dsacks),
        (228, info.snd_wnd),
        (232, info.rcv_wnd),
    ];
    for (at, value) in words {
        b[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
    for (at, value) in [
        (104, info.pacing_rate),
        (112, info.max_pacing_rate),
        (120, info.bytes_acked),
        (128, info.bytes_received),
        (160, info.delivery_rate),
        (200, info.bytes_sent),
        (208, info.bytes_retransmitted),
    ] {
        b[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }
    b
}

/// Linux's `enum tcp_fastopen_client_fail`.
fn fast_open_fail(fail: FastOpenFail) -> u8 {
    match fail {
        FastOpenFail::None => 0,
        FastOpenFail::CookieUnavailable => 1,
        FastOpenFail::DataNotAcked => 2,
        FastOpenFail::SynRetransmitted => 3,
    }
}

/// Linux's `enum tcp_ca_state`.
fn phase(phase: Phase) -> u8 {
    match phase {
        Phase::Open => 0,
        Phase::Disorder => 1,
        Phase::Reducing => 2,
        Phase::Recovery => 3,
        Phase::Loss => 4,
    }
}

/// The numbers of net/tcp_states.h.
pub(crate) fn state(state: State) -> u8 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}
