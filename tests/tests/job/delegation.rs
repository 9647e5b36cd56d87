//! Records that go to AWS Batch, from the event to the end of the job.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{BatchService, Job, Lambda, Mode, Moto, Sandbox, s3_event, s3_records};
use serde_json::{Value, json};

/// A function in a container of the mode, or one that is an image itself where there is none.
fn function(moto: &Moto, script: &str, engine: Option<Mode>, more: &Value) -> Option<Sandbox> {
    let mut sandbox = Sandbox::on_lambda(engine.unwrap_or(Mode::F1))?;
    sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
    match engine {
        Some(_) => sandbox.function(script, more),
        None => sandbox.image_function(script, more),
    };
    Some(sandbox)
}

fn start(sandbox: &Sandbox, name: &str, mode: Option<Mode>) -> Lambda {
    Lambda::start_with(sandbox, |launch| {
        let launch = launch.env("AWS_LAMBDA_FUNCTION_NAME", name);
        match mode {
            Some(_) => launch,
            None => launch.env("AWS_EXECUTION_ENV", "AWS_Lambda_Image"),
        }
    })
}

/// The ids that an answer tells.
fn job_ids(payload: &Value) -> Vec<String> {
    let header = payload["headers"]["x-faas-batch-job-id"].as_str();
    let ids = header.unwrap_or_else(|| panic!("no job id in {payload}"));
    ids.split(", ").map(str::to_owned).collect()
}

/// Runs a job as Batch would: the variables of the submission, the function's configuration in that of the definition.
fn run_job(sandbox: &Sandbox, job: &Job, config: &Value) -> e2e::Finished {
    let mut launch = sandbox
        .launch()
        .env("AWS_BATCH_JOB_ID", "4b1f")
        .env("FUNCTION_CONFIG", STANDARD.encode(config.to_string()));
    for (name, value) in job.variables() {
        launch = launch.env(&name, value);
    }
    launch.run()
}

#[test]
fn batch_mode_submits_each_record_and_the_job_does_what_the_function_would() {
    let moto = Moto::shared();
    let batch = BatchService::with_function(moto, "all-records", None);
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    moto.put(&inbox, "a b.txt", "first");
    moto.put(&inbox, "c.txt", "second");
    let output = json!([{ "storage_provider": "s3", "path": outbox }]);
    let script = "tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$STORAGE_OBJECT_KEY\"; echo \"for $REQUEST_ID\"";
    // An image is never looked at: this one does not exist.
    let image = json!({ "image_file": "/nowhere.tar" });
    let more = json!({ "execution_mode": "batch", "output": output, "container": image });
    let Some(sandbox) = function(moto, script, Some(Mode::F1), &more) else {
        return;
    };
    let mut lambda = start(&sandbox, "all-records", Some(Mode::F1));
    let answer = lambda.invoke(&s3_records(&[(&inbox, "a b.txt"), (&inbox, "c.txt")]));
    let (status, log) = answer.status_and_log();
    assert_eq!(status, 202, "{log}");
    let ids = job_ids(&answer.payload());
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|id| log.contains(id)), "{log}");
    for id in &ids {
        let job = batch.job(id);
        assert_eq!(job.0["jobName"], "all-records");
        assert!(job.0["jobQueue"].as_str().unwrap().contains("all-records"));
        run_job(&sandbox, &job, &json!({ "output": output }))
            .expect_code(0)
            .expect_stderr(&format!("for {}", answer.request_id()));
    }
    assert_eq!(moto.text(&outbox, "a b.txt").as_deref(), Some("FIRST"));
    assert_eq!(moto.text(&outbox, "c.txt").as_deref(), Some("SECOND"));
    lambda.stop();
    sandbox.expect_clean();
}

#[test]
fn what_does_not_fit_goes_through_an_object() {
    let moto = Moto::shared();
    let batch = BatchService::with_function(moto, "through-object", None);
    let events = moto.bucket();
    let script = "wc -c < \"$INPUT_FILE_PATH\"; echo \"id $REQUEST_ID\"";
    for (place, folder) in [
        (
            json!({ "batch": { "event_path": format!("{events}/large/ones") } }),
            "large/ones",
        ),
        (json!({ "deployment": { "bucket": events } }), "faas-jobs"),
    ] {
        let mut more = place;
        more["execution_mode"] = json!("batch");
        let Some(sandbox) = function(moto, script, None, &more) else {
            return;
        };
        let mut lambda = start(&sandbox, "through-object", None);
        for (size, inline) in [(100, true), (2_000_000, false)] {
            let answer = lambda.invoke(&json!("x".repeat(size)));
            assert_eq!(answer.status_and_log().0, 202);
            let job = batch.job(&job_ids(&answer.payload())[0]);
            let variables = job.variables();
            assert_eq!(variables["EVENT"].contains("faas_job_message"), !inline);
            assert_eq!(variables.contains_key("SCRIPT"), inline);
            let key = format!("{folder}/through-object/{}-0.json", answer.request_id());
            assert_eq!(moto.get(&events, &key).is_some(), !inline, "{key}");
            run_job(&sandbox, &job, &json!({}))
                .expect_code(0)
                .expect_stderr(&format!("{}", size + 2))
                .expect_stderr(&format!("id {}", answer.request_id()));
        }
        // A caller's event that looks like a pointer is not one.
        let forged = json!({ "faas_job_message": { "bucket": events, "key": "x" } });
        let answer = lambda.invoke(&forged);
        let job = batch.job(&job_ids(&answer.payload())[0]);
        assert!(job.variables()["EVENT"].contains(answer.request_id()));
        let length = forged.to_string().len();
        run_job(&sandbox, &job, &json!({}))
            .expect_code(0)
            .expect_stderr(&format!("{length}\n"));
        lambda.stop();
        sandbox.expect_clean();
    }
}

#[test]
fn without_a_place_for_it_a_large_event_is_a_clear_failure() {
    let moto = Moto::shared();
    let _batch = BatchService::with_function(moto, "no-place", None);
    let Some(sandbox) = function(moto, "", None, &json!({ "execution_mode": "batch" })) else {
        return;
    };
    let mut lambda = start(&sandbox, "no-place", None);
    let (status, body) = lambda.invoke(&json!("x".repeat(9000))).status_and_log();
    assert_eq!(status, 500);
    for part in [
        "DelegationFailed",
        "8192",
        "batch.event_path",
        "deployment.bucket",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    lambda.stop();
    // No queue of that name.
    let mut lambda = start(&sandbox, "another-name", None);
    let (status, body) = lambda.invoke(&json!({})).status_and_log();
    assert_eq!(status, 500);
    assert!(
        body.contains("another-name") && body.contains("job queue"),
        "{body}"
    );
    lambda.stop();
}

#[test]
fn several_nodes_are_asked_for() {
    let moto = Moto::shared();
    let batch = BatchService::with_function(moto, "nodes", Some(2));
    let more = json!({
        "execution_mode": "batch",
        "batch": { "multi_node_parallel": { "enabled": true, "number_nodes": 3 } },
    });
    let Some(sandbox) = function(moto, "true", None, &more) else {
        return;
    };
    let mut lambda = start(&sandbox, "nodes", None);
    let answer = lambda.invoke(&json!({}));
    assert_eq!(answer.status_and_log().0, 202);
    let job = batch.job(&job_ids(&answer.payload())[0]);
    assert_eq!(job.0["jobName"], "nodes", "{}", job.0);
    lambda.stop();
}

#[test]
fn lambda_batch_delegates_at_the_deadline_and_uploads_nothing() {
    let moto = Moto::shared();
    let batch = BatchService::with_function(moto, "at-deadline", None);
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    for key in ["quick", "slow", "late"] {
        moto.put(&inbox, key, key);
    }
    let script = "echo \"begun $STORAGE_OBJECT_KEY\"; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR\"
        if [ \"$STORAGE_OBJECT_KEY$AWS_BATCH_JOB_ID\" = slow ]; then sleep 300; fi";
    let output = json!([{ "storage_provider": "s3", "path": outbox }]);
    let more = json!({ "execution_mode": "lambda-batch", "output": output });
    for mode in [None, Some(Mode::F1)] {
        let Some(sandbox) = function(moto, script, mode, &more) else {
            return;
        };
        let mut lambda = start(&sandbox, "at-deadline", mode);
        let quick = lambda.invoke(&s3_event(&inbox, "quick"));
        assert_eq!(quick.status_and_log().0, 200);
        assert!(
            quick.payload()["headers"]
                .get("x-faas-batch-job-id")
                .is_none()
        );
        let event = s3_records(&[(&inbox, "slow"), (&inbox, "late")]);
        let answer = lambda.invoke_for(&event, Duration::from_secs(6));
        let (status, log) = answer.status_and_log();
        assert_eq!(status, 202, "{log}");
        assert!(
            log.contains("begun slow") && !log.contains("begun late"),
            "{log}"
        );
        let mut keys = moto.keys(&outbox);
        keys.retain(|key| key != "quick");
        assert!(keys.is_empty(), "uploaded: {keys:?}");
        let ids = job_ids(&answer.payload());
        assert_eq!(
            ids.len(),
            2,
            "the record there was no time for is lost: {log}"
        );
        if mode.is_none() {
            run_job(&sandbox, &batch.job(&ids[1]), &json!({ "output": output })).expect_code(0);
            assert_eq!(moto.text(&outbox, "late").as_deref(), Some("late"));
            moto.delete(&outbox, "late");
        }
        lambda.stop();
        sandbox.expect_clean();
    }
}

#[test]
fn lambda_batch_delegates_what_does_not_fit_onto_the_disk() {
    let moto = Moto::shared();
    let _batch = BatchService::with_function(moto, "no-room", None);
    let inbox = moto.bucket();
    moto.put(&inbox, "large.bin", vec![1_u8; 120_000_000]);
    let archive = fs::metadata(Mode::F1.image()).unwrap().len();
    // An input that does not fit beside the image; an archive that does not; one that does, but not together with udocker's
    // copy of it.
    for (size, key, prepare) in [
        (96 << 20, "large.bin", "native"),
        (4 << 20, "", "native"),
        (archive + archive / 2, "", "udocker"),
    ] {
        let Some(mut sandbox) = Sandbox::on_lambda_with(Mode::F1, size) else {
            return;
        };
        sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
        let container = json!({ "prepare": prepare });
        let more = json!({ "execution_mode": "lambda-batch", "container": container });
        sandbox.function("echo here", &more);
        let mut lambda = Lambda::start_with(&sandbox, |launch| {
            launch.env("AWS_LAMBDA_FUNCTION_NAME", "no-room")
        });
        let event = match key {
            "" => json!({}),
            key => s3_event(&inbox, key),
        };
        let answer = lambda.invoke(&event);
        let (status, log) = answer.status_and_log();
        assert_eq!(status, 202, "{log}");
        assert!(log.contains("does not fit"), "{log}");
        assert_eq!(job_ids(&answer.payload()).len(), 1);
        lambda.stop();
    }
}
