//! What things in the store are called.

/// An image's name in the store: directories below `repos`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreName<'a> {
    /// All of the name before the tag.
    pub repository: &'a str,
    /// Tag or digest.
    pub tag: &'a str,
}

impl<'a> StoreName<'a> {
    /// Splits a name where udocker splits it, but for the colon of a registry's port.
    pub fn of(name: &'a str) -> Self {
        let (repository, tag) = match name.split_once('@') {
            Some(parts) => parts,
            None => match name.rsplit_once(':') {
                Some((repository, tag)) if !tag.contains('/') => (repository, tag),
                _ => (name, "latest"),
            },
        };
        Self { repository, tag }
    }
}

/// Containers are named like random UUIDs (RFC 9562, version 4).
pub fn unique_id() -> String {
    let random = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{random:032x}");
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_udocker_does() {
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        for (name, repository, tag) in [
            ("busybox", "busybox", "latest"),
            ("a/b:1.2", "a/b", "1.2"),
            ("host:5000/a/b", "host:5000/a/b", "latest"),
            ("host:5000/a/b:x", "host:5000/a/b", "x"),
            (&digest, "a/b", &digest[4..]),
        ] {
            assert_eq!(StoreName::of(name), StoreName { repository, tag }, "{name}");
        }
    }

    #[test]
    fn ids_look_like_udockers() {
        let id = unique_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4");
        assert!(
            id.bytes()
                .all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
        assert_ne!(id, unique_id());
    }
}
