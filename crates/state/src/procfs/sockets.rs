//! The sockets of a network namespace, by inode.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::BorrowedFd,
    sync::Arc,
};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::files::{self, lines, words};
use crate::{Ends, Fd, FdKind, Proto, Role, Tuple};

/// As much is read of one table.
const TABLE_MAX: usize = 64 << 20;

#[derive(Debug, Default)]
pub(super) struct Sockets {
    found: HashMap<u64, Found, FxBuildHasher>,
}

#[derive(Debug)]
enum Found {
    Inet(Tuple),
    Unix(Arc<[u8]>),
    Netlink,
}

impl Sockets {
    /// Reads the tables that a process sees. `None` if there are none.
    pub(super) fn read(process: BorrowedFd<'_>) -> Option<Sockets> {
        let mut sockets = Sockets::default();
        let mut any = false;
        let mut text = Vec::new();
        for (file, take) in [
            ("net/tcp", Sockets::tcp as fn(&mut Sockets, &[u8])),
            ("net/tcp6", Sockets::tcp),
            ("net/udp", Sockets::udp),
            ("net/udp6", Sockets::udp),
            ("net/raw", Sockets::raw),
            ("net/raw6", Sockets::raw),
            ("net/icmp", Sockets::icmp),
            ("net/unix", Sockets::unix),
            ("net/netlink", Sockets::netlink),
        ] {
            text.clear();
            if files::read_to(&mut text, process, file, TABLE_MAX).is_ok() {
                any = true;
                // The first line names the columns.
                for line in lines(&text).skip(1) {
                    take(&mut sockets, line);
                }
            }
        }
        any.then_some(sockets)
    }

    pub(super) fn get(&self, inode: u64) -> Option<Fd> {
        let mut fd = Fd::default();
        match self.found.get(&inode)? {
            Found::Inet(tuple) => fd.kind = FdKind::Inet(*tuple),
            Found::Unix(path) => {
                fd.name = Arc::clone(path);
                fd.kind = FdKind::Unix {
                    source: 0,
                    peer: 0,
                    role: Role::None,
                };
            }
            Found::Netlink => fd.kind = FdKind::Netlink,
        }
        Some(fd)
    }

    fn tcp(&mut self, line: &[u8]) {
        self.inet(line, Proto::Tcp);
    }

    fn udp(&mut self, line: &[u8]) {
        self.inet(line, Proto::Udp);
    }

    fn raw(&mut self, line: &[u8]) {
        self.inet(line, Proto::Raw);
    }

    fn icmp(&mut self, line: &[u8]) {
        self.inet(line, Proto::Icmp);
    }

    /// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...`
    fn inet(&mut self, line: &[u8], proto: Proto) {
        let mut words = words(line);
        let local = words.nth(1).and_then(end);
        let remote = words.next().and_then(end);
        let inode = words.nth(6).and_then(files::decimal);
        let (Some(local), Some(remote), Some(inode)) = (local, remote, inode) else {
            return;
        };
        let ends = match (local.1, remote) {
            (0, (ip, 0)) if ip.is_unspecified() => Ends::None,
            (_, (ip, 0)) if ip.is_unspecified() => Ends::Listening(local.0, local.1),
            _ => Ends::Pair(local, remote),
        };
        let tuple = Tuple {
            v6: local.0.is_ipv6(),
            proto,
            ends,
            role: match ends {
                Ends::Listening(..) => Role::Server,
                _ => Role::None,
            },
        };
        self.found.insert(inode as u64, Found::Inet(tuple));
    }

    /// `Num RefCount Protocol Flags Type St Inode Path`
    fn unix(&mut self, line: &[u8]) {
        let mut words = words(line);
        let inode = words.nth(6).and_then(files::decimal);
        let path = words.next().unwrap_or_default();
        if let Some(inode) = inode {
            self.found
                .insert(inode as u64, Found::Unix(Arc::from(path)));
        }
    }

    /// `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`
    fn netlink(&mut self, line: &[u8]) {
        if let Some(inode) = words(line).nth(9).and_then(files::decimal) {
            self.found.insert(inode as u64, Found::Netlink);
        }
    }
}

/// `0100007F:1F90`: each word of an address is a number of the machine whose bytes are in the order of the network.
fn end(text: &[u8]) -> Option<(IpAddr, u16)> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = address.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_of_the_kernel() {
        let mut sockets = Sockets::default();
        sockets.tcp(b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 100 0 0 10 0");
        sockets.tcp(b"   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 78 1 0 20 4 30 10 -1");
        sockets.unix(b"0000000000000000: 00000002 00000000 00010000 0001 01 79 /run/x.sock");
        sockets.netlink(
            b"0000000000000000 0   1234   00000111 0        0        0     2        0        80",
        );
        sockets.udp(b"nonsense");
        let local = IpAddr::from([127, 0, 0, 1]);
        let ends = |inode| match sockets.get(inode).map(|fd| fd.kind) {
            Some(FdKind::Inet(tuple)) => Some(tuple.ends),
            _ => None,
        };
        assert_eq!(ends(77), Some(Ends::Listening(local, 8080)));
        assert_eq!(ends(78), Some(Ends::Pair((local, 50000), (local, 8080))));
        assert_eq!(&sockets.get(79).unwrap().name[..], b"/run/x.sock");
        assert_eq!(sockets.get(80).unwrap().kind, FdKind::Netlink);
        assert_eq!(sockets.get(81), None);
    }

    #[test]
    fn reads_addresses_of_both_families() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(
            end(b"00000000000000000000000001000000:0016"),
            Some((ip("::1"), 22))
        );
        assert_eq!(end(b"6A00A8C0:0035"), Some((ip("192.168.0.106"), 53)));
        for bad in [&b""[..], b":", b"0100007F", b"zz00007F:0000", b"01:0000"] {
            assert_eq!(end(bad), None);
        }
    }
}
