//! What an entry adds to the event and the configuration: ids, names and credentials.

use config::Secret;

/// What an entry adds to the event and the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InvocationContext {
    /// Id of the invocation.
    pub request_id: String,
    /// Address of the instance that runs it.
    pub instance_ip: String,
    /// Name of the function, in Lambda.
    pub function_name: Option<String>,
    /// Log group of the function, in Lambda.
    pub log_group: Option<String>,
    /// Log stream of the instance, in Lambda.
    pub log_stream: Option<String>,
    /// The function's own credentials.
    pub credentials: Option<FunctionCredentials>,
    /// Whether a directory stands in for every store.
    pub local_store: LocalStore,
    /// Variables of the command line; they win over configured ones.
    pub extra_variables: Vec<(String, String)>,
}

/// Whether a directory stands in for every store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalStore {
    /// No: objects are read from and written to the providers.
    #[default]
    Absent,
    /// Yes.
    Present,
}

/// The function's own credentials, as the container gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCredentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Secret,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Secret,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// `AWS_REGION`.
    pub region: Option<String>,
}
