//! The kernel's types that an object names, out of all that the kernel describes.
//!
//! libbpf goes through all of them, some hundred thousand, once for each structure that a program names, which takes a third of the
//! probe's whole start. It can be given another description: this makes one of those types alone, in one pass.

mod btf;
mod named;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    fs::File,
    io::Write as _,
    os::fd::AsRawFd as _,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use libbpf_rs::{ObjectBuilder, OpenObject};
use rustix::fs::{MemfdFlags, memfd_create};

use btf::{Btf, Kind};

/// What the kernel says of itself, a file for its core and one for each module.
const DESCRIPTIONS: &str = "/sys/kernel/btf";

/// An object, and how libbpf is to find its way in this kernel.
#[derive(Debug)]
pub(crate) struct Object {
    bytes: &'static [u8],
    types: Option<KernelTypes>,
}

impl Object {
    /// The object for this kernel: compiled for those whose memory is read by loads, or for the others (`bpf/include/read.h`).
    pub(crate) fn for_kernel(by_loads: &'static [u8], by_calls: &'static [u8]) -> Object {
        let kernel = kernel();
        let kernel = Btf::parse(&kernel);
        let loads = |kernel: &Btf<'_>| kernel.has_function(b"bpf_rdonly_cast");
        let bytes = if kernel.as_ref().is_some_and(loads) {
            by_loads
        } else {
            by_calls
        };
        let types = kernel.and_then(|kernel| KernelTypes::named_by(bytes, &kernel));
        Object { bytes, types }
    }

    /// It has to live until what was opened is loaded.
    pub(crate) fn open(&self, name: &str) -> libbpf_rs::Result<OpenObject> {
        let mut builder = ObjectBuilder::default();
        builder.name(name)?;
        if let Some(types) = &self.types {
            builder.btf_custom_path(types.path())?;
        }
        builder.open_memory(self.bytes)
    }
}

/// What the kernel's core says of itself: megabytes, so that objects that are loaded at the same time share them.
fn kernel() -> Arc<Vec<u8>> {
    static KERNEL: Mutex<Weak<Vec<u8>>> = Mutex::new(Weak::new());
    let mut kernel = KERNEL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kernel) = kernel.upgrade() {
        return kernel;
    }
    let read = Arc::new(fs::read(format!("{DESCRIPTIONS}/vmlinux")).unwrap_or_default());
    *kernel = Arc::downgrade(&read);
    read
}

/// A file with the types of the kernel that an object names.
#[derive(Debug)]
struct KernelTypes(File);

impl KernelTypes {
    /// `None` where libbpf has to look itself: a type may be a module's, or the file cannot be had.
    fn named_by(object: &[u8], kernel: &Btf<'_>) -> Option<KernelTypes> {
        let named = named::types(object)?;
        let reduced = reduce(kernel, &named)?;
        if in_modules(&reduced.missing) {
            return None;
        }
        let memory = memfd_create("kernel-types", MemfdFlags::CLOEXEC).ok()?;
        let mut file = File::from(memory);
        file.write_all(&reduced.description).ok()?;
        let types = KernelTypes(file);
        // Who runs with capabilities of a file may not open what it has open.
        File::open(types.path()).ok()?;
        Some(types)
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

/// A description of some types.
struct Reduced<'n> {
    description: Vec<u8>,
    /// The names that the kernel does not have.
    missing: Vec<&'n [u8]>,
}

/// What is asked for by name, whatever it consists of by value, and nothing that is pointed to. A type whose number is asked for
/// (`true`) keeps it. `None` when it is no description.
fn reduce<'n>(kernel: &Btf<'_>, named: &'n BTreeMap<Vec<u8>, bool>) -> Option<Reduced<'n>> {
    // By the kernel's number: what it will be.
    let mut numbers: Vec<Option<u32>> = vec![None; kernel.count() as usize + 1];
    // By its number to be: which of the kernel's it is.
    let mut order: Vec<u32> = Vec::new();
    let mut wanted = Vec::new();
    let mut missing: Vec<&[u8]> = named.keys().map(Vec::as_slice).collect();
    let hints = Hints::of(named);
    for id in 1..=kernel.count() {
        let Some(name) = kernel.name_of_whole(id).filter(|name| hints.may_have(name)) else {
            continue;
        };
        let Some((name, pinned)) = named.get_key_value(named::essential(name)) else {
            continue;
        };
        missing.retain(|other| *other != name.as_slice());
        if *pinned {
            let at = id as usize - 1;
            order.resize(order.len().max(at + 1), 0);
            *order.get_mut(at)? = id;
            *numbers.get_mut(id as usize)? = Some(id);
        }
        wanted.push(id);
    }
    let mut next = 0;
    let mut seen = vec![false; numbers.len()];
    while let Some(id) = wanted.pop() {
        if id == 0 || std::mem::replace(seen.get_mut(id as usize)?, true) {
            continue;
        }
        let number = numbers.get_mut(id as usize)?;
        if number.is_none() {
            while order.get(next).is_some_and(|taken| *taken != 0) {
                next += 1;
            }
            order.resize(order.len().max(next + 1), 0);
            *order.get_mut(next)? = id;
            *number = Some(next as u32 + 1);
        }
        kernel.record(id)?.parts(|part| wanted.push(part));
    }
    let mut description = btf::Extract::new(kernel);
    for id in order {
        match kernel.record(id) {
            Some(record) if record.kind() != Kind::Other => {
                let number = |part: u32| numbers.get(part as usize).copied().flatten();
                description.add(record, |part| number(part).unwrap_or(0))?;
            }
            _ => description.add_nothing(),
        }
    }
    Some(Reduced {
        description: description.finish(),
        missing,
    })
}

/// Which names may be among those looked for: by length and first letter. Most are not.
struct Hints([u64; 256]);

impl Hints {
    fn of(named: &BTreeMap<Vec<u8>, bool>) -> Hints {
        let mut hints = Hints([0; 256]);
        for name in named.keys() {
            if let Some(lengths) = name
                .first()
                .and_then(|first| hints.0.get_mut(usize::from(*first)))
            {
                *lengths |= 1 << name.len().min(63);
            }
        }
        hints
    }

    fn may_have(&self, name: &[u8]) -> bool {
        let lengths = name
            .first()
            .and_then(|first| self.0.get(usize::from(*first)));
        let lengths = lengths.copied().unwrap_or(0);
        // A flavour is longer than what it is a flavour of.
        lengths & (1 << name.len().min(63)) != 0
            || (lengths != 0 && name.windows(3).any(|part| part == b"___"))
    }
}

/// Whether a module that is loaded has a type of one of the names.
fn in_modules(names: &[&[u8]]) -> bool {
    let modules = fs::read_dir(DESCRIPTIONS).into_iter().flatten().flatten();
    !names.is_empty()
        && modules
            .filter(|file| file.file_name() != "vmlinux")
            .filter_map(|file| fs::read(file.path()).ok())
            .any(|text| {
                text.split(|byte| *byte == 0)
                    .any(|word| names.contains(&word))
            })
}
