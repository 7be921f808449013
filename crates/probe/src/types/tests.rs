//! What becomes of a description that is made here, and of this kernel's.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::{btf::Btf, named::essential, reduce};

/// A record: its name's place, kind and count, size or type, the rest.
fn record(name: u32, kind: u32, count: u32, size: u32, rest: &[u32]) -> Vec<u8> {
    let head = [name, kind << 24 | count, size];
    let words = head.iter().chain(rest);
    words.flat_map(|word| word.to_ne_bytes()).collect()
}

fn description(records: &[Vec<u8>], texts: &[u8]) -> Vec<u8> {
    let types = records.concat();
    let mut out = vec![0x9f, 0xeb, 1, 0];
    if cfg!(target_endian = "big") {
        out.swap(0, 1);
    }
    let sizes = [24, 0, types.len(), types.len(), texts.len()];
    out.extend(sizes.iter().flat_map(|size| (*size as u32).to_ne_bytes()));
    out.extend(types);
    out.extend(texts);
    out
}

fn named(names: &[(&str, bool)]) -> BTreeMap<Vec<u8>, bool> {
    let own = |(name, pinned): &(&str, bool)| (name.as_bytes().to_vec(), *pinned);
    names.iter().map(own).collect()
}

/// `inode` with a number, an array of these, and a pointer to `file`; `file` in an anonymous structure; something else.
fn sample() -> Vec<u8> {
    let texts = b"\0int\0inode\0file\0size\0other\0";
    let records = [
        record(21, 4, 0, 0, &[]),                                // 1: struct other
        record(1, 1, 0, 4, &[32]),                               // 2: int
        record(0, 3, 0, 0, &[2, 2, 5]),                          // 3: int[5]
        record(0, 2, 0, 6, &[]),                                 // 4: struct file *
        record(5, 4, 3, 32, &[16, 2, 0, 16, 3, 32, 16, 4, 192]), // 5: struct inode
        record(11, 4, 1, 4, &[16, 2, 0]),                        // 6: struct file
        record(5, 12, 0, 0, &[]),                                // 7: function inode
    ];
    description(&records, texts)
}

#[test]
fn a_type_and_what_it_is_made_of_stay() {
    let (kernel, wanted) = (sample(), named(&[("inode", false), ("absent", false)]));
    let reduced = reduce(&Btf::parse(&kernel).unwrap(), &wanted).unwrap();
    assert_eq!(reduced.missing, [b"absent"]);
    let btf = Btf::parse(&reduced.description).unwrap();
    let names = (1..=btf.count()).filter_map(|id| btf.name_of_whole(id));
    let mut names: Vec<&[u8]> = names.collect();
    names.sort_unstable();
    assert_eq!(names, [b"inode".as_slice(), b"int"]);
    // the number, the array, the pointer, the structure
    assert_eq!(btf.count(), 4);
    let mut parts = Vec::new();
    for id in 1..=btf.count() {
        btf.record(id).unwrap().parts(|part| parts.push(part));
    }
    // Three fields of the structure, and what the array is of.
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|part| (1..=4).contains(part)), "{parts:?}");
}

#[test]
fn a_number_that_is_asked_for_stays() {
    let (kernel, wanted) = (sample(), named(&[("inode", true)]));
    let reduced = reduce(&Btf::parse(&kernel).unwrap(), &wanted).unwrap();
    let btf = Btf::parse(&reduced.description).unwrap();
    assert_eq!(btf.name_of_whole(5), Some(b"inode".as_slice()));
    assert_eq!(btf.count(), 5);
}

#[test]
fn names_that_nobody_needs_are_left_out() {
    let (kernel, wanted) = (sample(), named(&[("inode", false)]));
    let reduced = reduce(&Btf::parse(&kernel).unwrap(), &wanted).unwrap();
    let has = |text: &[u8]| {
        let mut windows = reduced.description.windows(text.len());
        windows.any(|window| window == text)
    };
    assert!(has(b"\0inode\0") && has(b"\0size\0"));
    assert!(!has(b"file") && !has(b"other"));
}

#[test]
fn functions_are_known_by_their_names() {
    let kernel = sample();
    let btf = Btf::parse(&kernel).unwrap();
    assert!(btf.has_function(b"inode"));
    assert!(!btf.has_function(b"ino") && !btf.has_function(b"file"));
}

#[test]
fn what_is_no_description_is_refused() {
    let (kernel, wanted) = (sample(), named(&[("inode", false)]));
    for length in 0..kernel.len() {
        // Texts may end anywhere: nobody knows where the last one was to end.
        let btf = Btf::parse(kernel.get(..length).unwrap());
        if let Some(reduced) = btf.and_then(|btf| reduce(&btf, &wanted)) {
            assert!(Btf::parse(&reduced.description).is_some());
        }
    }
    assert!(Btf::parse(b"").is_none());
    assert!(Btf::parse(&[0x9f, 0xeb, 1, 0, 24, 0, 0, 0]).is_none());
}

#[test]
fn flavours_are_of_what_they_are_flavours_of() {
    assert_eq!(essential(b"inode"), b"inode");
    assert_eq!(essential(b"inode___split"), b"inode");
    assert_eq!(essential(b"a___b___c"), b"a___b");
    assert_eq!(essential(b"__x____y"), b"__x____y");
    assert_eq!(essential(b"___"), b"___");
}

/// On a machine whose kernel describes itself both objects get by with a small part of it.
#[test]
fn this_kernel_is_reduced_for_all_objects() {
    let Ok(kernel) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        println!("this kernel does not describe its types");
        return;
    };
    let kernel = Btf::parse(&kernel).unwrap();
    let all = kernel.count();
    for (by_loads, by_calls) in [crate::load::PROGRAMS, crate::dump::ITERATING] {
        for (object, loads) in [(by_loads, true), (by_calls, false)] {
            let named = super::named::types(object).unwrap();
            assert!(named.contains_key(b"task_struct".as_slice()), "{named:?}");
            assert_eq!(named.get(b"inode".as_slice()), Some(&loads));
            let reduced = reduce(&kernel, &named).unwrap();
            assert!(!reduced.missing.contains(&b"task_struct".as_slice()));
            let btf = Btf::parse(&reduced.description).unwrap();
            assert!(btf.count() < all, "{} of {all}", btf.count());
            let whole = std::fs::metadata("/sys/kernel/btf/vmlinux").unwrap().len() as usize;
            assert!(reduced.description.len() < whole / 4);
        }
    }
}
