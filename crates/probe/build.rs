//! Compiles `bpf/*.bpf.c` with clang: the maps; the programs and the iterators, each for kernels whose memory can be read by loads and for those where it
//! takes a call (`bpf/include/read.h`); the objects are embedded in the library.
//!
//! `CLANG` and `LLVM_STRIP` name other tools.
#![forbid(unsafe_code)]

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// The objects, by their source and what is defined for it.
const OBJECTS: [(&str, &str, Option<&str>); 5] = [
    ("maps", "maps", None),
    ("probe", "probe", None),
    ("probe_loads", "probe", Some("READ_BY_LOADS")),
    ("dump", "dump", None),
    ("dump_loads", "dump", Some("READ_BY_LOADS")),
];

fn main() {
    let root =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../bpf");
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-env-changed=CLANG");
    println!("cargo::rerun-if-env-changed=LLVM_STRIP");
    let root = root.as_path();
    thread::scope(|scope| {
        for (name, source, defined) in OBJECTS {
            scope.spawn(move || compile(root, name, source, defined));
        }
    });
}

fn compile(root: &Path, name: &str, source: &str, defined: Option<&str>) {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let object = out.join(format!("{name}.bpf.o"));
    let headers = env::var("DEP_BPF_INCLUDE").expect("libbpf-sys tells where its headers are");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let arch = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => "x86",
        Ok("aarch64") => "arm64",
        other => panic!("the probe is not written for {other:?}: x86_64 and aarch64 are"),
    };
    let status = Command::new(&clang)
        .args([
            "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror", "-c",
        ])
        .args(["-Wno-unused-function", "-fno-stack-protector"])
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .args(defined.map(|name| format!("-D{name}")))
        .arg("-I")
        .arg(&headers)
        .arg(root.join(format!("{source}.bpf.c")))
        .arg("-o")
        .arg(&object)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!(
            "{clang} could not compile {source}.bpf.c ({status}); it needs clang 14 or later"
        ),
        Err(error) => panic!(
            "cannot run {clang} ({error}): the probe is C for BPF; `apt-get install clang llvm libelf-dev zlib1g-dev pkg-config`"
        ),
    }
    // What debuggers want, and a label for each jump: a third of the file, and libbpf looks at each label for each program. Relocations of
    // the types' section are another third, and libbpf passes over them.
    let strip = env::var("LLVM_STRIP").unwrap_or_else(|_| "llvm-strip".into());
    let status = Command::new(&strip)
        .args(["-g", "--strip-unneeded", "--remove-section=.rel.BTF.ext"])
        .arg(&object)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{strip} could not strip {} ({status})", object.display()),
        Err(error) => panic!("cannot run {strip} ({error}): `apt-get install llvm`"),
    }
}
