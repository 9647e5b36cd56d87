//! How long a call waits for its answer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use net::Network;
use net::host::patient_sdk_client;

/// What a function takes for its work.
const WORK: Duration = Duration::from_millis(400);

/// A function that answers every call when its work is done; where it is.
fn slow_function() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            thread::sleep(WORK);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
        }
    });
    format!("http://{address}")
}

async fn call(longest: Duration) -> Result<(), String> {
    let keys = Credentials::new("AKID", "secret", None, None, "test");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .retry_config(RetryConfig::disabled())
        .http_client(patient_sdk_client(&Network::default(), longest))
        .endpoint_url(slow_function())
        .build();
    let client = aws_sdk_lambda::Client::new(&config);
    let answer = client.invoke().function_name("slow").send().await;
    answer.map(drop).map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn a_call_waits_as_long_as_it_is_told_to() {
    assert_eq!(call(WORK * 20).await, Ok(()));
    let error = call(WORK / 4).await.unwrap_err();
    assert!(error.contains("no answer within"), "{error}");
}
