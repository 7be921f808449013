//! Alerts to syslog, as syslog(3) sends them.

use std::io;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::{io::Write as _, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use rustix::io::Errno;

use crate::{Channel, Failure, Finished};

/// The facility of user programs, where the priority begins.
const FACILITY: u8 = 1 << 3;

/// The syslog daemon behind a socket, `/dev/log` as a rule.
#[derive(Debug)]
pub struct SyslogChannel {
    path: PathBuf,
    zone: TimeZone,
    socket: Option<Socket>,
}

/// A daemon listens for datagrams or, rarely, for a stream in which messages end with NUL.
#[derive(Debug)]
enum Socket {
    Datagram(UnixDatagram),
    Stream(UnixStream),
}

impl SyslogChannel {
    /// The daemon at `path`; times are local ones of `zone`.
    pub fn new(path: PathBuf, zone: TimeZone) -> SyslogChannel {
        SyslogChannel {
            path,
            zone,
            socket: None,
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => Socket::connect(&self.path)?,
        };
        socket.send(message)?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Channel for SyslogChannel {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn spools(&self) -> bool {
        true
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let priority = FACILITY | alert.alert.priority as u8;
        let now = self.zone.to_datetime(Timestamp::now());
        let mut message = format!("<{priority}>{} falco: ", now.strftime("%b %e %T")).into_bytes();
        message.extend_from_slice(alert.line());
        let connected = self.socket.is_some();
        let sent = match self.send(&message) {
            // The daemon that listened before may have gone, and another one come.
            Err(_) if connected => self.send(&message),
            sent => sent,
        };
        sent.map_err(|cause| {
            Failure::Other(format!("cannot reach {}: {cause}", self.path.display()))
        })
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.socket = None;
        Ok(())
    }
}

impl Socket {
    fn connect(path: &Path) -> io::Result<Socket> {
        let socket = UnixDatagram::unbound()?;
        match socket.connect(path) {
            Ok(()) => Ok(Socket::Datagram(socket)),
            Err(cause) if Errno::from_io_error(&cause) == Some(Errno::PROTOTYPE) => {
                Ok(Socket::Stream(UnixStream::connect(path)?))
            }
            Err(cause) => Err(cause),
        }
    }

    fn send(&self, message: &[u8]) -> io::Result<()> {
        match self {
            Socket::Datagram(socket) => socket.send(message).map(|_| ()),
            Socket::Stream(stream) => (&*stream)
                .write_all(message)
                .and_then(|()| (&*stream).write_all(b"\0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::tests::finished;

    fn received(daemon: &UnixDatagram) -> String {
        let mut space = [0; 1024];
        let length = daemon.recv(&mut space).unwrap();
        String::from_utf8_lossy(&space[..length]).into_owned()
    }

    #[test]
    fn messages_are_those_of_syslog_and_find_a_daemon_that_started_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut syslog = SyslogChannel::new(path.clone(), TimeZone::UTC);
        let failure = syslog.deliver(&finished("lost")).unwrap_err();
        assert!(failure.to_string().starts_with("cannot reach /"));
        for round in ["one", "two"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            syslog.deliver(&finished(round)).unwrap();
            let message = received(&daemon);
            let (head, text) = message.split_once(" falco: ").unwrap();
            // The facility user, the level debug.
            assert!(head.starts_with("<15>"), "{head}");
            assert_eq!((head.len(), text), ("<15>Nov 25 23:01:36".len(), round));
            drop(daemon);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_daemon_may_listen_to_a_stream() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let daemon = UnixListener::bind(&path).unwrap();
        let mut syslog = SyslogChannel::new(path, TimeZone::UTC);
        syslog.deliver(&finished("one")).unwrap();
        syslog.deliver(&finished("two")).unwrap();
        syslog.reopen().unwrap();
        let mut text = String::new();
        daemon
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        assert!(
            text.contains(" falco: one\0<15>") && text.ends_with(" falco: two\0"),
            "{text}"
        );
    }
}
