//! Starts a program below a root through the loader: for tests and for trying things out.
//!
//!     interpose-run --root DIR --loader FILE [--bind GUEST=HOST]... [--workdir DIR] -- PROGRAM [ARGUMENT]...
//!
//! The loader is written to FILE if nothing is there.

#[cfg(target_arch = "x86_64")]
mod run {
    use std::{
        ffi::OsString,
        fs, io,
        os::unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::OpenOptionsExt,
            process::CommandExt,
        },
        path::{Path, PathBuf},
    };

    use interpose::host::Launch;

    /// Replaces this process by the program; returns why it could not.
    pub(crate) fn run() -> io::Error {
        match launch(std::env::args_os().skip(1)) {
            Ok(launch) => match write_loader(&launch.loader).and_then(|()| launch.command()) {
                Ok(mut command) => command.exec(),
                Err(error) => error,
            },
            Err(error) => error,
        }
    }

    fn launch(mut words: impl Iterator<Item = OsString>) -> io::Result<Launch> {
        let mut launch = Launch {
            root: PathBuf::new(),
            binds: Vec::new(),
            loader: PathBuf::new(),
            directory: "/".into(),
            program: PathBuf::new(),
            arguments: Vec::new(),
        };
        while let Some(option) = words.next() {
            if option == "--" {
                launch.arguments = words.collect();
                break;
            }
            let value = words
                .next()
                .ok_or_else(|| io::Error::other("an option without a value"))?;
            match option.to_str() {
                Some("--root") => launch.root = value.into(),
                Some("--loader") => launch.loader = value.into(),
                Some("--workdir") => launch.directory = value.into(),
                Some("--bind") => launch.binds.push(bind(&value)?),
                _ => return Err(io::Error::other("unknown option")),
            }
        }
        let program = launch
            .arguments
            .first()
            .ok_or_else(|| io::Error::other("no program after --"))?;
        launch.program = program.into();
        Ok(launch)
    }

    fn bind(value: &OsString) -> io::Result<(PathBuf, PathBuf)> {
        let mut parts = value.as_bytes().splitn(2, |&byte| byte == b'=');
        let mut part = || {
            parts
                .next()
                .map(|bytes| PathBuf::from(OsString::from_vec(bytes.to_vec())))
        };
        match (part(), part()) {
            (Some(guest), Some(host)) => Ok((guest, host)),
            _ => Err(io::Error::other("--bind takes GUEST=HOST")),
        }
    }

    fn write_loader(path: &Path) -> io::Result<()> {
        if path.exists() {
            return Ok(());
        }
        let beside = path.with_extension(std::process::id().to_string());
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(&beside)?;
        io::Write::write_all(&mut file, interpose::BLOB)?;
        drop(file);
        fs::rename(&beside, path)
    }
}

#[cfg(target_arch = "x86_64")]
fn main() -> std::process::ExitCode {
    let error = run::run();
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("interpose-run: {error}\n"),
    );
    std::process::ExitCode::from(match error.raw_os_error() {
        Some(2) => 127,
        _ => 126,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
