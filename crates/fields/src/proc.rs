//! Fields of processes and threads.

use falco_event::codes;
use falco_filter::{Slot, Value};
use falco_state::Thread;

use crate::catalogue::Arg;
use crate::fd::type_name;
use crate::table::proc::Proc;
use crate::text::{Text, entries};
use crate::{Facts, capabilities};

/// How far up the environment of ancestors is searched.
const ENV_LEVELS: usize = 20;

impl<'e> Facts<'e> {
    #[inline(never)]
    pub(crate) fn process(&self, field: Proc, slot: Slot, arg: &Arg) -> Option<Value<'e>> {
        match field {
            Proc::Tid => return process_id(self.event.thread()),
            Proc::ExecTime => return Some(Value::Uint(self.exec_time(slot))),
            _ => {}
        }
        let thread = self.thread?;
        match field {
            Proc::Pid => process_id(thread.pid),
            Proc::Name => Some(Value::Str(&thread.image.comm)),
            Proc::Exe => Some(Value::Str(&thread.image.exe)),
            Proc::Exepath => Some(Value::Str(&thread.image.exepath)),
            Proc::Cmdline => Some(Value::Str(self.cmdline(thread))),
            Proc::Args => Some(Value::Str(match arg {
                Arg::Index(index) => usize::try_from(*index)
                    .ok()
                    .and_then(|index| entries(&thread.image.args).nth(index))
                    .unwrap_or(b""),
                _ => self.args(thread),
            })),
            Proc::Exeline => {
                let image = &thread.image;
                Some(Value::Str(self.line(&image.exe, true, &image.args)))
            }
            Proc::Cmdnargs => Some(Value::Uint(entries(&thread.image.args).count() as u64)),
            Proc::Cmdlenargs => {
                let lengths = entries(&thread.image.args).map(<[u8]>::len);
                Some(Value::Uint(lengths.sum::<usize>() as u64))
            }
            Proc::Cwd => Some(Value::Str(self.state.threads.cwd(thread))),
            Proc::Env => Some(Value::Str(match arg {
                Arg::Key(name) => self.env_value(thread, name.as_bytes()),
                _ => self.env(thread),
            })),
            Proc::Tty => Some(Value::Uint(thread.tty.into())),
            Proc::Sid => Some(Value::Int(thread.sid)),
            Proc::Vpgid => Some(Value::Int(thread.vpgid)),
            Proc::Pgid => Some(Value::Int(thread.pgid)),
            Proc::Vpid => (thread.vpid != -1).then_some(Value::Int(thread.vpid)),
            Proc::Vtid => (thread.vtid != -1).then_some(Value::Int(thread.vtid)),
            Proc::IsMain => Some(Value::Bool(thread.is_main())),
            Proc::NameTid => {
                let mut text = Text::new(self.arena);
                text.push(&thread.image.comm);
                text.push_shown(self.event.thread());
                Some(text.value())
            }
            Proc::CapPermitted => Some(self.capabilities(thread.cap_permitted)),
            Proc::CapInheritable => Some(self.capabilities(thread.cap_inheritable)),
            Proc::CapEffective => Some(self.capabilities(thread.cap_effective)),
            Proc::SidLeader => Some(Value::Bool(thread.sid == thread.vpid)),
            Proc::VpgidLeader => Some(Value::Bool(thread.vpgid == thread.vpid)),
            Proc::PgidLeader => Some(Value::Bool(thread.pgid == thread.pid)),
            Proc::TotExecTime => {
                let run = self.exec_time(slot);
                let total = run + self.context.memory.recall(slot, thread.tid);
                self.remember(slot, thread.tid, total);
                Some(Value::Uint(total))
            }
            Proc::Cpu => self.cpu_use(slot, thread, true, true),
            Proc::CpuUser => self.cpu_use(slot, thread, true, false),
            Proc::CpuSystem => self.cpu_use(slot, thread, false, true),
            Proc::Cgroups => {
                let mut text = Text::with_capacity(thread.cgroups.len(), self.arena);
                text.push_entries(&thread.cgroups);
                (!text.is_empty()).then(|| text.value())
            }
            Proc::Cgroup => {
                let Arg::Key(subsystem) = arg else {
                    return None;
                };
                let mut groups = entries(&thread.cgroups);
                groups.find_map(|group| value_of(group, subsystem.as_bytes()).map(Value::Str))
            }
            _ => self
                .executable(field, thread)
                .or_else(|| self.resources(field, thread))
                .or_else(|| self.relative(field, thread, arg)),
        }
    }

    /// What an output shows of a field: for all ancestors in one, their values side by side.
    pub(crate) fn shown_process(&self, field: Proc, slot: Slot, arg: &Arg) -> Option<Value<'e>> {
        let part: fn(&Self, &'e Thread) -> &'e [u8] = match (field, arg) {
            (Proc::Aname, Arg::None) => |_, thread| &thread.image.comm,
            (Proc::Aexe, Arg::None) => |_, thread| &thread.image.exe,
            (Proc::Aexepath, Arg::None) => |_, thread| &thread.image.exepath,
            (Proc::Acmdline, Arg::None) => Self::cmdline,
            (Proc::Apid, Arg::None) => return process_id(self.main(self.thread?)?.pid),
            (Proc::Aenv, Arg::None) => return Some(Value::Str(self.env(self.thread?))),
            (Proc::Aenv, Arg::Index(steps)) => {
                let mut process = self.thread?;
                if *steps > 0 {
                    process = self.main(process)?;
                    process = self.ancestor(process, *steps)?;
                }
                return Some(Value::Str(self.env(process)));
            }
            _ => return falco_filter::Values::value(self, slot),
        };
        self.side_by_side(self.thread?, part)
    }

    /// The program and what is known of it.
    fn executable(&self, field: Proc, thread: &'e Thread) -> Option<Value<'e>> {
        let image = &thread.image;
        let number = |number: u64| (number != 0).then_some(Value::Uint(number));
        match field {
            Proc::ExeWritable => Some(Value::Bool(image.exe_writable)),
            Proc::ExeUpper => Some(Value::Bool(image.exe_upper_layer)),
            Proc::ExeLower => Some(Value::Bool(image.exe_lower_layer)),
            Proc::ExeMemfd => Some(Value::Bool(image.exe_from_memfd)),
            Proc::ExeIno => (image.exe_ino != 0).then_some(Value::Int(image.exe_ino as i64)),
            Proc::ExeCtime => number(image.exe_ino_ctime_ns),
            Proc::ExeMtime => number(image.exe_ino_mtime_ns),
            Proc::ExeCtimeToClone => number(thread.exe_ctime_to_clone_ns),
            Proc::PidnsToExeCtime => number(thread.pidns_start_to_exe_ctime_ns),
            Proc::PidnsStart => number(thread.pidns_start_ns),
            Proc::PidTs => number(thread.clone_ns),
            Proc::Duration => (thread.clone_ns != 0).then(|| self.since(thread.clone_ns)),
            _ => None,
        }
    }

    /// Threads, descriptors, memory.
    fn resources(&self, field: Proc, thread: &'e Thread) -> Option<Value<'e>> {
        let of_main = |number: u64| if thread.is_main() { number } else { 0 };
        Some(match field {
            Proc::FdOpenCount => Value::Uint(self.open_count(thread)),
            Proc::FdLimit => Value::Int(self.main(thread).map_or(0, |main| main.fd_limit)),
            Proc::FdUsage => {
                let limit = self.main(thread).map_or(0, |main| main.fd_limit);
                let percent = self.open_count(thread) as f64 * 100.0 / limit as f64;
                Value::Double(if limit > 0 { percent.min(100.0) } else { 0.0 })
            }
            Proc::VmSize => Value::Uint(thread.vm_size_kb.into()),
            Proc::VmRss => Value::Uint(thread.vm_rss_kb.into()),
            Proc::VmSwap => Value::Uint(thread.vm_swap_kb.into()),
            Proc::ThreadVmSize => Value::Uint(of_main(thread.vm_size_kb.into())),
            Proc::ThreadVmRss => Value::Uint(of_main(thread.vm_rss_kb.into())),
            Proc::ThreadVmSizeB => Value::Uint(of_main(u64::from(thread.vm_size_kb) * 1024)),
            Proc::ThreadVmRssB => Value::Uint(of_main(u64::from(thread.vm_rss_kb) * 1024)),
            Proc::PfMajor => Value::Uint(thread.pfmajor),
            Proc::PfMinor => Value::Uint(thread.pfminor),
            Proc::Nthreads => Value::Uint(self.state.threads.alive_count(thread).into()),
            Proc::Nchilds => {
                let main = self.main(thread).is_some_and(|main| !main.is_dead());
                let alive = self.state.threads.alive_count(thread);
                Value::Uint(alive.saturating_sub(main.into()).into())
            }
            Proc::StdinType => Value::Str(type_name(self.fd_of(0)?)),
            Proc::StdoutType => Value::Str(type_name(self.fd_of(1)?)),
            Proc::StderrType => Value::Str(type_name(self.fd_of(2)?)),
            Proc::StdinName => Value::Str(&self.fd_of(0)?.name),
            Proc::StdoutName => Value::Str(&self.fd_of(1)?.name),
            Proc::StderrName => Value::Str(&self.fd_of(2)?.name),
            _ => return None,
        })
    }

    /// What other processes tell: the parent, ancestors, leaders.
    fn relative(&self, field: Proc, thread: &'e Thread, arg: &Arg) -> Option<Value<'e>> {
        let parent = || self.ancestor(thread, 1);
        let leader = |id: fn(&Thread) -> i64, is_virtual, part: fn(&'e Thread) -> &'e [u8]| {
            let leader = self.state.threads.leader(thread, id, is_virtual);
            Some(Value::Str(leader.map_or(b"", part)))
        };
        let comm: fn(&'e Thread) -> &'e [u8] = |thread| &thread.image.comm;
        let exe: fn(&'e Thread) -> &'e [u8] = |thread| &thread.image.exe;
        let exepath: fn(&'e Thread) -> &'e [u8] = |thread| &thread.image.exepath;
        match field {
            Proc::Ppid => process_id(parent()?.pid),
            Proc::Pname => Some(Value::Str(comm(parent()?))),
            Proc::Pexe => Some(Value::Str(exe(parent()?))),
            Proc::Pexepath => Some(Value::Str(exepath(parent()?))),
            Proc::Pcmdline => Some(Value::Str(self.cmdline(parent()?))),
            Proc::Pvpid => Some(Value::Int(self.state.threads.by_tid(thread.ptid)?.vpid)),
            Proc::PpidTs => Some(Value::Uint(
                self.state.threads.by_tid(thread.ptid)?.clone_ns,
            )),
            Proc::PpidDuration => Some(match parent()?.clone_ns {
                // Upstream answers with this where it does not know; rules and recorded outputs see it.
                0 => Value::Uint(self.open_count(thread)),
                clone_ns => self.since(clone_ns),
            }),
            Proc::Sname => leader(|thread| thread.sid, true, comm),
            Proc::SidExe => leader(|thread| thread.sid, true, exe),
            Proc::SidExepath => leader(|thread| thread.sid, true, exepath),
            Proc::VpgidName => leader(|thread| thread.vpgid, true, comm),
            Proc::VpgidExe => leader(|thread| thread.vpgid, true, exe),
            Proc::VpgidExepath => leader(|thread| thread.vpgid, true, exepath),
            Proc::PgidName => leader(|thread| thread.pgid, false, comm),
            Proc::PgidExe => leader(|thread| thread.pgid, false, exe),
            Proc::PgidExepath => leader(|thread| thread.pgid, false, exepath),
            Proc::LoginShellId => {
                let main = self.main(thread)?;
                let family = std::iter::once(main).chain(self.state.threads.ancestors(main));
                let shells = family.filter(|process| process.image.comm.ends_with(b"sh"));
                Some(Value::Int(shells.last()?.pid))
            }
            Proc::Aname => self.ancestral(thread, arg, |_, thread| Value::Str(&thread.image.comm)),
            Proc::Aexe => self.ancestral(thread, arg, |_, thread| Value::Str(&thread.image.exe)),
            Proc::Aexepath => {
                self.ancestral(thread, arg, |_, thread| Value::Str(&thread.image.exepath))
            }
            Proc::Acmdline => self.ancestral(thread, arg, |facts, thread| {
                Value::Str(facts.cmdline(thread))
            }),
            Proc::Apid => match arg {
                Arg::Index(steps) => process_id(self.ancestor(thread, *steps)?.pid),
                _ => self.ancestral(thread, arg, |_, thread| Value::Int(thread.pid)),
            },
            Proc::Aargs => match arg {
                Arg::Index(steps) => Some(Value::Str(self.args(self.ancestor(thread, *steps)?))),
                _ => self.side_by_side(thread, Self::args),
            },
            Proc::Aenv => match arg {
                Arg::Key(name) => {
                    let values = self.main(thread).into_iter().flat_map(|main| {
                        let ancestors = self.state.threads.ancestors(main).take(ENV_LEVELS);
                        ancestors.map(|process| self.env_value(process, name.as_bytes()))
                    });
                    let mut known = values.filter(|value| !value.is_empty());
                    Some(Value::Str(known.next().unwrap_or(b"")))
                }
                // Conditions try all ancestors even when one is named.
                _ => self.ancestral(thread, &Arg::None, |facts, thread| {
                    Value::Str(facts.env(thread))
                }),
            },
            _ => None,
        }
    }

    /// The main thread of a thread's process.
    fn main(&self, thread: &'e Thread) -> Option<&'e Thread> {
        self.state.threads.main(thread)
    }

    /// The ancestor process so many steps up; 0 is the process itself.
    fn ancestor(&self, thread: &'e Thread, steps: i64) -> Option<&'e Thread> {
        match usize::try_from(steps).ok()?.checked_sub(1) {
            None => self.main(thread),
            Some(above_parent) => self.state.threads.ancestor(thread, above_parent + 1),
        }
    }

    /// The value of one ancestor, or of any of them.
    fn ancestral(
        &self,
        thread: &'e Thread,
        arg: &Arg,
        value: fn(&Self, &'e Thread) -> Value<'e>,
    ) -> Option<Value<'e>> {
        if let Arg::Index(steps) = arg {
            return Some(value(self, self.ancestor(thread, *steps)?));
        }
        let main = self.main(thread)?;
        let mut values = bumpalo::collections::Vec::new_in(self.arena);
        values.extend(
            self.state
                .threads
                .ancestors(main)
                .map(|process| value(self, process)),
        );
        (!values.is_empty()).then(|| Value::Any(values.into_bump_slice()))
    }

    /// A text of every ancestor, separated by blanks; nothing when that is empty.
    fn side_by_side(
        &self,
        thread: &'e Thread,
        part: fn(&Self, &'e Thread) -> &'e [u8],
    ) -> Option<Value<'e>> {
        let main = self.main(thread)?;
        let mut text = Text::new(self.arena);
        for process in self.state.threads.ancestors(main) {
            if !text.is_empty() {
                text.push(b" ");
            }
            text.push(part(self, process));
        }
        (!text.is_empty()).then(|| text.value())
    }

    /// The name and the arguments.
    fn cmdline(&self, thread: &'e Thread) -> &'e [u8] {
        self.line(&thread.image.comm, false, &thread.image.args)
    }

    fn args(&self, thread: &'e Thread) -> &'e [u8] {
        let args = thread
            .image
            .args
            .strip_suffix(b"\0")
            .unwrap_or(&thread.image.args);
        if !args.contains(&0) {
            return args;
        }
        let mut text = Text::with_capacity(args.len(), self.arena);
        text.push_entries(&thread.image.args);
        text.finish()
    }

    /// A name and arguments; the blank between them is there without arguments too if `always`.
    fn line(&self, name: &'e [u8], always: bool, args: &[u8]) -> &'e [u8] {
        if args.is_empty() && !always {
            return name;
        }
        let mut text = Text::with_capacity(name.len() + 1 + args.len(), self.arena);
        text.push(name);
        text.push(b" ");
        text.push_entries(args);
        text.finish()
    }

    fn env(&self, thread: &'e Thread) -> &'e [u8] {
        let env = self.state.threads.env(thread);
        let mut text = Text::with_capacity(env.len(), self.arena);
        text.push_entries(env);
        text.finish()
    }

    /// The value of a variable without the blanks around it; empty when there is none.
    fn env_value(&self, thread: &'e Thread, name: &[u8]) -> &'e [u8] {
        let mut values = entries(self.state.threads.env(thread))
            .filter_map(|entry| value_of(entry, name))
            .filter(|value| !value.is_empty());
        let value = values.next().unwrap_or(b"");
        let Some(first) = value.iter().position(|byte| *byte != b' ') else {
            return b"";
        };
        let last = value
            .iter()
            .rposition(|byte| *byte != b' ')
            .unwrap_or(first);
        value.get(first..=last).unwrap_or(b"")
    }

    fn capabilities(&self, set: u64) -> Value<'e> {
        Value::Str(capabilities::names(set, self.arena))
    }

    fn open_count(&self, thread: &'e Thread) -> u64 {
        self.main(thread).map_or(0, |main| main.fds.len() as u64)
    }

    fn since(&self, time_ns: u64) -> Value<'e> {
        Value::Uint(self.event.time_ns().wrapping_sub(time_ns))
    }

    /// How long the thread that is switched out has run: since the switch before on the same processor.
    fn exec_time(&self, slot: Slot) -> u64 {
        if self.event.code() != codes::SCHEDSWITCH_6_E {
            return 0;
        }
        // Threads have ids from 0: processors go below.
        let now = self.event.time_ns();
        match self.remember(slot, -1 - i64::from(self.cpu), now) {
            0 => 0,
            before => now.saturating_sub(before),
        }
    }

    /// How much processor time passed since the last sample of the thread; at most 100.
    fn cpu_use(&self, slot: Slot, thread: &Thread, user: bool, system: bool) -> Option<Value<'e>> {
        if self.event.code() != codes::PROCINFO_E {
            return None;
        }
        let part = |wanted: bool, index| {
            if wanted {
                self.event.u64(index).unwrap_or(0)
            } else {
                0
            }
        };
        let total = part(user, 0).wrapping_add(part(system, 1));
        let percent = match self.remember(slot, thread.tid, total) {
            0 => 0.0,
            before => (total.wrapping_sub(before) as f64).min(100.0),
        };
        Some(Value::Double(percent))
    }
}

/// A process or thread id; none outside of what ids can be.
fn process_id(id: i64) -> Option<Value<'static>> {
    (-1..=i64::from(u32::MAX))
        .contains(&id)
        .then_some(Value::Int(id))
}

/// The value in `name=value`.
fn value_of<'v>(entry: &'v [u8], name: &[u8]) -> Option<&'v [u8]> {
    entry.strip_prefix(name)?.strip_prefix(b"=")
}
