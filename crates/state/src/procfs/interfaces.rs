//! The addresses of the network interfaces, asked from the kernel by a route netlink socket (rtnetlink(7)).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::OwnedFd,
};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::Interface;

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLMSG_DONE: u16 = 3;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// All addresses, in the kernel's order; none if it does not answer.
pub(super) fn read() -> Vec<Interface> {
    ask().unwrap_or_default()
}

fn ask() -> rustix::io::Result<Vec<Interface>> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // nlmsghdr: length, type, flags, sequence, port; then an empty ifaddrmsg.
    let mut request = Vec::new();
    request.extend_from_slice(&24_u32.to_ne_bytes());
    request.extend_from_slice(&RTM_GETADDR.to_ne_bytes());
    request.extend_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    request.extend_from_slice(&[0; 16]);
    rustix::net::send(&socket, &request, SendFlags::empty())?;
    let mut list = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    // The answer is there when the question was asked; nothing is waited for.
    loop {
        let (read, _) = rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT)?;
        let answer = buffer.get(..read).unwrap_or_default();
        if read == 0 || !take_messages(answer, &socket, &mut list) {
            return Ok(list);
        }
    }
}

/// False after the last message.
fn take_messages(mut bytes: &[u8], socket: &OwnedFd, list: &mut Vec<Interface>) -> bool {
    while let Some((length, kind, body, rest)) = message(bytes) {
        match kind {
            NLMSG_DONE | NLMSG_ERROR => return false,
            RTM_NEWADDR => list.extend(interface(body, socket)),
            _ => {}
        }
        if length == 0 {
            return false;
        }
        bytes = rest;
    }
    true
}

/// The first message: its length, type, body, and what follows it.
fn message(bytes: &[u8]) -> Option<(usize, u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let body = bytes.get(16..length)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((length, kind, body, rest))
}

/// ifaddrmsg: family, length of the prefix, flags, scope, index (u32); then attributes.
fn interface(body: &[u8], socket: &OwnedFd) -> Option<Interface> {
    let [family, prefix, _, _, rest @ ..] = body else {
        return None;
    };
    let (index, mut attributes) = rest.split_first_chunk()?;
    let mut address = None;
    while let Some((kind, value, rest)) = attribute(attributes) {
        // On links between two points, IFA_ADDRESS is the other one.
        if kind == IFA_LOCAL || (kind == IFA_ADDRESS && address.is_none()) {
            address = ip(*family, value);
        }
        attributes = rest;
    }
    let name = rustix::net::netdevice::index_to_name(socket, u32::from_ne_bytes(*index));
    let address = address?;
    Some(Interface {
        name: name.unwrap_or_default().into_bytes().into(),
        address,
        mask: mask(address, *prefix),
    })
}

/// rtattr: length and type (u16 each), then the value, padded to four bytes.
fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u16::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
    let value = bytes.get(4..length)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, value, rest))
}

fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        AF_INET6 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

fn mask(like: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match like {
        IpAddr::V4(_) => {
            Ipv4Addr::from(u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0)).into()
        }
        IpAddr::V6(_) => {
            Ipv6Addr::from(u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_a_loopback() {
        let list = read();
        if list.is_empty() {
            println!("skipped: the kernel does not tell of interfaces");
            return;
        }
        let lo = list
            .iter()
            .find(|it| it.address == IpAddr::from([127, 0, 0, 1]));
        let lo = lo.expect("127.0.0.1");
        assert_eq!(lo.mask, IpAddr::from([255, 0, 0, 0]));
        assert_eq!(&lo.name[..], b"lo");
    }

    #[test]
    fn masks_have_the_length_of_the_prefix() {
        let v4 = IpAddr::from([0, 0, 0, 0]);
        assert_eq!(mask(v4, 0), IpAddr::from([0, 0, 0, 0]));
        assert_eq!(mask(v4, 24), IpAddr::from([255, 255, 255, 0]));
        assert_eq!(mask(v4, 32), IpAddr::from([255, 255, 255, 255]));
    }

    #[test]
    fn nonsense_from_the_kernel_is_no_interface() {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        for bytes in [&[][..], &[0; 3], &[255; 64], &[0; 64]] {
            let mut list = Vec::new();
            take_messages(bytes, &socket, &mut list);
            assert!(list.is_empty());
        }
    }
}
