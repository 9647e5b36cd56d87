//! The host's side: how the first program of a container is found and started through the loader.

use std::{
    ffi::{CStr, OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileExt, MetadataExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    errno::Errno,
    exec::{Execution, Programs},
    resolve::{Files, Walker},
    settings::{MOST_BINDS, Settings},
    view::{Bind, View},
};

/// A container to start a program in.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Host path of ROOT.
    pub root: PathBuf,
    /// Guest paths and the host paths they show, [`MOST_BINDS`] at most. Links in the host paths are followed now.
    pub binds: Vec<(PathBuf, PathBuf)>,
    /// Host path of a file that holds the loader and may be executed.
    pub loader: PathBuf,
    /// The guest's working directory.
    pub directory: PathBuf,
    /// Guest path of the program.
    pub program: PathBuf,
    /// The program's arguments, the first being its name.
    pub arguments: Vec<OsString>,
}

impl Launch {
    /// The command that starts the program; its environment is the caller's to set, before or after.
    ///
    /// # Errors
    /// Why the program, ROOT, the working directory or a bind cannot be used, as execve(2) says it.
    pub fn command(&self) -> io::Result<Command> {
        let root = canonical(&self.root)?;
        let mut places = Vec::new();
        for (guest, host) in &self.binds {
            places.push((guest.as_os_str().as_bytes(), canonical(host)?));
        }
        let binds: Vec<Bind<'_>> = places
            .iter()
            .map(|(guest, host)| Bind { guest, host })
            .collect();
        if binds.len() > MOST_BINDS {
            return Err(io::Error::other(std::format!(
                "more than {MOST_BINDS} binds"
            )));
        }
        let view = View {
            root: if root == b"/" { b"" } else { &root },
            binds: &binds,
        };
        let walker = Walker {
            view,
            program: b"",
            files: Host,
        };
        let directory = self.directory.as_os_str().as_bytes();
        let mut place = crate::resolve::Resolved::default();
        walker
            .resolve(b"/", directory, crate::resolve::Last::Follow, &mut place)
            .map_err(from_errno)?;
        let program = self.program.as_os_str().as_bytes();
        let mut found = Execution::default();
        walker
            .execution(place.guest.as_bytes(), program, &mut found)
            .map_err(from_errno)?;
        let loader = canonical(&self.loader)?;
        let settings = Settings {
            view,
            loader: &loader,
            program: found.program.guest.as_bytes(),
            name: program,
        };
        let mut command = Command::new(OsStr::from_bytes(&loader));
        let mut arguments: Vec<OsString> = found
            .arguments()
            .map(|bytes| OsString::from_vec(bytes.to_vec()))
            .collect();
        let skipped = usize::from(!arguments.is_empty());
        arguments.extend(self.arguments.iter().skip(skipped).cloned());
        if let Some((name, rest)) = arguments.split_first() {
            command.arg0(name).args(rest);
        }
        command.current_dir(OsStr::from_bytes(place.host.as_bytes()));
        let (name, value) = variable(&settings);
        command.env(name, value);
        Ok(command)
    }
}

fn variable(settings: &Settings<'_>) -> (OsString, OsString) {
    let mut text = Vec::new();
    let put = |bytes: &[u8]| -> Result<(), core::convert::Infallible> {
        text.extend_from_slice(bytes);
        Ok(())
    };
    let Ok(()) = settings.write(put);
    let value = text.split_off(crate::settings::VARIABLE.len());
    text.pop();
    (OsString::from_vec(text), OsString::from_vec(value))
}

fn canonical(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::canonicalize(path).map_err(|error| {
        let text: String = std::format!("{}: {error}", path.display());
        io::Error::new(error.kind(), text)
    })?;
    Ok(found.into_os_string().into_vec())
}

fn from_errno(error: Errno) -> io::Error {
    io::Error::from_raw_os_error(error.0)
}

/// The host's file system, as the walk asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Host;

fn path(bytes: &[u8]) -> &Path {
    let text = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
    Path::new(OsStr::from_bytes(text))
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno)
}

impl Files for Host {
    fn read_link(&self, link: &[u8], target: &mut [u8]) -> Result<usize, Errno> {
        let text = fs::read_link(path(link))
            .map_err(|error| errno(&error))?
            .into_os_string()
            .into_vec();
        let length = text.len().min(target.len());
        target[..length].copy_from_slice(&text[..length]);
        Ok(length)
    }

    fn enter(&self, directory: &[u8]) -> Result<(), Errno> {
        let inside = path(directory).join(".");
        fs::metadata(inside)
            .map(|_| ())
            .map_err(|error| errno(&error))
    }

    fn is_self(&self, process: &[u8]) -> bool {
        process == std::process::id().to_string().as_bytes()
    }
}

impl Programs for Host {
    fn may_execute(&self, program: &[u8]) -> Result<(), Errno> {
        let about = fs::metadata(path(program)).map_err(|error| errno(&error))?;
        // Which of the three counts is for the kernel to say when the loader is there.
        if about.is_file() && about.mode() & 0o111 != 0 {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    fn read_at(&self, program: &[u8], offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        let file = fs::File::open(path(program)).map_err(|error| errno(&error))?;
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], offset + length as u64) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) => return Err(errno(&error)),
            }
        }
        Ok(length)
    }
}
