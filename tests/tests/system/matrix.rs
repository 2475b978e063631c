//! The part of the matrix of programs that takes seconds, a test a program. `cargo xtask matrix` runs all of it.

use system_tests::Outcome;
use system_tests::failure::ensure;
use system_tests::matrix::{ROWS, Row};

fn light(program: &str) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| !row.heavy && row.name.starts_with(program))
}

fn check(program: &str) -> Outcome {
    ensure(light(program).next().is_some(), || format!("no row begins with {program}"))?;
    for row in light(program) {
        for over in row.networks() {
            row.run(*over)?;
        }
    }
    Ok(())
}

macro_rules! programs {
    ($($program:ident)*) => {
        $(
            #[test]
            fn $program() -> Outcome {
                check(stringify!($program))
            }
        )*

        #[test]
        fn every_row_belongs_to_a_test() -> Outcome {
            let tested = |row: &Row| [$(stringify!($program)),*].iter().any(|program| row.name.starts_with(program));
            let left: Vec<&str> = ROWS.iter().filter(|row| !row.heavy && !tested(row)).map(|row| row.name).collect();
            ensure(left.is_empty(), || format!("rows without a test: {left:?}"))
        }
    };
}

programs! { curl wget nginx lighttpd haproxy git redis memcached mosquitto python perl openssl stunnel socat iperf3 nmap tcpdump tshark arping iproute2 net dnsmasq }
