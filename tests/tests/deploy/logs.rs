//! `log`.

use tests::Deploy;

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
