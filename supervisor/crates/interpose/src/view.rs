//! Where the guest's paths lie on the host: ROOT and the binds over it. Text only; nothing is looked up.

use crate::{errno::Errno, path_bytes::PathBytes};

/// A host directory or file that the guest sees at a path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Absolute path in the guest, canonical, not `/`.
    pub guest: &'a [u8],
    /// Absolute path on the host, canonical: its links are followed when the bind is made, not later.
    pub host: &'a [u8],
}

/// The guest's file system.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Absolute, canonical host path of ROOT, without a slash at its end: empty for the host's own root.
    pub root: &'a [u8],
    /// Binds; of two over one path the longer guest path wins.
    pub binds: &'a [Bind<'a>],
}

/// How a guest path stands to the binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A bind's own path.
    Bind,
    /// Not a bind's path, but binds lie below it.
    AboveBind,
    /// Neither.
    Plain,
}

impl View<'_> {
    /// How the canonical guest path stands to the binds.
    pub fn standing(&self, guest: &[u8]) -> Standing {
        if self.binds.iter().any(|bind| bind.guest == guest) {
            return Standing::Bind;
        }
        let above = |bind: &Bind<'_>| below(bind.guest, guest).is_some();
        if self.binds.iter().any(above) {
            Standing::AboveBind
        } else {
            Standing::Plain
        }
    }

    /// Puts the host path of the canonical guest path `guest` (empty for `/`) into `host`.
    ///
    /// # Errors
    /// `ENAMETOOLONG`.
    pub fn to_host(&self, guest: &[u8], host: &mut PathBytes) -> Result<(), Errno> {
        let covering = self
            .binds
            .iter()
            .filter_map(|bind| Some((bind, below(guest, bind.guest)?)));
        let (start, rest) = match covering.max_by_key(|(bind, _)| bind.guest.len()) {
            Some((bind, rest)) => (bind.host, rest),
            None => (self.root, guest),
        };
        host.set(start)?;
        host.push(rest)?;
        if host.is_empty() {
            host.push(b"/")?;
        }
        Ok(())
    }

    /// Puts the guest path of the canonical host path `host` into `guest`; false where the guest does not see it.
    ///
    /// # Errors
    /// `ENAMETOOLONG`.
    pub fn to_guest(&self, host: &[u8], guest: &mut PathBytes) -> Result<bool, Errno> {
        let host = if host == b"/" { b"" } else { host };
        let binds = self.binds.iter().map(|bind| (bind.host, bind.guest));
        let places = binds.chain([(self.root, &b""[..])]);
        let seen = places.filter_map(|(from, to)| Some((from.len(), to, below(host, from)?)));
        let Some((_, start, rest)) = seen.max_by_key(|(length, ..)| *length) else {
            return Ok(false);
        };
        guest.set(start)?;
        guest.push(rest)?;
        if guest.is_empty() {
            guest.push(b"/")?;
        }
        Ok(true)
    }
}

/// What of `path` lies below `top`, with its slash; empty for `top` itself, none for a path beside it.
fn below<'a>(path: &'a [u8], top: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(top)?;
    (rest.is_empty() || rest[0] == b'/').then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: View<'static> = View {
        root: b"/img/ROOT",
        binds: &[
            Bind {
                guest: b"/tmp",
                host: b"/img",
            },
            Bind {
                guest: b"/tmp/in",
                host: b"/data/in",
            },
            Bind {
                guest: b"/etc/hosts",
                host: b"/etc/hosts",
            },
        ],
    };

    fn host(guest: &str) -> std::string::String {
        let mut path = PathBytes::new();
        VIEW.to_host(guest.as_bytes(), &mut path).unwrap();
        std::string::String::from_utf8(path.as_bytes().to_vec()).unwrap()
    }

    fn guest(host: &str) -> Option<std::string::String> {
        let mut path = PathBytes::new();
        let seen = VIEW.to_guest(host.as_bytes(), &mut path).unwrap();
        seen.then(|| std::string::String::from_utf8(path.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn the_longest_bind_wins_and_names_that_only_begin_alike_do_not_count() {
        assert_eq!(host(""), "/img/ROOT");
        assert_eq!(host("/tmpfile"), "/img/ROOT/tmpfile");
        assert_eq!(host("/tmp"), "/img");
        assert_eq!(host("/tmp/in/a"), "/data/in/a");
        assert_eq!(host("/etc/hosts"), "/etc/hosts");
        assert_eq!(host("/etc/hostsx"), "/img/ROOT/etc/hostsx");
    }

    #[test]
    fn a_host_path_comes_back_by_the_nearest_place_that_shows_it() {
        assert_eq!(guest("/img/ROOT").as_deref(), Some("/"));
        assert_eq!(guest("/img/ROOT/usr").as_deref(), Some("/usr"));
        assert_eq!(guest("/img/other").as_deref(), Some("/tmp/other"));
        assert_eq!(guest("/data/in").as_deref(), Some("/tmp/in"));
        assert_eq!(guest("/data"), None);
        assert_eq!(guest("/"), None);
    }

    #[test]
    fn what_lies_above_a_bind_is_known() {
        assert_eq!(VIEW.standing(b"/etc"), Standing::AboveBind);
        assert_eq!(VIEW.standing(b"/tmp"), Standing::Bind);
        assert_eq!(VIEW.standing(b"/et"), Standing::Plain);
    }
}
