//! Literals: what a text on the right-hand side means for the type on the left.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Type;
use crate::net::Net;

/// The longest literal, as upstream has it.
const MAX_LEN: usize = 4096;

/// How the values of a type are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Text,
    Bytes,
    Signed,
    Unsigned,
    Bool,
    Double,
    Ip,
    Net,
    /// Only `exists` makes sense.
    Opaque,
}

impl Type {
    pub(crate) fn class(self) -> Class {
        use Type::{
            AbsTime, Bool, ByteBuf, CharBuf, Double, Dyn, EnumFlags8, EnumFlags16, EnumFlags32,
            Errno, Fd, FdList, Flags8, Flags16, Flags32, FsPath, FsRelPath, Gid, Int8, Int16,
            Int32, Int64, IpAddr, IpNet, Ipv4Addr, Ipv4Net, Ipv6Addr, Ipv6Net, L4Proto, Mode, Pid,
            Port, RelTime, SigType, SockAddr, SockFamily, SockTuple, SyscallId, Uid, Uint8, Uint16,
            Uint32, Uint64,
        };
        match self {
            Int8 | Int16 | Int32 | Int64 | Errno | Fd | Pid => Class::Signed,
            Uint8 | Uint16 | Uint32 | Uint64 | Port | RelTime | AbsTime | Flags8 | Flags16
            | Flags32 | EnumFlags8 | EnumFlags16 | EnumFlags32 | Mode | SigType | SyscallId => {
                Class::Unsigned
            }
            CharBuf | FsPath | FsRelPath => Class::Text,
            ByteBuf => Class::Bytes,
            Bool => Class::Bool,
            Double => Class::Double,
            IpAddr | Ipv4Addr | Ipv6Addr => Class::Ip,
            IpNet | Ipv4Net | Ipv6Net => Class::Net,
            Uid | Gid | L4Proto | SockFamily | SockAddr | SockTuple | FdList | Dyn => Class::Opaque,
        }
    }
}

/// What a literal means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(Vec<u8>),
    Int(i64),
    Uint(u64),
    Bool(bool),
    Double(f64),
    Ip(IpAddr),
    Net(Net),
}

impl Hash for Literal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Literal::Text(text) => text.hash(state),
            Literal::Int(number) => number.hash(state),
            Literal::Uint(number) => number.hash(state),
            Literal::Bool(yes) => yes.hash(state),
            Literal::Double(number) => number.to_bits().hash(state),
            Literal::Ip(address) => address.hash(state),
            Literal::Net(net) => net.hash(state),
        }
    }
}

/// Reads a literal for a type; `port` knows the ports of services. Errors are whole messages in upstream's words.
///
/// Numbers wrap and saturate as upstream's do: 256 is 0 for eight bits, what is too large for 64 bits is the largest.
pub(crate) fn parse(
    ty: Type,
    text: &[u8],
    port: impl Fn(&str) -> Option<u16>,
) -> Result<Literal, String> {
    if ty == Type::ByteBuf {
        if text.len() >= MAX_LEN {
            return Err("filter parameter too long (byte buf)".to_owned());
        }
        return Ok(Literal::Text(text.to_vec()));
    }
    if text.contains(&0) {
        return Err("filter error: filter value cannot contain a NUL byte (\\x00)".to_owned());
    }
    let shown = String::from_utf8_lossy(text);
    let signed = || {
        whole(text)
            .map(Whole::signed)
            .ok_or_else(|| not_a_number(&shown))
    };
    let unsigned = || {
        whole(text)
            .map(Whole::unsigned)
            .ok_or_else(|| not_a_number(&shown))
    };
    Ok(match ty {
        Type::Int8 => Literal::Int(signed()? as i8 as i64),
        Type::Int16 => Literal::Int(signed()? as i16 as i64),
        Type::Int32 => Literal::Int(signed()? as i32 as i64),
        Type::Int64 | Type::Fd | Type::Pid | Type::Errno => Literal::Int(signed()?),
        Type::Uint8 | Type::Flags8 | Type::EnumFlags8 | Type::L4Proto => {
            Literal::Uint(unsigned()? as u8 as u64)
        }
        Type::Uint16 | Type::Flags16 | Type::EnumFlags16 => {
            Literal::Uint(unsigned()? as u16 as u64)
        }
        Type::Uint32 | Type::Flags32 | Type::EnumFlags32 | Type::Mode | Type::Uid | Type::Gid => {
            Literal::Uint(unsigned()? as u32 as u64)
        }
        Type::Uint64 | Type::RelTime | Type::AbsTime => Literal::Uint(unsigned()?),
        Type::Port => Literal::Uint(parse_port(&shown, port)? as u64),
        Type::Double => Literal::Double(f64::from(signed()? as i32)),
        Type::Bool => match &*shown {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            _ => return Err(format!("filter error: unrecognized boolean value {shown}")),
        },
        Type::CharBuf | Type::FsPath | Type::FsRelPath | Type::SockFamily => {
            if text.len() >= MAX_LEN {
                return Err(format!(
                    "filter parameter too long (used={}, available={MAX_LEN}):{shown}",
                    text.len() + 1
                ));
            }
            Literal::Text(text.to_vec())
        }
        Type::IpAddr if shown.contains('.') => Literal::Ip(parse_v4(&shown)?.into()),
        Type::Ipv4Addr => Literal::Ip(parse_v4(&shown)?.into()),
        Type::IpAddr | Type::Ipv6Addr => Literal::Ip(parse_v6(&shown)?.into()),
        Type::IpNet if shown.contains('.') => Literal::Net(parse_v4_net(&shown)?),
        Type::Ipv4Net => Literal::Net(parse_v4_net(&shown)?),
        Type::IpNet | Type::Ipv6Net => Literal::Net(parse_v6_net(&shown)?),
        Type::SyscallId => return Err("wrong parameter type 18".to_owned()),
        Type::SigType => return Err("wrong parameter type 19".to_owned()),
        Type::SockAddr | Type::SockTuple | Type::FdList | Type::Dyn | Type::ByteBuf => {
            return Err(format!("wrong parameter type {}", ty.name()));
        }
    })
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16);
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect()
}

/// A decimal number of any size.
#[derive(Clone, Copy)]
struct Whole {
    negative: bool,
    /// At most `u64::MAX`, saturated.
    magnitude: u64,
    overflow: bool,
}

impl Whole {
    fn signed(self) -> i64 {
        match (self.negative, i64::try_from(self.magnitude)) {
            (false, Ok(n)) => n,
            (false, Err(_)) => i64::MAX,
            (true, Ok(n)) => -n,
            (true, Err(_)) => i64::MIN,
        }
    }

    fn unsigned(self) -> u64 {
        if self.negative && !self.overflow {
            self.magnitude.wrapping_neg()
        } else {
            self.magnitude
        }
    }
}

/// Blanks, a sign, digits, nothing after them.
fn whole(text: &[u8]) -> Option<Whole> {
    let text = text
        .iter()
        .position(|b| !matches!(b, b' ' | b'\t'..=b'\r'))
        .and_then(|start| text.get(start..))?;
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let exact = digits.iter().try_fold(0u64, |n, b| {
        n.checked_mul(10)?.checked_add(u64::from(b - b'0'))
    });
    Some(Whole {
        negative,
        magnitude: exact.unwrap_or(u64::MAX),
        overflow: exact.is_none(),
    })
}

fn not_a_number(shown: &str) -> String {
    format!("{shown} is not a valid number")
}

fn parse_port(text: &str, port: impl Fn(&str) -> Option<u16>) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(0);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text
            .parse::<i32>()
            .map(|n| n as u16)
            .map_err(|_| "stoi".to_owned());
    }
    port(text).ok_or_else(|| format!("unrecognized protocol {text}"))
}

fn parse_v4(text: &str) -> Result<Ipv4Addr, String> {
    text.parse()
        .map_err(|_| format!("unrecognized IPv4 address {text}"))
}

fn parse_v6(text: &str) -> Result<Ipv6Addr, String> {
    text.parse()
        .map_err(|_| format!("unrecognized IPv6 address {text}"))
}

fn parse_v4_net(text: &str) -> Result<Net, String> {
    let (address, mask) = text
        .split_once('/')
        .ok_or_else(|| format!("unrecognized IP network {text}"))?;
    let address: Ipv4Addr = address
        .parse()
        .map_err(|_| format!("unrecognized IP address {text}"))?;
    match whole(mask.as_bytes())
        .ok_or_else(|| not_a_number(mask))?
        .signed()
    {
        prefix @ 0..=32 => Ok(Net::v4(address, prefix as u32)),
        _ => Err(format!("invalid netmask {mask}")),
    }
}

fn parse_v6_net(text: &str) -> Result<Net, String> {
    let (address, mask) = text
        .split_once('/')
        .ok_or_else(|| format!("invalid v6 netmask: {text}"))?;
    let address = parse_v6(address)?;
    match whole(mask.as_bytes())
        .ok_or_else(|| not_a_number(mask))?
        .signed()
    {
        prefix @ 1..=128 => Ok(Net::v6(address, prefix as u32)),
        _ => Err(format!("invalid v6 netmask {mask}")),
    }
}
