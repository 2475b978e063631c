//! Databases.

use super::{Net, Ready};
use crate::unique::Directory;
use crate::{Failure, Outcome, Program};

pub fn mariadb(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-mariadb")?;
    let data = format!("--datadir={}", place.join("data").display());
    let make = Program::new("mariadb-install-db").words("--no-defaults --user=root --skip-test-db").arg(&data);
    make.run()?;
    let users =
        "CREATE DATABASE sbtest;\nCREATE USER sbtest IDENTIFIED BY 'sbtest';\nGRANT ALL ON sbtest.* TO sbtest;\n";
    let server = Program::new("mariadbd").words("--no-defaults --user=root --bind-address=10.0.0.1 --port=3306");
    let server = server.arg(data).arg(format!("--socket={}", place.join("socket").display()));
    let server = server.arg(format!("--init-file={}", place.write("users.sql", users)?.display()));
    let _server = net.start(server, 1, Ready::Says("ready for connections"))?;
    let sysbench = |command| {
        let load = Program::new("sysbench").words("oltp_read_write --tables=1 --table-size=1000 --threads=8 --time=0");
        let load = load.words("--events=1000 --mysql-host=10.0.0.1 --mysql-password=sbtest");
        net.client(load.arg(command)).run()
    };
    sysbench("prepare")?;
    let said = sysbench("run")?.text();
    let mut counts = said.lines().filter_map(|line| line.trim().strip_prefix("transactions:"));
    let rate = counts.next().and_then(|count| count.trim().strip_prefix("1000")?.trim().strip_prefix('('));
    rate.and_then(|rate| rate.split(' ').next())
        .map(|rate| format!("{rate} transactions/s"))
        .ok_or_else(|| Failure::new(format!("sysbench says\n{said}")))
}
