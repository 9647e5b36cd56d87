//! `log`.

use std::io::{BufRead as _, BufReader};

use e2e::{Deploy, Interceptor, Moto, texts};
use serde_json::{Value, json};

#[test]
fn logs_are_shown_by_stream_and_request() {
    let user = Deploy::new();
    let name = user.name("logging");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    user.boto(&format!(
        "import time
logs = boto3.client('logs'); now = int(time.time() * 1000); group = '/aws/lambda/{name}'
for stream in ['one', 'two']:
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    lines = ['START RequestId: id-' + stream, 'line of ' + stream, 'REPORT RequestId: id-' + stream, 'afterwards']
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[dict(timestamp=now + i, message=l) for i, l in enumerate(lines)])"
    ));
    let all = user.run(&["log", "-n", &name]);
    assert!(
        all.contains("line of one") && all.contains("line of two"),
        "{all}"
    );
    let one = user.run(&["log", "-n", &name, "-ls", "one"]);
    assert!(
        one.contains("line of one") && !one.contains("line of two"),
        "{one}"
    );
    let request = user.run(&["log", "-n", &name, "-ri", "id-two"]);
    assert!(
        request.contains("line of two")
            && !request.contains("line of one")
            && !request.contains("afterwards"),
        "{request}"
    );
}

/// Puts a line into a stream of the function's log, some milliseconds after a common time.
fn put(user: &Deploy, name: &str, stream: &str, after: i64, message: &str) {
    user.boto(&format!(
        "import time
logs = boto3.client('logs'); group = '/aws/lambda/{name}'
try: logs.create_log_stream(logGroupName=group, logStreamName='{stream}')
except logs.exceptions.ResourceAlreadyExistsException: pass
base = logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]['creationTime']
logs.put_log_events(logGroupName=group, logStreamName='{stream}', logEvents=[dict(timestamp=base + {after}, message='{message}')])"
    ));
}

#[test]
fn lines_are_followed_each_once_however_late_they_come() {
    let user = Deploy::new();
    let name = user.name("followed");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    put(&user, &name, "one", 1000, "first");
    let mut child = user.start(&["log", "-n", &name, "--follow", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["message"].clone()
    };
    assert_eq!(next(), "first");
    // Of the same millisecond, and of an earlier one in another stream.
    put(&user, &name, "one", 1000, "same time");
    assert_eq!(next(), "same time");
    put(&user, &name, "two", 500, "earlier");
    assert_eq!(next(), "earlier");
    put(&user, &name, "two", 2000, "last");
    assert_eq!(next(), "last", "nothing is shown twice");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A job as `DescribeJobs` tells of it.
fn job(id: &str, status: &str, request: &str, streams: &[&str]) -> Value {
    let mut job = json!({
        "jobId": id, "jobName": id, "jobQueue": "q", "jobDefinition": "d", "startedAt": 1, "status": status,
        "container": { "environment": [{ "name": "AWS_LAMBDA_REQUEST_ID", "value": request }] },
    });
    if let Some(last) = streams.last() {
        job["container"]["logStreamName"] = (*last).into();
    }
    job["attempts"] = streams
        .iter()
        .map(|stream| json!({ "container": { "logStreamName": stream } }))
        .collect();
    job
}

/// Answers questions about jobs in place of moto, which runs none without Docker.
fn batch(jobs: Vec<Value>) -> Interceptor {
    Interceptor::start(Moto::shared().url(), move |seen| {
        let asked: Value = serde_json::from_str(&seen.body).unwrap_or_default();
        let node = |job: &&Value| job["jobId"].as_str().unwrap().contains('#');
        let answer = match seen.path.as_str() {
            "/v1/listjobs" => {
                let nodes = asked.get("multiNodeJobId").is_some();
                let of_status = jobs
                    .iter()
                    .filter(|job| job["status"] == asked["jobStatus"]);
                json!({ "jobSummaryList": of_status.filter(|job| node(job) == nodes).collect::<Vec<_>>() })
            }
            "/v1/describejobs" => {
                let ids = asked["jobs"].as_array().unwrap();
                json!({ "jobs": jobs.iter().filter(|job| ids.contains(&job["jobId"])).collect::<Vec<_>>() })
            }
            _ => return None,
        };
        Some((200, "", &*answer.to_string().leak()))
    })
}

#[test]
fn a_requests_log_holds_its_jobs_whatever_their_status() {
    let user = Deploy::new();
    let name = user.name("delegating");
    let file = crate::files::with_jobs(&user, &name);
    user.run(&["init", "-f", &file]);
    put(&user, &name, "one", 1, "START RequestId: id-1");
    put(&user, &name, "one", 2, "handed over");
    put(&user, &name, "one", 3, "REPORT RequestId: id-1");
    user.boto(&format!(
        "import time
logs = boto3.client('logs'); group = '/aws/batch/job'
try: logs.create_log_group(logGroupName=group)
except logs.exceptions.ResourceAlreadyExistsException: pass
for stream in ['failed-1', 'failed-2', 'done', 'running', 'node-0', 'node-1', 'others']:
    logs.create_log_stream(logGroupName=group, logStreamName='{name}-' + stream)
    logs.put_log_events(logGroupName=group, logStreamName='{name}-' + stream, logEvents=[dict(timestamp=int(time.time() * 1000), message='of ' + stream)])"
    ));
    let stream = |word: &str| format!("{name}-{word}");
    let of = |id: &str, status: &str, request: &str, words: &[&str]| {
        let streams: Vec<_> = words.iter().map(|word| stream(word)).collect();
        let streams: Vec<_> = streams.iter().map(String::as_str).collect();
        job(id, status, request, &streams)
    };
    let mut nodes = of("several", "SUCCEEDED", "id-1", &[]);
    let container = nodes["container"].take();
    nodes["nodeProperties"] = json!({ "numNodes": 2, "mainNode": 0, "nodeRangeProperties": [{ "targetNodes": "0:", "container": container }] });
    let interceptor = batch(vec![
        of("waiting", "RUNNABLE", "id-1", &[]),
        of("failed", "FAILED", "id-1", &["failed-1", "failed-2"]),
        of("done", "SUCCEEDED", "id-1", &["done"]),
        of("running", "RUNNING", "id-1", &["running"]),
        nodes,
        of("several#0", "SUCCEEDED", "", &["node-0"]),
        of("several#1", "SUCCEEDED", "", &["node-1"]),
        of("others", "SUCCEEDED", "id-2", &["others"]),
    ]);
    let (stdout, stderr) =
        texts(&user.at(&interceptor.url(), &["log", "-n", &name, "-ri", "id-1"]));
    for line in [
        "handed over",
        "of failed-1",
        "of failed-2",
        "of done",
        "of running",
        "of node-0",
        "of node-1",
    ] {
        assert_eq!(
            stdout.lines().filter(|shown| *shown == line).count(),
            1,
            "{line}: {stdout}{stderr}"
        );
    }
    assert!(!stdout.contains("of others"), "{stdout}");
    assert!(stderr.contains("job waiting is RUNNABLE"), "{stderr}");
}
