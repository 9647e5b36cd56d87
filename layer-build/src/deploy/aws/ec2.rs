//! EC2: the launch template that puts the supervisor onto a job's instance.
//!
//! Two operations of the Query API, signed here: the SDK's crate for EC2 takes as long to build as everything else together.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Services;
use super::error::AwsError;
use super::signed::tag;
use crate::deploy::partition::Partition;

/// EC2 API version (EC2 API reference).
const EC2: &str = "2016-11-15";
/// Where the supervisor is on an instance, and in a job's container.
pub const FOLDER: &str = "/opt/faas-supervisor/bin";

/// What a launch template's version does, and by which words it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The template's name.
    pub name: String,
    /// The version's description: which supervisor, from where.
    pub version: String,
    /// The instance's user data.
    pub user_data: String,
}

/// The script that fetches the supervisor from a bucket when an instance starts. Only AWS itself is asked, with the instance's
/// own role: the AWS CLI where the machine image has it, else curl, which signs too (curl 7.75 and later, Amazon Linux has it).
///
/// A MIME text with several parts, because AWS Batch adds one of its own (AWS Batch user guide, "Use Amazon EC2 launch
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

/// The version of a template with these words, and whether the template exists at all.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(
    services: &Services,
    template: &Template,
) -> Result<(Option<String>, bool), AwsError> {
    let doing = format!("look up launch template {}", template.name);
    let mut fields = vec![("LaunchTemplateName".to_owned(), template.name.clone())];
    loop {
        let xml = match services
            .ec2
            .query(&doing, EC2, "DescribeLaunchTemplateVersions", &fields)
            .await
        {
            Ok(xml) => xml,
            Err(error) if error.is_absence() || error.code.contains("NotFound") => {
                return Ok((None, false));
            }
            Err(error) => return Err(error),
        };
        let versions = xml.split("<versionNumber>").skip(1).zip(pieces(&xml));
        let mut found = versions.filter(|(_, piece)| {
            tag(piece, "versionDescription").as_ref() == Some(&template.version)
        });
        if let Some((number, _)) = found.next() {
            return Ok((number.split('<').next().map(str::to_owned), true));
        }
        let Some(next) = tag(&xml, "nextToken").filter(|token| !token.is_empty()) else {
            return Ok((None, true));
        };
        fields.truncate(1);
        fields.push(("NextToken".to_owned(), next));
    }
}

/// The text of each version in an answer: from one template name to the next.
fn pieces(xml: &str) -> impl Iterator<Item = &str> {
    let inner = xml
        .split("<launchTemplateVersionSet>")
        .nth(1)
        .unwrap_or_default();
    inner
        .split("</item>")
        .filter(|piece| piece.contains("<versionNumber>"))
}

/// Makes the template, or a version of one that is there; answers the version's number.
///
/// # Errors
/// [`AwsError`].
pub async fn create(
    services: &Services,
    template: &Template,
    exists: bool,
) -> Result<String, AwsError> {
    let doing = format!("make launch template {}", template.name);
    let fields = [
        ("LaunchTemplateName".to_owned(), template.name.clone()),
        ("VersionDescription".to_owned(), template.version.clone()),
        (
            "LaunchTemplateData.UserData".to_owned(),
            BASE64_STANDARD.encode(&template.user_data),
        ),
    ];
    let call = |action| services.ec2.query(&doing, EC2, action, &fields);
    let made = if exists {
        call("CreateLaunchTemplateVersion").await
    } else {
        match call("CreateLaunchTemplate").await {
            // All functions share the template: another deployment has just made it.
            Err(error) if error.is_presence() => call("CreateLaunchTemplateVersion").await,
            made => made,
        }
    };
    let xml = made?;
    let number = tag(&xml, "versionNumber").or_else(|| tag(&xml, "latestVersionNumber"));
    number.ok_or_else(|| AwsError::new(doing, "the answer has no version"))
}
