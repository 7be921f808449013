//! Events of the first block versions, whose header does not tell how many parameters follow.

use falco_event::{EventCode, HEADER_BYTES, codes};

/// The header without the number of parameters.
pub(crate) const OLD_HEADER: usize = 22;

/// Writes the event in today's form. `None` when no number of parameters makes the lengths come out.
///
/// The number is found by trying: the parameters and their lengths must fill the event exactly, and every further parameter needs at
/// least the two bytes of its length, so at most one number fits.
pub(crate) fn count_params(code: EventCode, old: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let header: &[u8; OLD_HEADER] = old.first_chunk()?;
    let mut length = read_u32(old, 16)? as usize;
    if code == codes::NOTIFICATION_E || code == codes::INFRASTRUCTURE_EVENT_E {
        // Their writers counted three bytes too many.
        length = length.checked_sub(3)?;
    }
    let rest = old.get(OLD_HEADER..length)?;
    let lengths = rest
        .chunks_exact(2)
        .map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    let mut needed = 0;
    let mut count = 0;
    for length in lengths.take(code.info().params.len()) {
        if needed + length + 2 > rest.len() {
            break;
        }
        needed += length + 2;
        count += 1;
    }
    if needed != rest.len() {
        return None;
    }
    let added = HEADER_BYTES - OLD_HEADER;
    out.clear();
    out.extend_from_slice(&header[..16]);
    out.extend_from_slice(&((length + added) as u32).to_le_bytes());
    out.extend_from_slice(&header[20..]);
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend_from_slice(rest);
    Some(())
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
