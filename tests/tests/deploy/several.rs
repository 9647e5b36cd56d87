//! Several functions at once, and what is refused before the first step.

use e2e::{Deploy, Interceptor, Moto, Seen, texts};
use serde_json::{Value, json};

fn two(user: &Deploy, second: &str) -> String {
    let (a, b) = (user.name("first"), user.name("second"));
    let text = format!(
        "functions:
  aws:
  - lambda: {{name: {a}, container: {{image: busybox}}}}
  - lambda: {{name: {b}, container: {{image: busybox}}{second}}}
"
    );
    user.write("two.yaml", &text).display().to_string()
}

fn names(user: &Deploy) -> Value {
    user.boto(&format!(
        "show(sorted(f['FunctionName'] for f in boto3.client('lambda').list_functions()['Functions'] if f['FunctionName'].endswith('-{}')))",
        user.id
    ))
}

#[test]
fn nothing_is_made_when_the_second_function_cannot_be() {
    let user = Deploy::new();
    for (second, message) in [
        (", init_script: missing.sh", "missing.sh"),
        (", memory: 1", "lambda.memory is 1"),
        (", runtime: image", "create_image to false"),
        (", log_level: LOUD", "the supervisor would refuse"),
    ] {
        let error = user.fails(&["init", "-f", &two(&user, second)]);
        assert!(error.contains(message), "{second}: {error}");
        assert_eq!(names(&user), json!([]), "{second}");
    }
}

#[test]
fn functions_share_one_version_of_the_layer() {
    let user = Deploy::new();
    let file = two(&user, "");
    user.run(&["init", "-f", &file]);
    assert_eq!(user.json(&["layer", "ls"]).as_array().unwrap().len(), 1);
    assert_eq!(user.json(&["plan", "-f", &file])[1]["steps"], json!([]));
    let name = user.name("second");
    let plan = user.json(&["plan", "-f", &file, "-n", &name, "-m", "256"]);
    assert_eq!(plan.as_array().unwrap().len(), 1, "the name chooses one");
    user.write_layer_of("x86_64", "a newer supervisor");
    user.run(&["update", "-f", &file]);
    assert_eq!(user.json(&["layer", "ls"]).as_array().unwrap().len(), 2);
    assert_eq!(user.json(&["layer", "prune"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_failure_names_the_steps_of_all_functions_also_for_machines() {
    let user = Deploy::new();
    let file = two(&user, "");
    let second = user.name("second");
    let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
        let creates = seen.method == "POST" && seen.path.ends_with("/functions");
        let refused = creates && seen.body.contains(&second);
        refused.then_some((403, "AccessDeniedException", "not this one"))
    });
    let output = user.at(&interceptor.url(), &["init", "-f", &file, "--json"]);
    let (stdout, stderr) = texts(&output);
    assert!(!output.status.success());
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let (first, second) = (user.name("first"), user.name("second"));
    let has = |key: &str, words: String| report[key].as_array().unwrap().contains(&words.into());
    assert!(has("done", format!("create function {first}")), "{stdout}");
    assert!(
        has("not_done", format!("create function {second}")),
        "{stdout}"
    );
    assert!(report["error"].as_str().unwrap().contains("not this one"));
    assert!(
        stderr.contains("the profile's user lacks the permission"),
        "{stderr}"
    );
    user.run(&["init", "-f", &file]);
    assert_eq!(names(&user), json!([first, second]));
}

#[test]
fn what_cannot_become_the_other_is_said() {
    let user = Deploy::new();
    let name = user.name("kind");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    let text = format!(
        "functions: {{aws: [{{lambda: {{name: {name}, runtime: image, \
         container: {{create_image: false, image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1'}}}}}}]}}"
    );
    let file = user.write("image.yaml", &text).display().to_string();
    assert!(user.run(&["plan", "-f", &file]).contains("! function"));
    let error = user.fails(&["update", "-f", &file]);
    assert!(
        error.contains("is a packaged function and cannot become an image function"),
        "{error}"
    );
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let long = format!("A={}", "x".repeat(4096));
    let output = user.at(
        &interceptor.url(),
        &["init", "-n", "long", "-i", "busybox", "-le", &long],
    );
    let (_, stderr) = texts(&output);
    assert!(stderr.contains("and Lambda takes 4096"), "{stderr}");
    assert!(!interceptor.seen().iter().any(Seen::changes));
}

#[test]
fn a_version_of_the_supervisor_that_is_not_there_is_told() {
    let user = Deploy::new();
    let name = user.name("pinned");
    let arguments = ["plan", "-n", &name, "-i", "busybox"];
    let output = user.output(&[arguments.as_slice(), &["-sv", "9.9.9"]].concat());
    let (_, stderr) = texts(&output);
    assert!(
        stderr.contains("9.9.9 is no published version") && stderr.contains("0.1.0 is used"),
        "{stderr}"
    );
    let (_, stderr) = texts(&user.output(&arguments));
    assert!(!stderr.contains("published version"), "{stderr}");
    user.run(&["layer", "publish"]);
    let output = user.output(&[arguments.as_slice(), &["-sv", "0.1.0"]].concat());
    assert!(!texts(&output).1.contains("published version"));
}
