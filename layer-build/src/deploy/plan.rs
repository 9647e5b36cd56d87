//! What is to be done, as a list of steps: computed before anything is touched, shown by `plan`, carried out by `apply`.

pub mod deploy;
pub mod diff;
pub mod observed;
pub mod removal;
pub mod values;

use std::fmt;

use serde_json::{Value, json};

pub use diff::{Change, diff};
pub use observed::Observed;

/// What a step does to its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there and differs.
    Change,
    /// It goes.
    Remove,
}

/// What a step has to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Create a bucket in the function's region.
    Bucket(String),
    /// Put an empty object that shows as a folder.
    Folder(String, String),
    /// Publish the layer.
    Layer,
    /// Put the package into the deployment bucket.
    Package,
    /// Create the function.
    CreateFunction,
    /// Replace its code.
    FunctionCode,
    /// Replace its configuration.
    FunctionConfiguration,
    /// Add tags.
    FunctionTags,
    /// Create the log group.
    LogGroup,
    /// Set the log group's retention.
    Retention,
    /// Add tags to the log group.
    LogGroupTags,
    /// Let a bucket call the function.
    BucketPermission(String),
    /// Have a bucket notify the function.
    Notification(String),
    /// Tag an HTTP endpoint that SCAR made, by id.
    AdoptApi(String),
    /// Make or complete the HTTP endpoint.
    Api,
    /// Let the endpoint call the function.
    ApiPermission(usize),
    /// Put the configuration of jobs where secrets are kept.
    Secret,
    /// Put the supervisor into the deployment bucket.
    JobSupervisor,
    /// Make the launch template or a version of it.
    LaunchTemplate,
    /// Make the compute environment.
    ComputeEnvironment,
    /// Change it.
    ChangeEnvironment,
    /// Make the queue.
    JobQueue,
    /// Register the job definition.
    JobDefinition,
    /// Remove the function's entries from a bucket's notifications.
    RemoveNotification(String),
    /// Take a permission of the function's policy back, by its statement's id.
    RemovePermission(String),
    /// Remove an HTTP endpoint, by id.
    RemoveApi(String),
    /// Remove the function.
    RemoveFunction,
    /// Remove the log group.
    RemoveLogGroup,
    /// Remove the package from a bucket.
    RemovePackage(String),
    /// Deregister the job definitions, by ARN.
    RemoveJobDefinitions(Vec<String>),
    /// Remove the queue.
    RemoveJobQueue,
    /// Remove the compute environment.
    RemoveComputeEnvironment,
    /// Remove the configuration of jobs.
    RemoveSecret,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// To what, in words: `function hello`.
    pub resource: String,
    /// What will differ.
    pub changes: Vec<Change>,
    /// What to call.
    pub work: Work,
}

/// All steps for one function, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The function.
    pub function: String,
    /// The steps.
    pub steps: Vec<Step>,
    /// What AWS cannot do: with one of these no step is taken.
    pub obstacles: Vec<String>,
}

impl Plan {
    /// Adds a step that creates something.
    pub fn create(&mut self, resource: impl Into<String>, work: Work) {
        self.push(Action::Create, resource, Vec::new(), work);
    }

    /// Adds a step that removes something.
    pub fn remove(&mut self, resource: impl Into<String>, work: Work) {
        self.push(Action::Remove, resource, Vec::new(), work);
    }

    /// Adds a step that changes something, unless nothing would differ.
    pub fn change(&mut self, resource: impl Into<String>, changes: Vec<Change>, work: Work) {
        if !changes.is_empty() {
            self.push(Action::Change, resource, changes, work);
        }
    }

    /// Adds a step.
    pub fn push(
        &mut self,
        action: Action,
        resource: impl Into<String>,
        changes: Vec<Change>,
        work: Work,
    ) {
        self.steps.push(Step {
            action,
            resource: resource.into(),
            changes,
            work,
        });
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let steps: Vec<_> = self.steps.iter().map(Step::to_json).collect();
        json!({ "function": self.function, "steps": steps, "obstacles": self.obstacles })
    }
}

impl Step {
    /// What it does, in words: `create function hello`.
    pub fn words(&self) -> String {
        format!("{} {}", self.action, self.resource)
    }

    fn to_json(&self) -> Value {
        let changes: Vec<_> = self
            .changes
            .iter()
            .map(|change| json!({ "key": change.key, "before": change.before, "after": change.after }))
            .collect();
        json!({ "action": self.action.to_string(), "resource": self.resource, "changes": changes })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() && self.obstacles.is_empty() {
            return writeln!(f, "{}: nothing to do", self.function);
        }
        writeln!(f, "{}:", self.function)?;
        for obstacle in &self.obstacles {
            writeln!(f, "  ! {obstacle}")?;
        }
        for step in &self.steps {
            let sign = match step.action {
                Action::Create => '+',
                Action::Change => '~',
                Action::Remove => '-',
            };
            writeln!(f, "  {sign} {} {}", step.action, step.resource)?;
            for change in &step.changes {
                writeln!(f, "      {change}")?;
            }
        }
        Ok(())
    }
}
