//! Networks as ranges of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Net {
    V4(u32, u32),
    V6(u128, u128),
}

impl Net {
    pub(crate) fn v4(address: Ipv4Addr, prefix: u32) -> Net {
        let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
        let address = u32::from(address);
        Net::V4(address & !host, address | host)
    }

    pub(crate) fn v6(address: Ipv6Addr, prefix: u32) -> Net {
        let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
        let address = u128::from(address);
        Net::V6(address & !host, address | host)
    }
}

/// The union of networks: sorted ranges that neither overlap nor touch.
#[derive(Debug)]
pub(crate) struct NetSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl NetSet {
    pub(crate) fn new(nets: impl IntoIterator<Item = Net>) -> NetSet {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                Net::V4(first, last) => v4.push((first, last)),
                Net::V6(first, last) => v6.push((first, last)),
            }
        }
        NetSet {
            v4: merged(v4, |n| n.checked_add(1)),
            v6: merged(v6, |n| n.checked_add(1)),
        }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => within(&self.v4, u32::from(address)),
            IpAddr::V6(address) => within(&self.v6, u128::from(address)),
        }
    }
}

fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some(before) if next(before.1).is_none_or(|after| first <= after) => {
                before.1 = before.1.max(last);
            }
            _ => out.push((first, last)),
        }
    }
    out.into()
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], n: T) -> bool {
    let after = ranges.partition_point(|range| range.0 <= n);
    after
        .checked_sub(1)
        .and_then(|i| ranges.get(i))
        .is_some_and(|range| n <= range.1)
}
