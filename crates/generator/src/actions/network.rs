//! Things done over networks: that of this process only, where every address is its own.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};

use super::{Action, Place};
use crate::raw;
use crate::stage::network;

/// An address that belongs to nobody.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Connects to an address and port that somebody listens at.
fn connect(address: Ipv4Addr, port: u16) -> anyhow::Result<()> {
    network(address)?;
    let listener = TcpListener::bind(SocketAddrV4::new(address, port))?;
    TcpStream::connect(listener.local_addr()?)?;
    Ok(())
}

/// See the module.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "metadata-service",
        place: Place::Container,
        about: "asks the metadata service in a container",
        rules: &["Metadata service contacted from a container"],
        upstream: &[
            "Contact EC2 Instance Metadata Service From Container",
            "Contact cloud metadata service from container",
        ],
        act: |_| connect(Ipv4Addr::new(169, 254, 169, 254), 80),
    },
    Action {
        name: "kubernetes-api",
        place: Place::Container,
        about: "talks to the API of a cluster in a container",
        rules: &["Kubernetes API contacted from a container"],
        upstream: &[],
        act: |_| connect(Ipv4Addr::new(10, 96, 0, 1), 443),
    },
    Action {
        name: "node-port",
        place: Place::Container,
        about: "uses a node port in a container",
        rules: &["Node port used by a container"],
        upstream: &["Unexpected K8s NodePort Connection"],
        act: |_| connect(NOBODY, 30080),
    },
    Action {
        name: "connection-from-outside",
        place: Place::Container,
        about: "takes a connection from outside in a container",
        rules: &["Connection from an unexpected address"],
        upstream: &[],
        act: |_| {
            network(NOBODY)?;
            let listener = TcpListener::bind((NOBODY, 8080))?;
            let _client = TcpStream::connect((NOBODY, 8080))?;
            listener.accept()?;
            Ok(())
        },
    },
    Action {
        name: "connection-of-system-program",
        place: Place::Host,
        about: "cat makes a connection",
        rules: &["Unexpected connection of a system program"],
        upstream: &["System procs network activity"],
        act: |stage| {
            network(NOBODY)?;
            stage.cover(&["/usr/bin"])?;
            stage.disguised_at("/usr/bin/cat", &[], "connect")
        },
    },
    Action {
        name: "bind-shell",
        place: Place::Host,
        about: "netcat waits for connections",
        rules: &["System program takes connections"],
        upstream: &[],
        act: |stage| {
            network(NOBODY)?;
            stage.disguised("nc", "listen")
        },
    },
    Action {
        name: "packet-socket",
        place: Place::Host,
        about: "opens a packet socket",
        rules: &["Raw packet socket opened"],
        upstream: &[],
        act: |_| {
            raw::packet_socket()?;
            Ok(())
        },
    },
    Action {
        name: "packet-socket-in-container",
        place: Place::Container,
        about: "opens a packet socket in a container",
        rules: &["Raw packet socket opened"],
        upstream: &["Packet socket created in container"],
        act: |_| {
            raw::packet_socket()?;
            Ok(())
        },
    },
    Action {
        name: "ssh-to-odd-port",
        place: Place::Host,
        about: "ssh connects to port 443",
        rules: &["SSH to an odd port"],
        upstream: &["Disallowed SSH Connection Non Standard Port"],
        act: |stage| {
            network(NOBODY)?;
            stage.disguised("ssh", "connect-443")
        },
    },
    Action {
        name: "udp-to-odd-port",
        place: Place::Host,
        about: "sends UDP to an unusual port",
        rules: &["UDP to an unusual port"],
        upstream: &["Unexpected UDP Traffic"],
        act: |_| {
            network(NOBODY)?;
            let socket = UdpSocket::bind((NOBODY, 0))?;
            socket.connect((NOBODY, 31337))?;
            socket.send(b"none")?;
            Ok(())
        },
    },
    Action {
        name: "mining-pool",
        place: Place::Host,
        about: "connects to a port of mining pools",
        rules: &["Connection to a mining pool"],
        upstream: &[],
        act: |_| connect(NOBODY, 3333),
    },
    Action {
        name: "interpreter-connects",
        place: Place::Host,
        about: "python makes a connection",
        rules: &["Interpreter connects"],
        upstream: &["Interpreted procs outbound network activity"],
        act: |stage| {
            network(NOBODY)?;
            stage.cover(&["/usr/bin"])?;
            stage.disguised_at("/usr/bin/python3", &[], "connect")
        },
    },
    Action {
        name: "interpreter-listens",
        place: Place::Host,
        about: "python takes a connection",
        rules: &["Interpreter takes connections"],
        upstream: &["Interpreted procs inbound network activity"],
        act: |stage| {
            network(NOBODY)?;
            stage.cover(&["/usr/bin"])?;
            stage.disguised_at("/usr/bin/python3", &[], "accept")
        },
    },
    Action {
        name: "java-class",
        place: Place::Host,
        about: "java receives a class",
        rules: &["Java class downloaded"],
        upstream: &["Java Process Class File Download"],
        act: |stage| {
            network(NOBODY)?;
            let listener = TcpListener::bind((NOBODY, 8080))?;
            let sender = std::thread::spawn(move || -> std::io::Result<()> {
                let (mut stream, _) = listener.accept()?;
                stream.write_all(b"\xca\xfe\xba\xbe0123456789")
            });
            stage.disguised("java", "receive")?;
            let _ = sender.join();
            Ok(())
        },
    },
];
