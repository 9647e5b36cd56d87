//! Who the container's processes are: the entry of a passwd(5) file that gives them a name and a home.

use std::path::Path;

use config::UdockerMode;

use crate::engine::command::Family;
use rootfs::{executable::resolve, regular};

/// Name and home of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `USER`, `LOGNAME`.
    pub user: String,
    /// `HOME`, where the image does not set it.
    pub home: String,
}

#[derive(Debug)]
struct Entry {
    name: String,
    uid: String,
    home: String,
}

impl Account {
    /// As udocker finds it: the image's user (`config.User`), looked up in the image's passwd. Without one, F modes take
    /// the user that this process is, as they cannot play another, and the others play root.
    pub fn of(root: &Path, image_user: Option<&str>, mode: UdockerMode) -> Self {
        let inside = resolve(root, Path::new("/etc/passwd")).map(|path| entries(&path));
        let inside = inside.unwrap_or_default();
        let image_user = image_user.map(|user| user.split(':').next().unwrap_or(user));
        let image_user = image_user.filter(|user| !user.is_empty());
        match Family::of(mode) {
            Family::Inside => look_up(&inside, image_user.unwrap_or("root")),
            Family::Preload => {
                let host = host_user();
                let mut account = look_up(&inside, image_user.unwrap_or(&host));
                if account.user == "root" {
                    account.user = host;
                }
                account
            }
        }
    }
}

/// A user that is not in the file is called what it was asked for by, and lives in `/`.
fn look_up(entries: &[Entry], user: &str) -> Account {
    let found = entries
        .iter()
        .find(|entry| entry.name == user || entry.uid == user);
    Account {
        user: found.map_or(user, |entry| &entry.name).to_owned(),
        home: found.map_or("/", |entry| &entry.home).to_owned(),
    }
}

/// The name of the user this process is, or its number.
fn host_user() -> String {
    let uid = nix::unistd::Uid::effective().to_string();
    look_up(&entries(Path::new("/etc/passwd")), &uid).user
}

fn entries(path: &Path) -> Vec<Entry> {
    let text = regular::read_text(path).unwrap_or_default();
    let entry = |line: &str| {
        let mut fields = line.split(':').map(str::to_owned);
        Some(Entry {
            name: fields.next()?,
            uid: fields.nth(1)?,
            home: fields.nth(2).filter(|home| home.starts_with('/'))?,
        })
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_user_by_name_by_number_or_unknown() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:100:100::/srv/app:/bin/sh\n";
        fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
        let of = |user, mode| {
            let account = Account::of(dir.path(), user, mode);
            (account.user, account.home)
        };
        let pair = |user: &str, home: &str| (user.to_owned(), home.to_owned());
        let table = [
            (None, pair("root", "/root")),
            (Some(""), pair("root", "/root")),
            (Some("app"), pair("app", "/srv/app")),
            (Some("100:7"), pair("app", "/srv/app")),
            (Some("4711"), pair("4711", "/")),
        ];
        for (user, expected) in table {
            assert_eq!(of(user, UdockerMode::P1), expected, "{user:?}");
        }
        assert_eq!(of(Some("app"), UdockerMode::F1), pair("app", "/srv/app"));
        assert_eq!(
            of(Some("root"), UdockerMode::F1),
            pair(&host_user(), "/root")
        );
    }
}
