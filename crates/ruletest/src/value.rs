//! Values as people write them, in the bytes of parameters.

use std::net::{IpAddr, SocketAddr};

use falco_event::{Names, ParamInfo, ParamType as T, SyscallCode, render, schema::Flag};
use falco_rules::yaml::{self, Node, Value};

use crate::problem::Wrong;

/// The working directory as a descriptor.
pub(crate) const AT_FDCWD: i64 = -100;

/// The bytes of a parameter; none for a value that is left out.
pub(crate) fn bytes_of(param: &ParamInfo, node: &Node) -> Result<Vec<u8>, Wrong> {
    if node.is_null() {
        return Ok(Vec::new());
    }
    match param.ty {
        T::Charbuf | T::Fspath | T::Fsrelpath => Ok(closed(text(node)?)),
        T::Bytebuf | T::Charbufarray | T::CharbufPairArray => match &node.value {
            Value::Seq(items) => texts(items),
            Value::Map(_) => hex(node),
            _ => Ok(text(node)?.as_bytes().to_vec()),
        },
        T::Sockaddr => address(text(node)?),
        T::Socktuple => tuple(text(node)?),
        T::Fdlist => descriptors(node),
        T::Bool => {
            let yes = yaml::boolean(text(node)?).ok_or_else(|| expected("yes or no", node))?;
            Ok(u32::from(yes).to_le_bytes().to_vec())
        }
        T::Ipv4addr | T::Ipv6addr | T::Ipaddr => match text(node)?.parse() {
            Ok(IpAddr::V4(address)) => Ok(address.octets().to_vec()),
            Ok(IpAddr::V6(address)) => Ok(address.octets().to_vec()),
            Err(_) => Err(expected("an IP address", node)),
        },
        T::Double => {
            let number: f64 = (text(node)?.parse()).map_err(|_| expected("a number", node))?;
            Ok(number.to_le_bytes().to_vec())
        }
        T::Dyn => dynamic(param, node),
        ty => {
            let (bytes, signed) = width(ty).ok_or_else(|| {
                Wrong::new(format!(
                    "a parameter of type {} cannot be written",
                    ty.name()
                ))
            })?;
            let number = number_of(param, text(node)?)?;
            fit(number, bytes, signed)
        }
    }
}

/// `{hex: cafebabe}`.
fn hex(node: &Node) -> Result<Vec<u8>, Wrong> {
    let digits = (node.get("hex").and_then(Node::scalar).unwrap_or_default()).as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
        Wrong::new("these are no bytes")
            .help("write a text, `[several, texts]` or `{hex: cafebabe}`")
    })
}

/// A parameter of whose types the first that takes the value is chosen.
fn dynamic(param: &ParamInfo, node: &Node) -> Result<Vec<u8>, Wrong> {
    let Names::Dynamic(alternatives) = param.names else {
        return Err(Wrong::new("this parameter cannot be written"));
    };
    for (choice, alternative) in alternatives.iter().enumerate() {
        let param = ParamInfo {
            name: param.name,
            ty: alternative.ty,
            format: alternative.format,
            names: Names::None,
        };
        if alternative.ty != T::Dyn
            && let Ok(bytes) = bytes_of(&param, node)
        {
            let choice = u8::try_from(choice).unwrap_or(u8::MAX);
            return Ok([&[choice][..], &bytes].concat());
        }
    }
    Err(expected("a value of this parameter", node))
}

/// The bytes of a number and whether it has a sign.
fn width(ty: T) -> Option<(usize, bool)> {
    Some(match ty {
        T::Int8 => (1, true),
        T::Int16 => (2, true),
        T::Int32 | T::Fd32 | T::Pid32 => (4, true),
        T::Int64 | T::Errno | T::Fd | T::Pid => (8, true),
        T::Uint8 | T::Flags8 | T::Enumflags8 | T::Sigtype | T::L4proto | T::Sockfamily => {
            (1, false)
        }
        T::Uint16 | T::Flags16 | T::Enumflags16 | T::Syscallid | T::Port => (2, false),
        T::Uint32 | T::Flags32 | T::Enumflags32 | T::Uid | T::Gid | T::Mode | T::Sigset => {
            (4, false)
        }
        T::Uint64 | T::Reltime | T::Abstime => (8, false),
        _ => return None,
    })
}

/// The value of a parameter that is nothing special: no flags, the working directory, success.
pub(crate) fn neutral(param: &ParamInfo) -> Vec<u8> {
    if param.ty == T::Fd && param.name.ends_with("dirfd") {
        return AT_FDCWD.to_le_bytes().to_vec();
    }
    width(param.ty).map_or_else(Vec::new, |(bytes, _)| vec![0; bytes])
}

fn number_of(param: &ParamInfo, text: &str) -> Result<i128, Wrong> {
    if let Names::Table(table) = param.names {
        return flags(table, text);
    }
    match param.ty {
        T::Errno | T::Fd | T::Pid if text.starts_with('E') => (1_i64..=133)
            .find(|errno| render::errno_name(-errno) == Some(text))
            .map(|errno| i128::from(-errno))
            .ok_or_else(|| Wrong::new(format!("there is no error {text}"))),
        T::Fd if text == "AT_FDCWD" => Ok(AT_FDCWD.into()),
        T::Sigtype if text.starts_with("SIG") => (1..=31)
            .find(|signal| render::signal_name(*signal) == Some(text))
            .map(i128::from)
            .ok_or_else(|| Wrong::new(format!("there is no signal {text}"))),
        T::Syscallid if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            SyscallCode::by_name(text)
                .map(|call| call.get().into())
                .ok_or_else(|| Wrong::new(format!("there is no system call {text}")))
        }
        T::Uid | T::Gid if text == "root" => Ok(0),
        T::Uid | T::Gid if text == "-1" => Ok(u32::MAX.into()),
        T::Uint64 if text == "all" || text.starts_with("CAP_") => Ok(capabilities(text)?.into()),
        _ => number(text),
    }
}

/// Names of a table, joined by `|`, and numbers.
fn flags(table: &[Flag], text: &str) -> Result<i128, Wrong> {
    let mut all = 0;
    for word in text.split('|').map(str::trim) {
        all |= match table.iter().find(|flag| flag.name == word) {
            Some(flag) => flag.value.into(),
            None => number(word).map_err(|_| {
                let names: Vec<_> = table.iter().map(|flag| flag.name).collect();
                Wrong::new(format!("`{word}` is no value of this parameter"))
                    .help(format!("one of {}", shortened(&names.join(", "))))
            })?,
        };
    }
    Ok(all)
}

/// A list that fits into a line of help.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 400;
    match text.get(..LONGEST).and_then(|text| text.rsplit_once(", ")) {
        Some((start, _)) => format!("{start}, …"),
        None => text.to_owned(),
    }
}

/// Names of capabilities, joined by `|`; `all` or `none`.
pub(crate) fn capabilities(text: &str) -> Result<u64, Wrong> {
    let mut all = 0;
    for word in text.split('|').map(str::trim) {
        all |= match word {
            "all" => (1 << 41) - 1,
            "none" => 0,
            _ => (0..41)
                .find(|bit| render::capability_name(*bit) == Some(word))
                .map(|bit| 1 << bit)
                .ok_or_else(|| Wrong::new(format!("there is no capability {word}")))?,
        };
    }
    Ok(all)
}

/// A number: decimal, hexadecimal after `0x`, octal after `0`.
pub(crate) fn number(text: &str) -> Result<i128, Wrong> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None => match digits.strip_prefix("0o").or(digits.strip_prefix('0')) {
            Some(octal) if !octal.is_empty() => (octal, 8),
            _ => (digits, 10),
        },
    };
    match u64::from_str_radix(digits, radix) {
        Ok(number) if !digits.starts_with('+') => Ok(sign * i128::from(number)),
        _ => Err(Wrong::new(format!("`{text}` is not a number"))),
    }
}

fn fit(number: i128, bytes: usize, signed: bool) -> Result<Vec<u8>, Wrong> {
    let bits = 8 * bytes as u32;
    let (low, high) = if signed {
        (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    } else {
        (0, (1_i128 << bits) - 1)
    };
    if !(low..=high).contains(&number) {
        return Err(Wrong::new(format!(
            "{number} is out of range: {low} to {high}"
        )));
    }
    let all = number.to_le_bytes();
    Ok(all.get(..bytes).unwrap_or_default().to_vec())
}

/// One end of a socket: `10.0.0.1:80`, `[::1]:80`, or the path of a unix socket.
fn address(text: &str) -> Result<Vec<u8>, Wrong> {
    if let Some(path) = unix_path(text) {
        return Ok([&[1], path.as_bytes(), &[0]].concat());
    }
    let end = socket_address(text)?;
    let mut out = vec![family(&end)];
    put_end(&end, &mut out);
    Ok(out)
}

/// Both ends of a socket: `10.0.0.1:40000->10.0.0.2:80`, or the path of a unix socket.
fn tuple(text: &str) -> Result<Vec<u8>, Wrong> {
    if let Some(path) = unix_path(text) {
        return Ok([&[1], &[1; 8][..], &[2; 8], path.as_bytes(), &[0]].concat());
    }
    let (from, to) = ends(text)?;
    let mut out = vec![family(&from)];
    put_end(&from, &mut out);
    put_end(&to, &mut out);
    Ok(out)
}

/// The two ends of a connection.
pub(crate) fn ends(text: &str) -> Result<(SocketAddr, SocketAddr), Wrong> {
    let (from, to) = text.split_once("->").ok_or_else(|| {
        Wrong::new(format!("`{text}` is no connection")).help("write `10.0.0.1:40000->10.0.0.2:80`")
    })?;
    let (from, to) = (socket_address(from)?, socket_address(to)?);
    if from.is_ipv4() != to.is_ipv4() {
        return Err(Wrong::new(
            "both ends of a connection have to be of one family",
        ));
    }
    Ok((from, to))
}

/// The path of a unix socket.
pub(crate) fn unix_path(text: &str) -> Option<&str> {
    text.strip_prefix("unix:")
        .or_else(|| text.starts_with('/').then_some(text))
}

pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, Wrong> {
    text.trim().parse().map_err(|_| {
        Wrong::new(format!("`{text}` is no address with a port"))
            .help("write `10.0.0.1:80` or `[::1]:80`")
    })
}

fn family(end: &SocketAddr) -> u8 {
    if end.is_ipv4() { 2 } else { 10 }
}

fn put_end(end: &SocketAddr, out: &mut Vec<u8>) {
    match end.ip() {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
    out.extend_from_slice(&end.port().to_le_bytes());
}

/// `[3: POLLIN, …]` as the wire has it: how many, then number and events of each.
fn descriptors(node: &Node) -> Result<Vec<u8>, Wrong> {
    let items = (node.items()).ok_or_else(|| expected("a sequence of descriptors", node))?;
    let count = u16::try_from(items.len()).map_err(|_| Wrong::new("too many descriptors"))?;
    let mut out = count.to_le_bytes().to_vec();
    for item in items {
        out.extend(fit(number(text(item)?)?, 8, true)?);
        out.extend([0, 0]);
    }
    Ok(out)
}

/// Texts, each closed by a NUL.
pub(crate) fn texts(items: &[Node]) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::new();
    for item in items {
        out.extend(closed(text(item)?));
    }
    Ok(out)
}

/// A text closed by a NUL.
pub(crate) fn closed(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// The text of a scalar.
pub(crate) fn text(node: &Node) -> Result<&str, Wrong> {
    node.scalar()
        .ok_or_else(|| Wrong::new("expected one value, not several"))
}

fn expected(what: &str, node: &Node) -> Wrong {
    match node.scalar() {
        Some(text) => Wrong::new(format!("expected {what}, not `{text}`")),
        None => Wrong::new(format!("expected {what}")),
    }
}
