//! What the native engine does in a terminal it does there, too.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use e2e::{Lambda, Mode};
use lambda_sandbox::Profile;
use serde_json::{Value, json};

use crate::sandbox::{Job, function, start};

under_every_profile! {
    what_is_bound_is_the_functions_by_every_way,
    programs_of_the_package_are_run_by_what_they_name,
}

/// What a function sees as `/etc/hosts`.
const HOSTS: &str = "127.0.0.1 localhost\n";

fn what_is_bound_is_the_functions_by_every_way(profile: Profile) {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    // By its path, step by step, by a link, and by what was opened before.
    let script = "set -e; cd /; o=$TMP_OUTPUT_DIR; echo 1 > $o/path; cd \"$(dirname \"$(dirname \"$o\")\")\"
        cd \"$(basename \"$(dirname \"$o\")\")\"; cd output; echo 2 > steps; ln -s \"$o\" /tmp/way; echo 3 > /tmp/way/link
        mkdir -p \"$o/a/b/c\"; cp -r \"$o/a\" \"$o/copy\"; echo 4 > \"$o/a/b/c/deep\"; wc -c < /etc/hosts";
    let output = json!([{ "storage_provider": "s3", "path": job.outbox }]);
    job.sandbox.function(script, &json!({ "output": output }));
    let mut lambda = start(&job.sandbox, profile);
    for _ in 0..2 {
        let (status, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!((status, log), (200, format!("{}\n", HOSTS.len())));
        for (key, text) in [
            ("path", "1"),
            ("steps", "2"),
            ("link", "3"),
            ("a/b/c/deep", "4"),
        ] {
            let object = job.moto.text(&job.outbox, key);
            assert_eq!(object.as_deref().map(str::trim), Some(text), "{key}");
            job.moto.delete(&job.outbox, key);
        }
    }
    lambda.stop();
    job.sandbox.expect_clean();
}

fn programs_of_the_package_are_run_by_what_they_name(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    sandbox.function("", &json!({ "init_script": null, "extra_payload": "." }));
    for (name, text, mode) in [
        ("plain", "#!/bin/sh\necho \"$0|$1|$2|$#\"", 0o755),
        ("of-a-script", "#!/var/task/plain x\n", 0o755),
        ("no-first-line", "echo \"plain $1\"", 0o755),
        ("not-executable", "#!/bin/sh\n", 0o644),
    ] {
        let path = sandbox.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut lambda = start(&sandbox, profile);
    for (words, expected) in [
        (
            json!(["/var/task/plain", "a b", ""]),
            "/var/task/plain|a b||2\n",
        ),
        (
            json!(["/var/task/of-a-script", "y"]),
            "/var/task/plain|x|/var/task/of-a-script|3\n",
        ),
        (json!(["/var/task/no-first-line", "z"]), "plain z\n"),
    ] {
        let answer = run(&mut lambda, &words);
        assert_eq!(answer, (200, expected.to_owned(), None), "{words}");
    }
    for (program, code) in [
        ("/var/task/not-executable", "126"),
        ("/var/task/absent", "127"),
        ("absent-from-every-directory", "127"),
    ] {
        let (status, log, said) = run(&mut lambda, &json!([program]));
        assert_eq!(
            (status, said.as_deref()),
            (500, Some(code)),
            "{program}: {log}"
        );
    }
    lambda.stop();
    sandbox.expect_clean();
}

/// Status, log and, for one that failed, the exit code.
fn run(lambda: &mut Lambda, words: &Value) -> (u64, String, Option<String>) {
    let answer = lambda.invoke(&json!({ "cmd_args": words }));
    let (status, log) = answer.status_and_log();
    let code = answer.payload()["headers"]["x-faas-exit-code"].clone();
    let code = code.as_str().filter(|code| *code != "0").map(str::to_owned);
    (status, log, code)
}
