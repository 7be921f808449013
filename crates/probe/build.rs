//! Compiles `bpf/probe.bpf.c` and `bpf/dump.bpf.c` with clang; the objects are embedded in the library.
//!
//! `CLANG` names another compiler.
#![forbid(unsafe_code)]

use std::{env, path::PathBuf, process::Command};

fn main() {
    let root =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../bpf");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let headers = env::var("DEP_BPF_INCLUDE").expect("libbpf-sys tells where its headers are");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let arch = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => "x86",
        Ok("aarch64") => "arm64",
        other => panic!("the probe is not written for {other:?}: x86_64 and aarch64 are"),
    };
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-env-changed=CLANG");
    for name in ["probe", "dump"] {
        let status = Command::new(&clang)
            .args([
                "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror", "-c",
            ])
            .args(["-Wno-unused-function", "-fno-stack-protector"])
            .arg(format!("-D__TARGET_ARCH_{arch}"))
            .arg("-I")
            .arg(&headers)
            .arg(root.join(format!("{name}.bpf.c")))
            .arg("-o")
            .arg(out.join(format!("{name}.bpf.o")))
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => panic!(
                "{clang} could not compile {name}.bpf.c ({status}); it needs clang 14 or later"
            ),
            Err(error) => panic!(
                "cannot run {clang} ({error}): the probe is C for BPF; `apt-get install clang libelf-dev zlib1g-dev pkg-config`"
            ),
        }
    }
}
