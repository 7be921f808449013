//! Which programs are loaded, and what they are attached to.

use std::{collections::BTreeSet, os::fd::IntoRawFd as _};

use falco_event::{SyscallCode, codes::GENERIC_X};
use libbpf_rs::{Link, Object, OpenObject, ProgramAttachType, ProgramMut};

use super::{
    Watch,
    parts::{Programs, Wanted},
    said::Said,
};
use crate::{
    Config, Foreign, How, MAKING_THREADS, beside::Beside, error::Error, names::Names, numbers,
    perf, tracefs::Tracefs,
};

/// The program for calls by other interfaces beside programs on calls one by one.
pub(super) const DISPATCH_FOREIGN: &str = "dispatch_foreign";

/// The program of the calls whose parameters are not read.
const GENERIC: &str = "generic";

/// The program at the beginnings of calls whose names are looked at twice.
pub(super) const NAMED: &str = "named_begins";

/// What one call needs: the name of its program, which calls without one of their own share, and the number of its tracepoint, if it
/// is attached there.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) call: SyscallCode,
    pub(super) program: &'static str,
    pub(super) tracepoint: Option<u64>,
    /// Whether the machine's own interface has the call.
    is_native: bool,
}

/// Whether what a call does is told where it is done, and the call is not watched.
pub(super) fn told_otherwise(config: &Config, call: SyscallCode) -> bool {
    config.births && MAKING_THREADS.contains(&call.info().name)
}

/// Which handlers the calls asked for need, and which of the calls have none: no program, or no tracepoint because the kernel was
/// built without the call.
pub(super) fn choose(
    config: &Config,
    open: &OpenObject,
    tracefs: Option<&Tracefs>,
) -> (Vec<Handler>, Vec<SyscallCode>) {
    let programs: Vec<String> = open
        .progs()
        .map(|program| program.name().to_string_lossy().into_owned())
        .collect();
    let (native, narrow) = (numbers::native(), numbers::of_narrow());
    let (mut handlers, mut unsupported) = (Vec::new(), Vec::new());
    for code in &config.calls {
        let info = code.info();
        if told_otherwise(config, *code) {
            continue;
        }
        let (is_native, is_foreign) = (native.contains(&code.get()), narrow.contains(code));
        if !is_native && !is_foreign {
            continue;
        }
        let name = numbers::kernel_name(info.name);
        let has_program = programs
            .iter()
            .any(|program| program.strip_prefix("any_") == Some(name));
        let program = if has_program {
            Some(name)
        } else {
            (info.exit == Some(GENERIC_X)).then_some(GENERIC)
        };
        let tracepoint = tracefs.and_then(|tracefs| tracefs.sys_exit_id(name));
        // Calls that only another interface has have no tracepoint.
        let reached = if tracefs.is_some() && is_native {
            tracepoint.is_some()
        } else {
            is_native || config.foreign != Foreign::Never
        };
        if let Some(program) = program
            && reached
        {
            handlers.push(Handler {
                call: *code,
                program,
                tracepoint,
                is_native,
            });
        } else if is_native {
            unsupported.push(*code);
        }
    }
    (handlers, unsupported)
}

/// What the kernel's function of a call may be named: those without arguments are known by their inner name.
fn functions(call: &str) -> [String; 2] {
    let interface = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    [
        format!("__{interface}_sys_{call}"),
        format!("__do_sys_{call}"),
    ]
}

/// Makes programs those of the exits of functions; of which calls.
pub(super) fn put_at_functions(
    open: &mut OpenObject,
    handlers: &[Handler],
) -> BTreeSet<&'static str> {
    let mut done = BTreeSet::new();
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let call = name.strip_prefix("any_");
        let handler = handlers.iter().find(|handler| {
            Some(handler.program) == call && handler.program != GENERIC && handler.is_native
        });
        if let Some(handler) = handler {
            program.set_attach_type(ProgramAttachType::TraceFexit);
            let is_there = |name| program.set_attach_target(0, Some(name)).is_ok();
            if functions(handler.program).into_iter().any(is_there) {
                done.insert(handler.program);
            } else {
                program.set_attach_type(ProgramAttachType::TraceRawTp);
            }
        }
    }
    done
}

/// Selects the programs to be loaded.
pub(super) fn select(open: &mut OpenObject, wanted: &Wanted<'_>, at_functions: &BTreeSet<&str>) {
    let Wanted {
        how,
        foreign,
        handlers,
        beside,
        named,
        births,
    } = *wanted;
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let (one, any) = (name.strip_prefix("one_"), name.strip_prefix("any_"));
        let wanted =
            |call: Option<&str>| handlers.iter().any(|handler| Some(handler.program) == call);
        let is_executed = wanted(Some("execve")) || wanted(Some("execveat"));
        program.set_autoload(match (how, name.as_str()) {
            (_, NAMED) => named,
            (_, name) if beside.programs.contains(name) => true,
            (_, name) if name.starts_with("ring_") => {
                beside.completions.values().any(|program| *program == name)
            }
            (_, "exited") => true,
            // A child does not leave the function that its parent called.
            (_, "born") => {
                let is_called = || MAKING_THREADS.iter().any(|call| wanted(Some(call)));
                births || (how == How::Functions && is_called())
            }
            (_, "executed") => is_executed,
            (How::Functions | How::PerCall, "executed_narrow") => {
                foreign == Watch::Waiting && !is_executed
            }
            // The programs that take the machine's own calls one by one, where their functions are not to be had at tracepoints.
            (How::Functions, _) => {
                let is_at_function = |call: &str| at_functions.contains(call);
                any.is_some_and(is_at_function) || (wanted(one) && !one.is_some_and(is_at_function))
            }
            (How::PerCall, _) => wanted(one),
            (How::AllCalls, "dispatch") => true,
            (How::AllCalls, _) => wanted(any),
        });
    }
}

/// Attaches whatever is loaded to be.
pub(super) fn attach_all(
    programs: &mut Programs,
    handlers: &[Handler],
    beside: &Beside,
) -> Result<Vec<Link>, Error> {
    let refused = |cause: libbpf_rs::Error| Error::Refused {
        cause: cause.to_string(),
        detail: Said::take(),
    };
    let at_functions = &programs.at_functions;
    let loaded = programs.parts.iter_mut().flat_map(|part| part.progs_mut());
    let mut links = Vec::new();
    for program in loaded.filter(|program| program.autoload()) {
        let name = program.name().to_string_lossy().into_owned();
        if matches!(
            name.as_str(),
            "exited" | "executed" | "executed_narrow" | "born" | "dispatch"
        ) || beside.programs.contains(name.as_str())
            || name
                .strip_prefix("any_")
                .is_some_and(|call| at_functions.contains(call))
        {
            links.push(program.attach().map_err(refused)?);
        } else if let Some(call) = name.strip_prefix("one_") {
            let handlers = handlers.iter().filter(|handler| handler.program == call);
            for id in handlers.filter_map(|handler| handler.tracepoint) {
                links.push(attach(&program, call, id)?);
            }
        }
    }
    Ok(links)
}

/// Attaches a program to a tracepoint.
fn attach(program: &ProgramMut<'_>, call: &str, tracepoint: u64) -> Result<Link, Error> {
    let refused = |cause: String| Error::Refused {
        cause: format!("{call}: {cause}"),
        detail: Said::take(),
    };
    let event = perf::tracepoint_event(tracepoint).map_err(|cause| refused(cause.to_string()))?;
    // libbpf closes the event with the link.
    let link = program.attach_perf_event(event.into_raw_fd());
    link.map_err(|cause| refused(cause.to_string()))
}

pub(super) fn attach_names(parts: &mut [Object], names: &Names) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    let loaded = parts.iter_mut().flat_map(|part| part.progs_mut());
    for program in loaded.filter(|program| program.autoload() && program.name() == NAMED) {
        for (call, id) in &names.tracepoints {
            links.push(attach(&program, call, *id)?);
        }
    }
    Ok(links)
}
