//! The function's package: configuration, script, extra files and image archive in a zip. The same content always makes the same
//! zip, byte for byte.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::function_config;
use super::settings::Settings;

/// Why there is no package.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A file of the function cannot be read, or the package cannot be written.
    #[error("cannot package {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Too large for a request, and there is no bucket.
    #[error(
        "the package has {size} bytes and lambda.deployment.max_payload_size is {limit}: name a bucket for it with \
         --deployment-bucket (-db) or lambda.deployment.bucket"
    )]
    NeedsBucket {
        /// Bytes of the zip.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Too large for Lambda.
    #[error(
        "the package has {size} bytes unpacked and lambda.deployment.max_s3_payload_size is {limit}: leave files out, or let \
         the function pull its image (container.image) in place of packaging it"
    )]
    TooLarge {
        /// Bytes unpacked.
        size: u64,
        /// The limit.
        limit: u64,
    },
}

/// A package on disk, removed when dropped.
#[derive(Debug)]
pub struct Package {
    file: tempfile::NamedTempFile,
    /// Bytes of the zip.
    pub size: u64,
    /// SHA-256 of the zip in base64, as in Lambda's `CodeSha256`.
    pub sha256: String,
}

/// How a package gets to Lambda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// In the request.
    Request,
    /// Through an object of this bucket.
    Bucket(String),
}

impl Package {
    /// Packs the function's files and its configuration.
    ///
    /// # Errors
    /// [`PackageError::TooLarge`] before anything is packed, [`PackageError::Io`].
    pub fn pack(settings: &Settings, config: &str) -> Result<Self, PackageError> {
        let mut sources: BTreeMap<String, PathBuf> = BTreeMap::new();
        if let Some(path) = &settings.function.extra_payload {
            collect(path, &mut sources)?;
        }
        for path in [
            &settings.function.init_script,
            &settings.function.image_file,
        ]
        .into_iter()
        .flatten()
        {
            sources.insert(function_config::file_name(Some(path)), path.clone());
        }
        sources.remove(function_config::FILE);
        let limit = settings.deployment.max_s3_payload_size;
        let size = measure(&sources)? + config.len() as u64;
        if size > limit {
            return Err(PackageError::TooLarge { size, limit });
        }
        write(&sources, config)
    }

    /// The zip.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// How the package gets to Lambda, which depends on its size.
    ///
    /// # Errors
    /// [`PackageError::NeedsBucket`].
    pub fn route(&self, settings: &Settings, bucket: Option<&str>) -> Result<Route, PackageError> {
        let limit = settings.deployment.max_payload_size;
        match bucket {
            _ if self.size <= limit => Ok(Route::Request),
            Some(bucket) => Ok(Route::Bucket(bucket.to_owned())),
            None => Err(PackageError::NeedsBucket {
                size: self.size,
                limit,
            }),
        }
    }
}

/// Collects a file, or all files in a folder, by their names in the package. Follows links, as `cp -rL` does.
fn collect(path: &Path, sources: &mut BTreeMap<String, PathBuf>) -> Result<(), PackageError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PackageError::Io { path, source }
    };
    if !fs::metadata(path).map_err(failed(path))?.is_dir() {
        sources.insert(function_config::file_name(Some(path)), path.to_owned());
        return Ok(());
    }
    let mut folders = vec![(path.to_owned(), String::new())];
    while let Some((folder, name)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let inner = format!("{name}{}", entry.file_name().to_string_lossy());
            if fs::metadata(entry.path())
                .map_err(failed(&entry.path()))?
                .is_dir()
            {
                folders.push((entry.path(), format!("{inner}/")));
            } else {
                sources.insert(inner, entry.path());
            }
        }
    }
    Ok(())
}

/// Size of all files together, in bytes.
fn measure(sources: &BTreeMap<String, PathBuf>) -> Result<u64, PackageError> {
    let size = |path: &PathBuf| {
        let found = fs::metadata(path).map_err(|source| PackageError::Io {
            path: path.clone(),
            source,
        });
        found.map(|found| found.len())
    };
    sources.values().map(size).sum()
}

fn write(sources: &BTreeMap<String, PathBuf>, config: &str) -> Result<Package, PackageError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PackageError::Io { path, source }
    };
    let here = Path::new("the function's zip");
    let mut file = tempfile::NamedTempFile::new().map_err(failed(here))?;
    let mut zip = ZipWriter::new(file.as_file_mut());
    // Entries have no time, so that the same content makes the same zip.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(false);
    let zip_error = |error: zip::result::ZipError| io::Error::other(error);
    zip.start_file(function_config::FILE, options.unix_permissions(0o644))
        .map_err(zip_error)
        .and_then(|()| zip.write_all(config.as_bytes()))
        .map_err(failed(here))?;
    for (name, path) in sources {
        let mut source = File::open(path).map_err(failed(path))?;
        let mode = source
            .metadata()
            .map_err(failed(path))?
            .permissions()
            .mode();
        // Lambda runs as another user, so everyone may read every file and execute every program.
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        zip.start_file(name.as_str(), options.unix_permissions(mode))
            .map_err(zip_error)
            .map_err(failed(path))?;
        io::copy(&mut source, &mut zip).map_err(failed(path))?;
    }
    zip.finish().map_err(zip_error).map_err(failed(here))?;
    finish(file).map_err(failed(here))
}

fn finish(mut file: tempfile::NamedTempFile) -> io::Result<Package> {
    file.as_file_mut().rewind()?;
    let mut hash = Sha256::new();
    let size = io::copy(file.as_file_mut(), &mut hash)?;
    Ok(Package {
        file,
        size,
        sha256: BASE64_STANDARD.encode(hash.finalize()),
    })
}
