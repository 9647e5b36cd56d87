//! Operations about what starts the function.

use crate::deploy::aws::{api, lambda, s3};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::partition::Partition;
use crate::deploy::plan::operation::TriggerOperation;
use crate::deploy::plan::values::{
    ApiCaller, bucket_statement, function_arn, notification_entries,
};

pub(super) async fn carry_out(
    deployment: &mut Deployment,
    operation: &TriggerOperation,
) -> Result<(), DeployError> {
    let account = deployment.observed.account.id.clone();
    let (services, settings) = (&deployment.services, &deployment.settings);
    match operation {
        TriggerOperation::AllowBucket(bucket) => {
            let permission = lambda::Permission {
                statement: &bucket_statement(bucket),
                principal: "s3.amazonaws.com",
                source: &Partition::of(&settings.lambda.region).bucket(bucket),
                account: &account,
            };
            lambda::permit(services, &settings.function.name, &permission).await?;
        }
        TriggerOperation::NotifyFunction { bucket } => {
            let arn = function_arn(settings, &account);
            let entries = notification_entries(settings, &arn, bucket);
            s3::notify(services, bucket, &arn, &entries, deployment.wait).await?;
        }
        TriggerOperation::AdoptApi(id) => api::adopt(services, settings, id).await?,
        TriggerOperation::EnsureApi => {
            let existing = deployment.observed.api.as_ref().map(|api| api.id.as_str());
            let id = api::ensure(services, settings, &account, existing).await?;
            deployment.observed.api.get_or_insert_default().id = id;
        }
        TriggerOperation::AllowApi(caller) => allow_api(deployment, *caller, &account).await?,
    }
    Ok(())
}

async fn allow_api(
    deployment: &Deployment,
    caller: ApiCaller,
    account: &str,
) -> Result<(), DeployError> {
    let settings = &deployment.settings;
    let api = deployment.api_id()?;
    let permission = lambda::Permission {
        statement: caller.statement_id(),
        principal: &settings.api_gateway.service_id,
        source: &caller.source_arn(settings, account, api),
        account,
    };
    lambda::permit(&deployment.services, &settings.function.name, &permission).await?;
    Ok(())
}
