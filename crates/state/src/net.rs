//! The network interfaces of the host.

use std::net::IpAddr;

/// One address of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `eth0`
    pub name: Box<[u8]>,
    /// Its address.
    pub address: IpAddr,
    /// The network it is in; of the family of the address.
    pub mask: IpAddr,
}

/// The interfaces, in the order of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// One entry for each address.
    pub list: Vec<Interface>,
}

impl Interfaces {
    /// Whether an address is one of this machine's.
    pub fn is_local(&self, address: IpAddr) -> bool {
        self.list
            .iter()
            .any(|interface| match (interface.address, address) {
                (IpAddr::V4(ours), IpAddr::V4(asked)) => ours == asked,
                // Of IPv6 addresses the first 64 bits decide: hosts have many of one network.
                (IpAddr::V6(ours), IpAddr::V6(asked)) => ours.octets()[..8] == asked.octets()[..8],
                _ => false,
            })
    }
}

impl Interfaces {
    /// Fills in the end of a pair that is not known with the address that the machine would use to talk to the other.
    pub(crate) fn complete(&self, tuple: &mut crate::Tuple) {
        let crate::Ends::Pair(from, to) = &mut tuple.ends else {
            return;
        };
        let (missing, other) = match (from.0.is_unspecified(), to.0.is_unspecified()) {
            (true, _) => (from, to),
            (false, true) => (to, from),
            (false, false) => return,
        };
        if let Some(address) = self.address_towards(other.0)
            && (address != other.0 || missing.1 != other.1)
        {
            missing.0 = address;
        }
    }

    /// Our address of the family that is nearest to another: itself, one of its network, the first that is not the loopback's.
    fn address_towards(&self, other: IpAddr) -> Option<IpAddr> {
        let ours = || {
            self.list
                .iter()
                .filter(|interface| interface.address.is_ipv4() == other.is_ipv4())
        };
        ours()
            .find(|interface| interface.address == other)
            .or_else(|| ours().find(|interface| interface.reaches(other)))
            .or_else(|| ours().find(|interface| !is_loopback(interface.address)))
            .map(|interface| interface.address)
    }
}

impl Interface {
    /// Whether an address is in the same network. Of IPv6 networks the first 64 bits are taken.
    fn reaches(&self, other: IpAddr) -> bool {
        match (self.address, self.mask, other) {
            (IpAddr::V4(ours), IpAddr::V4(mask), IpAddr::V4(other)) => ours & mask == other & mask,
            (IpAddr::V6(ours), _, IpAddr::V6(other)) => ours.octets()[..8] == other.octets()[..8],
            _ => false,
        }
    }
}

/// The one address that upstream knows as the loopback's.
fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(address) => address == std::net::Ipv6Addr::LOCALHOST,
    }
}
