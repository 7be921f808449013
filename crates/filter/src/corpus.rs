//! Literals and matchers against upstream's recorded results.

use std::net::IpAddr;

use serde_json::Value as Json;

use crate::glob::Glob;
use crate::literal::{self, Literal};
use crate::net::{Net, NetSet};
use crate::paths::Paths;
use crate::{Type, Value};

#[path = "../tests/support/common.rs"]
mod common;

fn service(name: &str) -> Option<u16> {
    match name {
        "http" => Some(80),
        "ssh" => Some(22),
        _ => None,
    }
}

/// The type that the corpus names, and how many bytes upstream stores a number of it in.
fn stored(name: &str) -> Option<(Type, usize)> {
    Some(match name.strip_prefix("PT_")? {
        "INT8" => (Type::Int8, 1),
        "INT16" => (Type::Int16, 2),
        "INT32" => (Type::Int32, 4),
        "INT64" => (Type::Int64, 8),
        "UINT8" => (Type::Uint8, 1),
        "UINT16" => (Type::Uint16, 2),
        "UINT32" => (Type::Uint32, 4),
        "UINT64" => (Type::Uint64, 8),
        "CHARBUF" => (Type::CharBuf, 0),
        "BYTEBUF" => (Type::ByteBuf, 0),
        "FSPATH" => (Type::FsPath, 0),
        "PORT" => (Type::Port, 2),
        "BOOL" => (Type::Bool, 4),
        "DOUBLE" => (Type::Double, 8),
        "IPADDR" => (Type::IpAddr, 0),
        "IPNET" => (Type::IpNet, 0),
        "RELTIME" => (Type::RelTime, 8),
        "ABSTIME" => (Type::AbsTime, 8),
        "ERRNO" => (Type::Errno, 8),
        "FD" => (Type::Fd, 8),
        "PID" => (Type::Pid, 8),
        "FLAGS8" => (Type::Flags8, 1),
        "FLAGS16" => (Type::Flags16, 2),
        "FLAGS32" => (Type::Flags32, 4),
        "MODE" => (Type::Mode, 4),
        "UID" => (Type::Uid, 4),
        "GID" => (Type::Gid, 4),
        "SIGTYPE" => (Type::SigType, 1),
        "SYSCALLID" => (Type::SyscallId, 2),
        "SOCKFAMILY" => (Type::SockFamily, 0),
        "L4PROTO" => (Type::L4Proto, 1),
        _ => return None,
    })
}

/// The bytes that upstream stores; of a network the address as it is written in `text`.
fn raw(literal: &Literal, width: usize, text: &[u8]) -> Vec<u8> {
    let number = |n: u64| n.to_le_bytes().into_iter().take(width).collect();
    let address = || match str::from_utf8(text)
        .unwrap()
        .split_once('/')
        .unwrap()
        .0
        .parse()
        .unwrap()
    {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Int(n) => number(*n as u64),
        Literal::Uint(n) => number(*n),
        Literal::Bool(b) => number(u64::from(*b)),
        Literal::Double(n) => n.to_le_bytes().to_vec(),
        Literal::Ip(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Literal::Ip(IpAddr::V6(ip)) => ip.octets().to_vec(),
        Literal::Net(Net::V4(first, last)) => {
            [address(), (!(last - first)).to_be_bytes().to_vec()].concat()
        }
        // Upstream keeps what it needs for its loop: the whole bytes of the prefix and the bits left of the next one.
        Literal::Net(Net::V6(first, last)) => {
            let prefix = 128 - (last - first).count_ones();
            let (bytes, tail) = if prefix.is_multiple_of(8) {
                (prefix / 8 - 1, 0)
            } else {
                (prefix / 8, 8 - prefix % 8)
            };
            [&address()[..], &bytes.to_le_bytes(), &tail.to_le_bytes()].concat()
        }
    }
}

#[test]
fn values() {
    let mut cases = common::corpus("values.jsonl");
    let all = cases.len();
    cases.retain(|case| stored(case["type_name"].as_str().unwrap()).is_some());
    assert_eq!(cases.len(), all, "every type is known");
    let mut complaints = Vec::new();
    for case in &cases {
        let (ty, width) = stored(case["type_name"].as_str().unwrap()).unwrap();
        let ours = match literal::parse(ty, &common::bytes(&case["s"]), service) {
            Ok(literal) => common::hex(&raw(&literal, width, &common::bytes(&case["s"]))),
            Err(message) => message,
        };
        let theirs = case["result"]["error"]
            .as_str()
            .or(case["result"].as_str())
            .unwrap();
        if ours != theirs {
            complaints.push(format!("{case}\n  ours {ours}"));
        }
    }
    common::report("values.jsonl", cases.len(), &complaints);
}

#[test]
fn globs() {
    let cases = common::corpus("glob.jsonl");
    let wrong = cases.iter().filter(|case| {
        let glob = Glob::new(&common::bytes(&case["p"]), case["icase"].as_bool().unwrap());
        let text = common::bytes(&case["s"]);
        let regex = |slashes| {
            let whole = format!("(?s-u)^(?:{})$", glob.regex(slashes));
            regex::bytes::Regex::new(&whole).unwrap().is_match(&text)
        };
        let matches = case["match"].as_bool().unwrap();
        glob.matches(&text) != matches
            || regex(true) != matches
            || (!text.contains(&b'/') && regex(false) != matches)
    });
    common::report(
        "glob.jsonl",
        cases.len(),
        &wrong.map(Json::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn paths() {
    let cases = common::corpus("pmatch.jsonl");
    let wrong = cases.iter().filter(|case| {
        let patterns: Vec<Vec<u8>> = case["paths"]
            .as_array()
            .unwrap()
            .iter()
            .map(common::bytes)
            .collect();
        let paths = Paths::new(patterns.iter().map(Vec::as_slice));
        paths.matches(&common::bytes(&case["s"])) != case["match"].as_bool().unwrap()
    });
    common::report(
        "pmatch.jsonl",
        cases.len(),
        &wrong.map(Json::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn nets() {
    let cases = common::corpus("net.jsonl");
    let wrong = cases.iter().filter(|case| {
        let ours = (|| {
            let address = literal::parse(Type::IpAddr, &common::bytes(&case["addr"]), service)?;
            match (
                address,
                literal::parse(Type::IpNet, &common::bytes(&case["net"]), service)?,
            ) {
                (Literal::Ip(address), Literal::Net(net)) => {
                    Ok(NetSet::new([net]).contains(address))
                }
                other => panic!("{other:?}"),
            }
        })();
        match ours {
            Ok(within) => case["result"]["eq"] != within || case["result"]["ne"] == within,
            Err::<_, String>(message) => case["result"]["error"] != message,
        }
    });
    common::report(
        "net.jsonl",
        cases.len(),
        &wrong.map(Json::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn values_stay_small() {
    assert!(size_of::<Value<'_>>() <= 24, "they are copied everywhere");
}
