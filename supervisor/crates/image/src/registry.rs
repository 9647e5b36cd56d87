//! A registry, as far as pulling takes it (OCI distribution specification 1.1, "Pull").

mod challenge;
mod credentials;
mod download;
mod ecr;
mod endpoint;
mod http_client;

use std::sync::Mutex;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

pub use self::credentials::CredentialFiles;
pub(crate) use self::download::lanes;
use self::{
    challenge::Challenge,
    credentials::{Credentials, tried},
    endpoint::Endpoint,
    http_client::{HttpClient, Part, Reply, Request},
};
use super::{
    Digest, ImageError,
    document::{Config, ImageManifest, MANIFESTS, Manifest, choose},
    reference::{Reference, Version},
    run_config::LARGEST_CONFIG,
};
use config::TlsVerify;
use net::{Network, transport::Transport};

/// Largest manifest that is read, in bytes (OCI distribution specification: registries need not take more).
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;
/// Indexes inside indexes that are looked into.
const DEEPEST_INDEX: usize = 3;

/// What is configured about registries.
#[derive(Debug, Clone, Default)]
pub struct RegistrySettings {
    /// Stands for Docker Hub (`UDOCKER_REGISTRY`).
    pub mirror: Option<String>,
    /// Where credentials are.
    pub credentials: CredentialFiles,
    /// How registries are reached.
    pub network: Network,
}

/// One repository of a registry.
pub(crate) struct Registry<'a> {
    reference: &'a Reference,
    endpoint: Endpoint,
    client: HttpClient,
    access: Mutex<Access>,
}

/// How requests are let in, as far as it is known.
#[derive(Default, Clone)]
struct Access {
    /// The header `Authorization`.
    authorization: Option<String>,
    credentials: Option<Credentials>,
}

impl<'a> Registry<'a> {
    /// Finds what the registry may ask for; asks the registry nothing.
    ///
    /// # Errors
    /// [`ImageError::Ecr`] when the function's role gets no token.
    pub(crate) async fn open(
        reference: &'a Reference,
        settings: &RegistrySettings,
    ) -> Result<Self, ImageError> {
        let endpoint = Endpoint::of(&reference.registry, settings.mirror.as_deref());
        let mut access = Access {
            credentials: settings.credentials.find(&endpoint.credentials_of),
            authorization: None,
        };
        if let Some(host) = ecr::EcrHost::parse(&endpoint.credentials_of)
            && access.credentials.is_none()
        {
            let token = ecr::token(&host, &settings.network).await?;
            access.authorization = Some(format!("Basic {}", token.basic));
            access.credentials = Some(token);
        }
        let transport = Transport::new(TlsVerify::Verify, &settings.network);
        Ok(Self {
            reference,
            client: HttpClient::new(transport, endpoint.base.clone()),
            endpoint,
            access: Mutex::new(access),
        })
    }

    /// The image's manifest for this machine, and its configuration.
    ///
    /// # Errors
    /// Any of [`ImageError`] that has to do with registries.
    pub(crate) async fn image(&self) -> Result<(ImageManifest, Config), ImageError> {
        let mut version = self.reference.version.clone();
        for _ in 0..DEEPEST_INDEX {
            let path = format!("manifests/{version}");
            let bytes = self.document(&path, LARGEST_MANIFEST).await?;
            if let Version::Digest(digest) = &version {
                digest.expect(&Digest::of(&bytes), "manifest")?;
            }
            match Manifest::parse(&bytes)? {
                Manifest::Index(index) => version = Version::Digest(choose(&index)?.digest.clone()),
                Manifest::Image(manifest) => {
                    let config = self.config(&manifest).await?;
                    return Ok((manifest, config));
                }
            }
        }
        Err(ImageError::Document {
            what: "index",
            reason: "it leads to no image".to_owned(),
        })
    }

    async fn config(&self, manifest: &ImageManifest) -> Result<Config, ImageError> {
        let digest = &manifest.config.digest;
        let bytes = self
            .document(&format!("blobs/{digest}"), LARGEST_CONFIG)
            .await?;
        digest.expect(&Digest::of(&bytes), "configuration")?;
        Config::parse(bytes, manifest.layers.len())
    }

    async fn document(&self, path: &str, limit: usize) -> Result<Vec<u8>, ImageError> {
        self.client.all_of(|| self.get(path, None), limit).await
    }

    fn url(&self, path: &str) -> String {
        format!(
            "{}/v2/{}/{path}",
            self.endpoint.base, self.reference.repository
        )
    }

    /// Asks for something of the repository, or a part of it, and gets let in where that is asked for.
    async fn get(&self, path: &str, part: Option<Part>) -> Result<Reply, ImageError> {
        let mut renewed = false;
        loop {
            let access = self
                .access
                .lock()
                .map(|access| access.clone())
                .unwrap_or_default();
            let request = Request {
                url: self.url(path),
                authorization: access.authorization.clone(),
                accept: Some(MANIFESTS),
                part,
            };
            let reply = self
                .client
                .get(request, |address| self.endpoint.check(address))
                .await?;
            match reply.status {
                200 | 206 => return Ok(reply),
                // Of the host it led us to: neither our credentials nor the image are what that speaks of.
                _ if !self.is_own(&reply) => return Err(self.client.unexpected(reply).await),
                401 if !renewed => {
                    renewed = true;
                    let authorization = self.authorize(&reply, access.credentials.as_ref()).await?;
                    if let Ok(mut access) = self.access.lock() {
                        access.authorization = Some(authorization);
                    }
                }
                status @ (401 | 403) => {
                    return Err(self.refused(status, access.credentials.as_ref()));
                }
                404 => {
                    return Err(ImageError::NotFound {
                        registry: self.endpoint.base.clone(),
                        what: format!(
                            "{} of {}",
                            path.replace('/', " "),
                            self.reference.repository
                        ),
                    });
                }
                _ => return Err(self.client.unexpected(reply).await),
            }
        }
    }

    /// Whether the registry itself has answered.
    fn is_own(&self, reply: &Reply) -> bool {
        let path = reply.url.strip_prefix(&self.endpoint.base);
        path.is_some_and(|path| path.starts_with('/'))
    }

    fn refused(&self, status: u16, credentials: Option<&Credentials>) -> ImageError {
        ImageError::Unauthorized {
            registry: self.endpoint.base.clone(),
            status,
            credentials: tried(credentials),
        }
    }

    /// The header that answers the registry's challenge.
    async fn authorize(
        &self,
        reply: &Reply,
        credentials: Option<&Credentials>,
    ) -> Result<String, ImageError> {
        let refused = || self.refused(reply.status, credentials);
        let basic = credentials.map(|credentials| format!("Basic {}", credentials.basic));
        let challenge = reply
            .challenges
            .iter()
            .find_map(|header| Challenge::parse(header));
        match challenge {
            None => Err(refused()),
            Some(Challenge::Basic) => basic.ok_or_else(refused),
            Some(Challenge::Bearer { realm, service }) => {
                self.token(&realm, service.as_deref(), basic, credentials)
                    .await
            }
        }
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        basic: Option<String>,
        credentials: Option<&Credentials>,
    ) -> Result<String, ImageError> {
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let scope = format!("repository:{}:pull", self.reference.repository);
        let mut url = format!(
            "{realm}{}scope={}",
            if realm.contains('?') { '&' } else { '?' },
            encode(&scope)
        );
        if let Some(service) = service {
            url = format!("{url}&service={}", encode(service));
        }
        let ask = || async {
            let request = Request {
                url: url.clone(),
                authorization: basic.clone(),
                accept: None,
                part: None,
            };
            let reply = self
                .client
                .get(request, |address| self.endpoint.check(address))
                .await?;
            match reply.status {
                200 => Ok(reply),
                status @ (401 | 403) => Err(self.refused(status, credentials)),
                _ => Err(self.client.unexpected(reply).await),
            }
        };
        let bytes = self.client.all_of(ask, LARGEST_MANIFEST).await?;
        let token: Token = serde_json::from_slice(&bytes).map_err(ImageError::document("token"))?;
        match token.token.or(token.access_token) {
            Some(token) => Ok(format!("Bearer {token}")),
            None => Err(self.refused(401, credentials)),
        }
    }
}
