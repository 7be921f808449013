//! Which of the known names was probably meant.

/// The known name that is most like `name`, if any is like it at all.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = match name.len() {
        0..=2 => 1,
        3..=5 => 2,
        6..=64 => 3,
        _ => return None,
    };
    known
        .into_iter()
        .filter(|other| *other != name && other.len().abs_diff(name.len()) <= allowed)
        .map(|other| (distance(name, other), other))
        .filter(|&(distance, other)| distance <= allowed && distance < other.len())
        .min()
        .map(|(_, other)| other)
}

/// How many letters have to be put in, left out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(!a[i - 1].eq_ignore_ascii_case(&b[j - 1]));
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
