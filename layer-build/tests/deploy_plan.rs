//! Pure parts of a deployment: notifications, differences, packages, and which layer version fits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use layer_build::deploy::aws::layers::{Version, choose, unused};
use layer_build::deploy::notification::{Entry, has, merge, remove};
use layer_build::deploy::plan::diff;
use layer_build::deploy::settings::Supervisor;
use layer_build::deploy::verbs::run::event;
use layer_build::layer::arch::Arch;
use serde_json::json;

const OTHERS: &str = "<?xml version=\"1.0\"?>\n<NotificationConfiguration xmlns=\"x\">\n  <QueueConfiguration><Id>q&amp;1</Id><Queue>arn:q</Queue></QueueConfiguration>\
<CloudFunctionConfiguration><Id>theirs</Id><CloudFunction>arn:other</CloudFunction><Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration>\
<EventBridgeConfiguration/></NotificationConfiguration>";

#[test]
fn others_notifications_stay_byte_for_byte() {
    let entries = [
        Entry {
            function: "arn:f",
            folder: "in",
        },
        Entry {
            function: "arn:f",
            folder: "a&b",
        },
    ];
    let merged = merge(OTHERS, "arn:f", &entries);
    assert!(merged.contains("<Value>in/</Value>") && merged.contains("<Value>a&amp;b/</Value>"));
    assert!(has(&merged, "arn:f", &entries) && !has(OTHERS, "arn:f", &entries));
    assert_eq!(merge(&merged, "arn:f", &entries), merged);
    assert_eq!(remove(&merged, "arn:f"), OTHERS);
    assert_eq!(remove(OTHERS, "arn:f"), OTHERS);
}

#[test]
fn a_bucket_without_notifications_gets_the_functions_alone() {
    for nothing in ["", "<NotificationConfiguration/>"] {
        let merged = merge(
            nothing,
            "arn:f",
            &[Entry {
                function: "arn:f",
                folder: "",
            }],
        );
        assert!(
            merged.starts_with("<NotificationConfiguration")
                && merged.ends_with("</NotificationConfiguration>"),
            "{merged}"
        );
        assert!(!merged.contains("<Filter>"));
    }
}

#[test]
fn a_difference_names_its_key() {
    let changes = diff(
        &json!({ "memory": 512, "environment": { "A": "1", "B": "2" }, "layers": [], "vpc": null }),
        &json!({ "memory": 512, "environment": { "A": "1", "B": "3" }, "description": "", "timeout": 3 }),
    );
    let shown: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["environment.B: 2 -> 3", "timeout: (none) -> 3"]);
}

fn version(number: i64, description: &str, arch: &str) -> Version {
    Version {
        number,
        arn: format!("arn:{number}"),
        description: description.to_owned(),
        architectures: vec![arch.to_owned()],
    }
}

#[test]
fn a_published_version_is_found_by_version_and_processor() {
    let versions = [
        version(5, "faas-supervisor 0.3.0 sha256:c", "x86_64"),
        version(4, "faas-supervisor 0.2.0 sha256:b", "arm64"),
        version(3, "faas-supervisor 0.2.0 sha256:a", "x86_64"),
        version(2, "1.2.0", "x86_64"),
    ];
    let wanted = |version: &str| Supervisor {
        version: version.to_owned(),
        layer_name: "l".to_owned(),
        license_info: String::new(),
    };
    let chosen = |version: &str| {
        choose(&versions, &wanted(version), Arch::X86_64, None).map(|version| version.number)
    };
    assert_eq!(chosen("0.2.0"), Some(3));
    assert_eq!(chosen("latest"), Some(5));
    // Another program's layer of that name is not the supervisor's.
    assert_eq!(chosen("1.2.0"), Some(5));
    let used = std::collections::BTreeSet::from(["arn:3".to_owned()]);
    assert!(unused(&versions, &used).is_empty());
    assert_eq!(
        unused(&versions, &std::collections::BTreeSet::new())
            .iter()
            .map(|version| version.number)
            .collect::<Vec<_>>(),
        [3]
    );
}

#[test]
fn the_event_of_a_file_has_its_key_encoded_as_s3_does() {
    let template = layer_build::deploy::cfg::defaults()["aws"]["s3"]["event"].clone();
    let event = event(&template, "texts", "in/a line+ü.txt");
    assert_eq!(
        event["Records"][0]["s3"]["object"]["key"],
        "in/a+line%2B%C3%BC.txt"
    );
    assert_eq!(
        event["Records"][0]["s3"]["bucket"]["arn"],
        "arn:aws:s3:::texts"
    );
    assert_eq!(event["Records"][0]["eventSource"], "aws:s3");
}
