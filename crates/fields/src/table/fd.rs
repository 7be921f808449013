//! Fields of descriptors.

use super::fields;

fields! {
    /// Fields of the call's descriptor.
    Descriptor {
    Num         "fd.num"         Int64   Id      [] "The number of the descriptor that the call is about."
    Type        "fd.type"        CharBuf Dec     [] "What it is: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, timerfd, netlink, bpf, userfaultfd, io_uring, memfd, pidfd."
    TypeChar    "fd.typechar"    CharBuf Dec     [] "The same as one letter: f, d, 4, 6, u, p, e, s, l, i, t, n, b, r, m, P; o when unknown."
    Name        "fd.name"        CharBuf Natural [] "The full path of a file, both ends of a connection, or what else it is called."
    Directory   "fd.directory"   CharBuf Natural [] "The directory that a file is in."
    Filename    "fd.filename"    CharBuf Natural [] "The name of a file without its directory."
    Ip          "fd.ip"          IpAddr  Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the address of the client or of the server."
    Cip         "fd.cip"         IpAddr  Natural [] "The address of the client."
    Sip         "fd.sip"         IpAddr  Natural [] "The address of the server."
    Lip         "fd.lip"         IpAddr  Natural [] "The address on this side."
    Rip         "fd.rip"         IpAddr  Natural [] "The address on the other side."
    Port        "fd.port"        Port    Dec     [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the port of the client or of the server."
    Cport       "fd.cport"       Port    Dec     [] "The port of the client."
    Sport       "fd.sport"       Port    Dec     [] "The port of the server."
    Lport       "fd.lport"       Port    Dec     [] "The port on this side."
    Rport       "fd.rport"       Port    Dec     [] "The port on the other side."
    L4proto     "fd.l4proto"     CharBuf Natural [] "The transport protocol: tcp, udp, icmp, raw."
    SockFamily  "fd.sockfamily"  CharBuf Natural [] "ip or unix, for sockets."
    IsServer    "fd.is_server"   Bool    Natural [] "Whether this side is the server of the connection."
    Uid         "fd.uid"         CharBuf Natural [] "The thread id followed by the number of the descriptor."
    ContainerName      "fd.containername"      CharBuf Natural [] "The container id, a colon and fd.name."
    ContainerDirectory "fd.containerdirectory" CharBuf Natural [] "The container id, a colon and fd.directory."
    Proto       "fd.proto"       Port    Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the client's or the server's port by the name of its service."
    Cproto      "fd.cproto"      CharBuf Natural [] "The service on the client's port."
    Sproto      "fd.sproto"      CharBuf Natural [] "The service on the server's port."
    Lproto      "fd.lproto"      CharBuf Natural [] "The service on this side's port."
    Rproto      "fd.rproto"      CharBuf Natural [] "The service on the other side's port."
    Net         "fd.net"         IpNet   Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the network of the client or of the server."
    Cnet        "fd.cnet"        IpNet   Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the network of the client."
    Snet        "fd.snet"        IpNet   Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the network of the server."
    Lnet        "fd.lnet"        IpNet   Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the network on this side."
    Rnet        "fd.rnet"        IpNet   Natural [FILTER_ONLY NO_TRANSFORMER NO_RHS] "Matches the network on the other side."
    Connected   "fd.connected"   Bool    Natural [] "Whether a socket is connected."
    NameChanged "fd.name_changed" Bool   Natural [] "Whether the event gave the descriptor another name."
    CipName     "fd.cip.name"    CharBuf Natural [NO_TRANSFORMER NO_RHS] "The domain of the client, among those that conditions name."
    SipName     "fd.sip.name"    CharBuf Natural [NO_TRANSFORMER NO_RHS] "The domain of the server, among those that conditions name."
    LipName     "fd.lip.name"    CharBuf Natural [NO_TRANSFORMER NO_RHS] "The domain of this side, among those that conditions name."
    RipName     "fd.rip.name"    CharBuf Natural [NO_TRANSFORMER NO_RHS] "The domain of the other side, among those that conditions name."
    Dev         "fd.dev"         Int32   Hex     [] "The device that a file is on, hexadecimal."
    DevMajor    "fd.dev.major"   Int32   Dec     [] "The major number of that device."
    DevMinor    "fd.dev.minor"   Int32   Dec     [] "The minor number of that device."
    Ino         "fd.ino"         Int64   Dec     [] "The inode of a file."
    NameRaw     "fd.nameraw"     CharBuf Natural [] "The path as the call was given it."
    Types       "fd.types"       CharBuf Dec     [LIST ARG_ALLOWED NO_RHS] "The kinds of all descriptors that the process has; fd.types[N] the kind of descriptor N."
    UpperLayer  "fd.is_upper_layer" Bool Natural [] "Whether a file lies in the writable layer of an overlay."
    LowerLayer  "fd.is_lower_layer" Bool Natural [] "Whether a file lies in the read-only layer of an overlay."
    RealPath    "fd.realpath"    CharBuf Natural [OWN] "The path of a file as the kernel knows it: links, dots and what was made of the name meanwhile have no say."
    }
}

fields! {
    /// Fields of the descriptors of a poll.
    FdList {
    Nums   "fdlist.nums"   CharBuf Id      [] "Their numbers, separated by commas."
    Names  "fdlist.names"  CharBuf Natural [] "Their names, separated by commas."
    Cips   "fdlist.cips"   CharBuf Natural [] "The addresses of the clients, separated by commas."
    Sips   "fdlist.sips"   CharBuf Natural [] "The addresses of the servers, separated by commas."
    Cports "fdlist.cports" CharBuf Dec     [] "The ports of the clients, separated by commas."
    Sports "fdlist.sports" CharBuf Dec     [] "The ports of the servers, separated by commas."
    }
}
