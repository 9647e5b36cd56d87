//! The assembled layer in a root directory like that of a Lambda function: both ways to start, and an image in F1.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::OnceLock;

use layer_build::elf::{self, Machine};
use layer_build::layer::arch::Arch;
use layer_build::layer::engines::{Choice, Supply};
use layer_build::layer::{Settings, assemble, pin};
use serde_json::json;
use tests::{Lambda, LambdaRoot, Mode, Sandbox, built, fixture, root, supervisor, target, tool};
use zip::ZipArchive;

/// The command line with which a managed Python runtime starts, as arguments of the wrapper.
const MANAGED: [&str; 5] = [
    "/opt/exec-wrapper",
    "/var/lang/bin/python3",
    "-m",
    "awslambdaric",
    "function.handler",
];

#[test]
fn both_ways_to_start_run_an_image_with_what_is_in_the_layer() {
    if !may_chroot() {
        return;
    }
    for start in [&["/opt/bootstrap"][..], &MANAGED] {
        let sandbox = Sandbox::new(Mode::F1);
        let script =
            "cat \"$INPUT_FILE_PATH\"; echo; [ -e /opt/bootstrap ] || echo \"in $IMAGE_VARIABLE\"";
        let container = json!({ "image_file": "debian.tar", "execmode": null });
        sandbox.function(script, &json!({ "container": container }));
        fs::copy(Mode::F1.image(), sandbox.path("work/debian.tar")).unwrap();
        let layer = layer();
        let place = LambdaRoot::new(&sandbox, &layer);
        let mut lambda = Lambda::start_with(&sandbox, |launch| place.enter(launch, start));
        for turn in 0..2 {
            let (status, log) = lambda.invoke(&json!({ "turn": turn })).status_and_log();
            assert_eq!(status, 200, "{start:?}: {log}");
            assert_eq!(
                log,
                format!("{{\"turn\":{turn}}}\nin from the image\n"),
                "{start:?}"
            );
        }
        let left = place.left();
        lambda.stop();
        assert!(left.len() <= 1, "{left:?}");
        assert!(place.path("/tmp/shared/udocker/containers").is_dir());
    }
}

#[test]
fn without_python_and_any_other_program_the_layer_runs_an_image_all_the_same() {
    if !may_chroot() {
        return;
    }
    let sandbox = Sandbox::new(Mode::NativeF1);
    let script = "[ -e /opt/bootstrap ] || echo \"in $IMAGE_VARIABLE\"; cat /etc/passwd | wc -l; ls /tmp | wc -l
        [ -e /etc/mark ] && echo is there; echo x > /etc/mark; rm -r /home; chmod 0 /opt";
    let container = json!({ "image_file": "debian.tar", "execmode": null, "engine": "auto" });
    sandbox.function(script, &json!({ "container": container }));
    fs::copy(Mode::F1.image(), sandbox.path("work/debian.tar")).unwrap();
    let place = LambdaRoot::new(&sandbox, &layer());
    for directory in [
        "/var/lang/bin",
        "/var/runtime",
        "/usr",
        "/bin",
        "/opt/udocker/site-packages",
    ] {
        place.remove(directory);
    }
    let examined = place
        .enter(sandbox.launch(), &["/opt/bootstrap", "doctor", "--json"])
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
        .run();
    examined.expect_code(0);
    let report = examined.json();
    assert_eq!(report["engine"], "native", "{report:#}");
    assert_eq!(report["execution_mode"], "F1", "{report:#}");
    // Nobody but root mounts anything there.
    assert_eq!(report["changes"], "journal", "{report:#}");

    let mut lambda = Lambda::start_with(&sandbox, |l| place.enter(l, &["/opt/bootstrap"]));
    for _ in 0..3 {
        let (status, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!((status, log.as_str()), (200, "in from the image\n2\n1\n"));
    }
    let left = place.left();
    lambda.stop();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_launcher_downloads_nothing_and_has_its_own_engines() {
    if !may_chroot() {
        return;
    }
    let sandbox = Sandbox::new(Mode::F1);
    let place = LambdaRoot::new(&sandbox, &layer());
    let command = ["/opt/udocker/udocker.py", "ps"];
    // As anybody might start it: without the variables that say where its parts are, and without the tests' adapter.
    let launch = place.enter(sandbox.launch(), &command);
    let launch = ["UDOCKER_BIN", "UDOCKER_LIB", "UDOCKER_EXEC", "PYTHONPATH"]
        .into_iter()
        .fold(launch, tests::Launch::without);
    let run = launch.run();
    run.expect_code(0);
    let said = run.stdout() + &run.stderr();
    assert!(
        !said.contains("install") && !said.contains("rror"),
        "{said}"
    );
    let store = place.path("/tmp/shared/udocker");
    assert!(store.join("repos").is_dir() && !store.join("lib").exists());
    // Python's compiled modules are kept, although the layer is read-only: without them every start takes longer.
    let compiled = format!("pycache-{}", pin::UDOCKER_VERSION);
    assert!(store.join(compiled).is_dir());
}

#[test]
fn programs_and_engines_of_the_arm64_layer_are_for_arm64() {
    let binary = built("aarch64-unknown-linux-musl/release/supervisor");
    let settings = settings(Arch::Arm64, binary);
    assemble(&settings).unwrap();
    let zip = File::open(settings.output.join("faas-supervisor-arm64.zip")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    ZipArchive::new(zip)
        .unwrap()
        .extract(directory.path())
        .unwrap();
    let mut inspected = vec!["bootstrap".to_owned()];
    for kind in ["bin", "lib"] {
        let parts = fs::read_dir(directory.path().join("udocker").join(kind)).unwrap();
        let names = parts.map(|part| part.unwrap().file_name().into_string().unwrap());
        // The version, and the script that hides Debian's patchelf behind udocker's name of it, are no programs.
        let programs = names.filter(|name| name != "VERSION" && name != "patchelf-arm64");
        inspected.extend(programs.map(|name| format!("udocker/{kind}/{name}")));
    }
    assert_eq!(inspected.len(), 3, "{inspected:?}");
    for name in inspected {
        let found = elf::inspect(&directory.path().join(&name)).unwrap();
        assert_eq!(found.machine, Machine::Aarch64, "{name}");
    }
}

/// The layer of the binary under test, assembled once.
fn layer() -> PathBuf {
    static LAYER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let settings = settings(Arch::X86_64, supervisor());
        assemble(&settings).unwrap();
        settings.output.join("faas-supervisor-x86_64.zip")
    };
    LAYER.get_or_init(make).clone()
}

fn settings(arch: Arch, binary: PathBuf) -> Settings {
    Settings {
        arch,
        binary,
        package: None,
        cache: target().join("layer/cache"),
        python: tool("python"),
        supply: Supply::Tarball(fixture("engines.tar.gz")),
        engines: Choice::FModes,
        project: root(),
        output: target().join("layer-tests"),
        zipped_limit: pin::ZIPPED_LIMIT,
    }
}

/// Another root directory and mounts of one's own are for root only.
fn may_chroot() -> bool {
    let may = nix::unistd::Uid::effective().is_root();
    if !may {
        eprintln!(
            "SKIPPED: only root can enter a root directory of its own; run the tests as root"
        );
    }
    may
}
