//! Segments as one line of text, in packetdrill's manner: `S. 0:0(0) ack 1 win 65535 <mss 1460,ws 7>`.
//!
//! Flags (`S` SYN, `F` FIN, `R` RST, `P` PSH, `.` ACK, `E` ECE, `W` CWR, `U` URG), first and last sequence number and the bytes between, the
//! acknowledgement, the window and the urgent pointer as they stand in the header, options (`sackOK`, `sack 1:1461 2921:4381`; `fo` asks for a
//! Fast Open cookie, `fo 0102…` is one, `foexp` in the option for experiments). Numbers count from each side's SYN.

use netstack::tcp::Seq;
use netstack::wire::tcp::{FastOpen, Flags, Header, MAX_HEADER_LEN, Options, SackBlocks, Segment, Stamps};

const LETTERS: [(char, Flags); 8] = [
    ('S', Flags::SYN),
    ('F', Flags::FIN),
    ('R', Flags::RST),
    ('P', Flags::PSH),
    ('.', Flags::ACK),
    ('E', Flags::ECE),
    ('W', Flags::CWR),
    ('U', Flags::URG),
];

/// A segment of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub flags: Flags,
    pub seq: u32,
    pub len: u32,
    pub ack: Option<u32>,
    pub window: Option<u16>,
    /// 0 where the line does not say.
    pub urgent: u16,
    pub options: Option<Options>,
}

impl Line {
    /// Reads a line. Panics on what is none: the script is wrong.
    pub fn parse(text: &str) -> Line {
        let (text, options) = match text.split_once('<') {
            Some((text, options)) => (text, Some(parse_options(options.trim_end_matches('>')))),
            None => (text, None),
        };
        let mut words = text.split_whitespace();
        let flags = words.next().unwrap_or_else(|| panic!("no flags in {text:?}"));
        let flags = flags.chars().map(|c| flag(c).unwrap_or_else(|| panic!("flag {c:?} in {text:?}"))).collect();
        let range = words.next().unwrap_or_else(|| panic!("no sequence numbers in {text:?}"));
        let (first, rest) = range.split_once(':').unwrap_or_else(|| panic!("{range:?} is no range"));
        let (_, len) = rest.split_once('(').unwrap_or_else(|| panic!("{range:?} has no length"));
        let mut line = Line {
            flags,
            seq: number(first),
            len: number(len.trim_end_matches(')')),
            ack: None,
            window: None,
            urgent: 0,
            options,
        };
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            match key {
                "ack" => line.ack = Some(number(value)),
                "win" => line.window = Some(number(value) as u16),
                "urg" => line.urgent = number(value) as u16,
                other => panic!("{other:?} in {text:?}"),
            }
        }
        line
    }

    /// What a segment would be in a script whose numbers count from `seq` and `ack`.
    pub fn of(segment: &Segment<'_>, seq: Seq, ack: Seq) -> Line {
        let header = &segment.header;
        let has_ack = header.flags.contains(Flags::ACK);
        Line {
            flags: header.flags,
            seq: header.seq - seq,
            len: segment.payload.len() as u32,
            ack: has_ack.then(|| header.ack - ack),
            window: Some(header.window),
            urgent: header.urgent,
            options: Some(relate(header.options, |number| Seq(number - ack))),
        }
    }

    /// The bytes of the segment. What the line leaves open is a large window and no options.
    pub fn emit(&self, ports: (u16, u16), seq: Seq, ack: Seq, payload: &[u8]) -> Vec<u8> {
        let options = relate(self.options.unwrap_or_default(), |number| ack + number.0);
        let header = Header {
            src_port: ports.0,
            dst_port: ports.1,
            seq: seq + self.seq,
            ack: self.ack.map_or(Seq(0), |n| ack + n),
            flags: self.flags,
            window: self.window.unwrap_or(65535),
            urgent: self.urgent,
            options,
        };
        let mut bytes = [0; MAX_HEADER_LEN];
        let len = header.emit(&mut bytes);
        [&bytes[..len], payload].concat()
    }

    /// True if a segment is what this line says; what it leaves open may be anything.
    pub fn matches(&self, seen: &Line) -> bool {
        self.flags == seen.flags
            && (self.seq, self.len, self.ack, self.urgent) == (seen.seq, seen.len, seen.ack, seen.urgent)
            && self.window.is_none_or(|window| seen.window == Some(window))
            && self.options.is_none_or(|options| seen.options == Some(options))
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (letter, flag) in LETTERS {
            if self.flags.contains(flag) {
                write!(f, "{letter}")?;
            }
        }
        write!(f, " {}:{}({})", self.seq, self.seq.wrapping_add(self.len), self.len)?;
        if let Some(ack) = self.ack {
            write!(f, " ack {ack}")?;
        }
        if let Some(window) = self.window {
            write!(f, " win {window}")?;
        }
        if self.flags.contains(Flags::URG) {
            write!(f, " urg {}", self.urgent)?;
        }
        let Some(options) = self.options else { return Ok(()) };
        let mut words = Vec::new();
        words.extend(options.mss.map(|mss| format!("mss {mss}")));
        words.extend(options.window_scale.map(|shift| format!("ws {shift}")));
        words.extend(options.sack_permitted.then(|| "sackOK".to_string()));
        let blocks = options.sack.as_slice().iter().map(|(start, end)| format!(" {}:{}", start.0, end.0));
        words.extend((!options.sack.is_empty()).then(|| format!("sack{}", blocks.collect::<String>())));
        words.extend(options.timestamps.map(|ts| format!("ts {} {}", ts.value, ts.echo)));
        words.extend(options.fast_open.map(|fast_open| show_fast_open(&fast_open)));
        if words.is_empty() { Ok(()) } else { write!(f, " <{}>", words.join(",")) }
    }
}

/// A Fast Open option as a script has it.
pub fn show_fast_open(option: &FastOpen) -> String {
    let cookie: String = option.cookie().iter().map(|byte| format!("{byte:02x}")).collect();
    let name = if option.experimental { "foexp" } else { "fo" };
    format!("{name} {cookie}").trim_end().to_owned()
}

fn parse_fast_open(name: &str, cookie: &str) -> Option<FastOpen> {
    let bytes = (0..cookie.len()).step_by(2).map(|at| u8::from_str_radix(&cookie[at..at + 2], 16));
    let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().unwrap_or_else(|_| panic!("{cookie:?} is no cookie"));
    let mut option = FastOpen::new(&bytes).unwrap_or_else(|| panic!("{cookie:?} is no cookie"));
    option.experimental = name == "foexp";
    Some(option)
}

/// The options with the numbers of SACK blocks counted from elsewhere.
fn relate(options: Options, number: impl Fn(Seq) -> Seq) -> Options {
    let mut sack = SackBlocks::default();
    options.sack.as_slice().iter().for_each(|&(start, end)| sack.push(number(start), number(end)));
    Options { sack, ..options }
}

fn flag(letter: char) -> Option<Flags> {
    LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, flag)| *flag)
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn parse_options(text: &str) -> Options {
    let mut options = Options::default();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        match option.split_whitespace().collect::<Vec<_>>()[..] {
            ["mss", mss] => options.mss = Some(number(mss) as u16),
            ["ws", shift] => options.window_scale = Some(number(shift) as u8),
            ["ts", value, echo] => options.timestamps = Some(Stamps { value: number(value), echo: number(echo) }),
            ["sackOK"] => options.sack_permitted = true,
            [name @ ("fo" | "foexp")] => options.fast_open = parse_fast_open(name, ""),
            [name @ ("fo" | "foexp"), cookie] => options.fast_open = parse_fast_open(name, cookie),
            ["sack", ref blocks @ ..] => {
                for block in blocks {
                    let (start, end) = block.split_once(':').unwrap_or_else(|| panic!("{block:?} is no range"));
                    options.sack.push(Seq(number(start)), Seq(number(end)));
                }
            }
            _ => panic!("option {option:?}"),
        }
    }
    options
}
