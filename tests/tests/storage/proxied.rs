//! A network that is left through a proxy only: buckets and registries have names that nobody here can look up.

use e2e::{Mode, Moto, Proxy, Registry, Sandbox, archive, s3_event};
use serde_json::json;

/// As people write it, though it should be `%40`.
const LOGIN: &str = "me:hush@hush@";

fn sandbox_behind(proxy: &Proxy) -> Sandbox {
    let mut sandbox = Sandbox::new(Mode::NativeP1);
    sandbox.set("https_proxy", proxy.url(LOGIN));
    sandbox.set("HTTP_PROXY", proxy.url(LOGIN));
    sandbox
}

#[test]
fn buckets_are_reached_through_the_proxy() {
    let directory = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(directory.path(), "me:hush@hush");
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    moto.put(&inbox, "a b.txt", "content");
    let mut sandbox = sandbox_behind(&proxy);
    let script = "cat \"$INPUT_FILE_PATH\"; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/out.txt\"";
    let output = json!([{ "storage_provider": "s3", "path": outbox }]);
    sandbox.function(script, &json!({ "output": output }));
    let named = moto.url().replace("127.0.0.1", "storehouse");
    sandbox.use_aws(&named, "AKIDEXAMPLE", "secret");
    let run = sandbox.invoke(&s3_event(&inbox, "a b.txt")).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "content");
    assert_eq!(moto.get(&outbox, "out.txt").unwrap(), b"content");
    proxy.expect_logged(&["GET", "storehouse"]);
    // A wrong password is the proxy's to refuse, and nobody's to see.
    sandbox.set("HTTP_PROXY", proxy.url("me:wrong-word@"));
    let run = sandbox.invoke(&s3_event(&inbox, "a b.txt")).run();
    run.expect_code(1).expect_stderr("407");
    assert!(!run.stderr().contains("wrong-word"));
}

#[test]
fn registries_are_reached_through_a_tunnel() {
    let directory = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(directory.path(), "me:hush@hush");
    let plain = Registry::start(directory.path());
    plain.push(&archive("busybox"), "team/tools:1.2");
    let (secure, certificate) = Registry::start_secure(directory.path(), "registry.example");
    let mut sandbox = sandbox_behind(&proxy);
    sandbox.set("AWS_CA_BUNDLE", certificate);
    let image = format!("registry.example:{}/team/tools:1.2", secure.port());
    sandbox.function(
        "echo from the image: $IMAGE_VARIABLE",
        &json!({ "container": { "image_file": null, "image": image } }),
    );
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "from the image: from the image\n");
    proxy.expect_logged(&["CONNECT", "registry.example"]);
    // Who is not let in learns by whom.
    let mut sandbox = sandbox_behind(&proxy);
    sandbox.function(
        "echo never",
        &json!({ "container": { "image_file": null, "image": image } }),
    );
    for (url, says) in [
        (proxy.url("me:wrong-word@"), "wants to know who asks (407)"),
        (
            "socks5://127.0.0.1:1".to_owned(),
            "https_proxy names a proxy that speaks socks5",
        ),
    ] {
        sandbox.set("https_proxy", &url);
        let run = sandbox.invoke_local(&json!({})).run();
        run.expect_code(1).expect_stderr(says);
        assert!(!run.stderr().contains("wrong-word"));
    }
}
