//! A directory as an object store: what it gives, what it refuses, and that nothing leaves it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use config::location::{Bucket, Key};
use storage::local::LocalStore;
use storage::{Download, ObjectStore, Progress, StorageError};
use tempfile::TempDir;

struct Fixture {
    root: TempDir,
    work: TempDir,
    store: LocalStore,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("store/bucket/dir")).unwrap();
        fs::write(root.path().join("secret"), "outside").unwrap();
        fs::write(root.path().join("store/bucket/dir/a b+c.txt"), "hello").unwrap();
        let store = LocalStore::new(root.path().join("store"), "local");
        Self {
            root,
            work: tempfile::tempdir().unwrap(),
            store,
        }
    }

    fn bucket_path(&self) -> std::path::PathBuf {
        self.root.path().join("store/bucket")
    }

    async fn download(&self, bucket: &str, key: &str) -> Result<u64, StorageError> {
        let (bucket, key) = (Bucket::new(bucket).unwrap(), Key::new(key).unwrap());
        let what = Download {
            bucket: &bucket,
            key: &key,
            version: Some("3"),
            size_hint: None,
        };
        self.store
            .download(&what, &self.work.path().join("out"), &Progress::default())
            .await
    }

    async fn upload(&self, file: &Path, bucket: &str, key: &str) -> Result<u64, StorageError> {
        let (bucket, key) = (Bucket::new(bucket).unwrap(), Key::new(key).unwrap());
        self.store
            .upload(file, &bucket, &key, "text/plain", &Progress::default())
            .await
    }

    fn work_files(&self) -> usize {
        fs::read_dir(self.work.path()).unwrap().count()
    }
}

#[tokio::test]
async fn downloads_an_object() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.download("bucket", "dir/a b+c.txt").await.unwrap(),
        5
    );
    assert_eq!(fs::read(fixture.work.path().join("out")).unwrap(), b"hello");
    assert_eq!(fixture.work_files(), 1, "no temporary file stays");
}

#[tokio::test]
async fn large_sparse_object_arrives_whole_and_is_counted() {
    let fixture = Fixture::new();
    let file = fs::File::create(fixture.bucket_path().join("large")).unwrap();
    file.set_len(200 * 1024 * 1024).unwrap();
    let (bucket, key) = (Bucket::new("bucket").unwrap(), Key::new("large").unwrap());
    let what = Download {
        bucket: &bucket,
        key: &key,
        version: None,
        size_hint: None,
    };
    let progress = Progress::default();
    let out = fixture.work.path().join("out");
    fixture
        .store
        .download(&what, &out, &progress)
        .await
        .unwrap();
    assert_eq!(fs::metadata(&out).unwrap().len(), 200 * 1024 * 1024);
    assert_eq!(progress.bytes(), 200 * 1024 * 1024);
}

#[tokio::test]
async fn missing_things_have_the_kinds_s3_gives_them() {
    let fixture = Fixture::new();
    for key in ["nothing", "dir", "dir/a b+c.txt/below", "nothing/"] {
        let error = fixture.download("bucket", key).await.unwrap_err();
        assert!(
            matches!(error, StorageError::NotFound { .. }),
            "{key}: {error}"
        );
        assert!(
            error.to_string().contains(&format!("s3://bucket/{key}")),
            "{error}"
        );
    }
    let error = fixture.download("nobody", "a").await.unwrap_err();
    assert!(
        matches!(error, StorageError::NoSuchBucket { .. }),
        "{error}"
    );
    let file = fixture.root.path().join("secret");
    let error = fixture.upload(&file, "nobody", "a").await.unwrap_err();
    assert!(
        matches!(error, StorageError::NoSuchBucket { .. }),
        "{error}"
    );
    assert_eq!(fixture.work_files(), 0);
}

#[tokio::test]
async fn a_key_with_a_trailing_slash_is_an_empty_object() {
    let fixture = Fixture::new();
    assert_eq!(fixture.download("bucket", "dir/").await.unwrap(), 0);
    assert_eq!(
        fs::metadata(fixture.work.path().join("out")).unwrap().len(),
        0
    );
}

#[tokio::test]
async fn no_key_climbs_out_of_its_bucket() {
    let fixture = Fixture::new();
    let file = fixture.work.path().join("mine");
    fs::write(&file, "overwritten").unwrap();
    for key in [
        "../../secret",
        "dir/../../../secret",
        "/etc/hostname",
        "a//b",
        "./a",
        "..",
        "a/..",
    ] {
        let error = fixture.download("bucket", key).await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnusableKey { .. }),
            "{key}: {error}"
        );
        let error = fixture.upload(&file, "bucket", key).await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnusableKey { .. }),
            "{key}: {error}"
        );
    }
    assert_eq!(
        fs::read(fixture.root.path().join("secret")).unwrap(),
        b"outside"
    );
}

#[tokio::test]
async fn no_symlink_leads_out_of_the_store() {
    let fixture = Fixture::new();
    let bucket = fixture.bucket_path();
    symlink(fixture.root.path().join("secret"), bucket.join("link")).unwrap();
    symlink(fixture.root.path(), bucket.join("up")).unwrap();
    symlink(
        fixture.root.path(),
        fixture.root.path().join("store/elsewhere"),
    )
    .unwrap();
    symlink("dir/a b+c.txt", bucket.join("inside")).unwrap();

    for (bucket, key) in [
        ("bucket", "link"),
        ("bucket", "up/secret"),
        ("elsewhere", "secret"),
    ] {
        let error = fixture.download(bucket, key).await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnusableKey { .. }),
            "{key}: {error}"
        );
    }
    assert_eq!(fixture.download("bucket", "inside").await.unwrap(), 5);

    let file = fixture.work.path().join("mine");
    fs::write(&file, "new").unwrap();
    assert!(fixture.upload(&file, "bucket", "up/planted").await.is_err());
    assert!(!fixture.root.path().join("planted").exists());
    // A symlink in the object's own place is replaced, not written through.
    fixture.upload(&file, "bucket", "link").await.unwrap();
    assert_eq!(
        fs::read(fixture.root.path().join("secret")).unwrap(),
        b"outside"
    );
    assert_eq!(fs::read(bucket.join("link")).unwrap(), b"new");
}

#[tokio::test]
async fn uploads_make_directories_and_replace_objects() {
    let fixture = Fixture::new();
    let file = fixture.work.path().join("mine");
    fs::write(&file, "one").unwrap();
    fixture
        .upload(&file, "bucket", "new/deep/é ü.txt")
        .await
        .unwrap();
    fs::write(&file, "two!").unwrap();
    assert_eq!(
        fixture
            .upload(&file, "bucket", "new/deep/é ü.txt")
            .await
            .unwrap(),
        4
    );
    let directory = fixture.bucket_path().join("new/deep");
    assert_eq!(fs::read(directory.join("é ü.txt")).unwrap(), b"two!");
    assert_eq!(
        fs::read_dir(directory).unwrap().count(),
        1,
        "no temporary file stays"
    );
}

#[tokio::test]
async fn a_fifo_is_refused_without_waiting_for_a_writer() {
    let fixture = Fixture::new();
    let fifo = fixture.bucket_path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = fixture.download("bucket", "fifo").await.unwrap_err();
    assert!(
        matches!(error, StorageError::UnusableFile { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_file_system_is_noticed_before_writing() {
    let fixture = Fixture::new();
    // Sparse, and larger than any file system that runs this test has free.
    let file = fs::File::create(fixture.bucket_path().join("huge")).unwrap();
    if file.set_len(12 << 40).is_err() {
        return;
    }
    let error = fixture.download("bucket", "huge").await.unwrap_err();
    let StorageError::NoSpace { needed, free, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*needed, 12 << 40);
    assert!(error.to_string().contains(&free.to_string()), "{error}");
    assert_eq!(fixture.work_files(), 0);
}

#[tokio::test]
async fn long_names_leave_room_for_the_temporary_file() {
    let fixture = Fixture::new();
    let (bucket, key) = (
        Bucket::new("bucket").unwrap(),
        Key::new("dir/a b+c.txt").unwrap(),
    );
    let what = Download {
        bucket: &bucket,
        key: &key,
        version: None,
        size_hint: None,
    };
    let name = "ü".repeat(127);
    let out = fixture.work.path().join(&name);
    fixture
        .store
        .download(&what, &out, &Progress::default())
        .await
        .unwrap();
    assert_eq!(fs::read(out).unwrap(), b"hello");
}
