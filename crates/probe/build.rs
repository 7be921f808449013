//! Compiles `bpf/*.bpf.c` with clang: the maps; the programs and the iterators, each for kernels whose memory can be read by loads and for those where it
//! takes a call (`bpf/include/read.h`); the objects are embedded in the library.
//!
//! `CLANG`, `LLVM_STRIP` and `LLVM_OBJCOPY` name other tools. With `BPF_LINES=1` the programs keep their source lines, for whoever reads what the
//! verifier says of them.
#![forbid(unsafe_code)]

use std::{
    env,
    ffi::OsStr,
    fs,
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
    for tool in ["CLANG", "LLVM_STRIP", "LLVM_OBJCOPY", "BPF_LINES"] {
        println!("cargo::rerun-if-env-changed={tool}");
    }
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
    let relocations = "--remove-section=.rel.BTF.ext".as_ref();
    let what = ["-g".as_ref(), "--strip-unneeded".as_ref(), relocations];
    run_llvm("LLVM_STRIP", "llvm-strip", &what, &object);
    if env::var_os("BPF_LINES").is_none() {
        leave_out_lines(&object);
    }
}

/// Takes the source line of each instruction out of an object: more than a third of it, which libbpf copies for each thread that loads and
/// the kernel keeps for each program. The section: `struct btf_ext_header` of libbpf, in 32-bit words, then the parts that it tells of.
fn leave_out_lines(object: &Path) {
    const HEADER_BYTES: usize = 4;
    const LINES_AT: usize = 16;
    const LINES_BYTES: usize = 20;
    const RELOCATIONS_AT: usize = 24;
    let section = object.with_extension("BTF.ext");
    let what = format!("--dump-section=.BTF.ext={}", section.display());
    run_llvm("LLVM_OBJCOPY", "llvm-objcopy", &[what.as_ref()], object);
    let mut bytes = fs::read(&section).expect("llvm-objcopy has written it");
    let word = |bytes: &[u8], at: usize| {
        let word = bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_ne_bytes(word) as usize
    };
    let lines = word(&bytes, LINES_BYTES);
    let start = word(&bytes, HEADER_BYTES) + word(&bytes, LINES_AT);
    let relocations = word(&bytes, RELOCATIONS_AT);
    assert!(
        relocations >= word(&bytes, LINES_AT) + lines,
        "relocations come behind the lines"
    );
    bytes.drain(start..start + lines);
    for (at, value) in [(LINES_BYTES, 0), (RELOCATIONS_AT, relocations - lines)] {
        bytes[at..at + 4].copy_from_slice(&(value as u32).to_ne_bytes());
    }
    fs::write(&section, bytes).expect("it can be written again");
    let what = format!("--update-section=.BTF.ext={}", section.display());
    run_llvm("LLVM_OBJCOPY", "llvm-objcopy", &[what.as_ref()], object);
}

/// Runs a tool that changes an object.
fn run_llvm(variable: &str, name: &str, what: &[&OsStr], object: &Path) {
    let tool = env::var(variable).unwrap_or_else(|_| name.into());
    match Command::new(&tool).args(what).arg(object).status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{tool} could not change {} ({status})", object.display()),
        Err(error) => panic!("cannot run {tool} ({error}): `apt-get install llvm`"),
    }
}
