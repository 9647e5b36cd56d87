//! What stays from one invocation to the next.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{batch::Delegator, plan::RESERVED};
use config::{DispatchMode, FunctionConfig};
use container::{
    Direct, UdockerSettings,
    deferred::Deferred,
    exec::udocker::Udocker,
    prepare::{
        preparer::Preparer,
        slots::{Slot, Slots},
    },
    workspace::{Retention, Workspace},
};
use environment::{Environment, Limits};
use net::Network;
use storage::{StoreSettings, Stores};

/// What stays from one invocation to the next: the configuration, warm clients, prepared images.
#[derive(Debug)]
pub struct Services {
    pub(crate) config: FunctionConfig,
    pub(crate) stores: Stores,
    pub(crate) udocker: Udocker,
    pub(crate) preparer: Preparer,
    pub(crate) site: Site,
    pub(crate) delegator: Option<Delegator>,
    slots: Slots,
    temp_dir: PathBuf,
    /// Removes the workspaces of invocations that are answered.
    removing: Deferred,
}

/// Longest wait for stores at the end of the process. Container hosts kill after about ten seconds.
const CLEARING_LIMIT: Duration = Duration::from_secs(3);

/// Where commands run.
#[derive(Debug)]
pub enum Site {
    /// In a container of the configured image, through udocker.
    Container,
    /// In the image that the supervisor itself is in.
    Here(Direct),
}

impl Services {
    /// Nothing is connected or started yet: a cold start pays for what it uses.
    pub fn new(config: FunctionConfig, environment: &Environment, stores: StoreSettings) -> Self {
        let container = &config.container;
        let settings = UdockerSettings::new(environment, container.engine, container.execmode);
        let udocker = Udocker::new(settings);
        Self {
            stores: Stores::new(stores),
            preparer: Preparer::new(
                udocker.clone(),
                config.container.prepare,
                config.container.keep_layers,
            ),
            udocker,
            site: Site::Container,
            delegator: None,
            slots: Slots::default(),
            temp_dir: environment.temp_dir(),
            removing: Deferred::default(),
            config,
        }
    }

    /// The same for a job or an image function, whose commands run beside the supervisor. `command` is the image's own.
    #[must_use]
    pub fn here(mut self, environment: &Environment, command: Vec<String>) -> Self {
        let credentials = self.config.container.aws_credentials;
        let supervisor = self.udocker.settings().supervisor.clone();
        let direct = Direct::new(supervisor, environment, credentials, command, RESERVED);
        self.site = Site::Here(direct);
        self
    }

    /// The same for a function, which may delegate to AWS Batch if its `execution_mode` says so.
    #[must_use]
    pub fn delegating(mut self, region: Option<String>, network: Network) -> Self {
        self.delegator = match self.config.execution_mode {
            DispatchMode::Lambda => None,
            DispatchMode::LambdaBatch | DispatchMode::Batch => {
                Some(Delegator::new(&self.config, region, network))
            }
        };
        self
    }

    /// Waits until interrupted uploads have cleaned up in their stores. Call it before the process ends.
    pub async fn finish(&self) {
        self.stores.finish_clearing(CLEARING_LIMIT).await;
    }

    /// The function's package, if its container sees it: `extra_payload` is set and the package exists.
    pub fn extra_payload(&self) -> Option<&Path> {
        let task_root = self.udocker.settings().task_root.as_path();
        let asked = self.config.extra_payload.is_some();
        (asked && task_root.is_dir()).then_some(task_root)
    }

    /// The configuration.
    pub fn config(&self) -> &FunctionConfig {
        &self.config
    }

    /// Where workspaces are made.
    pub fn temp_dir(&self) -> &Path {
        &self.temp_dir
    }

    /// Starts to clear up behind the invocations so far. Call it when their answers are posted.
    pub async fn start_clearing(&self) {
        self.removing.start().await;
        self.preparer.start_clearing().await;
    }

    /// Clears up behind the invocations so far. Call it before the process ends, after the last answer.
    pub async fn finish_clearing(&self) {
        self.finish_removing().await;
        self.preparer.finish_clearing().await;
    }

    async fn finish_removing(&self) {
        if let Err(error) = self.removing.finish().await {
            tracing::warn!(%error, "cannot remove a workspace");
        }
    }

    /// Makes a workspace. Waits within `limits` until those of earlier invocations are removed: this one needs their
    /// room.
    ///
    /// # Errors
    /// The operating system's.
    pub(super) async fn workspace(
        &self,
        retention: Retention,
        limits: &Limits,
    ) -> io::Result<Workspace> {
        tokio::select! {
            () = self.finish_removing() => {}
            _too_late_for_any_record = limits.reached() => {}
        }
        Workspace::create(&self.temp_dir, retention)
    }

    /// Removes a workspace once the answer is posted, see [`Self::start_clearing`].
    pub(super) fn remove_later(&self, workspace: Workspace) {
        self.removing.put(move || drop(workspace));
    }

    /// A slot for one of the invocations that run at once.
    pub(super) fn slot(&self) -> Slot {
        self.slots.take()
    }

    /// The udocker that runs containers.
    pub fn udocker(&self) -> &Udocker {
        &self.udocker
    }

    /// The preparer of images.
    pub fn preparer(&self) -> &Preparer {
        &self.preparer
    }
}
