//! The catalogue against the recorded list of fields, and what names mean.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod support;

use std::collections::BTreeMap;

use falco_fields::{Catalogue, Flags};
use falco_filter::ast::Cmp;
use falco_filter::{Catalog, Print, Type};
use support::shared;

fn rows(table: &str) -> Option<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(shared("reference")?.join(table)).unwrap();
    let rows = text.lines().skip(1);
    Some(
        rows.map(|row| row.split('\t').map(str::to_owned).collect())
            .collect(),
    )
}

/// Whether a text can be a field is told by what is before its first dot.
#[test]
fn every_name_has_a_family() {
    let mut catalogue = Catalogue::new();
    catalogue.add_kubernetes();
    for field in catalogue.fields() {
        assert!(field.name.contains('.'), "{}", field.name);
    }
}

#[test]
fn has_the_fields_of_upstream() {
    let Some(rows) = rows("all-fields.tsv") else {
        return;
    };
    let catalogue = Catalogue::new();
    let mut ours: BTreeMap<&str, _> = catalogue.fields().map(|info| (info.name, info)).collect();
    for row in &rows {
        let info = ours
            .remove(row[1].as_str())
            .unwrap_or_else(|| panic!("no field {}", row[1]));
        let list = info.flags.any(Flags::LIST);
        let ty = if info.ty == Type::Dyn {
            "DYNAMIC"
        } else {
            info.ty.name()
        };
        let ty = if list {
            format!("LIST({ty})")
        } else {
            ty.to_owned()
        };
        assert_eq!(ty, row[2], "type of {}", row[1]);
        for (flag, name) in [
            (Flags::ARG_REQUIRED, "ARG_REQUIRED"),
            (Flags::ARG_ALLOWED, "ARG_ALLOWED"),
            (Flags::FILTER_ONLY, "FILTER_ONLY"),
            (Flags::PRINT_ONLY, "PRINT_ONLY"),
            (Flags::NO_RHS, "NO_RHS"),
            (Flags::NO_TRANSFORMER, "NO_TRANSFORMER"),
            (Flags::TABLE_ONLY, "TABLE_ONLY"),
            (Flags::DEPRECATED, "DEPRECATED"),
        ] {
            let theirs = row[3].split('|').any(|theirs| theirs == name);
            assert_eq!(info.flags.any(flag), theirs, "{name} of {}", row[1]);
        }
        let print = match row[6].as_str() {
            "DEC" => Print::Dec,
            "10_PADDED_DEC" => Print::PaddedDec,
            "HEX" => Print::Hex,
            "ID" => Print::Id,
            _ => Print::Natural,
        };
        assert_eq!(info.print, print, "print form of {}", row[1]);
    }
    let container = |name: &str| {
        ["container.", "k8s.", "proc.is_container_"]
            .iter()
            .any(|class| name.starts_with(class))
    };
    ours.retain(|name, info| !container(name) && !info.flags.any(Flags::OWN));
    assert!(ours.is_empty(), "{ours:?}");
}

/// Fields that upstream does not have are told apart from those that listings show.
#[test]
fn own_fields_have_a_page() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/own-fields.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut rows = page
        .lines()
        .filter(|line| line.starts_with('`') && line.contains(" | "));
    for info in Catalogue::new().fields() {
        if info.flags.any(Flags::OWN) {
            let row = format!("`{}` | {} | {}", info.name, info.ty.name(), info.about);
            assert_eq!(rows.next(), Some(row.as_str()));
        }
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn lists_what_upstream_lists() {
    let Some(rows) = rows("fields.tsv") else {
        return;
    };
    let catalogue = Catalogue::new();
    let container = catalogue
        .classes()
        .iter()
        .find(|class| class.name == "container")
        .unwrap();
    let ours: Vec<_> = catalogue
        .classes()
        .iter()
        .filter(|class| class.name != container.name)
        .flat_map(|class| class.fields.iter().map(move |info| (class, info)))
        .filter(|(_, info)| info.is_listed())
        .map(|(class, info)| {
            let required = info.flags.any(Flags::ARG_REQUIRED);
            let ty = if info.ty == Type::Dyn {
                "DYNAMIC"
            } else {
                info.ty.name()
            };
            [
                class.name,
                info.name,
                ty,
                if info.flags.any(Flags::LIST) {
                    "list"
                } else {
                    ""
                },
                if required { "required" } else { "" },
            ]
        })
        .collect();
    let theirs: Vec<_> = rows
        .iter()
        .map(|row| [row[0].as_str(), &row[1], &row[2], &row[3], &row[4]])
        .collect();
    for row in &theirs {
        assert!(ours.contains(row), "{row:?} is not listed");
    }
    for row in &ours {
        assert!(theirs.contains(row), "{row:?} is listed");
    }
}

#[test]
fn describes_every_field() {
    let catalogue = Catalogue::new();
    for info in catalogue.fields() {
        assert!(info.about.ends_with(['.', ')']), "{}", info.name);
    }
}

#[test]
fn knows_names_and_arguments() {
    let mut catalogue = Catalogue::new();
    let mut check = |name: &str, arg: Option<&str>, expected: Result<Type, &str>| {
        let got = catalogue
            .field(name, arg)
            .map(|field| field.ty)
            .map_err(|error| error.0);
        assert_eq!(got, expected.map_err(str::to_owned), "{name} {arg:?}");
    };
    check("proc.name", None, Ok(Type::CharBuf));
    check("proc.aname", Some("2"), Ok(Type::CharBuf));
    check("proc.aname", Some(" 2"), Ok(Type::CharBuf));
    check("proc.env", Some("HOME"), Ok(Type::CharBuf));
    check("proc.apid", None, Ok(Type::Int64));
    check("evt.arg", Some("0"), Ok(Type::CharBuf));
    check("evt.arg.flags", None, Ok(Type::CharBuf));
    check("evt.rawarg.res", None, Ok(Type::Errno));
    check("evt.type.is.open", None, Ok(Type::Uint32));
    check("evt.type.is.5", None, Ok(Type::Uint32));
    check("evt.abspath.src", None, Ok(Type::CharBuf));
    check("evt.around", Some("1404996934793590564"), Ok(Type::Uint64));
    check("thread.cgroup.cpu_acct", None, Ok(Type::CharBuf));
    check("fd.types", Some("0"), Ok(Type::CharBuf));
    check("container.id", None, Ok(Type::CharBuf));
    check("container.mount.source", Some("/etc"), Ok(Type::CharBuf));
    check(
        "k8s.pod.label",
        Some("app.kubernetes.io/name"),
        Ok(Type::CharBuf),
    );
    let unknown = "filter_check called with nonexistent field";
    for (name, arg, full) in [
        ("nosuch.field", None, "nosuch.field"),
        ("proc.namex", None, "proc.namex"),
        ("proc.name", Some("1"), "proc.name[1]"),
        ("proc.args", Some("x"), "proc.args[x]"),
        ("evt.arg.fdx", None, "evt.arg.fdx"),
        ("evt.type.is.nosuch", None, "evt.type.is.nosuch"),
        ("evt.abspath.foo", None, "evt.abspath.foo"),
        ("thread.cgroup.cpu1", None, "thread.cgroup.cpu1"),
        ("fd.name.x", None, "fd.name.x"),
        ("container.idx", None, "container.idx"),
    ] {
        check(name, arg, Err(&format!("{unknown} {full}")));
    }
    check("evt.arg", Some("x"), Err("x is not a valid number"));
    check("fd.types", Some("a"), Err("a is not a valid number"));
    check("evt.arg", None, Err("filter syntax error: evt.arg"));
    check("evt.argx", None, Err("filter syntax error: evt.argx"));
    check("evt.type.is", None, Err("filter syntax error: evt.type.is"));
    check(
        "thread.cgroup",
        None,
        Err("filter syntax error: thread.cgroup"),
    );
    check(
        "evt.rawarg",
        Some("0"),
        Err("evt.arg fields must be expressed explicitly"),
    );
    check("evt.arg.nosuch", None, Err("unknown event argument nosuch"));
    check(
        "container.label",
        None,
        Err("filter 'container.label': container.label requires an argument but none provided"),
    );
    check(
        "container.id",
        Some("0"),
        Err(
            "filter 'container.id[0]': container.id does not allow nor require an argument but one is provided: 0",
        ),
    );
}

#[test]
fn interns() {
    let mut catalogue = Catalogue::new();
    let one = catalogue.field("proc.aname", Some("2")).unwrap();
    assert_eq!(catalogue.field("proc.aname", Some("2")).unwrap(), one);
    assert_ne!(
        catalogue.field("proc.aname", Some("3")).unwrap().slot,
        one.slot
    );
    assert!(!one.rhs && !one.transform);
    assert_eq!(catalogue.info(&one).unwrap().name, "proc.aname");
    assert_eq!(catalogue.label("evt.rawarg.flags"), "evt.rawarg");
}

#[test]
fn checks_literals_and_operators() {
    let mut catalogue = Catalogue::new();
    let kind = catalogue.field("evt.type", None).unwrap();
    assert!(catalogue.check_literal(&kind, "openat").is_ok());
    assert!(catalogue.check_literal(&kind, "fcntl64").is_ok());
    let error = catalogue.check_literal(&kind, "nosuch").unwrap_err();
    assert_eq!(error.0, "unknown event type nosuch");
    let around = catalogue.field("evt.around", Some("5")).unwrap();
    assert_eq!(catalogue.operator(&around, Cmp::Eq).unwrap(), Cmp::Le);
    let error = catalogue.operator(&around, Cmp::Gt).unwrap_err();
    assert_eq!(error.0, "evt.around supports only '=' comparison operator");
}

#[test]
fn reads_services() {
    let mut catalogue = Catalogue::new();
    catalogue
        .read_services("# a list\nssh 22/tcp\nhttp\t80/tcp www # the web\nhttp 81/udp\nbroken\n");
    let port = |name| catalogue.service_port(name);
    assert_eq!(
        (port("http"), port("www"), port("ssh")),
        (Some(80), Some(80), Some(22))
    );
    assert_eq!((port("broken"), port("a")), (None, None));
}
