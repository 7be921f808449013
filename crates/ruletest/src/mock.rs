//! Containers that are said, not found out: the values of their fields, laid over those of an event.

use bumpalo::Bump;
use falco_fields::{Catalogue, Facts};
use falco_filter::{Catalog, Field, Slot, Type, Value, Values};
use falco_rules::yaml::{self, Node};
use falco_state::{State, Thread};

use crate::problem::Wrong;
use crate::value::{number, text};
use crate::world::{Process, Reader, items};

/// A container of the file, with the values of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    fields: Vec<(Slot, Said)>,
}

#[derive(Clone, Debug)]
enum Said {
    Text(Vec<u8>),
    Texts(Vec<Box<[u8]>>),
    Yes(bool),
    Number(u64),
}

/// What a container is when nobody says otherwise.
const USUAL: [(&str, &str); 7] = [
    ("container.id", "3ad7b26ded6d"),
    ("container.type", "docker"),
    ("container.image", "docker.io/library/app:1.0"),
    ("container.image.repository", "docker.io/library/app"),
    ("container.image.tag", "1.0"),
    ("container.privileged", "false"),
    ("container.mounts", ""),
];

/// Reads containers: by name, each with its fields, `container.` left out: `web: {image.repository: nginx, privileged: yes}`.
pub(crate) fn containers(
    reader: &mut Reader<'_>,
    node: &Node,
    catalogue: &mut Catalogue,
) -> Vec<Container> {
    let mut all = Vec::new();
    if !node.is_map() && !node.is_null() {
        let help = "write `{web: {image.repository: docker.io/library/nginx}}`";
        reader.wrong(node, Wrong::new("expected containers by name").help(help));
    }
    for (key, value) in node.entries() {
        let name = key.scalar().unwrap_or_default().to_owned();
        let usual = USUAL.into_iter().chain([("container.name", name.as_str())]);
        let mut fields: Vec<(Slot, Said)> = usual
            .filter_map(|(field, text)| scalar(catalogue, field, text).ok())
            .collect();
        for (field, value) in value.entries() {
            let field_name = text(field).map(|name| {
                let whole = ["k8s.", "k8smeta.", "container."];
                if whole.iter().any(|class| name.starts_with(class)) {
                    name.to_owned()
                } else {
                    format!("container.{name}")
                }
            });
            let one = field_name.and_then(|name| said(catalogue, &name, value));
            if let Some((slot, value)) = reader.take(field, one) {
                fields.retain(|(known, _)| *known != slot);
                fields.push((slot, value));
            }
        }
        all.push(Container { name, fields });
    }
    all
}

/// A field and what is said of it: several values if it is one that has them.
fn said(catalogue: &mut Catalogue, name: &str, node: &Node) -> Result<(Slot, Said), Wrong> {
    let field = field(catalogue, name)?;
    if field.list {
        let texts = items(node).iter();
        let texts = texts.map(|item| text(item).map(|text| text.as_bytes().into()));
        return Ok((field.slot, Said::Texts(texts.collect::<Result<_, _>>()?)));
    }
    scalar(catalogue, name, text(node)?)
}

fn field(catalogue: &mut Catalogue, name: &str) -> Result<Field, Wrong> {
    let (base, arg) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((base, arg)) => (base, Some(arg)),
        None => (name, None),
    };
    (catalogue.field(base, arg))
        .map_err(|_| Wrong::new(format!("there is no field `{name}`")).help("see `falco --list`"))
}

fn scalar(catalogue: &mut Catalogue, name: &str, text: &str) -> Result<(Slot, Said), Wrong> {
    let field = field(catalogue, name)?;
    let value = match field.ty {
        Type::CharBuf => Said::Text(text.as_bytes().to_vec()),
        Type::Bool => Said::Yes(
            yaml::boolean(text)
                .ok_or_else(|| Wrong::new(format!("{name}: expected yes or no, not `{text}`")))?,
        ),
        _ => Said::Number(
            u64::try_from(number(text)?)
                .map_err(|_| Wrong::new(format!("{name}: the number is out of range")))?,
        ),
    };
    Ok((field.slot, value))
}

/// The container of a thread: its own, or that of whom it comes from.
pub(crate) fn container_of<'c>(
    containers: &'c [Container],
    processes: &[Process],
    state: &State,
    tid: i64,
) -> Option<&'c Container> {
    /// No line of ancestors is longer than that.
    const GENERATIONS: usize = 64;
    let mut thread: Option<&Thread> = state.threads.by_tid(tid);
    for _ in 0..GENERATIONS {
        let pid = thread?.pid;
        if let Some(process) = processes.iter().find(|process| process.thread.pid == pid) {
            let name = process.container.as_deref()?;
            return containers.iter().find(|container| container.name == name);
        }
        thread = state.threads.by_tid(thread?.ptid);
    }
    None
}

/// The values of an event's fields, those of its container replaced.
pub(crate) struct Mocked<'e> {
    pub(crate) facts: &'e Facts<'e>,
    pub(crate) container: Option<&'e Container>,
}

impl<'e> Mocked<'e> {
    fn said(&self, slot: Slot) -> Option<Value<'e>> {
        let fields = &self.container?.fields;
        let (_, said) = fields.iter().find(|(known, _)| *known == slot)?;
        Some(match said {
            Said::Text(text) => Value::Str(text),
            Said::Texts(texts) => {
                let texts = texts.iter().map(|text| Value::Str(text));
                Value::List(self.arena().alloc_slice_fill_iter(texts))
            }
            Said::Yes(yes) => Value::Bool(*yes),
            Said::Number(number) => Value::Uint(*number),
        })
    }
}

impl<'e> Values<'e> for Mocked<'e> {
    fn value(&self, slot: Slot) -> Option<Value<'e>> {
        self.said(slot).or_else(|| self.facts.value(slot))
    }

    fn shown(&self, slot: Slot) -> Option<Value<'e>> {
        self.said(slot).or_else(|| self.facts.shown(slot))
    }

    fn arena(&self) -> &'e Bump {
        self.facts.arena()
    }
}
