//! Which engine runs containers here: asked for, or found out.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use config::Engine;
use environment::Environment;

/// The engine that runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// The program named by `UDOCKER_EXEC`.
    Udocker,
    /// This program.
    Native,
}

impl EngineKind {
    /// The engine for what was `asked` for; `launcher` is udocker's, there or not.
    pub fn choose(asked: Engine, environment: &Environment, launcher: &Path) -> Self {
        match asked {
            Engine::Udocker => Self::Udocker,
            Engine::Auto if can_start(environment, launcher) => Self::Udocker,
            Engine::Auto | Engine::Native => Self::Native,
        }
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udocker => "udocker",
            Self::Native => "native",
        }
    }
}

/// Whether the launcher is there, and what it takes to run it.
pub fn can_start(environment: &Environment, launcher: &Path) -> bool {
    if !launcher.is_file() {
        return false;
    }
    if nix::unistd::access(launcher, nix::unistd::AccessFlags::X_OK).is_err() {
        return environment.find_on_path("python3").is_some();
    }
    match interpreter(launcher) {
        None => true,
        Some((program, Some(name))) if program.ends_with("env") => {
            environment.find_on_path(&name).is_some()
        }
        Some((program, _)) => program.is_file(),
    }
}

/// What the first line of a script names: `#!PROGRAM [WORD]`.
fn interpreter(script: &Path) -> Option<(PathBuf, Option<String>)> {
    let mut start = [0; 256];
    let length = File::open(script).ok()?.read(&mut start).ok()?;
    let line = start[..length].strip_prefix(b"#!")?;
    let line = line.split(|&b| b == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_ascii_whitespace();
    let program = PathBuf::from(words.next()?);
    Some((program, words.next().map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn environment(path: &Path) -> Environment {
        Environment::from_pairs([("PATH", path)])
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn udocker_is_taken_only_where_it_can_start() {
        let dir = tempfile::tempdir().unwrap();
        let (launcher, python) = (dir.path().join("udocker"), dir.path().join("python3"));
        let environment = environment(dir.path());
        let runs = || EngineKind::choose(Engine::Auto, &environment, &launcher);
        assert_eq!(runs(), EngineKind::Native);
        for (line, mode) in [("#!/usr/bin/env python3", 0o755), ("import udocker", 0o644)] {
            write(&launcher, line, mode);
            assert_eq!(runs(), EngineKind::Native, "{line}");
            write(&python, "", 0o755);
            assert_eq!(runs(), EngineKind::Udocker, "{line}");
            fs::remove_file(&python).unwrap();
        }
        write(&launcher, "#!/nowhere/python3 -s\n", 0o755);
        assert_eq!(runs(), EngineKind::Native);
        write(&launcher, "#!/bin/sh\n", 0o755);
        assert_eq!(runs(), EngineKind::Udocker);
        let asked = EngineKind::choose(Engine::Native, &environment, &launcher);
        assert_eq!(asked, EngineKind::Native);
    }
}
