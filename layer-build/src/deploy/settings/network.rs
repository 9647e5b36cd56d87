//! `lambda.vpc` and `lambda.file_system`: the network of a function, and the file systems that it mounts. The keys are those of
//! Lambda's API.

use serde_json::{Value, json};

use super::error::SettingsError;
use super::reader::Reader;

const VPC: &str = "lambda.vpc";
const FILE_SYSTEM: &str = "lambda.file_system";
const VPC_SHAPE: &str = "SubnetIds and SecurityGroupIds, both lists of ids (and Ipv6AllowedForDualStack, true or false)";
const FILE_SYSTEM_SHAPE: &str =
    "a list of entries with Arn (of an access point) and LocalMountPath (/mnt/NAME)";

/// The network of a function (`VpcConfig` of the Lambda API). Its ids are in order, so that equal networks compare equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `SubnetIds`.
    pub subnets: Vec<String>,
    /// `SecurityGroupIds`.
    pub security_groups: Vec<String>,
    /// `Ipv6AllowedForDualStack`.
    pub ipv6: bool,
}

/// One mounted file system (`FileSystemConfig` of the Lambda API).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// ARN of the access point.
    pub arn: String,
    /// Where the function mounts it.
    pub mount_path: String,
}

impl Vpc {
    /// A network with its ids in order.
    pub fn new(mut subnets: Vec<String>, mut security_groups: Vec<String>, ipv6: bool) -> Self {
        subnets.sort();
        security_groups.sort();
        Self {
            subnets,
            security_groups,
            ipv6,
        }
    }

    /// The value for comparison, which is also how a function's file has it.
    pub fn value(&self) -> Value {
        json!({
            "SubnetIds": self.subnets,
            "SecurityGroupIds": self.security_groups,
            "Ipv6AllowedForDualStack": self.ipv6.then_some(true),
        })
    }
}

impl FileSystem {
    /// The value for comparison, which is also how a function's file has it.
    pub fn value(&self) -> Value {
        json!({ "Arn": self.arn, "LocalMountPath": self.mount_path })
    }
}

/// The network; `None` when the key is absent or its lists are empty.
pub(super) fn vpc(read: &Reader<'_>) -> Result<Option<Vpc>, SettingsError> {
    let Some(value) = read.value(VPC) else {
        return Ok(None);
    };
    let known = ["SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack"];
    let shaped = value
        .as_object()
        .is_some_and(|keys| keys.keys().all(|key| known.contains(&key.as_str())));
    if !shaped {
        return Err(read.invalid(VPC, VPC_SHAPE));
    }
    let subnets = read.list("lambda.vpc.SubnetIds")?;
    let security_groups = read.list("lambda.vpc.SecurityGroupIds")?;
    match (subnets.is_empty(), security_groups.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(Vpc::new(
            subnets,
            security_groups,
            read.flag("lambda.vpc.Ipv6AllowedForDualStack")?,
        ))),
        _ => Err(read.invalid(VPC, VPC_SHAPE)),
    }
}

/// The file systems, which are reached through the network only (Lambda developer guide, "Configuring file system access").
pub(super) fn file_systems(
    read: &Reader<'_>,
    vpc: Option<&Vpc>,
) -> Result<Vec<FileSystem>, SettingsError> {
    let list = match read.value(FILE_SYSTEM) {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(read.invalid(FILE_SYSTEM, FILE_SYSTEM_SHAPE)),
    };
    let one = |entry: &Value| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let mount_path = text("LocalMountPath").filter(|path| path.starts_with("/mnt/"));
        text("Arn")
            .zip(mount_path)
            .map(|(arn, mount_path)| FileSystem { arn, mount_path })
            .ok_or_else(|| read.invalid(FILE_SYSTEM, FILE_SYSTEM_SHAPE))
    };
    let found: Vec<_> = list.iter().map(one).collect::<Result<_, _>>()?;
    if !found.is_empty() && vpc.is_none() {
        let expected = "lambda.vpc beside it: file systems are reached through the network only";
        return Err(read.invalid(FILE_SYSTEM, expected));
    }
    Ok(found)
}
