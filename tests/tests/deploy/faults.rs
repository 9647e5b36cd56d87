//! AWS that is slow, refuses, or breaks off half-way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::{Deploy, Interceptor, Moto, texts};
use serde_json::json;

use crate::files::{function_file, with_jobs};

#[test]
fn wherever_init_breaks_off_the_next_one_goes_on() {
    let user = Deploy::new();
    let name = user.name("broken");
    let file = with_jobs(&user, &name);
    for step in 0.. {
        let count = Arc::new(AtomicUsize::new(0));
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            let number = seen
                .changes()
                .then(|| count.fetch_add(1, Ordering::Relaxed))?;
            // What fails stays so until the end: a crash tries nothing more.
            (number >= step).then_some((403, "AccessDeniedException", "refused by the test"))
        });
        let output = user.at(&interceptor.url(), &["init", "-f", &file]);
        let (_, stderr) = texts(&output);
        if output.status.success() {
            assert!(step > 10, "{step} steps");
            break;
        }
        assert!(
            stderr.contains("done before that: ") && stderr.contains("it goes on from there"),
            "step {step}: {stderr}"
        );
        user.run(&["init", "-f", &file]);
        assert_eq!(
            user.json(&["plan", "-f", &file])[0]["steps"],
            json!([]),
            "step {step}"
        );
        user.run(&["rm", "-f", &file]);
    }
}

#[test]
fn wherever_rm_breaks_off_the_next_one_goes_on() {
    let user = Deploy::new();
    let name = user.name("leaving");
    let file = function_file(&user, &name, "");
    let left = || {
        user.boto(&format!(
            "note = boto3.client('s3').get_bucket_notification_configuration(Bucket='{name}-data')
functions = [f['FunctionName'] for f in boto3.client('lambda').list_functions()['Functions'] if f['FunctionName'] == '{name}']
groups = boto3.client('logs').describe_log_groups(logGroupNamePrefix='/aws/lambda/{name}')['logGroups']
apis = [a['name'] for a in boto3.client('apigateway').get_rest_apis(limit=500)['items'] if a['name'] == '{name}-web']
show([note.get('LambdaFunctionConfigurations', []), functions, groups, apis])"
        ))
    };
    for step in 0.. {
        user.run(&["init", "-f", &file]);
        let count = AtomicUsize::new(0);
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            let number = seen
                .changes()
                .then(|| count.fetch_add(1, Ordering::Relaxed))?;
            (number >= step).then_some((403, "AccessDeniedException", "refused by the test"))
        });
        let output = user.at(&interceptor.url(), &["rm", "-n", &name]);
        if output.status.success() {
            assert!(step > 3, "{step} steps");
            break;
        }
        assert!(
            texts(&output).1.contains("done before that: "),
            "step {step}"
        );
        user.run(&["rm", "-n", &name]);
        assert_eq!(left(), json!([[], [], [], []]), "step {step}");
    }
    assert_eq!(left(), json!([[], [], [], []]));
}

#[test]
fn throttling_and_new_roles_are_waited_out() {
    let user = Deploy::new();
    let name = user.name("slow");
    let file = function_file(&user, &name, "");
    let (throttled, unknown) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
        if seen.path.contains("/layers/") && throttled.fetch_add(1, Ordering::Relaxed) < 2 {
            return Some((429, "TooManyRequestsException", "Rate exceeded"));
        }
        let creates = seen.method == "POST" && seen.path.ends_with("/functions");
        let new_role = "The role defined for the function cannot be assumed by Lambda.";
        let changes = seen.method == "PUT" && seen.path.ends_with("/configuration");
        ((creates || changes) && unknown.fetch_add(1, Ordering::Relaxed) % 3 < 2).then_some((
            400,
            "InvalidParameterValueException",
            new_role,
        ))
    });
    for arguments in [
        ["init", "-f", &file, "-m", "512"],
        ["update", "-f", &file, "-m", "256"],
    ] {
        let output = user.at(&interceptor.url(), &arguments);
        assert!(output.status.success(), "{:?}", texts(&output));
    }
    let planned = user.json(&["plan", "-f", &file, "-m", "256"]);
    assert_eq!(planned[0]["steps"], json!([]));
}

#[test]
fn services_that_are_too_busy_are_asked_again() {
    let user = Deploy::new();
    let name = user.name("busy");
    user.configure(|cfg| {
        cfg["aws"]["batch"]["compute_resources"]["launch_template_name"] =
            "template-of-busy".into();
    });
    let file = with_jobs(&user, &name);
    let counts: [AtomicUsize; 4] = Default::default();
    let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
        let (index, code) = match seen.body.as_str() {
            body if body.starts_with("Action=GetCallerIdentity") => (0, "Throttling"),
            body if body.starts_with("Action=GetRole") => (1, "Throttling"),
            body if body.starts_with("Action=CreateLaunchTemplate") => (2, "RequestLimitExceeded"),
            _ if seen.target == "AmazonSSM.PutParameter" => (3, "ThrottlingException"),
            _ => return None,
        };
        let first = counts[index].fetch_add(1, Ordering::Relaxed) == 0;
        first.then_some((400, code, "Rate exceeded"))
    });
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
}

#[test]
fn a_refusal_says_what_was_tried_and_what_to_do() {
    let user = Deploy::new();
    let bucket = user.name("others");
    let arguments = ["plan", "-n", "x", "-i", "busybox", "-ib", &bucket];
    for (status, hint) in [
        (403, "the profile's user lacks the permission"),
        (301, "the bucket is in another region"),
    ] {
        let name = bucket.clone();
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            (seen.method == "HEAD" && seen.path.contains(&name)).then_some((status, "", ""))
        });
        let output = user.at(&interceptor.url(), &arguments);
        let (_, stderr) = texts(&output);
        assert!(
            stderr.contains(&format!(
                "cannot look up bucket {bucket}: AWS answered {status}"
            )) && stderr.contains(hint),
            "{stderr}"
        );
    }
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        let asks = seen.body.starts_with("Action=GetCallerIdentity");
        asks.then_some((403, "InvalidClientTokenId", "The security token is invalid"))
    });
    let (_, stderr) = texts(&user.at(&interceptor.url(), &arguments));
    assert!(
        stderr.contains("AWS does not know these credentials"),
        "{stderr}"
    );
}

#[test]
fn a_wait_has_an_end_and_shows_that_it_goes_on() {
    let user = Deploy::new();
    let name = user.name("pending");
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        const PENDING: &str = r#"{"FunctionName": "pending", "State": "Pending"}"#;
        let looks = seen.method == "GET" && seen.path.ends_with("/configuration");
        looks.then_some((200, "", PENDING))
    });
    let arguments = ["init", "-n", &name, "-i", "busybox", "--patience", "8"];
    let output = user.at(&interceptor.url(), &arguments);
    let (_, stderr) = texts(&output);
    assert!(!output.status.success());
    assert!(
        stderr.contains(&format!("waiting for function {name} to be active")),
        "{stderr}"
    );
    assert!(stderr.contains("it was not ready after 8 s"), "{stderr}");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
}
