//! A made-up thing to look at: fields by name with fixed values.
#![allow(dead_code, reason = "each test binary uses its part")]

use bumpalo::Bump;
use falco_filter::{Catalog, Field, FieldError, Print, Slot, Type, Value, Values};

/// A field: its name (with its argument in brackets), type and value.
pub(crate) type Row<'e> = (&'static str, Type, Option<Value<'e>>);

pub(crate) struct Thing<'e> {
    pub(crate) rows: Vec<Row<'e>>,
    pub(crate) arena: &'e Bump,
}

impl<'e> Values<'e> for Thing<'e> {
    fn value(&self, slot: Slot) -> Option<Value<'e>> {
        self.rows.get(slot.0 as usize)?.2
    }

    fn arena(&self) -> &'e Bump {
        self.arena
    }
}

/// The fields of a [`Thing`]; those that have a list are called `list.*`.
pub(crate) struct Names(pub(crate) Vec<(&'static str, Type)>);

impl Names {
    pub(crate) fn of(rows: &[Row<'_>]) -> Names {
        Names(rows.iter().map(|(name, ty, _)| (*name, *ty)).collect())
    }
}

impl Catalog for Names {
    fn field(&mut self, name: &str, arg: Option<&str>) -> Result<Field, FieldError> {
        let full = arg.map_or_else(|| name.to_owned(), |arg| format!("{name}[{arg}]"));
        let slot = self.0.iter().position(|(name, _)| *name == full);
        let slot = slot.ok_or_else(|| {
            FieldError(format!("filter_check called with nonexistent field {full}"))
        })?;
        let list = name.starts_with("list.");
        Ok(Field {
            slot: Slot(slot as u32),
            ty: self.0[slot].1,
            list,
            print: Print::Natural,
            rhs: true,
            transform: true,
        })
    }

    fn check_literal(&self, _: &Field, _: &str) -> Result<(), FieldError> {
        Ok(())
    }

    fn service_port(&self, name: &str) -> Option<u16> {
        (name == "https").then_some(443)
    }
}
