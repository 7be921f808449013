//! Reads `schema/`: line-oriented text, a block opened by a word and filled by indented lines.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, bail, ensure};

pub(crate) struct Schema {
    pub(crate) types: Vec<Type>,
    pub(crate) events: Vec<Event>,
    pub(crate) tables: Vec<(String, Vec<(String, u64)>)>,
    pub(crate) dynamics: Vec<(String, Vec<Alternative>)>,
    pub(crate) syscalls: Vec<Syscall>,
    pub(crate) conversions: Vec<Conversion>,
}

pub(crate) struct Conversion {
    pub(crate) event: String,
    pub(crate) params: u8,
    pub(crate) action: String,
    pub(crate) to: Option<String>,
    pub(crate) sources: Vec<String>,
}

pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) code: u8,
    pub(crate) size: Option<u8>,
}

pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) origin: String,
    pub(crate) flags: Vec<String>,
    pub(crate) params: Vec<Param>,
}

pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) format: String,
    pub(crate) names: Names,
}

pub(crate) enum Names {
    None,
    Table(String),
    Dynamic(String),
    DirFd(u8),
}

pub(crate) struct Alternative {
    pub(crate) ty: String,
    pub(crate) format: String,
}

pub(crate) struct Syscall {
    pub(crate) name: String,
    pub(crate) x86_64: Option<u16>,
    pub(crate) exit: Option<String>,
    pub(crate) drop: Option<String>,
}

/// A block: its opening words, then the words of each line in it.
struct Block {
    head: Vec<String>,
    lines: Vec<Vec<String>>,
}

impl Schema {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Schema> {
        let file = |name: &str| {
            let path = root.join("schema").join(name);
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            blocks(&text).with_context(|| format!("in {}", path.display()))
        };
        let mut schema = Schema {
            types: Vec::new(),
            events: Vec::new(),
            tables: Vec::new(),
            dynamics: Vec::new(),
            syscalls: Vec::new(),
            conversions: Vec::new(),
        };
        for block in file("types")? {
            let [name, code, size] = block.head.as_slice() else {
                bail!("a type has a name, a code and a size: {:?}", block.head)
            };
            schema.types.push(Type {
                name: name.clone(),
                code: code.parse()?,
                size: size.parse().ok(),
            });
        }
        for block in file("flags")? {
            schema.read_names(&block)?;
        }
        for block in file("events")? {
            schema
                .read_event(&block)
                .with_context(|| block.head.join(" "))?;
        }
        for block in file("syscalls")? {
            let [name, code, number, exit, drop @ ..] = block.head.as_slice() else {
                bail!("too short: {:?}", block.head)
            };
            ensure!(
                code.parse() == Ok(schema.syscalls.len()),
                "{name}: codes are dense and in order"
            );
            let given = |word: &String| (word != "-").then(|| word.clone());
            schema.syscalls.push(Syscall {
                name: name.clone(),
                x86_64: number.parse().ok(),
                exit: given(exit),
                drop: drop.first().cloned(),
            });
        }
        for block in file("conversions")? {
            schema.conversions.push(read_conversion(&block.head)?);
        }
        schema.check()?;
        Ok(schema)
    }

    fn read_names(&mut self, block: &Block) -> anyhow::Result<()> {
        match block.head.as_slice() {
            [word, name] if word == "table" => {
                let mut names = Vec::new();
                for line in &block.lines {
                    let [flag, value] = line.as_slice() else {
                        bail!("{name}: a flag has a name and a value: {line:?}")
                    };
                    names.push((flag.clone(), value.parse()?));
                }
                self.tables.push((name.clone(), names));
            }
            [word, name] if word == "dynamic" => {
                let mut alternatives = Vec::new();
                for line in &block.lines {
                    let [selector, ty, format] = line.as_slice() else {
                        bail!("{name}: {line:?}")
                    };
                    ensure!(
                        selector.parse() == Ok(alternatives.len()),
                        "{name}: selectors are dense and in order"
                    );
                    alternatives.push(Alternative {
                        ty: ty.clone(),
                        format: format.clone(),
                    });
                }
                self.dynamics.push((name.clone(), alternatives));
            }
            other => bail!("neither table nor dynamic: {other:?}"),
        }
        Ok(())
    }

    fn read_event(&mut self, block: &Block) -> anyhow::Result<()> {
        let [word, code, id, direction, name, category, flags @ ..] = block.head.as_slice() else {
            bail!("too short")
        };
        ensure!(word == "event", "an event starts with 'event'");
        let code: usize = code.parse()?;
        ensure!(code == self.events.len(), "codes are dense and in order");
        ensure!(
            (direction == "exit") == (code % 2 == 1),
            "even codes enter, odd codes exit"
        );
        let (kind, origin) = category
            .split_once('/')
            .context("a category is KIND/ORIGIN")?;
        let params = block
            .lines
            .iter()
            .map(|line| self.read_param(line))
            .collect::<anyhow::Result<_>>()?;
        self.events.push(Event {
            id: id.clone(),
            name: name.clone(),
            kind: kind.into(),
            origin: origin.into(),
            flags: flags.to_vec(),
            params,
        });
        Ok(())
    }

    fn read_param(&self, line: &[String]) -> anyhow::Result<Param> {
        let [name, ty, format, names @ ..] = line else {
            bail!("a parameter has a name, a type and a format: {line:?}")
        };
        let names = match names {
            [] => Names::None,
            [table] => match table.strip_prefix("dirfd=") {
                Some(index) => Names::DirFd(index.parse()?),
                None if self.dynamics.iter().any(|(name, _)| name == table) => {
                    Names::Dynamic(table.clone())
                }
                None => Names::Table(table.clone()),
            },
            more => bail!("too many words: {more:?}"),
        };
        Ok(Param {
            name: name.clone(),
            ty: ty.clone(),
            format: format.clone(),
            names,
        })
    }

    /// Every name that is used is defined, and every name is unique.
    fn check(&self) -> anyhow::Result<()> {
        let mut ids = BTreeSet::new();
        for event in &self.events {
            ensure!(ids.insert(&event.id), "event {} is defined twice", event.id);
            for param in &event.params {
                let known = self.types.iter().any(|ty| ty.name == param.ty);
                ensure!(
                    known,
                    "{}.{}: unknown type {}",
                    event.id,
                    param.name,
                    param.ty
                );
                if let Names::Table(table) = &param.names {
                    let known = self.tables.iter().any(|(name, _)| name == table);
                    ensure!(known, "{}.{}: unknown table {table}", event.id, param.name);
                }
            }
        }
        for conversion in &self.conversions {
            for id in conversion.to.iter().chain([&conversion.event]) {
                ensure!(
                    ids.contains(id),
                    "conversion of {}: unknown event {id}",
                    conversion.event
                );
            }
        }
        for syscall in &self.syscalls {
            if let Some(exit) = &syscall.exit {
                ensure!(ids.contains(exit), "{}: unknown event {exit}", syscall.name);
            }
        }
        Ok(())
    }
}

fn read_conversion(words: &[String]) -> anyhow::Result<Conversion> {
    let [event, params, action, rest @ ..] = words else {
        bail!("a conversion has an event, a number of parameters and an action: {words:?}")
    };
    let (to, sources) = match (action.as_str(), rest) {
        ("become", [to, sources @ ..]) => (Some(to.clone()), sources),
        (_, sources) => (None, sources),
    };
    Ok(Conversion {
        event: event.clone(),
        params: params.parse()?,
        action: action.clone(),
        to,
        sources: sources.to_vec(),
    })
}

fn blocks(text: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with(' ') {
            let block = blocks.last_mut().with_context(|| {
                format!("line {}: an indented line outside a block", number + 1)
            })?;
            block.lines.push(words);
        } else {
            blocks.push(Block {
                head: words,
                lines: Vec::new(),
            });
        }
    }
    Ok(blocks)
}
