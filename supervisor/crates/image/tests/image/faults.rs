//! Registries that break off, lie, ask for credentials or have had enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use image::{Failure, ImageSource, Keep, RegistrySettings, registry::CredentialFiles};
use net::{Network, Proxies, Proxy};
use serde_json::json;

use crate::support::{Image, Layer, Store, gzip, image, image_for, message};

/// One answer; the connection is closed after it.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body that are sent before the connection breaks.
    cut: Option<usize>,
    /// Between each 4 KiB.
    pause: Duration,
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: body.into(),
        cut: None,
        pause: Duration::ZERO,
    }
}

/// A request: its path, and its headers in lower case.
struct Asked {
    path: String,
    headers: BTreeMap<String, String>,
}

type Seen = Arc<Mutex<Vec<String>>>;

/// Serves `respond` on a thread for each connection, as long as the process lives; tells address and requests.
fn serve(respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (respond, seen) = (Arc::new(respond), Seen::default());
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (respond, log) = (Arc::clone(&respond), Arc::clone(&log));
            std::thread::spawn(move || {
                let _gone = converse(&stream, respond.as_ref(), &log);
            });
        }
    });
    (url, seen)
}

fn converse(
    stream: &TcpStream,
    respond: &dyn Fn(&Asked) -> Answer,
    log: &Seen,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next() else {
        return Ok(());
    };
    let path = first?.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let range = headers.get("range").cloned().unwrap_or_default();
    log.lock().unwrap().push(format!("{path} {range}"));
    let answer = respond(&Asked { path, headers });
    let mut stream = stream;
    let length = answer.body.len();
    write!(
        stream,
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {length}\r\n",
        answer.status
    )?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    for piece in answer.body[..answer.cut.unwrap_or(length)].chunks(4096) {
        stream.write_all(piece)?;
        environment::pause(answer.pause);
    }
    Ok(())
}

/// Answers for an image tagged `1` in any repository; ranges as asked.
fn registry(image: &Image, asked: &Asked) -> Answer {
    let name = asked.path.rsplit('/').next().unwrap();
    let wanted = if name == "1" {
        image.manifest.as_str()
    } else {
        name
    };
    let Some((_, bytes)) = image
        .blobs
        .iter()
        .find(|(digest, _)| digest.as_str() == wanted)
    else {
        return answer(404, "none");
    };
    let part = asked.headers.get("range").and_then(|range| {
        let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let last = last.parse().unwrap_or(bytes.len() - 1);
        Some((start.parse::<usize>().ok()?, last.min(bytes.len() - 1)))
    });
    match part {
        None => answer(200, bytes.clone()),
        Some((start, last)) => {
            let mut part = answer(206, &bytes[start..=last]);
            let range = format!("bytes {start}-{last}/{}", bytes.len());
            part.headers.push(("content-range", range));
            part
        }
    }
}

fn noise(seed: u64, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.alphanumeric())
        .take(length)
        .collect()
}

fn two_layers() -> Image {
    let layers: Vec<_> = (1..3)
        .map(|n| {
            Layer::default()
                .file(&format!("file-{n}"), &noise(n, 400_000))
                .bytes()
        })
        .collect();
    image(&layers, gzip)
}

#[tokio::test]
async fn a_layer_that_breaks_off_goes_on_where_it_was() {
    for ranges in [true, false] {
        let image = two_layers();
        let (url, seen) = serve(move |asked| {
            let mut answer = registry(&image, asked);
            if answer.status == 206 && !ranges {
                answer = registry(
                    &image,
                    &Asked {
                        path: asked.path.clone(),
                        headers: BTreeMap::new(),
                    },
                );
            }
            let began = !asked.headers.contains_key("range");
            if answer.body.len() > 100_000 && (began || (ranges && answer.body.len() > 200_000)) {
                answer.cut = Some(90_000);
            }
            answer
        });
        let store = Store::new();
        store.pull("a/b:1", &url).await.unwrap();
        for n in 1..3 {
            assert_eq!(store.text(&format!("file-{n}")), Some(noise(n, 400_000)));
        }
        let resumed = seen
            .lock()
            .unwrap()
            .iter()
            .filter(|line| line.contains("bytes="))
            .count();
        assert!(resumed >= 2, "{:?}", seen.lock().unwrap());
    }
}

#[tokio::test]
async fn a_document_that_breaks_off_is_asked_for_again() {
    let image = two_layers();
    let broken = Mutex::new(BTreeSet::new());
    let (url, seen) = serve(move |asked| {
        let mut answer = registry(&image, asked);
        let small = answer.body.len() < 10_000;
        if small && broken.lock().unwrap().insert(asked.path.clone()) {
            answer.cut = Some(answer.body.len() / 2);
        }
        answer
    });
    let store = Store::new();
    store.pull("a/b:1", &url).await.unwrap();
    assert_eq!(store.text("file-1"), Some(noise(1, 400_000)));
    // Manifest and configuration, twice, and two layers.
    assert_eq!(seen.lock().unwrap().len(), 6, "{:?}", seen.lock().unwrap());
}

#[tokio::test]
async fn a_document_without_end_is_refused_at_once() {
    let (url, seen) = serve(|_| answer(200, vec![b' '; 5 * MIB]));
    let failure = Store::new().pull("a/b:1", &url).await.unwrap_err();
    let text = message(failure);
    assert!(text.contains("larger than 4194304 bytes"), "{text}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

const MIB: usize = 1024 * 1024;

/// One layer of 11 MiB, which is not compressed.
fn large() -> Image {
    let layer = Layer::default().file("file", &noise(7, 11 * MIB)).bytes();
    image(&[layer], <[u8]>::to_vec)
}

#[tokio::test]
async fn a_large_layer_comes_in_parts_each_taken_up_where_it_broke_off() {
    let image = large();
    let failed = Mutex::new(BTreeSet::new());
    let (url, seen) = serve(move |asked| {
        let mut answer = registry(&image, asked);
        let range = asked.headers.get("range").cloned().unwrap_or_default();
        // Each part breaks off once, and the later the part, the sooner it arrives.
        if answer.body.len() >= MIB && failed.lock().unwrap().insert(range.clone()) {
            answer.cut = Some(MIB);
        }
        if range.starts_with("bytes=4194304-") {
            environment::pause(Duration::from_millis(300));
        }
        answer
    });
    let store = Store::new();
    store.pull("team/large:1", &url).await.unwrap();
    assert!(store.text("file").unwrap() == noise(7, 11 * MIB));
    let seen = seen.lock().unwrap().join("\n");
    for start in [0, 4 * MIB, 8 * MIB] {
        assert!(seen.contains(&format!(" bytes={start}-")), "{seen}");
        assert!(seen.contains(&format!(" bytes={}-", start + MIB)), "{seen}");
    }
}

#[tokio::test]
async fn a_server_without_parts_is_asked_once_and_goes_on_after_a_break() {
    for cut in [None, Some(5 * MIB)] {
        let image = large();
        let broken = Mutex::new(cut);
        let (url, seen) = serve(move |asked| {
            let mut headers = asked.headers.clone();
            headers.remove("range");
            let path = asked.path.clone();
            let mut answer = registry(&image, &Asked { path, headers });
            if answer.body.len() > MIB {
                answer.cut = broken.lock().unwrap().take();
            }
            answer
        });
        let store = Store::new();
        store.pull("team/large:1", &url).await.unwrap();
        assert!(store.text("file").unwrap() == noise(7, 11 * MIB));
        let seen = seen.lock().unwrap();
        let parts = seen.iter().filter(|line| line.contains("bytes=")).count();
        assert_eq!(parts, 1 + usize::from(cut.is_some()), "{seen:?}");
    }
}

#[tokio::test]
async fn what_is_not_what_it_should_be_is_refused() {
    for part in 0..4 {
        let mut image = two_layers();
        let name = image.blobs[part].0.clone();
        // The manifest is asked for by its digest here.
        let wanted = format!("a/b@{}", image.manifest);
        let middle = image.blobs[part].1.len() / 2;
        image.blobs[part].1[middle] ^= 1;
        let (url, _) = serve(move |asked| registry(&image, asked));
        let store = Store::new();
        let message = message(store.pull(&wanted, &url).await.unwrap_err());
        assert!(
            message.contains("digest") || message.contains("damaged") || message.contains("layer"),
            "{name}: {message}"
        );
        store.expect_nothing();
    }
}

#[tokio::test]
async fn a_busy_registry_is_waited_for_but_not_for_long() {
    let image = Arc::new(two_layers());
    let served = Arc::clone(&image);
    let refusals = Mutex::new(0);
    let (url, _) = serve(move |asked| {
        let mut refusals = refusals.lock().unwrap();
        *refusals += 1;
        if *refusals % 2 == 1 {
            let mut busy = answer(429, "");
            busy.headers.push(("retry-after", "0".to_owned()));
            return busy;
        }
        registry(&served, asked)
    });
    Store::new().pull("a/b:1", &url).await.unwrap();
    let (url, _) = serve(|_| {
        let mut busy = answer(429, "");
        busy.headers.push(("retry-after", "3600".to_owned()));
        busy
    });
    let start = Instant::now();
    let message = message(Store::new().pull("a/b:1", &url).await.unwrap_err());
    assert!(
        message.contains("429") && message.contains("3600 s"),
        "{message}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let other = if cfg!(target_arch = "x86_64") {
        "s390x"
    } else {
        "amd64"
    };
    let foreign = image_for(other, &[Layer::default().bytes()], gzip);
    let index = json!({ "manifests": [{ "digest": foreign.manifest, "platform": { "os": "linux", "architecture": other } }] });
    let index = index.to_string();
    let (url, _) = serve(move |asked| match asked.path.split('/').nth(2).unwrap() {
        "private" => answer(401, ""),
        "closed" => answer(403, ""),
        "foreign" => registry(&foreign, asked),
        "index" => answer(200, index.clone()),
        "broken" => answer(418, "no coffee"),
        "old" => answer(200, r#"{"schemaVersion": 1, "fsLayers": []}"#),
        _ => answer(404, ""),
    });
    for (name, words) in [
        ("private/x:1", ["401", "config.json"]),
        ("closed/x:1", ["403", "private"]),
        ("absent/x:1", ["absent/x", "check the name"]),
        ("foreign/x:1", [other, "choose an image"]),
        ("index/x:1", [other, "choose an image"]),
        ("broken/x:1", ["418", "no coffee"]),
        ("old/x:1", ["schema 1", "build the image again"]),
    ] {
        let store = Store::new();
        let message = message(store.pull(name, &url).await.unwrap_err());
        for word in words {
            assert!(message.contains(word), "{name}: no {word:?} in {message}");
        }
        store.expect_nothing();
    }
    let unreachable = message(
        Store::new()
            .pull("a/b:1", "http://127.0.0.1:1")
            .await
            .unwrap_err(),
    );
    assert!(
        unreachable.contains("127.0.0.1:1") && unreachable.contains("UDOCKER_REGISTRY"),
        "{unreachable}"
    );
}

#[tokio::test]
async fn tokens_and_passwords_open_the_door() {
    for scheme in ["Bearer", "Basic"] {
        let image = two_layers();
        let (blobs, seen) = serve({
            let image = two_layers();
            move |asked| {
                // Another server gets no credentials.
                assert!(!asked.headers.contains_key("authorization"));
                registry(&image, asked)
            }
        });
        let first = AtomicBool::new(true);
        let (url, _) = serve(move |asked| {
            let authorization = asked
                .headers
                .get("authorization")
                .map_or("", String::as_str);
            let host = &asked.headers["host"];
            if asked.path.starts_with("/token?") {
                assert_eq!(authorization, "Basic dXNlcjpwYXNz");
                assert!(
                    asked.path.contains("scope=repository%3Aa%2Fb%3Apull")
                        && asked.path.contains("service=here")
                );
                let mut token = answer(200, r#"{"token": "opensesame"}"#);
                // The first one breaks off.
                if first.swap(false, Ordering::Relaxed) {
                    token.cut = Some(8);
                }
                return token;
            }
            let expected = if scheme == "Basic" {
                "Basic dXNlcjpwYXNz"
            } else {
                "Bearer opensesame"
            };
            if authorization != expected {
                let mut refusal = answer(401, "");
                let challenge = format!("{scheme} realm=\"http://{host}/token\",service=\"here\"");
                refusal.headers.push(("www-authenticate", challenge));
                return refusal;
            }
            if asked.path.contains("/blobs/") {
                let mut elsewhere = answer(307, "");
                elsewhere
                    .headers
                    .push(("location", format!("{blobs}{}", asked.path)));
                return elsewhere;
            }
            registry(&image, asked)
        });
        let store = Store::new();
        let host = url.trim_start_matches("http://").to_owned();
        let auths = json!({ "auths": { (host.clone()): { "auth": "dXNlcjpwYXNz" } } });
        let docker = store.write("config.json", auths.to_string().as_bytes());
        let settings = RegistrySettings {
            credentials: CredentialFiles {
                docker: Some(docker),
                udocker: None,
            },
            ..RegistrySettings::default()
        };
        // A registry of this machine, by its name.
        let name = format!("{host}/a/b:1");
        let image = ImageSource::Registry(name.clone());
        store
            .prepare(&image, &name, Keep::Nothing, &settings, None)
            .await
            .unwrap();
        assert!(store.text("file-2").is_some());
        assert_eq!(seen.lock().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn what_another_server_refuses_is_not_taken_for_the_registrys_word() {
    for status in [401, 403, 404] {
        let (storage, asked_there) = serve(move |asked| {
            let mut refusal = answer(status, "not from there");
            let host = &asked.headers["host"];
            let challenge = format!("Bearer realm=\"http://{host}/token\"");
            refusal.headers.push(("www-authenticate", challenge));
            refusal
        });
        let (url, _) = serve({
            let (image, storage) = (two_layers(), storage.clone());
            move |asked| {
                if !asked.path.contains("/blobs/") {
                    return registry(&image, asked);
                }
                let mut elsewhere = answer(307, "");
                elsewhere
                    .headers
                    .push(("location", format!("{storage}{}?secret=1", asked.path)));
                elsewhere
            }
        });
        let store = Store::new();
        let settings = RegistrySettings {
            mirror: Some(url),
            ..RegistrySettings::default()
        };
        let image = ImageSource::Registry("a/b:1".to_owned());
        let failed = store
            .prepare(&image, "a/b:1", Keep::Nothing, &settings, None)
            .await;
        let Err(Failure::Image(error)) = failed else {
            panic!("{status}: {failed:?}");
        };
        let said = error.to_string();
        assert!(
            said.contains(&storage) && said.contains("not from there"),
            "{said}"
        );
        assert!(!said.contains("secret"), "{said}");
        let asked = asked_there.lock().unwrap();
        assert!(asked.iter().all(|asked| !asked.contains("/token")));
    }
}

#[tokio::test]
async fn the_deadline_ends_a_slow_download_and_nothing_looks_finished() {
    let image = two_layers();
    let (url, _) = serve(move |asked| {
        let mut slow = registry(&image, asked);
        slow.pause = Duration::from_millis(100);
        slow
    });
    let store = Store::new();
    let settings = RegistrySettings {
        mirror: Some(url),
        ..RegistrySettings::default()
    };
    let image = ImageSource::Registry("a/b:1".to_owned());
    let start = Instant::now();
    let time = Some(Duration::from_millis(700));
    let stopped = store
        .prepare(&image, "a/b:1", Keep::Layers, &settings, time)
        .await;
    assert!(matches!(stopped, Err(Failure::Stopped(_))), "{stopped:?}");
    assert!(start.elapsed() < Duration::from_secs(2));
    store.expect_nothing();
    assert_eq!(fs::read_dir(&store.paths.layers).unwrap().count(), 0);
}

#[tokio::test]
async fn a_proxy_that_does_not_let_us_in_is_asked_once() {
    let (proxy, seen) = serve(|_| answer(407, ""));
    let proxies = Proxies {
        https: Some(Proxy::parse("https_proxy", &proxy)),
        ..Proxies::default()
    };
    let settings = RegistrySettings {
        network: Network {
            proxies,
            ..Network::default()
        },
        ..RegistrySettings::default()
    };
    let name = "registry.example/team/tools:1";
    let image = ImageSource::Registry(name.to_owned());
    let store = Store::new();
    let prepared = store.prepare(&image, name, Keep::Nothing, &settings, None);
    let message = message(prepared.await.unwrap_err());
    assert!(
        message.contains("wants to know who asks (407)"),
        "{message}"
    );
    let seen = seen.lock().unwrap();
    assert!(
        seen.len() == 1 && seen[0].starts_with("registry.example:443"),
        "{seen:?}"
    );
}
