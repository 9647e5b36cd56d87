//! Which store serves which storage provider of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use tokio::sync::Mutex;

use super::ObjectStore;
use super::client::connect;
use super::error::StorageError;
use super::local::LocalStore;
use super::onedata::OnedataStore;
use super::s3::S3Store;
use super::webdav::WebdavStore;
use config::{ProviderId, ProviderKind, ProviderSettings, S3Provider, TlsVerify};
use net::Network;
use net::aws::ClientSettings;
use net::transport::Transport;

/// What the environment says about AWS; the rest the SDK's own chain finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AwsSettings {
    /// `AWS_ENDPOINT_URL`: a server to use in place of AWS, for providers that name none.
    pub endpoint_url: Option<String>,
    /// `AWS_REGION`.
    pub region: Option<String>,
    /// How it is reached.
    pub network: Network,
}

/// All that [`Stores`] needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreSettings {
    /// The configured providers.
    pub providers: BTreeMap<ProviderId, ProviderSettings>,
    /// A directory that stands in for every provider.
    pub local_root: Option<PathBuf>,
    /// What the environment says about AWS.
    pub aws: AwsSettings,
}

/// Opens each store at its first use and keeps it for the next invocations.
#[derive(Debug)]
pub struct Stores {
    settings: StoreSettings,
    open: Mutex<BTreeMap<ProviderId, Arc<dyn ObjectStore>>>,
}

impl Stores {
    /// Remembers the settings; touches nothing.
    pub fn new(settings: StoreSettings) -> Self {
        Self {
            settings,
            open: Mutex::default(),
        }
    }

    /// The store of a provider. With a local directory set, every provider is that directory.
    ///
    /// # Errors
    /// [`StorageError::Provider`] when the provider is not configured or lacks something.
    pub async fn get(&self, id: &ProviderId) -> Result<Arc<dyn ObjectStore>, StorageError> {
        let mut open = self.open.lock().await;
        if let Some(store) = open.get(id) {
            return Ok(Arc::clone(store));
        }
        let store: Arc<dyn ObjectStore> = match &self.settings.local_root {
            Some(root) => Arc::new(LocalStore::new(root, id.to_string())),
            None => self.connect(id).await?,
        };
        open.insert(id.clone(), Arc::clone(&store));
        Ok(store)
    }

    /// Waits until every store has cleared away what interrupted transfers left there, for `longest` at most. See
    /// [`ObjectStore::finish_clearing`].
    pub async fn finish_clearing(&self, longest: Duration) {
        let open: Vec<_> = self.open.lock().await.values().cloned().collect();
        let clearing = async {
            for store in open {
                store.finish_clearing().await;
            }
        };
        if tokio::time::timeout(longest, clearing).await.is_err() {
            tracing::warn!(
                "the parts of an interrupted upload may be left in the store: it did not answer in time"
            );
        }
    }

    async fn connect(&self, id: &ProviderId) -> Result<Arc<dyn ObjectStore>, StorageError> {
        if id.kind == ProviderKind::Local {
            return Err(unusable(
                id,
                "there is no local store; name its directory with --local-storage",
            ));
        }
        let role = ProviderSettings::S3(S3Provider::default());
        let settings = match self.settings.providers.get(id) {
            Some(settings) => settings,
            None if id.needs_no_configuration() => &role,
            None => {
                return Err(unusable(
                    id,
                    "it is not configured; add it below storage_providers",
                ));
            }
        };
        Ok(match settings {
            ProviderSettings::S3(settings) => {
                let client = connect(self.client_settings(id, settings)?).await;
                Arc::new(S3Store::new(id.to_string(), client))
            }
            ProviderSettings::Webdav(settings) => {
                let transport = self.transport(id, settings.tls);
                Arc::new(WebdavStore::new(id.to_string(), settings, transport)?)
            }
            ProviderSettings::Onedata(settings) => {
                let transport = self.transport(id, settings.tls);
                Arc::new(OnedataStore::new(id.to_string(), settings, transport)?)
            }
        })
    }

    fn transport(&self, id: &ProviderId, verify: TlsVerify) -> Transport {
        warn_of_any_certificate(id, verify);
        Transport::new(verify, &self.settings.aws.network)
    }

    fn client_settings(
        &self,
        id: &ProviderId,
        provider: &S3Provider,
    ) -> Result<ClientSettings, StorageError> {
        let aws = &self.settings.aws;
        let endpoint = provider
            .endpoint
            .clone()
            .or_else(|| aws.endpoint_url.clone());
        let region = match id.kind {
            ProviderKind::Minio if endpoint.is_none() => {
                return Err(unusable(
                    id,
                    "a MinIO server has to be named; set its endpoint",
                ));
            }
            // The region of the function says nothing about a MinIO server elsewhere.
            ProviderKind::Minio => Some(String::from(MINIO_REGION)),
            _ => aws.region.clone(),
        };
        warn_of_any_certificate(id, provider.tls);
        Ok(ClientSettings {
            keys: keys(provider).map_err(|reason| unusable(id, reason))?,
            region: provider.region.clone().or(region),
            endpoint,
            verify: provider.tls,
            network: aws.network.clone(),
        })
    }
}

fn unusable(id: &ProviderId, reason: &str) -> StorageError {
    StorageError::Provider {
        provider: id.to_string(),
        reason: reason.to_owned(),
    }
}

fn warn_of_any_certificate(id: &ProviderId, verify: TlsVerify) {
    if verify == TlsVerify::Skip {
        tracing::warn!(provider = %id, "verify is false: any certificate is accepted from this storage provider");
    }
}

/// Region a `MinIO` server believes to be in unless configured otherwise (`MinIO` documentation, `MINIO_SITE_REGION`).
const MINIO_REGION: &str = "us-east-1";

/// The configured keys: both or neither.
fn keys(provider: &S3Provider) -> Result<Option<Credentials>, &'static str> {
    match (&provider.access_key, &provider.secret_key) {
        (Some(access), Some(secret)) => {
            let token = provider
                .session_token
                .as_ref()
                .map(|token| token.expose().to_owned());
            let keys = Credentials::new(
                access.expose(),
                secret.expose(),
                token,
                None,
                "configuration",
            );
            Ok(Some(keys))
        }
        (None, None) => Ok(None),
        _ => Err("access_key and secret_key belong together; set both or neither"),
    }
}
