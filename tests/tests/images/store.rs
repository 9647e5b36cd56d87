//! Native preparation against real peers: Debian's registry, images pushed by skopeo, and udocker working on the same
//! store.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Mode, Registry, Sandbox, SmallDisk, archive};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const MIRROR: &str = "UDOCKER_REGISTRY";
const NOWHERE: &str = "http://127.0.0.1:1";

/// A function whose image comes from a registry.
fn pulling(sandbox: &Sandbox, image: &str, more: &Value) {
    let mut container = json!({ "image_file": null, "image": image });
    for (key, value) in more.as_object().unwrap() {
        container[key] = value.clone();
    }
    let script = "cat /etc/passwd | wc -l; echo from the image: $IMAGE_VARIABLE";
    sandbox.function(script, &json!({ "container": container }));
}

const OUTPUT: &str = "2\nfrom the image: from the image\n";

fn udocker(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut command = sandbox.command(&sandbox.mode().udocker());
    if nix::unistd::geteuid().is_root() {
        command.arg("--allow-root");
    }
    let output = command.args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

fn containers(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(sandbox.path("udocker/containers"))
        .into_iter()
        .flatten();
    entries
        .flatten()
        .filter(|e| e.file_type().unwrap().is_dir())
        .map(|e| e.path())
        .collect()
}

/// What a tree holds, but for times and /tmp: kinds, modes, sizes, links and contents.
fn listing(root: &Path) -> String {
    let script = "find . ! -path ./tmp -printf '%p %y %m %l\\n' | sort; find . -type f -exec sha256sum {} + | sort";
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(root)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn images_are_pulled_in_every_compression_and_by_architecture() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::start(directory.path());
    let source = format!("docker-archive:{}", archive("busybox").display());
    registry.copy(&source, "team/gzip:1", &["--dest-compress-format", "gzip"]);
    registry.copy(
        &source,
        "team/zstd:1",
        &["--format", "oci", "--dest-compress-format", "zstd"],
    );
    let layout = directory.path().join("layout");
    two_architectures(&layout);
    registry.copy(
        &format!("oci:{}", layout.display()),
        "team/both:1",
        &["--all"],
    );
    for image in ["team/gzip:1", "team/zstd:1", "team/both:1"] {
        let sandbox = Sandbox::new(Mode::P1);
        pulling(&sandbox, image, &json!({ "keep_layers": false }));
        let run = sandbox
            .invoke_local(&json!({}))
            .env(MIRROR, registry.url())
            .run();
        run.expect_code(0);
        assert_eq!(run.stdout(), OUTPUT, "{image}");
        // Without the layers, only the container takes room.
        assert_eq!(
            fs::read_dir(sandbox.path("udocker/layers"))
                .unwrap()
                .count(),
            0
        );
        assert_eq!(
            fs::read_dir(sandbox.path("udocker/repos")).unwrap().count(),
            0
        );
    }
    // By the registry's own name, without a mirror.
    let sandbox = Sandbox::new(Mode::P1);
    let host = registry.url().replace("http://", "");
    pulling(&sandbox, &format!("{host}/team/gzip:1"), &json!({}));
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), OUTPUT);
}

/// An OCI layout with an index of two images: for another architecture first, then the busybox image for this one.
fn two_architectures(layout: &Path) {
    let copied = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet"])
        .arg(format!("docker-archive:{}", archive("busybox").display()))
        .arg(format!("oci:{}", layout.display()))
        .status();
    assert!(copied.unwrap().success());
    let read = |path: &Path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let store = |value: &Value| {
        let text = value.to_string();
        let scratch = layout.join("scratch");
        fs::write(&scratch, &text).unwrap();
        let sum = Command::new("sha256sum").arg(&scratch).output().unwrap();
        let hex = String::from_utf8_lossy(&sum.stdout)[..64].to_owned();
        fs::rename(scratch, layout.join("blobs/sha256").join(&hex)).unwrap();
        (format!("sha256:{hex}"), text.len())
    };
    let blob = |digest: &Value| {
        layout
            .join("blobs/sha256")
            .join(&digest.as_str().unwrap()[7..])
    };
    let index = read(&layout.join("index.json"));
    let mut own = index["manifests"][0].clone();
    let mut manifest = read(&blob(&own["digest"]));
    let mut config = read(&blob(&manifest["config"]["digest"]));
    own["platform"] = json!({ "os": "linux", "architecture": config["architecture"] });
    config["architecture"] = json!("s390x");
    let (digest, size) = store(&config);
    manifest["config"]["digest"] = json!(digest);
    manifest["config"]["size"] = json!(size);
    let (digest, size) = store(&manifest);
    let other = json!({ "mediaType": own["mediaType"], "digest": digest, "size": size,
        "platform": { "os": "linux", "architecture": "s390x" } });
    let kind = "application/vnd.oci.image.index.v1+json";
    let inner = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": [other, own] });
    let (digest, size) = store(&inner);
    let outer = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": kind, "digest": digest, "size": size }] });
    fs::write(layout.join("index.json"), outer.to_string()).unwrap();
}

#[test]
fn udocker_works_with_what_is_prepared() {
    for mode in [Mode::P1, Mode::F1] {
        let sandbox = Sandbox::new(mode);
        let registry = Registry::start(&sandbox.path("home"));
        registry.push(&mode.image(), "team/tools:1.2");
        pulling(&sandbox, "team/tools:1.2", &json!({}));
        let run = sandbox
            .invoke_local(&json!({}))
            .env(MIRROR, registry.url())
            .run();
        run.expect_code(0);
        drop(registry);
        assert!(udocker(&sandbox, &["images"]).contains("team/tools:1.2"));
        let listed = udocker(&sandbox, &["ps"]);
        assert!(
            listed.contains("team/tools:1.2") && listed.contains("faas-"),
            "{listed}"
        );
        udocker(&sandbox, &["verify", "team/tools:1.2"]);
        udocker(&sandbox, &["create", "--name=own", "team/tools:1.2"]);
        udocker(
            &sandbox,
            &["setup", &format!("--execmode={}", mode.name()), "own"],
        );
        let ours = listed.lines().find_map(|line| {
            line.split(['[', '\'', ']'])
                .find(|word| word.starts_with("faas-"))
        });
        for name in ["own", ours.unwrap()] {
            let output = udocker(
                &sandbox,
                &[
                    "run",
                    "--nobanner",
                    name,
                    "/bin/sh",
                    "-c",
                    "echo $IMAGE_VARIABLE",
                ],
            );
            assert_eq!(output.trim(), "from the image", "{mode:?} {name}");
        }
        udocker(&sandbox, &["rm", "-f", "own"]);
        udocker(&sandbox, &["rmi", "-f", "team/tools:1.2"]);
        assert_eq!(
            fs::read_dir(sandbox.path("udocker/layers"))
                .unwrap()
                .count(),
            0
        );
    }
}

#[test]
fn both_ways_of_preparing_make_the_same_files() {
    let mut listings = Vec::new();
    for prepare in ["native", "udocker"] {
        // In P1, setup changes nothing in the container's files.
        let sandbox = Sandbox::new(Mode::P1);
        sandbox.function("echo ran", &json!({ "container": { "prepare": prepare } }));
        sandbox.invoke_local(&json!({})).run().expect_code(0);
        let root = containers(&sandbox).pop().unwrap().join("ROOT");
        listings.push(listing(&root));
    }
    assert!(listings[0].lines().count() > 200);
    let differences: Vec<_> = listings[0]
        .lines()
        .filter(|line| !listings[1].lines().any(|other| other == *line))
        .collect();
    assert_eq!(differences, Vec::<&str>::new());
    assert_eq!(listings[0].lines().count(), listings[1].lines().count());
}

#[test]
fn what_udocker_has_pulled_or_loaded_is_used() {
    let sandbox = Sandbox::new(Mode::P1);
    let registry = Registry::start(&sandbox.path("home"));
    registry.push(&archive("busybox"), "team/tools:1.2");
    let mut pull = sandbox.command(&sandbox.mode().udocker());
    if nix::unistd::geteuid().is_root() {
        pull.arg("--allow-root");
    }
    pull.args(["pull", "team/tools:1.2"])
        .env(MIRROR, registry.url());
    assert!(pull.status().unwrap().success());
    drop(registry);
    let saved = archive("busybox");
    udocker(
        &sandbox,
        &["load", "-i", saved.to_str().unwrap(), "local/loaded"],
    );
    for image in ["team/tools:1.2", "local/loaded"] {
        pulling(&sandbox, image, &json!({}));
        let run = sandbox.invoke_local(&json!({})).env(MIRROR, NOWHERE).run();
        run.expect_code(0);
        assert_eq!(run.stdout(), OUTPUT, "{image}");
    }
}

#[test]
fn eight_at_once_prepare_an_image_once() {
    let mut sandbox = Sandbox::new(Mode::F1);
    sandbox.record_udocker();
    let registry = Registry::start(&sandbox.path("home"));
    registry.push(&archive("debian"), "team/tools:1.2");
    pulling(&sandbox, "team/tools:1.2", &json!({}));
    let running: Vec<_> = (0..8)
        .map(|_| {
            sandbox
                .invoke_local(&json!({}))
                .env(MIRROR, registry.url())
                .start()
        })
        .collect();
    for run in running {
        let run = run.wait();
        run.expect_code(0);
        assert_eq!(run.stdout(), OUTPUT);
    }
    let commands = sandbox.udocker_commands();
    let setups = commands
        .iter()
        .filter(|line| line.contains("setup"))
        .count();
    assert_eq!((setups, commands.len()), (1, 9), "{commands:#?}");
    assert_eq!(containers(&sandbox).len(), 1);
}

#[test]
fn a_kill_at_any_moment_leaves_what_the_next_run_repairs() {
    let sandbox = Sandbox::new(Mode::P1);
    let registry = Registry::start(&sandbox.path("home"));
    registry.push(&archive("busybox"), "team/tools:1.2");
    for source in ["registry", "archive"] {
        for milliseconds in [5, 15, 25, 40, 60, 80, 120] {
            match source {
                "registry" => pulling(&sandbox, "team/tools:1.2", &json!({ "keep_layers": true })),
                _ => {
                    sandbox.function(
                        "cat /etc/passwd | wc -l; echo from the image: $IMAGE_VARIABLE",
                        &json!({ "container": { "keep_layers": true } }),
                    );
                }
            }
            let run = sandbox
                .invoke_local(&json!({}))
                .env(MIRROR, registry.url())
                .start();
            std::thread::sleep(Duration::from_millis(milliseconds));
            run.signal(Signal::SIGKILL);
            run.wait();
            let run = sandbox
                .invoke_local(&json!({}))
                .env(MIRROR, registry.url())
                .run();
            run.expect_code(0);
            assert_eq!(run.stdout(), OUTPUT, "{source} {milliseconds} ms");
            assert_eq!(containers(&sandbox).len(), 1, "{source} {milliseconds} ms");
            let layers = fs::read_dir(sandbox.path("udocker/layers"))
                .unwrap()
                .flatten();
            let unfinished: Vec<_> = layers
                .filter(|e| !e.file_name().to_string_lossy().starts_with("sha256:"))
                .collect();
            assert!(unfinished.is_empty(), "{unfinished:?}");
            for part in ["containers", "repos", "layers", "faas-supervisor"] {
                fs::remove_dir_all(sandbox.path("udocker").join(part)).unwrap();
            }
            sandbox.clear_after_kill();
        }
    }
}

#[test]
fn a_name_that_an_interrupted_removal_left_is_no_obstacle() {
    for prepare in ["native", "udocker"] {
        let sandbox = Sandbox::new(Mode::P1);
        sandbox.function(
            "echo from the image: $IMAGE_VARIABLE",
            &json!({ "container": { "prepare": prepare } }),
        );
        let mut seen = Vec::new();
        for _ in 0..2 {
            let run = sandbox.invoke_local(&json!({})).run();
            run.expect_code(0);
            assert_eq!(run.stdout(), "from the image: from the image\n");
            let container = containers(&sandbox).pop().unwrap();
            fs::remove_dir_all(&container).unwrap();
            seen.push(container);
        }
        assert_ne!(seen[0], seen[1], "{prepare}");
    }
}

/// A disk that the unpacked debian image fits onto, and little else.
fn room_for_one(directory: &Path) -> Option<SmallDisk<'_>> {
    fs::create_dir(directory).unwrap();
    let unpacked = fs::metadata(archive("debian")).unwrap().size();
    SmallDisk::mount(directory, &(unpacked + 16 * 1024 * 1024).to_string())
}

#[test]
fn the_disk_holds_the_image_once() {
    let mut sandbox = Sandbox::new(Mode::F1);
    let registry = Registry::start(&sandbox.path("home"));
    registry.push(&archive("debian"), "team/tools:1.2");
    pulling(&sandbox, "team/tools:1.2", &json!({ "keep_layers": false }));
    let small = sandbox.path("small");
    let Some(disk) = room_for_one(&small) else {
        return;
    };
    sandbox.set("UDOCKER_DIR", small.join("udocker"));
    let run = sandbox
        .invoke_local(&json!({}))
        .env(MIRROR, registry.url())
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), OUTPUT);
    assert!(run.peak_kib < 96 * 1024, "{} KiB", run.peak_kib);
    drop(disk);
}

#[test]
fn kept_layers_need_room_where_they_are_kept() {
    let mut sandbox = Sandbox::new(Mode::F1);
    sandbox.function(
        "echo from the image: $IMAGE_VARIABLE",
        &json!({ "container": { "keep_layers": true } }),
    );
    let small = sandbox.path("small");
    let Some(disk) = room_for_one(&small) else {
        return;
    };
    // Both there: not enough, and it says where.
    let own = sandbox.path("udocker/layers");
    sandbox.set("UDOCKER_CONTAINERS", small.join("containers"));
    sandbox.set("UDOCKER_LAYERS", small.join("layers"));
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(1)
        .expect_stderr(&format!("does not fit into {}", small.display()));
    sandbox.set("UDOCKER_LAYERS", own);
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "from the image: from the image\n");
    drop(disk);
}

#[test]
fn what_udocker_loads_needs_room_where_layers_are_kept() {
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.function("", &json!({ "container": { "prepare": "udocker" } }));
    let small = sandbox.path("small");
    fs::create_dir(&small).unwrap();
    let Some(disk) = SmallDisk::mount(&small, "64k") else {
        return;
    };
    sandbox.set("UDOCKER_LAYERS", small.join("layers"));
    let run = sandbox.invoke_local(&json!({})).run();
    let missing = format!("does not fit into {}", small.join("layers").display());
    run.expect_code(1).expect_stderr(&missing);
    drop(disk);
}

#[test]
fn kept_layers_are_not_written_again() {
    let sandbox = Sandbox::new(Mode::P1);
    let registry = Registry::start(&sandbox.path("home"));
    let mut seen = Vec::new();
    for tag in ["1.2", "1.3"] {
        let image = format!("team/tools:{tag}");
        registry.push(&archive("busybox"), &image);
        pulling(&sandbox, &image, &json!({ "keep_layers": true }));
        let run = sandbox
            .invoke_local(&json!({}))
            .env(MIRROR, registry.url())
            .run();
        run.expect_code(0);
        let layers = fs::read_dir(sandbox.path("udocker/layers")).unwrap();
        let largest = layers.map(|layer| layer.unwrap().metadata().unwrap());
        let largest = largest.max_by_key(std::fs::Metadata::len).unwrap();
        seen.push((largest.ino(), largest.mtime_nsec()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn the_roles_token_opens_ecr() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(wiremock::MockServer::start());
    let refusal = json!({ "__type": "AccessDeniedException", "message": "not allowed" });
    let refuse = wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(wiremock::ResponseTemplate::new(400).set_body_json(refusal));
    runtime.block_on(refuse.mount(&server));
    // The service is busy at first.
    let busy = wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(wiremock::ResponseTemplate::new(503))
        .up_to_n_times(1)
        .with_priority(1);
    runtime.block_on(busy.mount(&server));
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.use_aws(&server.uri(), "AKIDEXAMPLE", "ecr-secret");
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/tools:1";
    pulling(&sandbox, image, &json!({}));
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(1)
        .expect_stderr("ecr:GetAuthorizationToken")
        .expect_stderr("AccessDeniedException");
    assert!(!run.stderr().contains("ecr-secret"));
    let asked = runtime.block_on(server.received_requests()).unwrap();
    assert_eq!(asked.len(), 2);
    let header = |name: &str| asked[0].headers[name].to_str().unwrap().to_owned();
    assert!(header("x-amz-target").ends_with(".GetAuthorizationToken"));
    assert!(header("authorization").contains("/eu-west-1/ecr/aws4_request"));
}
