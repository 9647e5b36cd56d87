//! `supervisor doctor`: what it finds is what is there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;

use serde_json::{Value, json};
use tests::{Finished, Mode, Registry, Sandbox};

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
