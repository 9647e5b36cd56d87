//! `supervisor doctor`: what it finds is what is there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use e2e::{Finished, Lambda, Mode, Registry, Sandbox, supervisor, tool};
use lambda_sandbox::Profile;
use nix::libc;
use serde_json::{Value, json};

fn examine(sandbox: &Sandbox, arguments: &[&str]) -> Finished {
    let run = sandbox.launch().arg("doctor").args(arguments).run();
    sandbox.expect_clean();
    run
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[test]
fn a_machine_that_has_everything() {
    for mode in [Mode::NativeF1, Mode::P1] {
        let sandbox = Sandbox::new(mode);
        let run = sandbox.script("echo ran").run();
        run.expect_code(0);
        let run = examine(&sandbox, &["--config", "function_config.yaml", "--json"]);
        run.expect_code(0);
        let report = run.json();
        assert_eq!(report["ready"], true, "{report:#}");
        assert_eq!(report["engine"], mode.engine());
        assert_eq!(report["execution_mode"], mode.name());
        assert_eq!(check(&report, "image")["verdict"], "ok");
        if mode == Mode::NativeF1 {
            let inside = check(&report, "inside the image")["found"]
                .as_str()
                .unwrap();
            assert!(inside.starts_with("Debian 12, glibc 2.36: /"), "{inside}");
        }
        let text = examine(&sandbox, &["--config", "function_config.yaml"]);
        let first = format!(
            "engine:   {}, execution mode {}\n",
            mode.engine(),
            mode.name()
        );
        assert!(text.stdout().starts_with(&first), "{}", text.stdout());
        // Nothing was said but what was asked for.
        assert_eq!(text.stderr(), "");
    }
}

#[test]
fn what_is_missing_is_named_with_the_way_out() {
    let mut sandbox = Sandbox::new(Mode::NativeF1);
    let libraries = sandbox.path("work/lib");
    fs::create_dir(&libraries).unwrap();
    sandbox.set("UDOCKER_FAKECHROOT_SO", "");
    sandbox.set("UDOCKER_LIB", libraries.as_os_str());
    sandbox.set("FAAS_OVERLAY", "off");
    sandbox.set("https_proxy", "http://me:hush@proxy.example:3128");
    sandbox.set("NO_PROXY", ".example");
    sandbox.function("", &json!({}));
    let run = examine(&sandbox, &["--config", "function_config.yaml", "--json"]);
    run.expect_code(1);
    let report = run.json();
    assert_eq!(report["ready"], false);
    assert_eq!(report["changes"], "journal");
    let library = check(&report, "fakechroot");
    assert_eq!(library["verdict"], "bad");
    let found = format!("none in {}", libraries.display());
    assert_eq!(library["found"], found);
    assert!(library["advice"].as_str().unwrap().contains("UDOCKER_LIB"));
    assert_eq!(check(&report, "credentials")["verdict"], "note");
    let proxies = &check(&report, "proxies")["found"];
    assert_eq!(
        proxies,
        "proxy.example:3128 for https addresses, except .example"
    );
    assert!(!run.stdout().contains("hush"));

    // udocker, where it is asked for and cannot start.
    let container = json!({ "container": { "engine": "udocker" } });
    sandbox.function("", &container);
    let run = examine(&sandbox, &["--config", "function_config.yaml", "--json"]);
    run.expect_code(1);
    let udocker = check(&run.json(), "udocker").clone();
    assert_eq!(udocker["verdict"], "bad", "{udocker}");
    assert_eq!(udocker["found"], "not at /there/is/no/udocker");

    // A proxy that no request could go through.
    sandbox.set("https_proxy", "socks5://me:hush@proxy.example:1080");
    let run = examine(&sandbox, &["--config", "function_config.yaml", "--json"]);
    let proxies = check(&run.json(), "proxies").clone();
    assert_eq!(proxies["verdict"], "bad", "{proxies}");
    assert!(!run.stdout().contains("hush"));
}

#[test]
fn a_registry_is_asked_for_the_image() {
    let mut sandbox = Sandbox::new(Mode::P1);
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::start(directory.path());
    registry.push(&Mode::P1.image(), "science/tool:1");
    sandbox.set("UDOCKER_REGISTRY", registry.url());
    let report = examine(&sandbox, &["--image", "science/tool:1", "--json"]).json();
    let image = check(&report, "image");
    assert_eq!(image["verdict"], "ok", "{image}");
    assert!(
        image["found"].as_str().unwrap().contains(": 1 layers, "),
        "{image}"
    );
    assert_eq!(check(&report, "inside the image")["verdict"], "note");

    let run = examine(&sandbox, &["--image", "science/tool:2", "--json"]);
    run.expect_code(1);
    assert_eq!(check(&run.json(), "image")["verdict"], "bad");
}

/// Facilities that the report must have, whatever else it has.
const FACILITIES: [&str; 63] = [
    "prctl PR_SET_CHILD_SUBREAPER",
    "prctl PR_SET_PDEATHSIG",
    "prctl PR_SET_NAME",
    "prctl PR_SET_NO_NEW_PRIVS",
    "ptrace PTRACE_TRACEME",
    "seccomp",
    "chroot",
    "pivot_root",
    "mount",
    "umount2",
    "unshare CLONE_NEWUSER",
    "unshare CLONE_NEWNS",
    "unshare CLONE_NEWUSER|CLONE_NEWNS",
    "setns",
    "personality",
    "kcmp",
    "process_vm_readv",
    "io_uring_setup",
    "membarrier",
    "setsid",
    "setpgid",
    "kill, same user",
    "environment of another process",
    "descriptors of another process",
    "clone3",
    "pidfd_open",
    "pidfd_send_signal",
    "close_range",
    "sched_setaffinity",
    "setpriority",
    "rseq",
    "exec in the temporary directory",
    "executable mapping of a file in the temporary directory",
    "chmod in the temporary directory",
    "mkfifo in the temporary directory",
    "symlink in the temporary directory",
    "hard link in the temporary directory",
    "mknod, regular file",
    "mknod, device",
    "fallocate",
    "/dev/shm: shm_open, sem_open",
    "memfd_create",
    "copy_file_range",
    "sendfile",
    "splice",
    "renameat2",
    "openat2",
    "statx",
    "faccessat2",
    "poll",
    "select",
    "nanosleep",
    "futex wait",
    "nanosleep across SIGSTOP and SIGCONT (restart_syscall)",
    "epoll",
    "eventfd",
    "timerfd",
    "signalfd",
    "inotify",
    "code made at run time (mmap, mprotect PROT_EXEC)",
    "mlock beyond 64 KiB",
    "socketpair",
    "path sockets in the temporary directory",
];

fn facility<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["facilities"].as_array().unwrap();
    let found = rows.iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// Fails unless `report` is whole, and nothing of it could not be tried.
fn expect_whole(report: &Value) {
    assert_eq!(report["faas_doctor"], 1, "{report:#}");
    for name in FACILITIES {
        let row = facility(report, name);
        assert_ne!(row["outcome"], "not_tried", "{row}");
        assert_ne!(row["outcome"], "hangs", "{row}");
        assert!(row["known_of_lambda"].is_string(), "{row}");
    }
    let identity = &report["identity"];
    assert!(identity["kernel"].as_str().unwrap().starts_with("Linux "));
    for name in ["no_new_privs", "seccomp"] {
        assert!(identity[name].is_string(), "{identity}");
    }
    for list in ["limits", "mounts", "devices", "will_not_work"] {
        assert!(report[list].is_array(), "{list}");
    }
    let mounts = report["mounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount["path"] == "/"));
    let devices = report["devices"].as_array().unwrap();
    assert!(devices.iter().any(|device| device["name"] == "null"));
    assert_eq!(report["streams"].as_array().unwrap().len(), 3);
    assert!(report["processes"]["seen"].as_u64().unwrap() > 1);
    assert!(report["memory"]["total"].as_u64().unwrap() > 0);
    assert!(report["temp"]["size"].as_u64().unwrap() > 0);
}

fn losses(report: &Value) -> String {
    let sentences = report["will_not_work"].as_array().unwrap();
    let sentences = sentences.iter().map(|sentence| sentence.as_str().unwrap());
    sentences.collect::<Vec<_>>().join("\n")
}

/// What an attempt could leave behind outside of the temporary directory.
fn traces() -> BTreeSet<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let shared = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let shared = shared.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let queues = fs::read_dir("/dev/mqueue").into_iter().flatten().flatten();
    let queues = queues.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ours = |name: &String| name.starts_with("faas-probe");
    let lines = mounts
        .lines()
        .map(str::to_owned)
        .filter(|line| line.contains("faas-probe"));
    // The tests beside this one have segments, too, but none of the size of one page.
    let segments = segments
        .lines()
        .filter(|line| line.split_whitespace().nth(3) == Some("4096"))
        .map(str::to_owned);
    shared
        .chain(queues)
        .filter(ours)
        .chain(lines)
        .chain(segments)
        .collect()
}

/// Fails if something new stays; the tests beside this one try things, too.
fn expect_no_more_than(before: &BTreeSet<String>) {
    let mut left = traces();
    for _ in 0..50 {
        if left.is_subset(before) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
        left = traces();
    }
    panic!("left behind: {left:?}, was there before: {before:?}");
}

#[test]
fn every_facility_is_tried_and_nothing_is_left_behind() {
    let mut sandbox = Sandbox::new(Mode::NativeF1);
    sandbox.set("AWS_SECRET_ACCESS_KEY", "marker-of-a-secret");
    sandbox.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769");
    let before = traces();
    let run = examine(&sandbox, &["--sandbox", "--json"]);
    run.expect_code(0);
    assert_eq!(run.stderr(), "");
    let report = run.json();
    expect_whole(&report);
    expect_no_more_than(&before);
    // The tests run as root, without a filter.
    for name in [
        "prctl PR_SET_NAME",
        "chroot",
        "mount",
        "unshare CLONE_NEWNS",
        "exec in the temporary directory",
        "setsid",
        "nanosleep across SIGSTOP and SIGCONT (restart_syscall)",
    ] {
        assert_eq!(facility(&report, name)["outcome"], "allowed", "{name}");
    }
    // An error that only the call itself gives is said.
    assert_eq!(facility(&report, "mount")["errno"], "EINVAL");
    assert_eq!(facility(&report, "setns")["errno"], "EBADF");
    assert_eq!(facility(&report, "clone3")["errno"], "EINVAL");
    if cfg!(target_arch = "x86_64") {
        let row = facility(&report, "int 0x80");
        let outcome = row["outcome"].as_str().unwrap();
        assert!(["allowed", "killed"].contains(&outcome), "{row}");
    }
    assert_eq!(report["memory"]["function_size"], 1769);
    assert_eq!(report["identity"]["uid"], 0);
    assert!(!run.stdout().contains("marker-of-a-secret"));

    let text = examine(&sandbox, &["--sandbox"]).stdout();
    for part in [
        "What will not work here\n",
        "\nIdentity\n",
        "\nMounts\n",
        "\n/dev\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let line = text.lines().find(|line| line.contains("chroot"));
    assert!(line.unwrap().contains("allowed"), "{text}");
    assert!(!text.contains("marker-of-a-secret"));

    let refused = examine(&sandbox, &["--sandbox", "--image", "busybox"]);
    refused.expect_code(2);
}

/// Starts a command under a filter: `ACTION NUMBER` for each call, then `--` and the command. The machine's other calls are let
/// through, and so are those of other architectures.
const FILTER: &str = r#"
import ctypes, os, struct, sys
words = sys.argv[1:]
end = words.index("--")
rules = list(zip(words[:end:2], words[1:end:2]))
load, equal, back = 0x20, 0x15, 0x06
program = [(load, 0, 0, 0)]
for action, number in rules:
    program += [(equal, 0, 1, int(number)), (back, 0, 0, int(action, 16))]
program += [(back, 0, 0, 0x7fff0000)]
code = b"".join(struct.pack("HBBI", *line) for line in program)
memory = ctypes.create_string_buffer(code)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
filter = Program(len(program), ctypes.addressof(memory))
assert libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0
os.execv(words[end + 1], words[end + 1:])
"#;

/// As `seccomp(2)` has them.
const WITH_EPERM: &str = "00050001";
const WITH_ENOSYS: &str = "00050026";
const KILL: &str = "80000000";

fn filtered(rules: &[(&str, libc::c_long)]) -> Vec<OsString> {
    let mut command = vec![tool("python").into(), "-c".into(), FILTER.into()];
    for (action, number) in rules {
        command.extend([OsString::from(action), number.to_string().into()]);
    }
    command.extend(["--".into(), supervisor().into()]);
    command
}

#[test]
fn a_filter_is_seen_for_what_it_does() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    let rules = [
        (WITH_EPERM, libc::SYS_prctl),
        (WITH_EPERM, libc::SYS_fallocate),
        (WITH_EPERM, libc::SYS_ptrace),
        (WITH_EPERM, libc::SYS_unshare),
        (WITH_EPERM, libc::SYS_mount),
        (WITH_ENOSYS, libc::SYS_clone3),
        (WITH_ENOSYS, libc::SYS_inotify_init1),
        (KILL, libc::SYS_pidfd_open),
    ];
    let launch = sandbox.launch().through(filtered(&rules));
    let run = launch.args(["doctor", "--sandbox", "--json"]).run();
    sandbox.expect_clean();
    run.expect_code(0);
    let report = run.json();
    expect_whole(&report);
    let outcome = |name: &str| {
        let row = facility(&report, name);
        let detail = row["errno"].as_str().or_else(|| row["signal"].as_str());
        let outcome = row["outcome"].as_str().unwrap();
        format!("{outcome} {}", detail.unwrap_or_default())
    };
    for name in [
        "prctl PR_SET_CHILD_SUBREAPER",
        "prctl PR_SET_PDEATHSIG",
        "prctl PR_SET_NAME",
        "prctl PR_SET_NO_NEW_PRIVS",
        "fallocate",
        "ptrace PTRACE_TRACEME",
        "unshare CLONE_NEWUSER|CLONE_NEWNS",
        "mount",
    ] {
        assert_eq!(outcome(name), "denied EPERM", "{name}");
    }
    assert_eq!(outcome("clone3"), "denied ENOSYS");
    assert_eq!(outcome("inotify"), "denied ENOSYS");
    assert_eq!(outcome("pidfd_open"), "killed SIGSYS");
    assert_eq!(outcome("chroot"), "allowed ");
    assert_eq!(report["identity"]["no_new_privs"], "1");
    assert_eq!(report["identity"]["seccomp"], "2");
    let losses = losses(&report);
    for words in ["P modes", "R modes", "undone by the journal", "inotify: "] {
        assert!(losses.contains(words), "no {words} in {losses}");
    }
    assert!(!losses.contains("chroot: "), "{losses}");
}

#[test]
fn a_function_answers_with_its_report() {
    const SECRETS: [&str; 4] = [
        "marker-of-the-role",
        "marker-of-the-session",
        "marker-of-a-variable",
        "marker-of-the-container",
    ];
    let [key, session, variable, container] = SECRETS;
    let Some(mut sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
        return;
    };
    sandbox.set("AWS_SECRET_ACCESS_KEY", key);
    sandbox.set("AWS_SESSION_TOKEN", session);
    sandbox.set("DATABASE_PASSWORD", variable);
    let variables = json!({ "environment": { "Variables": { "TOKEN": container } } });
    sandbox.function("echo the container ran", &json!({ "container": variables }));
    let mut lambda = Lambda::start(&sandbox);
    let report = lambda.invoke(&json!({ "faas_doctor": true })).payload();
    expect_whole(&report);
    assert_eq!(report["memory"]["function_size"], 512);
    let text = report.to_string();
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {report:#}");
    }

    // Nothing else asks for it: not the same key among others, and not what an HTTP endpoint or a queue brings.
    let body = r#"{"faas_doctor": true}"#;
    for other in [
        json!({ "faas_doctor": true, "more": 1 }),
        json!({ "faas_doctor": "true" }),
        json!({ "httpMethod": "POST", "path": "/", "headers": {}, "body": body, "isBase64Encoded": false, "requestContext": {} }),
    ] {
        let (status, log) = lambda.invoke(&other).status_and_log();
        assert_eq!(
            (status, log.as_str()),
            (200, "the container ran\n"),
            "{other}"
        );
    }
    // A report between runs changes nothing for them.
    expect_whole(&lambda.invoke(&json!({ "faas_doctor": true })).payload());
    let (_, log) = lambda.invoke(&json!({})).status_and_log();
    assert_eq!(log, "the container ran\n");
    lambda.stop();
    sandbox.expect_clean();
}

/// What became of the facilities of which this is known.
fn outcomes<'a>(report: &'a Value, known: &str) -> Vec<(&'a str, &'a str)> {
    let rows = report["facilities"].as_array().unwrap();
    let found = rows.iter().filter(|row| row["known_of_lambda"] == known);
    found
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["outcome"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_imitation_of_lambda_is_what_is_known_of_it() {
    for profile in Profile::ALL {
        let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
            return;
        };
        sandbox.function("true", &json!({}));
        let mut lambda = Lambda::start_with(&sandbox, |launch| {
            launch.confinement(|confinement| confinement.profile(profile))
        });
        let report = lambda.invoke(&json!({ "faas_doctor": true })).payload();
        lambda.stop();
        sandbox.expect_clean();
        expect_whole(&report);
        let expect = |known: &str, outcome: &str| {
            for (name, found) in outcomes(&report, known) {
                assert_eq!(found, outcome, "{name} under {profile}");
            }
        };
        expect("denied", "denied");
        expect("killed", "killed");
        match profile {
            Profile::Observed => expect("works", "allowed"),
            _ => expect("unknown", "denied"),
        }
        assert_eq!(report["identity"]["uid"], 993);
        assert_eq!(report["identity"]["groups"], json!([]));
        let losses = losses(&report);
        for words in [
            "P modes",
            "R modes",
            "undone by the journal",
            "/dev/fd",
            "multiprocessing",
        ] {
            assert!(losses.contains(words), "no {words} in {losses}");
        }
        assert!(!losses.contains("o container can be"), "{losses}");
    }
}
