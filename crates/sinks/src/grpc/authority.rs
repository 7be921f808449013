//! The name of the server in requests that come over a socket in the file system.
//!
//! Clients made with gRPC's C core (Python's, C++'s) put the socket's path there, with percent signs, which the HTTP/2 library takes for a
//! malformed request. Nobody looks at the name: here the characters that do not belong into one are replaced as the bytes come in. The
//! length stays, so that frames and the compression of headers stay what they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tonic::transport::server::Connected;

/// A connection whose requests have proper names of servers.
#[derive(Debug)]
pub(super) struct Proper {
    stream: UnixStream,
    scanner: Scanner,
}

impl Proper {
    pub(super) fn new(stream: UnixStream) -> Proper {
        Proper {
            stream,
            scanner: Scanner::default(),
        }
    }
}

impl AsyncRead for Proper {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        for byte in buffer.filled_mut().iter_mut().skip(before) {
            *byte = self.scanner.next(*byte);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Proper {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected for Proper {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

/// What a connection begins with, before frames.
const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
/// The field; it has the number 1 as well, but not every client uses that.
const NAME: &[u8] = b":authority";

/// Where in the bytes of a client we are.
#[derive(Debug, Default)]
struct Scanner {
    preface: usize,
    header: [u8; FRAME_HEADER],
    header_len: usize,
    /// What is left of the frame, and whether it holds fields.
    left: usize,
    fields: bool,
    /// What comes before the fields.
    skip: usize,
    at: At,
    /// Whether the field at hand is the server's name.
    named: bool,
    /// How much of the name of a field was read, and whether that is how ours begins.
    read: usize,
    fits: bool,
}

/// Where in a field, as RFC 7541 writes them.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Field,
    /// The rest of a number, after which there is a value or the next field.
    Number {
        value: bool,
    },
    Length {
        name: bool,
    },
    /// The rest of a length: the text is compressed or not.
    MoreLength {
        name: bool,
        packed: bool,
        length: usize,
        shift: u32,
    },
    Text {
        name: bool,
        packed: bool,
        left: usize,
    },
}

impl Scanner {
    /// The byte that is to stand in place of this one.
    fn next(&mut self, byte: u8) -> u8 {
        if self.preface < PREFACE {
            self.preface += 1;
            return byte;
        }
        if self.left == 0 {
            self.header[self.header_len] = byte;
            self.header_len += 1;
            if self.header_len == FRAME_HEADER {
                self.header_len = 0;
                let [a, b, c, kind, flags, ..] = self.header;
                self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                self.fields = kind == HEADERS || kind == CONTINUATION;
                if kind == HEADERS {
                    self.at = At::Field;
                    let has = |flag| flags & flag != 0;
                    self.skip = usize::from(has(PADDED)) + 5 * usize::from(has(PRIORITY));
                }
            }
            return byte;
        }
        self.left -= 1;
        if !self.fields {
            return byte;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return byte;
        }
        self.field(byte)
    }

    fn field(&mut self, byte: u8) -> u8 {
        self.at = match self.at {
            At::Field => {
                // How many bits of a number are in the first byte, and whether a text follows.
                let (mask, text) = match byte {
                    0x80.. => (0x7f, false),
                    0x40.. => (0x3f, true),
                    0x20.. => (0x1f, false),
                    _ => (0x0f, true),
                };
                let number = byte & mask;
                self.named = text && number == 1;
                self.read = 0;
                self.fits = true;
                if number == mask {
                    At::Number { value: text }
                } else if text {
                    At::Length { name: number == 0 }
                } else {
                    At::Field
                }
            }
            at @ At::Number { .. } if byte & 0x80 != 0 => at,
            At::Number { value: true } => At::Length { name: false },
            At::Number { value: false } => At::Field,
            At::Length { name } => {
                let (packed, length) = (byte & 0x80 != 0, usize::from(byte & 0x7f));
                if length == 0x7f {
                    At::MoreLength {
                        name,
                        packed,
                        length,
                        shift: 0,
                    }
                } else {
                    text(name, packed, length)
                }
            }
            At::MoreLength {
                name,
                packed,
                length,
                shift,
            } => {
                let more = usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                let length = length.saturating_add(more);
                if byte & 0x80 != 0 {
                    At::MoreLength {
                        name,
                        packed,
                        length,
                        shift: shift.saturating_add(7),
                    }
                } else {
                    text(name, packed, length)
                }
            }
            At::Text { name, packed, left } => {
                let proper = byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
                if name {
                    self.fits &= !packed && NAME.get(self.read) == Some(&byte);
                    self.read += 1;
                    self.named = self.fits && self.read == NAME.len();
                }
                let replaced = self.named && !name && !packed && !proper;
                self.at = text(name, packed, left - 1);
                return if replaced { b'-' } else { byte };
            }
        };
        byte
    }
}

/// What comes where so much of a text is left: after a name its value, after a value the next field.
fn text(name: bool, packed: bool, left: usize) -> At {
    match (left, name) {
        (0, true) => At::Length { name: false },
        (0, false) => At::Field,
        (left, name) => At::Text { name, packed, left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, 1];
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn only_the_name_of_the_server_is_changed() {
        let path = b"\x44\x05/a%2F".as_slice();
        let other = b"\x40\x03x/y\x02%/\x82\x7f\x90\x01\x02%%".as_slice();
        let named = |value: &[u8]| [b"\x40\x0a:authority", &value[1..]].concat();
        let compressed = b"\x41\x82%/".as_slice();
        let (given, expected) = (b"\x41\x08%2Frun%a", b"\x41\x08-2Frun-a");
        let stream = |name: &[u8]| {
            let mut stream = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            stream.extend(frame(4, 0, b"\x41\x02%%"));
            stream.extend(frame(HEADERS, 4, &[path, name, other, compressed].concat()));
            stream.extend(frame(HEADERS, 4, &[path, &named(name), other].concat()));
            stream.extend(frame(0, 0, b"\x41\x02%%"));
            let padded = [b"\x01\0\0\0\0\x10", name, b"\0"].concat();
            stream.extend(frame(HEADERS, PADDED | PRIORITY | 4, &padded));
            let (first, second) = name.split_at(5);
            stream.extend(frame(HEADERS, 0, first));
            stream.extend(frame(CONTINUATION, 4, second));
            stream
        };
        let mut scanner = Scanner::default();
        let read: Vec<u8> = stream(given)
            .into_iter()
            .map(|byte| scanner.next(byte))
            .collect();
        assert_eq!(read, stream(expected));
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let mut scanner = Scanner::default();
        let mut state = 1u32;
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            scanner.next((state >> 24) as u8);
        }
    }
}
