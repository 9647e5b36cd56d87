//! Steps about what calls the function.

use crate::deploy::aws::{api, lambda};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::partition::Partition;
use crate::deploy::plan::Work;
use crate::deploy::plan::deploy::{API_STATEMENTS, bucket_statement, source_arn};

pub(super) async fn callers(deployment: &mut Deployment, work: &Work) -> Result<(), DeployError> {
    let account = deployment.observed.account.id.clone();
    let (services, settings) = (&deployment.services, &deployment.settings);
    let name = &settings.function.name;
    match work {
        Work::BucketPermission(bucket) => {
            let source = Partition::of(&settings.lambda.region).bucket(bucket);
            lambda::permit(
                services,
                name,
                &bucket_statement(bucket),
                "s3.amazonaws.com",
                &source,
                &account,
            )
            .await?;
        }
        Work::AdoptApi(id) => api::adopt(services, settings, id).await?,
        Work::Api => {
            let existing = deployment.observed.api.as_ref().map(|api| api.id.clone());
            let id = api::ensure(services, settings, &account, existing.as_deref()).await?;
            deployment.observed.api.get_or_insert_default().id = id;
        }
        Work::ApiPermission(index) => {
            let id = deployment
                .observed
                .api
                .as_ref()
                .map(|api| api.id.clone())
                .unwrap_or_default();
            let source = source_arn(settings, &account, &id, *index);
            let statement = API_STATEMENTS.get(*index).copied().unwrap_or_default();
            lambda::permit(
                services,
                name,
                statement,
                &settings.api_gateway.service_id,
                &source,
                &account,
            )
            .await?;
        }
        _ => {}
    }
    Ok(())
}
