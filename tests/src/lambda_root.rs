//! A root directory like that of a Lambda function: a layer under `/opt`, a runtime under `/var/lang`, a function under
//! `/var/task`. No toolchain and no file of this project outside the layer.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::function_root::accounts;
use crate::launch::Launch;
use crate::paths;
use crate::sandbox::Sandbox;

/// Programs of the runtime that udocker cannot do without: `env` starts it and the container, `curl` it wants to find.
const PROGRAMS: [&str; 2] = ["/usr/bin/env", "/usr/bin/curl"];

/// A root directory inside a sandbox on Lambda.
#[derive(Debug)]
pub struct LambdaRoot {
    path: PathBuf,
    task: PathBuf,
    standard_library: String,
}

impl LambdaRoot {
    /// Unpacks a layer into a new root, with the function written with [`Sandbox::function`].
    pub fn new(sandbox: &Sandbox, layer: &Path) -> Self {
        let path = sandbox.path("root");
        let root = Self {
            standard_library: standard_library(),
            task: sandbox.path("work"),
            path,
        };
        let zip = File::open(layer).unwrap();
        let mut zip = zip::ZipArchive::new(zip).unwrap();
        zip.extract(root.path("/opt")).unwrap();
        root.add_programs();
        for (name, content) in accounts() {
            root.write(name, content);
        }
        root.add_adapter();
        root
    }

    /// A path of the root as this machine sees it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    /// Takes a directory, or a link to one, out of the root.
    pub fn remove(&self, inside: &str) {
        let path = self.path(inside);
        if path.is_symlink() {
            fs::remove_file(path).unwrap();
        } else {
            fs::remove_dir_all(path).unwrap();
        }
    }

    /// A start of `command` in the root, see [`Sandbox::enter`], with the variables that the default configuration sets.
    pub fn enter(&self, launch: Launch, command: &[&str]) -> Launch {
        let launch = [
            "UDOCKER_TARBALL",
            "UDOCKER_USE_PROOT_EXECUTABLE",
            "UDOCKER_USE_RUNC_EXECUTABLE",
            "UDOCKER_USE_PATCHELF_EXECUTABLE",
            "UDOCKER_FAKECHROOT_SO",
        ]
        .into_iter()
        .fold(launch, Launch::without);
        let library = self.library_inside();
        launch
            .env(
                "PATH",
                "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            )
            .env("PYTHONPATH", "/var/runtime")
            .env("UDOCKER_BIN", "/opt/udocker/bin/")
            .env("UDOCKER_LIB", "/opt/udocker/lib/")
            .env("UDOCKER_EXEC", "/opt/udocker/udocker.py")
            .confinement(|confinement| {
                confinement
                    .with_root(&self.path)
                    .bind(&self.task, Path::new("/var/task"))
                    .bind(Path::new(&self.standard_library), Path::new(&library))
            })
            .through(command.iter().map(Into::into).collect())
    }

    fn library_inside(&self) -> String {
        let name = Path::new(&self.standard_library).file_name().unwrap();
        format!("/var/lang/lib/{}", name.to_str().unwrap())
    }

    fn write(&self, inside: &str, content: impl AsRef<[u8]>) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Copies Python to `/var/lang/bin`, the other programs to `/usr/bin`, and their libraries to where they expect them.
    fn add_programs(&self) {
        for directory in ["/usr/bin", "/var/lang/bin"] {
            fs::create_dir_all(self.path(directory)).unwrap();
        }
        symlink("usr/bin", self.path("/bin")).unwrap();
        let python = fs::canonicalize("/usr/bin/python3").unwrap();
        fs::copy(&python, self.path("/var/lang/bin/python3")).unwrap();
        let shell = fs::canonicalize("/bin/sh").unwrap();
        fs::copy(&shell, self.path("/usr/bin/sh")).unwrap();
        for program in PROGRAMS {
            fs::copy(program, self.path(program)).unwrap();
        }
        let extensions = Path::new(&self.standard_library).join("lib-dynload");
        let mut programs = vec![python, shell, "/usr/bin/patchelf".into()];
        programs.extend(PROGRAMS.map(PathBuf::from));
        programs.extend(fs::read_dir(extensions).unwrap().map(|e| e.unwrap().path()));
        for library in libraries(&programs) {
            let inside = self.path(library.to_str().unwrap());
            fs::create_dir_all(inside.parent().unwrap()).unwrap();
            fs::copy(library, inside).unwrap();
        }
    }

    /// Teaches udocker Debian's fakechroot library, see `tests/setup/udocker_debian.py`. It comes with the runtime's Python
    /// and not with the layer: engines that `udocker install` downloads need no such thing.
    fn add_adapter(&self) {
        let adapter = fs::read(paths::root().join("tests/setup/udocker_debian.py")).unwrap();
        self.write("/var/runtime/udocker_debian.py", adapter);
        let start = "import sys\n\nsys.path.insert(0, '/opt/udocker/site-packages')\nimport udocker_debian\n";
        self.write("/var/runtime/sitecustomize.py", start);
    }
}

/// The directory of the system Python's modules.
fn standard_library() -> String {
    let script = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    let mut python = Command::new("/usr/bin/python3");
    let output = python.args(["-I", "-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The shared libraries that programs need, with their loader.
fn libraries(programs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let output = Command::new("ldd").args(programs).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().filter(|line| !line.ends_with(':'));
    words
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}
