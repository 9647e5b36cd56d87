//! The user of the run. On Lambda it is an unprivileged one. Only root can become that user, and only if that user may use
//! the run's files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::{
        AccessFlags, Gid, Uid, chown, faccessat, getegid, geteuid, getgroups, setegid, seteuid,
        setgroups,
    },
};

/// Lambda's `sbx_user1051`.
const USER: u32 = 993;
/// Its group.
const GROUP: u32 = 990;

/// The user of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Lambda's user and group, without other groups.
    Function(Uid, Gid),
    /// Whoever started the program.
    Own,
}

/// What must be possible with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read a file.
    Read,
    /// To execute a program, or to list a directory and reach what is in it.
    Enter,
    /// That, and to write there.
    Write,
}

impl Access {
    fn flags(self) -> AccessFlags {
        match self {
            Self::Read => AccessFlags::R_OK,
            Self::Enter => AccessFlags::R_OK | AccessFlags::X_OK,
            Self::Write => AccessFlags::R_OK | AccessFlags::X_OK | AccessFlags::W_OK,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Read | Self::Enter => "read",
            Self::Write => "write to",
        }
    }
}

/// A path that the run needs. One that does not exist is not needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The path.
    pub path: PathBuf,
    /// For what.
    pub access: Access,
}

/// Lambda's user, if this is root and that user can do everything that is needed. Gives it the function's `/tmp`.
///
/// # Errors
/// When this process cannot become itself again after trying.
pub(super) fn choose(
    needs: &[Need],
    scratch: &Path,
    missing: &mut Vec<String>,
) -> anyhow::Result<User> {
    if !geteuid().is_root() {
        missing.push(format!(
            "user {USER}: only root can become it; the run is user {}",
            geteuid()
        ));
        return Ok(User::Own);
    }
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(GROUP));
    let given = chown(scratch, Some(user), Some(group)).is_ok();
    let mut all = needs.to_vec();
    all.push(Need {
        path: scratch.to_owned(),
        access: Access::Write,
    });
    let obstacle = match first_obstacle(&all, user, group)? {
        Ability::Able if given => return Ok(User::Function(user, group)),
        Ability::Able => "its /tmp cannot be given to it".to_owned(),
        Ability::NoSuchUser => "it is unknown to this container".to_owned(),
        Ability::Obstacle(need) => {
            let (verb, path) = (need.access.verb(), need.path.display());
            format!("it may not {verb} {path}")
        }
    };
    // Root may be without the capability to write to what is another's.
    let _as_before = chown(scratch, Some(geteuid()), Some(getegid()));
    missing.push(format!(
        "user {USER} without capabilities: {obstacle}; the run is root"
    ));
    Ok(User::Own)
}

/// What Lambda's user can do here.
enum Ability<'a> {
    /// Everything that is needed.
    Able,
    /// Not this.
    Obstacle(&'a Need),
    /// Nothing: this process may not become it.
    NoSuchUser,
}

/// The first need that the user cannot meet. This process becomes that user for a moment to find out.
fn first_obstacle(needs: &[Need], user: Uid, group: Gid) -> anyhow::Result<Ability<'_>> {
    let groups = getgroups().context("which groups is this process in?")?;
    let there: Vec<&Need> = needs.iter().filter(|need| need.path.exists()).collect();
    let became = setgroups(&[])
        .and_then(|()| setegid(group))
        .and_then(|()| seteuid(user));
    let able = |need: &&Need| {
        let flags = need.access.flags();
        faccessat(AT_FDCWD, &need.path, flags, AtFlags::AT_EACCESS).is_ok()
    };
    let verdict = match became {
        Err(_) => Ability::NoSuchUser,
        Ok(()) => there
            .into_iter()
            .find(|need| !able(need))
            .map_or(Ability::Able, Ability::Obstacle),
    };
    let restored = seteuid(Uid::from_raw(0))
        .and_then(|()| setegid(Gid::current()))
        .and_then(|()| setgroups(&groups));
    if became.is_ok() {
        restored.context("cannot become root again")?;
    }
    Ok(verdict)
}
