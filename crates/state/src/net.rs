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
