//! The assembled layer in a root directory like that of a Lambda function: both ways to start, and an image in F1.

use std::fs::{self, File};

use e2e::{Lambda, LambdaRoot, Mode, Sandbox, built, layer, layer_settings};
use layer_build::elf::{self, Machine};
use layer_build::layer::arch::Arch;
use layer_build::layer::{assemble, pin};
use serde_json::json;
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
    for start in [&["/opt/bootstrap"][..], &MANAGED] {
        let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
            return;
        };
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
        let left = sandbox.kept();
        lambda.stop();
        assert!(left.len() <= 1, "{left:?}");
        assert!(sandbox.path("udocker/containers").is_dir());
    }
}

#[test]
fn without_python_and_any_other_program_the_layer_runs_an_image_all_the_same() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
        return;
    };
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
        .enter(sandbox.enter(), &["/opt/bootstrap", "doctor", "--json"])
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
    let left = sandbox.kept();
    lambda.stop();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_launcher_downloads_nothing_and_has_its_own_engines() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    let place = LambdaRoot::new(&sandbox, &layer());
    let command = ["/opt/udocker/udocker.py", "ps"];
    // As anybody might start it: without the variables that say where its parts are, and without the tests' adapter.
    let launch = place.enter(sandbox.enter(), &command);
    let launch = ["UDOCKER_BIN", "UDOCKER_LIB", "UDOCKER_EXEC", "PYTHONPATH"]
        .into_iter()
        .fold(launch, e2e::Launch::without);
    let run = launch.run();
    run.expect_code(0);
    let said = run.stdout() + &run.stderr();
    assert!(
        !said.contains("install") && !said.contains("rror"),
        "{said}"
    );
    let store = sandbox.path("udocker");
    assert!(store.join("repos").is_dir() && !store.join("lib").exists());
    // Python's compiled modules are kept, although the layer is read-only: without them every start takes longer.
    let compiled = format!("pycache-{}", pin::UDOCKER_VERSION);
    assert!(store.join(compiled).is_dir());
}

#[test]
fn programs_and_engines_of_the_arm64_layer_are_for_arm64() {
    let binary = built("aarch64-unknown-linux-musl/release/supervisor");
    let settings = layer_settings(Arch::Arm64, binary);
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
        assert_eq!(found.machine, Machine::ARM64, "{name}");
    }
}
