//! A program that does what programs do around system calls, for both C libraries, static and dynamic: the loader's run
//! prints what the chroot's prints.

mod oracle_support;

use std::{fs, path::Path, process::Command};

use oracle_support::{Guest, Place, run};

/// The compilers: what the program is called, and how it is made.
const BUILDS: [(&str, &str, &[&str]); 5] = [
    ("glibc", "gcc", &[]),
    ("glibc-static", "gcc", &["-static"]),
    ("glibc-static-pie", "gcc", &["-static-pie"]),
    ("musl", "musl-gcc", &[]),
    ("musl-static", "musl-gcc", &["-static"]),
];

#[test]
fn threads_children_signals_and_registers_are_as_in_a_chroot() {
    let place = Place::new(Guest::Debian);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/stress.c");
    for root in [place.ours(), place.theirs()] {
        fs::copy(
            "/usr/lib/x86_64-linux-musl/libc.so",
            root.join("usr/lib/ld-musl-x86_64.so.1"),
        )
        .unwrap();
    }
    for (name, compiler, options) in BUILDS {
        let program = place.beside(name);
        run(Command::new(compiler)
            .args(["-O2", "-w", "-pthread"])
            .args(options)
            .arg("-o")
            .arg(&program)
            .arg(&source));
        for root in [place.ours(), place.theirs()] {
            fs::copy(&program, root.join("usr/bin").join(name)).unwrap();
        }
        place.compare(&[&format!("/usr/bin/{name}")]);
    }
}
