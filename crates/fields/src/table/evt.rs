//! Fields of the event itself.

use super::fields;

fields! {
    /// Fields that events of every source have.
    AnyEvent {
    Num         "evt.num"          Uint64  Id        [] "The number of the event: each event that is delivered counts, from 1."
    Time        "evt.time"         CharBuf Natural   [] "Local time of day with nanoseconds: 19:13:23.805062627."
    TimeS       "evt.time.s"       CharBuf Natural   [] "Local time of day in whole seconds: 19:13:23."
    TimeIso     "evt.time.iso8601" CharBuf Natural   [] "UTC date and time with nanoseconds, ISO 8601: 2026-11-23T19:13:23.805062627+0000."
    DateTime    "evt.datetime"     CharBuf Natural   [] "Local date and time with nanoseconds."
    DateTimeS   "evt.datetime.s"   CharBuf Natural   [] "Local date and time in whole seconds."
    RawTime     "evt.rawtime"      AbsTime Dec       [] "Nanoseconds since 1970."
    RawTimeS    "evt.rawtime.s"    AbsTime Dec       [] "Whole seconds since 1970."
    RawTimeNs   "evt.rawtime.ns"   AbsTime PaddedDec [] "Nanoseconds within the second."
    RelTime     "evt.reltime"      RelTime PaddedDec [] "Nanoseconds since the first event."
    RelTimeS    "evt.reltime.s"    RelTime Dec       [] "Whole seconds since the first event."
    RelTimeNs   "evt.reltime.ns"   RelTime PaddedDec [] "Nanoseconds within the second since the first event."
    PluginName  "evt.pluginname"   CharBuf Natural   [] "The plugin that made the event."
    PluginInfo  "evt.plugininfo"   CharBuf Natural   [] "The event in the words of the plugin that made it."
    Source      "evt.source"       CharBuf Natural   [] "Where the event comes from: syscall, or what its plugin names."
    IsAsync     "evt.is_async"     Bool    Natural   [] "Whether the event is a notification and no system call."
    AsyncType   "evt.asynctype"    CharBuf Natural   [] "The name of a notification."
    Hostname    "evt.hostname"     CharBuf Natural   [] "The name of the host; FALCO_HOSTNAME overrides it."
    }
}

fields! {
    /// Fields of system calls.
    Evt {
    Latency       "evt.latency"           RelTime Dec       [DEPRECATED] "Always 0."
    LatencyS      "evt.latency.s"         RelTime Dec       [DEPRECATED] "Always 0."
    LatencyNs     "evt.latency.ns"        RelTime PaddedDec [DEPRECATED] "Always 0."
    LatencyQuant  "evt.latency.quantized" Uint64  Dec       [TABLE_ONLY DEPRECATED] "Always 0."
    LatencyHuman  "evt.latency.human"     CharBuf Natural   [DEPRECATED] "Always 0ns."
    Delta         "evt.deltatime"         RelTime Dec       [] "Nanoseconds since the event at which this field was last looked at."
    DeltaS        "evt.deltatime.s"       RelTime Dec       [] "The same in whole seconds."
    DeltaNs       "evt.deltatime.ns"      RelTime PaddedDec [] "The same, nanoseconds within the second."
    OutputTime    "evt.outputtime"        CharBuf Natural   [PRINT_ONLY] "The time in the form of outputs."
    Dir           "evt.dir"               CharBuf Natural   [DEPRECATED] "> when a call is entered, < when it is left."
    Type          "evt.type"              CharBuf Natural   [] "The name of the event, mostly that of the system call: openat, execve, accept4."
    TypeIs        "evt.type.is"           Uint32  Natural   [ARG_REQUIRED] "1 for events of the name or number after the dot, else 0: evt.type.is.open."
    SyscallType   "syscall.type"          CharBuf Natural   [] "The name of the system call; nothing for other events."
    Category      "evt.category"          CharBuf Natural   [] "What the event is about: file, net, process, memory, ... Reads and writes go by their descriptor."
    Cpu           "evt.cpu"               Int16   Id        [] "The processor on which it happened."
    Args          "evt.args"              CharBuf Natural   [] "All parameters: name=value name=value."
    Arg           "evt.arg"               CharBuf Natural   [ARG_REQUIRED] "One parameter as text, by place or name: evt.arg[0], evt.arg.flags."
    RawArg        "evt.rawarg"            Dyn     Natural   [ARG_REQUIRED NO_TRANSFORMER NO_RHS] "One parameter by name as it is: evt.rawarg.res is a number."
    Info          "evt.info"              CharBuf Natural   [] "The same as evt.args."
    Buffer        "evt.buffer"            ByteBuf Natural   [] "The bytes that were read or written, as far as they were captured."
    Buflen        "evt.buflen"            Uint64  Dec       [] "How many bytes were read or written."
    Res           "evt.res"               CharBuf Dec       [] "SUCCESS, or the name of the error: ENOENT."
    RawRes        "evt.rawres"            Int64   Dec       [] "What the call returned; negative for an error."
    Failed        "evt.failed"            Bool    Natural   [] "Whether the call returned an error."
    IsIo          "evt.is_io"             Bool    Natural   [] "Whether the call reads or writes a descriptor."
    IsIoRead      "evt.is_io_read"        Bool    Natural   [] "Whether the call reads a descriptor."
    IsIoWrite     "evt.is_io_write"       Bool    Natural   [] "Whether the call writes a descriptor."
    IoDir         "evt.io_dir"            CharBuf Natural   [] "read or write, for calls that do."
    IsWait        "evt.is_wait"           Bool    Natural   [] "Whether the call waits for something."
    WaitLatency   "evt.wait_latency"      RelTime Dec       [DEPRECATED] "Always 0."
    IsSyslog      "evt.is_syslog"         Bool    Natural   [] "Whether the call writes to /dev/log."
    Count         "evt.count"             Uint32  Dec       [] "Always 1, to be summed."
    CountError    "evt.count.error"       Uint32  Dec       [] "1 if the call failed, else 0."
    CountErrorFile "evt.count.error.file"    Uint32 Dec     [] "1 if a call on a file failed, else 0."
    CountErrorNet  "evt.count.error.net"     Uint32 Dec     [] "1 if a call on a socket failed, else 0."
    CountErrorMem  "evt.count.error.memory"  Uint32 Dec     [] "1 if a call on memory failed, else 0."
    CountErrorOther "evt.count.error.other"  Uint32 Dec     [] "1 if a call on anything else failed, else 0."
    CountExit     "evt.count.exit"        Uint32  Dec       [] "1 for the end of a call."
    CountProcinfo "evt.count.procinfo"    Uint32  Dec       [TABLE_ONLY] "1 for samples of processes."
    CountThreadinfo "evt.count.threadinfo" Uint32 Dec       [TABLE_ONLY] "1 for samples of threads."
    Around        "evt.around"            Uint64  Dec       [FILTER_ONLY ARG_REQUIRED NO_TRANSFORMER NO_RHS] "evt.around[T]=D holds for events at most D milliseconds from T, nanoseconds since 1970."
    AbsPath       "evt.abspath"           CharBuf Natural   [ARG_REQUIRED] "The path of an ...at call, made absolute; evt.abspath.src and evt.abspath.dst for calls with two."
    BuflenIn      "evt.buflen.in"         Uint64  Dec       [TABLE_ONLY] "How many bytes were read."
    BuflenOut     "evt.buflen.out"        Uint64  Dec       [TABLE_ONLY] "How many bytes were written."
    BuflenFile    "evt.buflen.file"       Uint64  Dec       [TABLE_ONLY] "How many bytes of a file were read or written."
    BuflenFileIn  "evt.buflen.file.in"    Uint64  Dec       [TABLE_ONLY] "How many bytes of a file were read."
    BuflenFileOut "evt.buflen.file.out"   Uint64  Dec       [TABLE_ONLY] "How many bytes of a file were written."
    BuflenNet     "evt.buflen.net"        Uint64  Dec       [TABLE_ONLY] "How many bytes were received or sent."
    BuflenNetIn   "evt.buflen.net.in"     Uint64  Dec       [TABLE_ONLY] "How many bytes were received."
    BuflenNetOut  "evt.buflen.net.out"    Uint64  Dec       [TABLE_ONLY] "How many bytes were sent."
    IsOpenRead    "evt.is_open_read"      Bool    Natural   [] "Whether a file is opened for reading."
    IsOpenWrite   "evt.is_open_write"     Bool    Natural   [] "Whether a file is opened for writing."
    InfraName     "evt.infra.docker.name" CharBuf Natural   [TABLE_ONLY] "What happened to a container, in old captures."
    InfraId       "evt.infra.docker.container.id"    CharBuf Natural [TABLE_ONLY] "The id of that container."
    InfraContainer "evt.infra.docker.container.name" CharBuf Natural [TABLE_ONLY] "The name of that container."
    InfraImage    "evt.infra.docker.container.image" CharBuf Natural [TABLE_ONLY] "The image of that container."
    IsOpenExec    "evt.is_open_exec"      Bool    Natural   [] "Whether a file is created that may be executed."
    IsOpenCreate  "evt.is_open_create"    Bool    Natural   [] "Whether a file is created by opening it."
    IsIoUring     "evt.is_io_uring"       Bool    Natural   [OWN] "Whether it was an operation of io_uring and no call."
    IsTampered    "evt.is_tampered"       Bool    Natural   [OWN] "Whether a name in the memory of the caller was another one when the call began than when it ended."
    IsUnverified  "evt.is_unverified"     Bool    Natural   [OWN] "Whether a name could not be looked at both when the call began and when it ended."
    }
}

fields! {
    /// Helpers.
    Util {
    Count "util.cnt" Uint64 Id [HIDDEN] "How often it was looked at."
    }
}
