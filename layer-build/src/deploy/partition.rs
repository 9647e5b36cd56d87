//! The partitions of AWS, except those for authorities only. Each has its own ARNs, and some have their own host names (AWS General
//! Reference, "Amazon Resource Names"; China guide, "Endpoints and ARNs").

/// A partition of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// The regions in China.
    China,
    /// The regions of the United States government.
    GovCloud,
    /// The European Sovereign Cloud.
    European,
}

impl Partition {
    /// The partition of a region.
    pub fn of(region: &str) -> Self {
        match region {
            region if region.starts_with("cn-") => Self::China,
            region if region.starts_with("us-gov-") => Self::GovCloud,
            region if region.starts_with("eusc-") => Self::European,
            _ => Self::Aws,
        }
    }

    /// Its name in ARNs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::GovCloud => "aws-us-gov",
            Self::European => "aws-eusc",
        }
    }

    /// What its host names end with.
    pub fn domain(self) -> &'static str {
        match self {
            Self::Aws | Self::GovCloud => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::European => "amazonaws.eu",
        }
    }

    /// Replaces the ARNs of [`Self::Aws`] in a text by those of this partition. ARNs of other partitions stay.
    pub fn arns(self, text: &str) -> String {
        text.replace("arn:aws:", &format!("arn:{}:", self.id()))
    }

    /// Replaces the host name of [`Self::Aws`] in a URL by that of this partition.
    pub fn hosts(self, url: &str) -> String {
        let end = format!(".{}/", self.domain());
        url.replace(".amazonaws.com/", &end)
    }

    /// A bucket's ARN, which names neither a region nor an account.
    pub fn bucket(self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.id())
    }
}

/// The ARN of a resource. `account` is empty for services that leave it out.
pub fn arn(service: &str, region: &str, account: &str, resource: &str) -> String {
    let partition = Partition::of(region).id();
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

/// The bucket that an ARN names.
pub fn bucket_of(arn: &str) -> Option<&str> {
    let (_partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    rest.strip_prefix("s3:::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_those_of_the_region() {
        for (region, expected) in [
            ("eu-west-1", "arn:aws:s3:::b"),
            ("cn-northwest-1", "arn:aws-cn:s3:::b"),
            ("us-gov-east-1", "arn:aws-us-gov:s3:::b"),
            ("eusc-de-east-1", "arn:aws-eusc:s3:::b"),
        ] {
            let partition = Partition::of(region);
            assert_eq!(partition.bucket("b"), expected);
            assert_eq!(partition.arns("arn:aws:s3:::b"), expected);
            // Once is enough.
            assert_eq!(partition.arns(expected), expected);
            assert_eq!(bucket_of(expected), Some("b"));
        }
        let url = "https://{api_id}.execute-api.{api_region}.amazonaws.com/{stage_name}/launch";
        assert_eq!(Partition::GovCloud.hosts(url), url);
        let china = Partition::China.hosts(url);
        assert!(china.contains(".amazonaws.com.cn/{stage_name}"), "{china}");
        assert!(Partition::European.hosts(url).contains("}.amazonaws.eu/{"));
        let function = arn("lambda", "eu-west-1", "1", "function:f");
        assert_eq!(function, "arn:aws:lambda:eu-west-1:1:function:f");
        assert_eq!(bucket_of(&function), None);
    }
}
