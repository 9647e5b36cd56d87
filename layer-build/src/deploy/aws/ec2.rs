//! EC2: the launch template that puts the supervisor onto a job's instance.
//!
//! Its three operations are requests of the Query protocol, signed by [`super::signed`]. The SDK's crate for EC2 takes more than two
//! and a half minutes of processor time in a debug build, for three operations; IAM's takes 38 seconds.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Services;
use super::error::{AwsError, AwsErrorKind};
use super::xml::text_of;
use crate::deploy::partition::Partition;

/// EC2 API version (EC2 API reference).
const EC2: &str = "2016-11-15";
/// Folder of the supervisor on an instance and in a job's container.
pub const FOLDER: &str = "/opt/faas-supervisor/bin";

/// A version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The template's name.
    pub name: String,
    /// The version's description, by which it is found: which supervisor, from which bucket.
    pub version: String,
    /// The instance's user data.
    pub user_data: String,
}

/// The script that fetches the supervisor from a bucket when an instance starts. It uses the instance's role, and the AWS CLI where
/// the machine image has it, else curl, which can sign requests too (from curl 7.75 on; Amazon Linux has it).
///
/// The script is one part of a MIME text, to which AWS Batch adds a part of its own (AWS Batch user guide, "Use Amazon EC2 launch
/// templates").
pub fn user_data(bucket: &str, key: &str, region: &str) -> String {
    let domain = Partition::of(region).domain();
    let url = format!("https://s3.{region}.{domain}/{bucket}/{key}");
    format!(
        r#"MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="==FAAS-SUPERVISOR=="

--==FAAS-SUPERVISOR==
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
set -e
mkdir -p {FOLDER}
cd {FOLDER}
fetch() {{
  if command -v aws >/dev/null; then
    aws s3 cp --region {region} "s3://{bucket}/{key}" supervisor.new
  else
    imds=http://169.254.169.254/latest
    token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' $imds/api/token)
    ask() {{ curl -sf -H "X-aws-ec2-metadata-token: $token" "$imds/meta-data/iam/security-credentials/$1"; }}
    keys=$(ask "$(ask '')")
    field() {{ printf '%s' "$keys" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }}
    curl -sf --aws-sigv4 "aws:amz:{region}:s3" --user "$(field AccessKeyId):$(field SecretAccessKey)" \
      -H "x-amz-security-token: $(field Token)" -o supervisor.new '{url}'
  fi
}}
for pause in 1 5 15 30 60; do fetch && break; sleep $pause; done
chmod 755 supervisor.new
mv supervisor.new supervisor

--==FAAS-SUPERVISOR==--
"#
    )
}

/// The number of the template's version with this description, and whether the template exists at all.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(
    services: &Services,
    template: &Template,
) -> Result<(Option<String>, bool), AwsError> {
    let what = format!("look up launch template {}", template.name);
    let mut fields = vec![("LaunchTemplateName".to_owned(), template.name.clone())];
    loop {
        let xml = match services
            .ec2
            .query(&what, EC2, "DescribeLaunchTemplateVersions", &fields)
            .await
        {
            Ok(xml) => xml,
            Err(error) if error.kind == AwsErrorKind::Absent => return Ok((None, false)),
            Err(error) => return Err(error),
        };
        let versions = xml.split("<versionNumber>").skip(1).zip(pieces(&xml));
        let mut found = versions.filter(|(_, piece)| {
            text_of(piece, "versionDescription").as_ref() == Some(&template.version)
        });
        if let Some((number, _)) = found.next() {
            return Ok((number.split('<').next().map(str::to_owned), true));
        }
        let Some(next) = text_of(&xml, "nextToken").filter(|token| !token.is_empty()) else {
            return Ok((None, true));
        };
        fields.truncate(1);
        fields.push(("NextToken".to_owned(), next));
    }
}

/// The XML of each version in an answer.
fn pieces(xml: &str) -> impl Iterator<Item = &str> {
    let inner = xml
        .split("<launchTemplateVersionSet>")
        .nth(1)
        .unwrap_or_default();
    inner
        .split("</item>")
        .filter(|piece| piece.contains("<versionNumber>"))
}

/// Creates the template, or a version of the one that exists, and returns the version's number.
///
/// # Errors
/// [`AwsError`].
pub async fn create(
    services: &Services,
    template: &Template,
    exists: bool,
) -> Result<String, AwsError> {
    let what = format!("make launch template {}", template.name);
    let fields = [
        ("LaunchTemplateName".to_owned(), template.name.clone()),
        ("VersionDescription".to_owned(), template.version.clone()),
        (
            "LaunchTemplateData.UserData".to_owned(),
            BASE64_STANDARD.encode(&template.user_data),
        ),
    ];
    let call = |action| services.ec2.query(&what, EC2, action, &fields);
    let made = if exists {
        call("CreateLaunchTemplateVersion").await
    } else {
        match call("CreateLaunchTemplate").await {
            // All functions share the template: another deployment has just created it.
            Err(error) if error.kind == AwsErrorKind::AlreadyExists => {
                call("CreateLaunchTemplateVersion").await
            }
            made => made,
        }
    };
    let xml = made?;
    let number = text_of(&xml, "versionNumber").or_else(|| text_of(&xml, "latestVersionNumber"));
    number.ok_or_else(|| AwsError::new(what, "the answer has no version"))
}
