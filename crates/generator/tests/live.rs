//! A falco that watches this machine notices everything the generator does.
//!
//! Needs root, a kernel with BTF, and the built falco beside the generator; says so and skips where one is missing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::Path;
use std::process::Command;

fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

#[test]
fn nothing_is_missed() {
    let generator = Path::new(env!("CARGO_BIN_EXE_falco-generator"));
    let falco = generator.with_file_name("falco");
    if !rustix::process::geteuid().is_root() {
        return skip("only root may watch");
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return skip("this kernel has no BTF");
    }
    if !falco.exists() {
        return skip("falco is not built: cargo build -p falco");
    }
    let out = Command::new(generator)
        .arg("test")
        .arg("--falco")
        .arg(falco)
        .args(["--wait", "20"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}");
    assert!(said.contains(", 0 missed, "), "{said}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (words, why) in [
        (&["run", "no-such"][..], "no action is called no-such"),
        (&["nonsense"], "there is no `nonsense`"),
        (&["loop", "--rate", "0"], "needs a number above 0"),
        (&["test", "--falco"], "--falco needs a value"),
        (
            &["test", "--alerts", "x", "--http", "y"],
            "exclude each other",
        ),
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_falco-generator"))
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(
            !out.status.success() && said.contains(why),
            "{words:?}: {said}"
        );
    }
}
