//! A step that cannot be carried out fails: no step succeeds without having done anything.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::time::Duration;

use layer_build::deploy::apply::apply;
use layer_build::deploy::aws::retry::PREPARATION;
use layer_build::deploy::aws::{Services, WaitPolicy};
use layer_build::deploy::cfg::{self, Cfg, DEFAULT, Lines};
use layer_build::deploy::deployment::Deployment;
use layer_build::deploy::error::DeployError;
use layer_build::deploy::plan::observed::Observed;
use layer_build::deploy::plan::operation::{
    JobOperation, LogGroupOperation, StorageOperation, TriggerOperation,
};
use layer_build::deploy::plan::values::ApiCaller;
use layer_build::deploy::plan::wanted::Scope;
use layer_build::deploy::plan::{Operation, Plan};
use layer_build::deploy::report::{Format, Reporter};
use layer_build::deploy::settings::{Settings, Sources};
use net::Network;
use serde_json::json;

/// A function that has neither a package nor jobs, an endpoint or a log group.
async fn bare_function() -> Deployment {
    let cfg = Cfg {
        path: "scar.cfg".into(),
        value: cfg::defaults(),
        lines: Lines::of(DEFAULT),
        notices: Vec::new(),
    };
    let options = json!({ "lambda": { "name": "bare" } });
    let settings = Settings::read(&Sources::new(&options, None, None, &cfg)).unwrap();
    Deployment {
        services: Services::connect(&settings, &Network::default()).await,
        settings,
        wait: WaitPolicy {
            limit: Duration::ZERO,
            backoff: PREPARATION,
            report: |_| {},
        },
        layer: None,
        bucket: None,
        package: None,
        observed: Observed::default(),
        job: None,
        scope: Scope::Whole,
    }
}

#[tokio::test]
async fn a_step_without_its_subject_fails() {
    let bucket = "b".to_owned();
    let steps: [(Operation, &str); 6] = [
        (
            StorageOperation::UploadPackage { bucket }.into(),
            "has no package",
        ),
        (StorageOperation::UploadSupervisor.into(), "has no jobs"),
        (JobOperation::WriteSecret.into(), "has no jobs"),
        (JobOperation::RegisterDefinition.into(), "has no jobs"),
        (
            TriggerOperation::AllowApi(ApiCaller::Stage).into(),
            "has no HTTP endpoint",
        ),
        (LogGroupOperation::Tag.into(), "has no log group"),
    ];
    let reporter = Reporter {
        format: Format::Text,
    };
    for (operation, expected) in steps {
        let mut plan = Plan::new("bare");
        plan.create("something", operation.clone());
        let error = apply(&mut bare_function().await, &plan, &reporter)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, DeployError::Unfinished { source, .. } if matches!(**source, DeployError::Internal(_))),
            "{operation:?}: {error}"
        );
        assert!(
            error.to_string().contains(expected),
            "{operation:?}: {error}"
        );
    }
}
