//! How a long log is made to fit into an answer.

use std::borrow::Cow;

use container::exec::log::cut_marker;

/// Head and tail of a log with the [`cut_marker`] between, at most `limit` bytes; the log itself when it fits.
/// A limit too small for the marker keeps the tail alone.
pub fn shorten(log: &[u8], limit: usize) -> Cow<'_, [u8]> {
    if log.len() <= limit {
        return Cow::Borrowed(log);
    }
    // The marker's length depends on the number in it: the longest one it can hold is reserved.
    let reserved = cut_marker(log.len() as u64).len();
    let Some(room) = limit.checked_sub(reserved) else {
        return Cow::Borrowed(tail(log, limit));
    };
    let head = head(log, room / 2);
    let tail = tail(log, room - head.len());
    let cut = log.len() - head.len() - tail.len();
    Cow::Owned([head, cut_marker(cut as u64).as_bytes(), tail].concat())
}

/// As [`shorten`], for text.
pub(super) fn shortened_text(text: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(&shorten(text, limit)).into_owned()
}

/// The last `limit` bytes, fewer where that would begin in the middle of a character.
pub(super) fn tail(log: &[u8], limit: usize) -> &[u8] {
    let mut start = log.len().saturating_sub(limit);
    if start > 0 {
        start += continuation_bytes(log.iter().skip(start));
    }
    log.get(start..).unwrap_or_default()
}

/// The first `limit` bytes, fewer where that would end in the middle of a character.
fn head(log: &[u8], limit: usize) -> &[u8] {
    let inside_a_character = matches!(log.get(limit), Some(0x80..=0xBF));
    let back = continuation_bytes(log.iter().take(limit).rev());
    let end = if inside_a_character {
        limit.saturating_sub(back + 1)
    } else {
        limit
    };
    log.get(..end).unwrap_or(log)
}

/// How many bytes continue a character before one starts: at most three (RFC 3629), else it is no UTF-8.
fn continuation_bytes<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes
        .take(3)
        .take_while(|byte| matches!(byte, 0x80..=0xBF))
        .count()
}
