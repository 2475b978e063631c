//! Servers of names.

use super::{Net, Ready, SERVER};
use crate::failure::ensure;
use crate::unique::Directory;
use crate::{Outcome, Program};

pub fn named(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-named")?;
    let hosts = (1..=1000).map(|n| format!("h{n} A 10.1.{}.{}\n", n / 256, n % 256)).collect::<String>();
    place.write("zone", format!("$TTL 60\n@ SOA ns a 1 60 60 60 60\n@ NS ns\nns A 10.0.0.1\n{hosts}"))?;
    let configuration = format!(
        "options {{ directory \"{place}\"; listen-on {{ any; }}; listen-on-v6 {{ none; }}; recursion no;
           pid-file none; session-keyfile none; allow-transfer {{ any; }}; }};
         controls {{ }};
         zone \"example\" {{ type primary; file \"zone\"; }};",
        place = place.path().display()
    );
    let file = place.write("named.conf", configuration)?;
    let _server = net.start(Program::new("named").words("-g -n 2 -c").arg(file), 1, Ready::Takes(53))?;
    let questions = place.write("questions", (1..=1000).map(|n| format!("h{n}.example\n")).collect::<String>())?;
    let wanted = (1..=1000).map(|n| format!("10.1.{}.{}\n", n / 256, n % 256)).collect::<String>();
    let dig = |words: &str| Program::new("dig").arg(format!("@{SERVER}")).words(words);
    for how in ["+notcp", "+tcp"] {
        let answers = net.client(dig(how).words("+short -f").arg(&questions)).run()?.text();
        ensure(answers == wanted, || format!("{how}: answers are missing or others:\n{answers}"))?;
    }
    let transfer = net.client(dig("example AXFR")).run()?.text();
    let transferred = transfer.lines().filter(|line| line.starts_with('h')).count();
    ensure(transferred == 1000, || format!("{transferred} of 1000 names were transferred"))?;
    Ok("all answered".into())
}
