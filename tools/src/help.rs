//! `rump help`: of a subcommand, or of what kernels are told at boot.

use clap::CommandFactory;
use kernel::config::keys::KEYS;
use kernel::config::links::LINKS;
use kernel::config::variables::VARIABLES;

use crate::{Cli, Failure};

/// Explains a subcommand, or `net` (the grammar of RUMP_NET) or `env` (the environment of a kernel)
#[derive(clap::Args)]
pub struct Help {
    /// A subcommand, `net` or `env`
    topic: Option<String>,
}

impl Help {
    pub fn run(self) -> Result<(), Failure> {
        let mut cli = Cli::command();
        cli.build();
        let text = match self.topic.as_deref() {
            None => cli.render_long_help().to_string(),
            Some("net") => net(),
            Some("env") => env(),
            Some(topic) => match cli.find_subcommand_mut(topic) {
                Some(subcommand) => subcommand.render_long_help().to_string(),
                None => {
                    let known: Vec<_> = cli.get_subcommands().map(|c| c.get_name()).chain(["net", "env"]).collect();
                    return Err(Failure::new(format!(
                        "there is no help on {topic:?}: ask for one of {}",
                        known.join(", ")
                    )));
                }
            },
        };
        crate::print(&text)
    }
}

fn net() -> String {
    let mut text = String::from(
        "RUMP_NET (or rump run --net) says what a kernel is attached to.\n\n\
         One part an interface, separated by `;`. A part is a link and its settings, separated by `,`:\n\n    \
         KIND:TARGET,KEY=VALUE,KEY=VALUE;KIND:TARGET,...;KEY=VALUE\n\n\
         No value holds `,` or `;`. With none at all a kernel has its loopback alone.\n\nLinks:\n",
    );
    for kind in LINKS {
        text.push_str(&entry(&format!("{}:{}", kind.name, kind.example), kind.about, &format!("takes {}", kind.takes)));
    }
    for (of_kernel, title) in
        [(false, "Settings of an interface"), (true, "Settings of the kernel, with any link or alone")]
    {
        text.push_str(&format!("\n{title}:\n"));
        for key in KEYS.iter().filter(|key| key.is_of_kernel() == of_kernel) {
            let often = if key.repeatable { "; may stand several times" } else { "" };
            let takes = format!("takes {}{often}", key.takes);
            text.push_str(&entry(&format!("{}={}", key.name, key.example), key.about, &takes));
        }
    }
    text.push_str(
        "\nExamples:\n    shmif:/dev/shm/bus,addr=10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.1\n    \
         shmif:/dev/shm/bus,addr=10.0.0.0/24\n    tap:tap0,addr=192.168.7.2/24,gw=192.168.7.1;hostname=web1\n",
    );
    text
}

fn env() -> String {
    let mut text =
        String::from("The environment of a kernel. A wrong value stops the program at its first socket.\n\n");
    for variable in VARIABLES {
        let left = match variable.example {
            "" => variable.name.to_owned(),
            example => format!("{}={example}", variable.name),
        };
        text.push_str(&entry(&left, &format!("takes {}", variable.takes), &format!("unset: {}", variable.unset)));
    }
    text
}

fn entry(left: &str, first: &str, second: &str) -> String {
    let indent = " ".repeat(34);
    let gap = if left.len() < 28 { " ".repeat(30 - left.len()) } else { format!("\n{indent}") };
    format!("    {left}{gap}{first}\n{indent}{second}\n")
}
