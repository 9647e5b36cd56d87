//! Files of `/proc` that hold a name and a value in a line.

/// The value after `name:` in a file of `/proc`.
pub(super) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map(str::trim)
}
