//! A plan: the steps that a deployment or a removal takes. It is computed before anything is changed, shown by `plan` and
//! carried out by `apply`.

pub mod deploy;
pub mod diff;
pub mod observed;
pub mod operation;
pub mod removal;
pub mod values;
pub mod wanted;

use std::fmt;

use serde_json::{Value, json};

pub use diff::{Change, diff};
pub use observed::Observed;
pub use operation::Operation;

/// What a step does to its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Creates it.
    Create,
    /// Changes what differs.
    Change,
    /// Removes it.
    Remove,
}

/// One step. `O` is what may carry it out: [`Operation`] in a deployment, [`operation::Removal`] in a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<O = Operation> {
    /// What it does to the resource.
    pub action: Action,
    /// The resource in words: `function hello`.
    pub resource: String,
    /// The keys that change.
    pub changes: Vec<Change>,
    /// What carries it out.
    pub operation: O,
}

/// All steps for one function, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<O = Operation> {
    /// The function's name.
    pub function: String,
    /// The steps.
    pub steps: Vec<Step<O>>,
    /// What AWS cannot do. A plan with an obstacle is not carried out.
    pub obstacles: Vec<String>,
}

impl<O> Plan<O> {
    /// A plan without steps.
    pub fn new(function: &str) -> Self {
        Self {
            function: function.to_owned(),
            steps: Vec::new(),
            obstacles: Vec::new(),
        }
    }

    /// Adds a step that creates something.
    pub fn create(&mut self, resource: impl Into<String>, operation: impl Into<O>) {
        self.push(Action::Create, resource, Vec::new(), operation);
    }

    /// Adds a step that removes something.
    pub fn remove(&mut self, resource: impl Into<String>, operation: impl Into<O>) {
        self.push(Action::Remove, resource, Vec::new(), operation);
    }

    /// Adds a step that changes something, unless `changes` is empty.
    pub fn change(
        &mut self,
        resource: impl Into<String>,
        changes: Vec<Change>,
        operation: impl Into<O>,
    ) {
        if !changes.is_empty() {
            self.push(Action::Change, resource, changes, operation);
        }
    }

    fn push(
        &mut self,
        action: Action,
        resource: impl Into<String>,
        changes: Vec<Change>,
        operation: impl Into<O>,
    ) {
        self.steps.push(Step {
            action,
            resource: resource.into(),
            changes,
            operation: operation.into(),
        });
    }

    /// The plan as JSON.
    pub fn to_json(&self) -> Value {
        let steps: Vec<_> = self.steps.iter().map(Step::to_json).collect();
        json!({ "function": self.function, "steps": steps, "obstacles": self.obstacles })
    }
}

impl<O> Step<O> {
    /// The step in words: `create function hello`.
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

impl<O> fmt::Display for Plan<O> {
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
