//! Which types of the kernel the programs of an object name: what clang left to be put right when they are loaded.

use std::collections::BTreeMap;

use super::btf::{Btf, word};

/// What is asked of a type: its number in the object, its number in the kernel.
const LOCAL_NUMBER: u32 = 6;
const KERNEL_NUMBER: u32 = 7;

/// The names, and whether the type's number in the kernel is asked for. `None` when it is no object with such types.
pub(super) fn types(object: &[u8]) -> Option<BTreeMap<Vec<u8>, bool>> {
    let btf = Btf::parse(section(object, b".BTF")?)?;
    let ext = section(object, b".BTF.ext")?;
    let start = word(ext, 4)? as usize + word(ext, 24)? as usize;
    let mut rest = ext.get(start..start + word(ext, 28)? as usize)?;
    let record_bytes = word(rest, 0)? as usize;
    rest = rest.get(4..)?;
    let mut named = BTreeMap::new();
    // A section after the other: its name, how many records, the records.
    while !rest.is_empty() {
        let bytes = (word(rest, 4)? as usize).checked_mul(record_bytes)?;
        let records = rest.get(8..)?.get(..bytes)?;
        for record in records.chunks_exact(record_bytes.max(16)) {
            let (id, asked) = (word(record, 4)?, word(record, 12)?);
            if asked != LOCAL_NUMBER {
                let name = essential(btf.name_of_whole(id)?);
                *named.entry(name.to_vec()).or_default() |= asked == KERNEL_NUMBER;
            }
        }
        rest = rest.get(8 + bytes..)?;
    }
    Some(named)
}

/// A name without what makes it a flavour of another.
pub(super) fn essential(name: &[u8]) -> &[u8] {
    let is_mark = |at: &usize| {
        let around = name.get(at - 1..at + 4);
        around.is_some_and(|around| {
            matches!(around, [before, b'_', b'_', b'_', after] if *before != b'_' && *after != b'_')
        })
    };
    let mark = (1..name.len()).rev().find(is_mark);
    mark.and_then(|at| name.get(..at)).unwrap_or(name)
}

/// A section of an ELF file of 64 bits in the order of bytes of this machine.
fn section<'a>(elf: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let short = |at: usize| {
        let bytes = elf.get(at..)?.first_chunk()?;
        Some(usize::from(u16::from_ne_bytes(*bytes)))
    };
    let long = |at: usize| {
        let bytes = elf.get(at..)?.first_chunk()?;
        usize::try_from(u64::from_ne_bytes(*bytes)).ok()
    };
    let (headers, bytes, count, names) = (long(40)?, short(58)?, short(60)?, short(62)?);
    let content = |index: usize| {
        let header = headers.checked_add(index * bytes)?;
        elf.get(long(header + 24)?..)?.get(..long(header + 32)?)
    };
    let names = content(names)?;
    let is_it = |index: &usize| {
        let at = word(elf, headers + index * bytes).map(|at| at as usize);
        let rest = at.and_then(|at| names.get(at..)).unwrap_or_default();
        rest.strip_prefix(name)
            .is_some_and(|rest| rest.first() == Some(&0))
    };
    (0..count).find(is_it).and_then(content)
}
