//! Trees as text.

use std::fmt;

use super::{Check, Expr, Op, Operand, Right, escape};

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cmp.name())?;
        self.modifier
            .map_or(Ok(()), |modifier| write!(f, " {modifier}"))
    }
}

/// The canonical text, as upstream prints it. Bytes that are not UTF-8 are written as `\xHH`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::And(children, _) => separated(f, children, " and "),
            Expr::Or(children, _) => separated(f, children, " or "),
            Expr::Not(child, _) => write!(f, "not {child}"),
            Expr::Ident(name, _) => f.write_str(name),
            Expr::Check(check) => check.fmt(f),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op)?;
        match &self.right {
            Right::Nothing => Ok(()),
            Right::Value(value, _) => write!(f, " {}", escape(value)),
            Right::List(items, _) => {
                f.write_str(" ")?;
                separated(f, items.iter().map(|item| escape(item)), ", ")
            }
            Right::Operand(operand) => write!(f, " {operand}"),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arg = match self {
            Operand::Field { name, arg, .. } => {
                f.write_str(name)?;
                arg
            }
            Operand::Transform {
                name, args, arg, ..
            } => {
                f.write_str(name.name())?;
                separated(f, args, ",")?;
                arg
            }
            Operand::Value(value, _) => return f.write_str(&escape(value)),
            Operand::List(items, _) => return separated(f, items, ","),
        };
        match arg.as_deref() {
            None => Ok(()),
            Some("") => f.write_str("[\"\"]"),
            Some(arg) => write!(f, "[{}]", escape(arg.as_bytes())),
        }
    }
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    separator: &str,
) -> fmt::Result {
    f.write_str("(")?;
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    f.write_str(")")
}
