//! What a step does, as one enum for each family. The code that carries out a family matches every variant of it, so the
//! compiler refuses an operation that nothing carries out.

use super::values::ApiCaller;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Something about buckets and objects.
    Storage(StorageOperation),
    /// Something about the function itself.
    Function(FunctionOperation),
    /// Something about the function's log group.
    LogGroup(LogGroupOperation),
    /// Something about what starts the function.
    Trigger(TriggerOperation),
    /// Something about what runs the function's jobs.
    Job(JobOperation),
    /// Removes something.
    Remove(Removal),
}

/// Buckets and objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageOperation {
    /// Creates a bucket in the region of `s3`.
    CreateBucket(String),
    /// Puts an empty object that shows as a folder.
    CreateFolder {
        /// The bucket.
        bucket: String,
        /// The folder, without a slash at the end.
        folder: String,
    },
    /// Uploads the function's package.
    UploadPackage {
        /// The deployment bucket.
        bucket: String,
    },
    /// Uploads the supervisor that the instances of jobs fetch.
    UploadSupervisor,
}

/// The function itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionOperation {
    /// Publishes the layer.
    PublishLayer,
    /// Creates the function.
    Create,
    /// Replaces its code.
    ReplaceCode,
    /// Replaces its configuration.
    Configure,
    /// Adds tags.
    Tag,
}

/// The log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogGroupOperation {
    /// Creates it.
    Create,
    /// Sets how long it keeps logs.
    SetRetention,
    /// Adds tags.
    Tag,
}

/// What starts the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerOperation {
    /// Allows a bucket to call the function.
    AllowBucket(String),
    /// Has a bucket notify the function of new objects.
    NotifyFunction {
        /// The bucket.
        bucket: String,
    },
    /// Tags an HTTP endpoint that SCAR made, by its id.
    AdoptApi(String),
    /// Creates or completes the HTTP endpoint.
    EnsureApi,
    /// Allows the HTTP endpoint to call the function.
    AllowApi(ApiCaller),
}

/// What runs the function's jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOperation {
    /// Writes the jobs' configuration as a secret.
    WriteSecret,
    /// Creates the launch template, or a version of it.
    CreateLaunchTemplate,
    /// Creates the compute environment.
    CreateEnvironment,
    /// Changes the compute environment.
    ChangeEnvironment {
        /// The keys that differ, as the plan compares them.
        keys: Vec<String>,
    },
    /// Creates the queue, or changes its state.
    EnsureQueue,
    /// Registers the job definition.
    RegisterDefinition,
}

/// What a step removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// The function's entries in a bucket's notifications.
    Notification {
        /// The bucket.
        bucket: String,
        /// Ids of the policy statements that allow the bucket to call the function, and go with the entries.
        statements: Vec<String>,
    },
    /// A statement of the function's policy, by its id.
    Permission(String),
    /// An HTTP endpoint, by its id.
    Api(String),
    /// The function's package.
    Package {
        /// The bucket that it is in.
        bucket: String,
    },
    /// The function.
    Function,
    /// Its log group.
    LogGroup,
    /// Job definitions, by their ARNs.
    JobDefinitions(Vec<String>),
    /// The job queue.
    JobQueue,
    /// The compute environment.
    ComputeEnvironment,
    /// The jobs' secret configuration.
    Secret,
}

impl From<StorageOperation> for Operation {
    fn from(operation: StorageOperation) -> Self {
        Self::Storage(operation)
    }
}

impl From<FunctionOperation> for Operation {
    fn from(operation: FunctionOperation) -> Self {
        Self::Function(operation)
    }
}

impl From<LogGroupOperation> for Operation {
    fn from(operation: LogGroupOperation) -> Self {
        Self::LogGroup(operation)
    }
}

impl From<TriggerOperation> for Operation {
    fn from(operation: TriggerOperation) -> Self {
        Self::Trigger(operation)
    }
}

impl From<JobOperation> for Operation {
    fn from(operation: JobOperation) -> Self {
        Self::Job(operation)
    }
}

impl From<Removal> for Operation {
    fn from(removal: Removal) -> Self {
        Self::Remove(removal)
    }
}
