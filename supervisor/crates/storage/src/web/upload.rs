//! One file into one file of a server: under a temporary name first, then under its own, so that nobody sees half of it.

use std::path::Path;
use std::sync::Arc;

use http::{Method, StatusCode};

use super::answer::refusal;
use super::{Answer, Ask, Content, Folder, Place, Server, read_text};
use crate::{
    Progress,
    error::{StorageError, Target},
    file_slice::FileSlice,
    source_file::open_regular,
};

/// Bytes of an answer read so that its connection can be used again.
const REST: usize = 16 * 1024;

/// What protocols say in different words.
pub(crate) trait Dialect: Sync {
    /// Makes a folder whose parent is there, if it is not there itself.
    fn make_folder(&self, server: &Server, folder: Folder<'_>) -> Ask;

    /// Gives a file another name in its folder, in place of a file of that name. `None` where that is not safe.
    fn rename(&self, server: &Server, from: &Place, to: &Place) -> Option<Ask>;

    /// Whether a refusal to write a file may mean that its folder is missing.
    fn folder_is_missing(&self, status: StatusCode) -> bool;

    /// Whether a refusal to rename means that files cannot be renamed there.
    fn cannot_rename(&self, status: StatusCode) -> bool;
}

/// See [`ObjectStore::upload`](crate::ObjectStore::upload).
pub(crate) async fn upload(
    server: &Arc<Server>,
    dialect: &dyn Dialect,
    path: &Path,
    target: Target,
    content_type: &str,
    progress: &Progress,
) -> Result<u64, StorageError> {
    let place = Place::of(&target)?;
    let (file, size) = open_regular(path, &target)?;
    progress.expect(size);
    let _turn = server.turn().await;
    let upload = Upload {
        server,
        dialect,
        target,
        content: FileSlice {
            file: Arc::new(file),
            at: 0,
            len: size,
        },
        content_type,
    };
    upload.run(server, &place).await?;
    progress.add(size);
    Ok(size)
}

struct Upload<'a> {
    server: &'a Server,
    dialect: &'a dyn Dialect,
    target: Target,
    content: FileSlice,
    content_type: &'a str,
}

/// What became of a file that was to get its name.
enum Renamed {
    Yes,
    /// The server renames nothing.
    Never,
}

impl Upload<'_> {
    async fn run(&self, server: &Arc<Server>, place: &Place) -> Result<(), StorageError> {
        let unfinished = place.unfinished();
        let Some(rename) = self.dialect.rename(server, &unfinished, place) else {
            return self.put_in_folder(place).await;
        };
        let unfinished = Unfinished::new(server, unfinished, &self.target);
        self.put_in_folder(unfinished.place()).await?;
        match self.rename(&rename).await? {
            Renamed::Yes => {
                unfinished.forget();
                Ok(())
            }
            Renamed::Never => {
                unfinished.remove().await;
                self.put_in_folder(place).await
            }
        }
    }

    /// Writes the file; where its folder turns out to be missing, that is made first.
    async fn put_in_folder(&self, place: &Place) -> Result<(), StorageError> {
        let first = self.put(place).await?;
        if first.status().is_success() {
            return Ok(());
        }
        if !self.dialect.folder_is_missing(first.status()) {
            return Err(refusal(first.response, &self.target).await);
        }
        let refused = self.make_folders(place).await?;
        let second = self.put(place).await?;
        match (second.status(), refused) {
            (status, _) if status.is_success() => Ok(()),
            // Why there is no folder says more than that there is none.
            (status, Some(error)) if self.dialect.folder_is_missing(status) => Err(error),
            _ => Err(refusal(second.response, &self.target).await),
        }
    }

    async fn put(&self, place: &Place) -> Result<Answer, StorageError> {
        let content = Content::File(self.content.clone());
        let ask = Ask::new(Method::PUT, self.server.url(place)).content(self.content_type, content);
        self.server.send(&ask, &self.target).await
    }

    /// Makes each folder on the way. One that is there already, or that another upload is just making, is fine, and the
    /// outer ones may be there without being ours to make: so no refusal counts until the file cannot be written.
    async fn make_folders(&self, place: &Place) -> Result<Option<StorageError>, StorageError> {
        let mut refused = None;
        for folder in place.folders() {
            let ask = self.dialect.make_folder(self.server, folder);
            let Answer { response, .. } = self.server.send(&ask, &self.target).await?;
            if response.status().is_success() {
                read_text(response, REST).await;
                refused = None;
                continue;
            }
            // That a folder's own parent is missing says less than why that could not be made.
            let news = refused.is_none() || !self.dialect.folder_is_missing(response.status());
            if news && response.status() != StatusCode::METHOD_NOT_ALLOWED {
                refused = Some(refusal(response, &self.target).await);
            }
        }
        Ok(refused)
    }

    async fn rename(&self, ask: &Ask) -> Result<Renamed, StorageError> {
        let Answer { response, tries } = self.server.send(ask, &self.target).await?;
        let status = response.status();
        // An earlier try whose answer was lost has done it: the temporary name is nobody else's.
        let done_before = tries > 1 && status == StatusCode::NOT_FOUND;
        if status.is_success() || done_before {
            read_text(response, REST).await;
            return Ok(Renamed::Yes);
        }
        if self.dialect.cannot_rename(status) {
            tracing::debug!(object = %self.target, %status, "the store renames no files: writing in place");
            return Ok(Renamed::Never);
        }
        Err(refusal(response, &self.target).await)
    }
}

/// A file under its temporary name. Dropped before it is told to forget it, at an error or a deadline, it removes the
/// file beside whatever comes next.
struct Unfinished {
    server: Arc<Server>,
    target: Target,
    place: Place,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    There,
    Gone,
}

impl Unfinished {
    fn new(server: &Arc<Server>, place: Place, target: &Target) -> Self {
        Self {
            server: Arc::clone(server),
            target: target.clone(),
            place,
            state: State::There,
        }
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn forget(mut self) {
        self.state = State::Gone;
    }

    async fn remove(mut self) {
        self.state = State::Gone;
        remove(&self.server, &self.place, &self.target).await;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.state == State::There {
            let (server, place) = (Arc::clone(&self.server), self.place.clone());
            let target = self.target.clone();
            runtime.spawn(async move { remove(&server, &place, &target).await });
        }
    }
}

/// Asks once: a server that cannot be reached has more to tell than this.
async fn remove(server: &Server, place: &Place, target: &Target) {
    let ask = Ask::new(Method::DELETE, server.url(place));
    match server.follow(&ask).await {
        Ok(response)
            if response.status().is_success() || response.status() == StatusCode::NOT_FOUND => {}
        Ok(response) => {
            tracing::warn!(object = %target, file = place.plain(), status = %response.status(), "an unfinished upload could not be removed");
        }
        Err(error) => {
            tracing::warn!(object = %target, file = place.plain(), %error, "an unfinished upload could not be removed");
        }
    }
}
