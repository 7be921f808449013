//! Parameters as they are: `evt.rawarg`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use falco_event::{Event, Format, ParamType as P};
use falco_filter::Value;

use crate::text::Text;

/// What a condition compares; an empty parameter has no value, except that an empty text is `<NA>`.
pub(crate) fn value<'e>(event: &Event<'e>, index: usize) -> Option<Value<'e>> {
    let ty = event.info().params.get(index)?.ty;
    let signed = |value: Option<i64>| value.map(Value::Int);
    let unsigned = |value: Option<u64>| value.map(Value::Uint);
    match ty {
        P::Charbuf | P::Fspath | P::Fsrelpath => {
            Some(Value::Str(event.str(index).unwrap_or(b"<NA>")))
        }
        P::Int8 => signed(event.u8(index).map(|value| i64::from(value as i8))),
        P::Int16 => signed(event.u16(index).map(|value| i64::from(value as i16))),
        P::Int32 | P::Fd32 | P::Pid32 => signed(event.i32(index).map(i64::from)),
        P::Int64 | P::Errno | P::Fd | P::Pid => signed(event.i64(index)),
        P::Uint8 | P::Flags8 | P::Enumflags8 | P::Sigtype | P::L4proto | P::Sockfamily => {
            unsigned(event.u8(index).map(u64::from))
        }
        P::Uint16 | P::Flags16 | P::Enumflags16 | P::Syscallid | P::Port => {
            unsigned(event.u16(index).map(u64::from))
        }
        P::Uint32 | P::Flags32 | P::Enumflags32 | P::Mode | P::Uid | P::Gid | P::Sigset => {
            unsigned(event.u32(index).map(u64::from))
        }
        P::Uint64 | P::Reltime | P::Abstime => unsigned(event.u64(index)),
        P::Bool => event.u32(index).map(|value| Value::Bool(value != 0)),
        P::Double => {
            let bits = event.u64(index)?;
            Some(Value::Double(f64::from_bits(bits)))
        }
        P::Ipv4addr | P::Ipv6addr | P::Ipaddr | P::Ipv4net | P::Ipv6net | P::Ipnet => {
            address(event.param(index)?).map(Value::Ip)
        }
        P::None
        | P::Bytebuf
        | P::Sockaddr
        | P::Socktuple
        | P::Fdlist
        | P::Dyn
        | P::Charbufarray
        | P::CharbufPairArray => event.param(index).map(Value::Bytes),
    }
}

/// What an output shows: numbers in the form of the event's own parameter, 0 for an empty one.
pub(crate) fn shown<'e>(event: &Event<'e>, index: usize, arena: &'e Bump) -> Option<Value<'e>> {
    let param = event.info().params.get(index)?;
    let value = match (param.ty, value(event, index)) {
        (_, Some(value)) => value,
        (P::Bool, None) => Value::Bool(false),
        (P::Pid, None) => Value::Int(0),
        (_, None) if param.format != Format::Na => Value::Uint(0),
        (_, None) => return None,
    };
    let mut text = Text::new(arena);
    match (value, param.format) {
        (Value::Int(number), Format::Hex) => {
            let bits = param.ty.size().map_or(64, |size| size * 8);
            let number = number as u64 & (u64::MAX >> (64 - bits));
            text.push_shown(format_args!("{number:X}"));
        }
        (Value::Uint(number), Format::Hex) => text.push_shown(format_args!("{number:X}")),
        (Value::Int(number), Format::Oct) => text.push_shown(format_args!("{number:o}")),
        (Value::Uint(number), Format::Oct) => text.push_shown(format_args!("{number:o}")),
        (value, _) => return Some(value),
    }
    Some(text.value())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}
