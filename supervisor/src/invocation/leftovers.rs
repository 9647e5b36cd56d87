//! Removes the workspaces of answered invocations. Only the next invocation waits for that, because it needs the room.
//!
//! A workspace is put here when its invocation is over. Its removal starts when the answer is posted, on a thread of its
//! own. From then on Lambda may freeze the environment at any moment: what is left is removed when the next invocation
//! begins.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;

use container::workspace::Workspace;

/// Workspaces that wait for their removal, and removals that go on.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    waiting: Mutex<Vec<Workspace>>,
    removing: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Leftovers {
    /// Adds a workspace.
    pub(super) fn put(&self, workspace: Workspace) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(workspace);
    }

    /// Starts to remove what waits for it.
    pub(super) async fn start(&self) {
        let mut removing = self.removing.lock().await;
        removing.extend(self.removal());
    }

    /// Completes when everything that was put here before is removed. The removal goes on when nobody waits any more.
    pub(super) async fn finish(&self) {
        let mut removing = self.removing.lock().await;
        removing.extend(self.removal());
        while let Some(removal) = removing.last_mut() {
            if let Err(error) = removal.await {
                tracing::warn!(%error, "cannot remove a workspace");
            }
            removing.pop();
        }
    }

    /// Starts a removal of the waiting workspaces, if there are any.
    fn removal(&self) -> Option<JoinHandle<()>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let workspaces = std::mem::take(&mut *waiting);
        // A workspace is removed when it is dropped.
        (!workspaces.is_empty()).then(|| tokio::task::spawn_blocking(move || drop(workspaces)))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use container::workspace::Retention;

    fn workspace(parent: &Path) -> Workspace {
        let workspace = Workspace::create(parent, Retention::Remove).unwrap();
        fs::write(workspace.path().join("output"), "x").unwrap();
        workspace
    }

    fn count(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[tokio::test]
    async fn workspaces_stay_until_their_removal_starts_and_are_gone_when_it_is_finished() {
        let parent = tempfile::tempdir().unwrap();
        let leftovers = Leftovers::default();
        leftovers.put(workspace(parent.path()));
        leftovers.put(workspace(parent.path()));
        assert_eq!(count(parent.path()), 2);
        leftovers.start().await;
        leftovers.put(workspace(parent.path()));
        leftovers.finish().await;
        assert_eq!(count(parent.path()), 0);
        leftovers.finish().await;
    }
}
