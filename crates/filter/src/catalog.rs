//! What fields exist: the names a condition may use, each with its type.

use crate::ast::Cmp;

/// The place of a field and its argument (`proc.aname[2]`) in a [`Catalog`]: equal slots mean equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// A field that a name was resolved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where its value is.
    pub slot: Slot,
    /// What its value (for a list: each element) is.
    pub ty: Type,
    /// Whether it has a list of values.
    pub list: bool,
    /// How its numbers are shown in outputs.
    pub print: Print,
    /// Whether it may stand on the right-hand side (`val(...)`).
    pub rhs: bool,
    /// Whether transformers may be applied to it.
    pub transform: bool,
}

/// How an output shows a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Print {
    /// Not a number, or its natural form.
    Natural,
    /// Decimal.
    Dec,
    /// Decimal, filled with zeros to nine digits.
    PaddedDec,
    /// Upper-case hexadecimal without prefix.
    Hex,
    /// Octal.
    Oct,
    /// An identifier: decimal.
    Id,
}

/// Why a name is no field. The text is the whole message, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError(pub String);

/// The fields that exist. Resolving interns: the same name and argument always give the same slot.
pub trait Catalog {
    /// The field `name` with its argument; for `evt.arg.flags` the argument is part of the name.
    fn field(&mut self, name: &str, arg: Option<&str>) -> Result<Field, FieldError>;

    /// Whether `literal` may be compared with the field (`evt.type` knows the names that exist).
    fn check_literal(&self, field: &Field, literal: &str) -> Result<(), FieldError>;

    /// The operator that `cmp` with a literal means for the field: `evt.around[T] = D` holds when the distance is at most `D`.
    ///
    /// # Errors
    /// The field cannot be compared so.
    fn operator(&self, field: &Field, cmp: Cmp) -> Result<Cmp, FieldError> {
        let _ = field;
        Ok(cmp)
    }

    /// What messages call the field `name`: they leave away what is argument in it (`evt.rawarg` for `evt.rawarg.flags`).
    fn label<'n>(&self, name: &'n str) -> &'n str {
        name
    }

    /// The port of a service name.
    fn service_port(&self, name: &str) -> Option<u16>;
}

macro_rules! types {
    ($($variant:ident $name:literal $doc:literal)*) => {
        /// The types of fields, by upstream's names (`--list -v` shows them).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Type { $(#[doc = $doc] $variant,)* }

        impl Type {
            /// The name in listings and messages.
            pub fn name(self) -> &'static str {
                match self { $(Type::$variant => $name,)* }
            }
        }
    };
}

types! {
    Int8 "INT8" "8-bit signed"
    Int16 "INT16" "16-bit signed"
    Int32 "INT32" "32-bit signed"
    Int64 "INT64" "64-bit signed"
    Uint8 "UINT8" "8-bit unsigned"
    Uint16 "UINT16" "16-bit unsigned"
    Uint32 "UINT32" "32-bit unsigned"
    Uint64 "UINT64" "64-bit unsigned"
    Bool "BOOL" "true or false"
    CharBuf "CHARBUF" "text"
    ByteBuf "BYTEBUF" "bytes"
    FsPath "FSPATH" "a path"
    FsRelPath "FSRELPATH" "a path that may be relative to a directory descriptor"
    IpAddr "IPADDR" "an address"
    Ipv4Addr "IPV4ADDR" "an IPv4 address"
    Ipv6Addr "IPV6ADDR" "an IPv6 address"
    IpNet "IPNET" "an address that is compared with networks"
    Ipv4Net "IPV4NET" "an IPv4 address that is compared with networks"
    Ipv6Net "IPV6NET" "an IPv6 address that is compared with networks"
    Port "PORT" "a port number"
    RelTime "RELTIME" "a duration in nanoseconds"
    AbsTime "ABSTIME" "nanoseconds since 1970"
    Errno "ERRNO" "an error number"
    Fd "FD" "a descriptor number"
    Pid "PID" "a process id"
    Flags8 "FLAGS8" "bits of an octet"
    Flags16 "FLAGS16" "bits of 16"
    Flags32 "FLAGS32" "bits of 32"
    EnumFlags8 "ENUMFLAGS8" "a choice"
    EnumFlags16 "ENUMFLAGS16" "a choice"
    EnumFlags32 "ENUMFLAGS32" "a choice"
    Mode "MODE" "permission bits"
    Uid "UID" "a user id"
    Gid "GID" "a group id"
    SigType "SIGTYPE" "a signal number"
    SyscallId "SYSCALLID" "a system call number"
    L4Proto "L4PROTO" "a transport protocol"
    SockFamily "SOCKFAMILY" "a socket family"
    Double "DOUBLE" "floating point"
    SockAddr "SOCKADDR" "the address of a socket"
    SockTuple "SOCKTUPLE" "both addresses of a socket"
    FdList "FDLIST" "descriptors that are waited for"
    Dyn "DYN" "a type known only with the event"
}
