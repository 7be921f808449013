//! The tables at the head of a capture: what the machine was like before the first event.

mod cursor;
mod fd;
mod process;

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use falco_state::{Group, Interface, Interfaces, State, User, Users};

use crate::{
    blocks::{
        Block, CREDENTIAL_MAX, INTERFACE_NAME_MAX, MACHINE_BODY, MACHINE_BOOT, MACHINE_MARK, MARK,
    },
    error::CaptureError,
    input::Input,
};
use cursor::Cursor;

/// Longer than the known fields of any entry can be. What an entry has beyond is skipped without bringing it to memory.
const ENTRY_MAX: usize = 1 << 16;

/// Reads the body of a block that is no event and no section header.
pub(crate) fn read<R: Read>(
    block: Block,
    input: &mut Input<R>,
    body: usize,
    state: &mut State,
) -> Result<(), CaptureError> {
    let mut body = Body {
        end: input.offset() + body as u64,
        input,
    };
    match block {
        Block::Machine => machine(&mut body, state)?,
        Block::Processes(version) => {
            body.entries(version >= 9, SizeOf::Entry, "a process list", |at| {
                state.add_thread(process::read(at, version)?);
                Ok(())
            })?;
        }
        Block::Fds { sized } => fds(&mut body, sized, state)?,
        Block::Interfaces { sized } => {
            state.interfaces = Interfaces::default();
            body.entries(sized, SizeOf::Rest, "an interface list", |at| {
                state.interfaces.list.push(interface(at)?);
                Ok(())
            })?;
        }
        Block::Users { sized } => {
            state.users = Users::default();
            body.entries(sized, SizeOf::Entry, "a user list", |at| {
                user_or_group(at, &mut state.users)
            })?;
        }
        Block::Section | Block::Event(_) | Block::Unknown => {}
    }
    body.finish()
}

/// Checks the description of the machine. Of upstream's captures nothing of it is kept: upstream forgets it too, so that in replay the
/// time of the boot is 0 and the name of the machine empty.
fn machine<R: Read>(body: &mut Body<'_, R>, state: &mut State) -> Result<(), CaptureError> {
    const WHAT: &str = "the description of the machine";
    let mut at = body.window(MACHINE_BODY, WHAT)?;
    at.bytes(WHAT, MACHINE_BOOT)?;
    let boot_ns = at.u64(WHAT)?;
    at.bytes(WHAT, MACHINE_MARK - MACHINE_BOOT - 8)?;
    if at.array(WHAT)? == MARK {
        state.boot_ns = boot_ns;
    }
    Ok(())
}

fn fds<R: Read>(
    body: &mut Body<'_, R>,
    sized: bool,
    state: &mut State,
) -> Result<(), CaptureError> {
    const WHAT: &str = "the thread of a descriptor list";
    let tid = body.window(size_of::<i64>(), WHAT)?.i64(WHAT)?;
    body.input.consume(size_of::<i64>());
    body.entries(sized, SizeOf::Entry, "a descriptor list", |at| {
        let (number, fd) = fd::read(at, sized)?;
        if let Some(fd) = fd {
            state.add_fd(tid, number, fd);
        }
        Ok(())
    })
}

/// Types 1 and 3 are IPv4, 2 and 4 IPv6, 3 and 4 without a speed.
fn interface(at: &mut Cursor<'_>) -> Result<Interface, CaptureError> {
    let offset = at.offset();
    let kind = at.u16("the type of an interface")?;
    let length = usize::from(at.u16("the length of an interface's name")?);
    let (address, mask, _broadcast) = match kind {
        1 | 3 => (v4(at)?, v4(at)?, v4(at)?),
        2 | 4 => (v6(at)?, v6(at)?, v6(at)?),
        _ => {
            let expected = "the type of an interface (1 to 4)";
            return Err(CaptureError::damaged(offset, expected, kind.to_string()));
        }
    };
    if kind <= 2 {
        at.u64("the speed of an interface")?;
    }
    if length > INTERFACE_NAME_MAX {
        let expected = format!("the length of an interface's name (at most {INTERFACE_NAME_MAX})");
        return Err(CaptureError::damaged(
            offset + 2,
            expected,
            length.to_string(),
        ));
    }
    Ok(Interface {
        name: at.bytes("the name of an interface", length)?.into(),
        address,
        mask,
    })
}

fn user_or_group(at: &mut Cursor<'_>, users: &mut Users) -> Result<(), CaptureError> {
    const HOST: &[u8] = b"";
    if at.u8("the kind of an entry in a user list")? == 0 {
        let user = User {
            uid: at.u32("a user id")?,
            gid: at.u32("the group of a user")?,
            name: at.text("the name of a user", CREDENTIAL_MAX)?.into(),
            home: at.text("the home of a user", CREDENTIAL_MAX)?.into(),
            shell: at.text("the shell of a user", CREDENTIAL_MAX)?.into(),
        };
        users.add_user(HOST, user);
    } else {
        let group = Group {
            gid: at.u32("a group id")?,
            name: at.text("the name of a group", CREDENTIAL_MAX)?.into(),
        };
        users.add_group(HOST, group);
    }
    Ok(())
}

/// What the length before an entry counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SizeOf {
    /// The whole entry, itself included.
    Entry,
    /// What follows it.
    Rest,
}

/// The body of a block, not yet read.
struct Body<'a, R> {
    input: &'a mut Input<R>,
    /// The offset of the first byte after it.
    end: u64,
}

impl<R: Read> Body<'_, R> {
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.input.offset())
    }

    /// The next bytes of the body.
    fn window(&mut self, need: usize, what: &'static str) -> Result<Cursor<'_>, CaptureError> {
        if (need as u64) > self.left() {
            return Err(CaptureError::damaged(
                self.input.offset(),
                format!("{what} ({need} bytes)"),
                format!("the end of the block after {} bytes", self.left()),
            ));
        }
        self.input.require(need, what)?;
        let offset = self.input.offset();
        Ok(Cursor::new(&self.input.have()[..need], offset))
    }

    /// Reads entries until the body has no room for another.
    fn entries(
        &mut self,
        sized: bool,
        size_of: SizeOf,
        what: &'static str,
        mut read: impl FnMut(&mut Cursor<'_>) -> Result<(), CaptureError>,
    ) -> Result<(), CaptureError> {
        while self.left() >= 4 {
            let offset = self.input.offset();
            let left = self.left();
            let window = left.min(ENTRY_MAX as u64) as usize;
            let mut at = self.window(window, what)?;
            let mut size = None;
            if sized {
                let told = u64::from(at.u32("the length of an entry")?);
                let whole = match size_of {
                    SizeOf::Entry => told,
                    SizeOf::Rest => told + 4,
                };
                if !(4..=left).contains(&whole) {
                    return Err(CaptureError::damaged(
                        offset,
                        format!("the length of an entry in {what} (at most {left})"),
                        told.to_string(),
                    ));
                }
                size = Some(whole);
                at.cut((whole as usize).saturating_sub(4));
            }
            read(&mut at)?;
            let used = at.offset() - offset;
            self.input.skip(size.unwrap_or(used), what)?;
        }
        Ok(())
    }

    /// Goes past what is left.
    fn finish(self) -> Result<(), CaptureError> {
        let left = self.left();
        self.input.skip(left, "a block")
    }
}

fn v4(at: &mut Cursor<'_>) -> Result<IpAddr, CaptureError> {
    Ok(Ipv4Addr::from(at.array::<4>("an IPv4 address")?).into())
}

fn v6(at: &mut Cursor<'_>) -> Result<IpAddr, CaptureError> {
    Ok(Ipv6Addr::from(at.array::<16>("an IPv6 address")?).into())
}
