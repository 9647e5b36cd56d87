//! What starts a function, as it comes, changes and goes.

use e2e::{Deploy, Interceptor, Moto, Seen, texts};
use serde_json::{Value, json};

use crate::files::{function, function_file};

/// Name and `function` tag of every endpoint whose name begins like this.
fn endpoints(user: &Deploy, prefix: &str) -> Value {
    user.boto(&format!(
        "show(sorted([a['name'], a.get('tags', {{}}).get('function')] for a in boto3.client('apigateway').get_rest_apis(limit=500)['items'] if a['name'].startswith('{prefix}')))"
    ))
}

/// A function with an endpoint, as SCAR leaves them.
fn of_scar(user: &Deploy, name: &str) {
    user.boto(&format!(
        "import io, zipfile
data = io.BytesIO(); z = zipfile.ZipFile(data, 'w'); z.writestr('a', 'b'); z.close()
api = boto3.client('apigateway').create_rest_api(name='{name}')['id']
boto3.client('lambda').create_function(FunctionName='{name}', Runtime='python3.11', Handler='h', Code={{'ZipFile': data.getvalue()}},
  Role='arn:aws:iam::123456789012:role/functions', Tags={{'createdby': 'scar'}}, Environment={{'Variables': {{'API_GATEWAY_ID': api}}}})"
    ));
}

#[test]
fn an_endpoint_goes_when_it_is_no_longer_described() {
    let user = Deploy::new();
    let name = user.name("endpoint");
    let init = ["init", "-n", &name, "-i", "busybox"];
    let (first, second) = (format!("{name}-first"), format!("{name}-second"));
    user.run(&[init.as_slice(), &["-api", &first]].concat());
    let report = user.json(&[init.as_slice(), &["-api", &second]].concat());
    assert_eq!(endpoints(&user, &name), json!([[second, name]]));
    let resources: Vec<_> = report[0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["resource"])
        .collect();
    assert!(
        resources
            .iter()
            .any(|resource| resource.as_str().unwrap().starts_with("HTTP endpoint "))
    );
    let api = user.boto(&format!(
        "show([a['id'] for a in boto3.client('apigateway').get_rest_apis(limit=500)['items'] if a['name'] == '{second}'][0])"
    ));
    assert!(
        function(&user, &name)["Policy"]
            .to_string()
            .contains(api.as_str().unwrap())
    );
    let plan = user.run(&["plan", "-n", &name, "-i", "busybox"]);
    assert!(
        plan.contains("- remove HTTP endpoint") && plan.contains("- remove permission"),
        "{plan}"
    );
    user.run(&init);
    assert_eq!(endpoints(&user, &name), json!([]));
    assert_eq!(
        user.json(&["plan", "-n", &name, "-i", "busybox"])[0]["steps"],
        json!([])
    );
}

#[test]
fn the_endpoint_of_a_function_that_scar_deployed_is_taken_over() {
    let user = Deploy::new();
    let name = user.name("scars");
    of_scar(&user, &name);
    // Moto has tags of stages only.
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        seen.path.starts_with("/tags/arn").then_some((204, "", ""))
    });
    let arguments = ["init", "-n", &name, "-i", "busybox", "-api", &name];
    let output = user.at(&interceptor.url(), &arguments);
    assert!(output.status.success(), "{:?}", texts(&output));
    let seen = interceptor.seen();
    let position = |wanted: &dyn Fn(&&Seen) -> bool| seen.iter().position(|seen| wanted(&seen));
    let tagged = position(&|seen| seen.path.starts_with("/tags/arn")).unwrap();
    assert!(
        seen[tagged]
            .body
            .contains(&format!("\"function\":\"{name}\""))
    );
    let changed = position(&|seen| seen.method == "PUT" && seen.path.ends_with("/configuration"));
    assert!(tagged < changed.unwrap(), "before the function forgets it");
    let all = endpoints(&user, &name);
    assert_eq!(all.as_array().unwrap().len(), 1, "and no second one: {all}");
}

#[test]
fn rm_takes_the_endpoint_of_a_function_that_scar_deployed() {
    let user = Deploy::new();
    let name = user.name("scars-old");
    of_scar(&user, &name);
    assert!(user.run(&["ls"]).contains(&name));
    user.run(&["rm", "-n", &name]);
    assert_eq!(endpoints(&user, &name), json!([]));
}

#[test]
fn a_bucket_that_is_no_longer_an_input_notifies_no_more() {
    let user = Deploy::new();
    let name = user.name("moved");
    let (first, second) = (format!("{name}-first"), format!("{name}-second"));
    let init = |bucket: &str| user.run(&["init", "-n", &name, "-i", "busybox", "-ib", bucket]);
    init(&format!("{first}/in"));
    init(&format!("{second}/in"));
    let found = user.boto(&format!(
        "s3 = boto3.client('s3')
show([len(s3.get_bucket_notification_configuration(Bucket=b).get('LambdaFunctionConfigurations', [])) for b in ['{first}', '{second}']])"
    ));
    assert_eq!(found, json!([0, 1]));
    let policy = function(&user, &name)["Policy"].to_string();
    assert!(
        policy.contains(&second) && !policy.contains(&first),
        "{policy}"
    );
}

#[test]
fn rm_with_the_file_finds_what_a_function_that_is_gone_has_left() {
    let user = Deploy::new();
    let name = user.name("half");
    let bucket = user.name("half-packages");
    user.configure(|cfg| cfg["aws"]["lambda"]["deployment"]["max_payload_size"] = 100.into());
    let file = function_file(&user, &name, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(
        "      container:",
        &format!("      deployment: {{bucket: {bucket}}}\n      container:"),
    );
    std::fs::write(&file, text).unwrap();
    user.run(&["init", "-f", &file]);
    user.boto(&format!(
        "boto3.client('lambda').delete_function(FunctionName='{name}')"
    ));
    let removed = user.run(&["rm", "-f", &file]);
    assert!(
        removed.contains("notification of bucket") && removed.contains("package in bucket"),
        "{removed}"
    );
    let left = user.boto(&format!(
        "s3 = boto3.client('s3')
show([s3.get_bucket_notification_configuration(Bucket='{name}-data').get('LambdaFunctionConfigurations', []),
  s3.list_objects_v2(Bucket='{bucket}').get('Contents', [])])"
    ));
    assert_eq!(left, json!([[], []]));
    assert!(user.run(&["rm", "-f", &file]).contains("nothing to do"));
    user.boto(&format!(
        "s3 = boto3.resource('s3').Bucket('{name}-data'); s3.objects.all().delete(); s3.delete()"
    ));
    assert!(
        user.run(&["rm", "-f", &file]).contains("nothing to do"),
        "nor the bucket"
    );
}

#[test]
fn a_bucket_learns_late_that_it_may_call() {
    let user = Deploy::new();
    let name = user.name("late");
    let count = std::sync::atomic::AtomicUsize::new(0);
    let interceptor = Interceptor::start(Moto::shared().url(), move |seen: &Seen| {
        let notify = seen.method == "PUT" && seen.path.contains("?notification");
        let early = notify && count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
        early.then_some((
            400,
            "InvalidArgument",
            "Unable to validate the following destination configurations",
        ))
    });
    let bucket = format!("{name}-data");
    let output = user.at(
        &interceptor.url(),
        &["init", "-n", &name, "-i", "busybox", "-ib", &bucket],
    );
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_eq!(
        user.json(&["plan", "-n", &name, "-i", "busybox", "-ib", &bucket])[0]["steps"],
        json!([])
    );
}
