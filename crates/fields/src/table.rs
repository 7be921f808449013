//! What is known of every field before any event is seen.

use falco_filter::{Print, Type};

pub(crate) mod container;
pub(crate) mod evt;
pub(crate) mod fd;
pub(crate) mod fs_path;
pub(crate) mod kubernetes;
pub(crate) mod proc;
pub(crate) mod user;

/// The properties of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

#[allow(missing_docs)]
impl Flags {
    /// Nothing special.
    pub const NONE: Flags = Flags(0);
    /// It needs an argument.
    pub const ARG_REQUIRED: Flags = Flags(1 << 0);
    /// It may have an argument.
    pub const ARG_ALLOWED: Flags = Flags(1 << 1);
    /// The argument may be a number.
    pub const ARG_INDEX: Flags = Flags(1 << 2);
    /// The argument may be a text.
    pub const ARG_KEY: Flags = Flags(1 << 3);
    /// It has a list of values.
    pub const LIST: Flags = Flags(1 << 4);
    /// Conditions may use it, outputs have no value of it.
    pub const FILTER_ONLY: Flags = Flags(1 << 5);
    /// It is meant for outputs, not listed.
    pub const PRINT_ONLY: Flags = Flags(1 << 6);
    /// It may not stand on the right-hand side (`val(...)`).
    pub const NO_RHS: Flags = Flags(1 << 7);
    /// No transformer may be applied to it.
    pub const NO_TRANSFORMER: Flags = Flags(1 << 8);
    /// It is for tables of counters, not listed.
    pub const TABLE_ONLY: Flags = Flags(1 << 9);
    /// It is there for old rules only, not listed.
    pub const DEPRECATED: Flags = Flags(1 << 10);
    /// Its class is not listed.
    pub const HIDDEN: Flags = Flags(1 << 11);
    /// Upstream has no such field: listings, which tools compare with upstream's, leave it out.
    pub const OWN: Flags = Flags(1 << 13);
    /// Plugins suggest it for the output of rules.
    pub const SUGGESTED: Flags = Flags(1 << 12);

    /// These properties and those.
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether it has one of these properties.
    pub const fn any(self, flags: Flags) -> bool {
        self.0 & flags.0 != 0
    }
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The name that conditions and outputs use, without an argument.
    pub name: &'static str,
    /// The type of its value, of each element for a list. [`Type::Dyn`] when the argument decides.
    pub ty: Type,
    /// How its numbers are shown.
    pub print: Print,
    /// Its properties.
    pub flags: Flags,
    /// What it is, in a sentence.
    pub about: &'static str,
}

impl FieldInfo {
    /// Whether listings show it.
    pub const fn is_listed(&self) -> bool {
        !self.flags.any(
            Flags::TABLE_ONLY
                .with(Flags::PRINT_ONLY)
                .with(Flags::DEPRECATED)
                .with(Flags::HIDDEN)
                .with(Flags::OWN),
        )
    }
}

/// A class of fields, as listings group them.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// The name: `process`.
    pub name: &'static str,
    /// What events have its fields, where two classes share a name.
    pub events: &'static str,
    /// What its fields are about.
    pub about: &'static str,
    /// Its fields, in the order of listings.
    pub fields: &'static [FieldInfo],
}

/// The classes in the order in which a name is looked for.
pub(crate) static CLASSES: &[Class] = &[
    Class {
        name: "evt",
        events: "All event types",
        about: "When an event happened and where it comes from.",
        fields: evt::AnyEvent::INFOS,
    },
    Class {
        name: "evt",
        events: "Syscall events only",
        about: "What a system call was asked and what came of it. `evt.arg.NAME` has its parameters.",
        fields: evt::Evt::INFOS,
    },
    Class {
        name: "process",
        events: "",
        about: "The process and the thread that made the call, and their ancestors.",
        fields: proc::Proc::INFOS,
    },
    Class {
        name: "user",
        events: "",
        about: "The user whom the process acts for.",
        fields: user::User::INFOS,
    },
    Class {
        name: "group",
        events: "",
        about: "The group that the process acts for.",
        fields: user::Group::INFOS,
    },
    Class {
        name: "fd",
        events: "",
        about: "The file, the connection or whatever else the call's descriptor stands for.",
        fields: fd::Descriptor::INFOS,
    },
    Class {
        name: "fs.path",
        events: "",
        about: "The paths that a successful call on files was given.",
        fields: fs_path::FsPath::INFOS,
    },
    Class {
        name: "util",
        events: "",
        about: "Helpers.",
        fields: evt::Util::INFOS,
    },
    Class {
        name: "fdlist",
        events: "",
        about: "The descriptors that a poll waits for.",
        fields: fd::FdList::INFOS,
    },
    Class {
        name: "container",
        events: "",
        about: "The container and the pod that the process runs in.",
        fields: container::Container::INFOS,
    },
    Class {
        name: KUBERNETES,
        events: "",
        about: "The pod that the process runs in and what it belongs to, as Kubernetes tells it.",
        fields: kubernetes::Kubernetes::INFOS,
    },
];

/// The last class, which is there only if somebody watches Kubernetes.
pub(crate) const KUBERNETES: &str = "k8smeta";

/// Declares the fields of a class: variant, name, type, print form, properties, description. The enum's numbers are the places in
/// `INFOS`.
macro_rules! fields {
    ($(#[$doc:meta])* $id:ident { $($variant:ident $name:literal $ty:ident $print:ident [$($flag:ident)*] $about:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $id { $($variant,)* }

        impl $id {
            pub(crate) const INFOS: &'static [$crate::table::FieldInfo] = &[$($crate::table::FieldInfo {
                name: $name,
                ty: falco_filter::Type::$ty,
                print: falco_filter::Print::$print,
                flags: $crate::table::Flags::NONE$(.with($crate::table::Flags::$flag))*,
                about: $about,
            },)*];

            pub(crate) const ALL: &'static [$id] = &[$($id::$variant,)*];
        }
    };
}
pub(crate) use fields;
