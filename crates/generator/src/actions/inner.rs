//! What a program does that was started under another name.

use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::raw;
use crate::stage::{DO, run, shell};

/// The address of the network that these are run in.
const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// A system account that is on every machine.
const SYSTEM_ACCOUNT: u32 = 1;

/// Does it.
pub(crate) fn do_inner(what: &str) -> anyhow::Result<()> {
    let me = std::env::current_exe().context("finding this program")?;
    let beside = |name: &str| me.with_file_name(name);
    let beside_first = |name: &str| {
        // The program may be a link; what lies beside it lies beside the link.
        let called = std::env::args().next().unwrap_or_default();
        let path = std::path::Path::new(&called).with_file_name(name);
        if path.exists() { path } else { beside(name) }
    };
    match what {
        "nothing" => Ok(()),
        "sleep" => {
            std::thread::sleep(Duration::from_secs(10));
            Ok(())
        }
        "read-late" => {
            // Rules give a server five seconds.
            std::thread::sleep(Duration::from_millis(5200));
            File::open("/etc/shadow")?;
            Ok(())
        }
        "read-liblzma" => {
            File::open(beside_first("liblzma.so.5.6.1"))?;
            Ok(())
        }
        "shell" => shell("true"),
        "list" => run(Command::new("ls").arg(beside_first(""))),
        "curl" => run(Command::new(beside_first("curl")).arg("http://192.0.2.1")),
        "archive" => {
            run(Command::new(beside_first("tar")).args(["cf", "-", "/etc/falco-generator"]))
        }
        "connect" => connect(8080),
        "connect-443" => connect(443),
        "listen" => {
            TcpListener::bind((HERE, 4444))?;
            Ok(())
        }
        "accept" => {
            let listener = TcpListener::bind((HERE, 8080))?;
            let _client = TcpStream::connect((HERE, 8080))?;
            listener.accept()?;
            Ok(())
        }
        "receive" => {
            let mut bytes = [0; 64];
            let _ = TcpStream::connect((HERE, 8080))?.read(&mut bytes)?;
            Ok(())
        }
        "make-namespace" => {
            // Without rights this is refused, and the attempt is one.
            let _ = raw::unshare(libc::CLONE_NEWNS);
            Ok(raw::unshare(libc::CLONE_NEWUSER)?)
        }
        "terminal-shell" => at_terminal(
            &["/bin/sh", "-c", "true", "falco-generator"],
            SYSTEM_ACCOUNT,
        ),
        "terminal-root-shell" => at_terminal(&["/bin/sh", "-c", "true", "falco-generator"], 0),
        "terminal-whoami" => at_terminal(&["id", "falco-generator"], 0),
        other => bail!("nobody knows how to do {other}"),
    }
}

fn connect(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind((HERE, port))?;
    TcpStream::connect(listener.local_addr()?)?;
    Ok(())
}

/// Runs a command in a session with a terminal of its own.
fn at_terminal(command: &[&str], uid: u32) -> anyhow::Result<()> {
    let _terminal = raw::new_terminal().context("making a terminal")?;
    if uid != 0 {
        raw::become_user(uid)?;
    }
    // What logged in counts as a program of the account, too.
    run(Command::new(std::env::current_exe()?).env(DO, "nothing"))?;
    let (program, args) = command.split_first().context("a command has a program")?;
    Command::new(program)
        .args(args)
        .env_remove(DO)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(())
}
