//! The names of the variables that mean something here.

/// `host:port` of the Lambda Runtime API; its presence means "we are a Lambda runtime".
pub const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// Name of the Lambda function.
pub const AWS_LAMBDA_FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Memory of the Lambda function in MB.
pub const AWS_LAMBDA_FUNCTION_MEMORY_SIZE: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// Version of the Lambda function.
pub const AWS_LAMBDA_FUNCTION_VERSION: &str = "AWS_LAMBDA_FUNCTION_VERSION";
/// `CloudWatch` log group of the function.
pub const AWS_LAMBDA_LOG_GROUP_NAME: &str = "AWS_LAMBDA_LOG_GROUP_NAME";
/// `CloudWatch` log stream of this execution environment.
pub const AWS_LAMBDA_LOG_STREAM_NAME: &str = "AWS_LAMBDA_LOG_STREAM_NAME";
/// `JSON` or `Text`: the log format the function is configured with.
pub const AWS_LAMBDA_LOG_FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";
/// How many invocations an execution environment may be given at once (Lambda Managed Instances); unset elsewhere.
pub const AWS_LAMBDA_MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";
/// `off`: no metrics are written to a function's log.
pub const FAAS_METRICS: &str = "FAAS_METRICS";
/// `off`: no overlay is mounted over a container's file system, what a run changes there is undone by other means.
pub const FAAS_OVERLAY: &str = "FAAS_OVERLAY";
/// Where the function's package is unpacked (`/var/task`).
pub const LAMBDA_TASK_ROOT: &str = "LAMBDA_TASK_ROOT";
/// Base64 of `function_config.yaml`, used in Lambda when the package holds no such file.
pub const FDL: &str = "FDL";
/// How a Lambda function is packaged; see [`IMAGE_FUNCTION`].
pub const AWS_EXECUTION_ENV: &str = "AWS_EXECUTION_ENV";
/// Value of [`AWS_EXECUTION_ENV`] in a function that is a container image.
pub const IMAGE_FUNCTION: &str = "AWS_Lambda_Image";
/// Base64 of `function_config.yaml`, used in a job where [`JOB_CONFIG_FILE`] does not exist.
pub const FUNCTION_CONFIG: &str = "FUNCTION_CONFIG";
/// Where a job runner mounts the configuration.
pub const JOB_CONFIG_FILE: &str = "/oscar/config/function_config.yaml";
/// Where a job runner mounts the script.
pub const JOB_SCRIPT_FILE: &str = "/oscar/config/script.sh";
/// A job's event; without it the event is read from standard input.
pub const EVENT: &str = "EVENT";
/// Base64 of a job's script, for events that bring none.
pub const SCRIPT: &str = "SCRIPT";
/// JSON about the function that delegated a job.
pub const CONTEXT: &str = "CONTEXT";
/// Id of the invocation a job was delegated by.
pub const AWS_LAMBDA_REQUEST_ID: &str = "AWS_LAMBDA_REQUEST_ID";
/// Set by AWS Batch in its jobs (AWS Batch user guide, "Job environment variables").
pub const AWS_BATCH_JOB_ID: &str = "AWS_BATCH_JOB_ID";
/// Overrides `log_level`.
pub const LOG_LEVEL: &str = "LOG_LEVEL";
/// Overrides `execution_mode`.
pub const EXECUTION_MODE: &str = "EXECUTION_MODE";
/// Overrides `extra_payload`.
pub const EXTRA_PAYLOAD: &str = "EXTRA_PAYLOAD";
/// Overrides `container.timeout_threshold`, in seconds.
pub const TIMEOUT_THRESHOLD: &str = "TIMEOUT_THRESHOLD";
/// The udocker launcher.
pub const UDOCKER_EXEC: &str = "UDOCKER_EXEC";
/// The directory of udocker's image store.
pub const UDOCKER_DIR: &str = "UDOCKER_DIR";
/// The registry to pull from in place of Docker Hub.
pub const UDOCKER_REGISTRY: &str = "UDOCKER_REGISTRY";
/// The file that `udocker login` writes, below `~/.udocker`.
pub const UDOCKER_KEYSTORE: &str = "UDOCKER_KEYSTORE";
/// The directory of the file that `docker login` writes (`~/.docker` when unset).
pub const DOCKER_CONFIG: &str = "DOCKER_CONFIG";
/// udocker's default execution mode (`P1`, `F1`, …).
pub const UDOCKER_DEFAULT_EXECUTION_MODE: &str = "UDOCKER_DEFAULT_EXECUTION_MODE";
/// udocker's directory for temporary files.
pub const UDOCKER_TMP: &str = "UDOCKER_TMP";
/// Directory for temporary files (`/tmp` when unset).
pub const TMPDIR: &str = "TMPDIR";
/// Key of the function's own credentials.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// Secret of the function's own credentials.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// Session token of the function's own credentials.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// Region the function runs in.
pub const AWS_REGION: &str = "AWS_REGION";
/// Region where `AWS_REGION` is not set (the name other AWS tools read).
pub const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// Endpoint of every AWS service, for compatible servers.
pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// File of certificates to trust beside the system's (the variable is the AWS CLI's).
pub const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// Who passes `http` requests on, in either spelling.
pub const HTTP_PROXY: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
/// Who passes `https` requests on.
pub const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
/// Who passes on what has no other proxy.
pub const ALL_PROXY: [&str; 2] = ["all_proxy", "ALL_PROXY"];
/// Hosts, domains and networks that are reached without a proxy.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Endpoint of S3, for compatible servers.
pub const AWS_ENDPOINT_URL_S3: &str = "AWS_ENDPOINT_URL_S3";
