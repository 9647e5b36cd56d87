//! The header that says which part of an object a body is.

/// `bytes 0-499/1234` (RFC 9110, 14.4) as start, end (exclusive) and total.
pub(super) fn parse_content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, end) = (
        first.parse().ok()?,
        last.parse::<u64>().ok()?.checked_add(1)?,
    );
    let total = total.parse().ok()?;
    (start <= end && end <= total).then_some((start, end, total))
}
