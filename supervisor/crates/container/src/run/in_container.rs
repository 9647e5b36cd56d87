//! Runs one container: exactly one udocker command, or what the native engine starts in its place; its end observed from
//! the inside (see [`crate::shim::init`]), everything it started gone afterwards.

use std::{ffi::OsString, fs::File, path::Path};

use nix::fcntl::{Flock, FlockArg};
use tokio::time::Instant;

use super::lookup::Lookup;
use crate::{
    engine::command::{Family, is_runc},
    error::ContainerError,
    exec::{
        leftovers::{Leftovers, Tenancy},
        log::LogSink,
        outcome::RunReport,
        process::Running,
        request::RunRequest,
        run_pipes::RunPipes,
        udocker::Udocker,
        wait::{WaitResult, wait_for_exit},
    },
    off_thread::off_thread,
    prepare::{prepared::Prepared, store::Store},
    rollback::{
        journal::{Inside, Journal},
        policy::{State, Undo},
    },
    run::{clean_up, container::Container},
    shim::launch_spec::{FirstProcess, LaunchSpec},
    workspace::RecordDir,
};
use environment::Limits;
use rootfs::executable;

/// Runs the container to its end, to the deadline or until it is cancelled.
///
/// # Errors
/// [`ContainerError`] when it did not start; how it ended is in the report.
pub async fn run(
    udocker: &Udocker,
    container: Container<'_>,
    request: RunRequest<'_>,
    temp: &Path,
    sink: &mut dyn LogSink,
) -> Result<RunReport, ContainerError> {
    let prepared = container.prepared;
    let argv = request.command.argv(&prepared.command);
    check_executable(container, &request, &argv)?;
    let store = Store::new(udocker.settings());
    let in_use = use_container(&store, prepared, &request.limits).await?;
    let started = Instant::now();
    let spec = match &prepared.guest {
        Some(guest) => {
            super::natively::launch_spec(udocker, guest, container, &request, &argv, temp)?
        }
        None => super::by_udocker::launch_spec(udocker, container, &request, temp)?,
    };
    // What the run needs outside of ROOT is there before the journal looks.
    let pipes = run_pipes(&spec, &argv, &request)?;
    let inside = match (&prepared.guest, Family::of(prepared.mode)) {
        (Some(_), Family::Preload) => Some(Inside::Link),
        (Some(_), Family::Inside) => None,
        (None, _) => Some(Inside::MountPoint),
    };
    prepared.undo.before_run(request.record.root(), inside);
    if matches!(prepared.undo, Undo::Rebuild(_)) {
        // Also for whoever comes after this process, should it be killed.
        store.clear_ready(&prepared.name);
    }
    let settings = udocker.settings();
    let leftovers = Leftovers::before_run(Tenancy::of(settings.platform, settings.invocations));
    let seen = attempt(udocker, prepared, &spec, pipes, &request, sink).await;
    leftovers.remove_new();
    clear_up(store, prepared, request.record, in_use).await;
    seen?.report(started, |status, message| {
        let image = prepared.image.clone();
        match prepared.guest {
            // By the native engine.
            Some(_) => ContainerError::NotStartedInImage {
                image,
                status,
                message,
            },
            None => ContainerError::Step {
                step: "run",
                image,
                status,
                message,
                hint: "; the container's command did not start",
            },
        }
    })
}

/// The pipes of the run, and, where udocker brings the first process into the container, what that finds beside them.
fn run_pipes(
    spec: &LaunchSpec,
    argv: &[OsString],
    request: &RunRequest<'_>,
) -> Result<RunPipes, ContainerError> {
    let mut pipes = RunPipes::make(&spec.engine_spec.handoff)?;
    if spec.engine_spec.first == FirstProcess::Inside {
        pipes.write(argv, request.variables)?;
    }
    Ok(pipes)
}

/// Has a shim run it, to its end.
async fn attempt(
    udocker: &Udocker,
    prepared: &Prepared,
    spec: &LaunchSpec,
    pipes: RunPipes,
    request: &RunRequest<'_>,
    sink: &mut dyn LogSink,
) -> Result<WaitResult, ContainerError> {
    let overlay = prepared.overlay_mount(request.record);
    let running = Running::start(&udocker.settings().supervisor, &overlay, spec)?;
    Ok(wait_for_exit(running, pipes, request, sink).await)
}

/// Other supervisors may run the same container, except where changes are undone after the run, and in R modes: udocker
/// keeps the run's configuration in the container's directory there, one for all.
async fn use_container(
    store: &Store,
    prepared: &Prepared,
    limits: &Limits,
) -> Result<Flock<File>, ContainerError> {
    let name = &prepared.name;
    let alone =
        is_runc(prepared.mode) || matches!(prepared.undo, Undo::Journal(_) | Undo::Rebuild(_));
    let how = if alone {
        FlockArg::LockExclusiveNonblock
    } else {
        FlockArg::LockSharedNonblock
    };
    tokio::select! {
        lock = store.lock_container(name, how) =>
            lock.map_err(ContainerError::io(format!("lock container {name}"))),
        why = limits.reached() => Err(ContainerError::Stopped {
            why,
            step: "run",
            image: prepared.image.clone(),
        }),
    }
}

/// Clears up behind a run: at once where runs share the container and little is to be done, else when the answer is posted.
async fn clear_up(store: Store, prepared: &Prepared, record: &RecordDir, in_use: Flock<File>) {
    let (owned, record) = (prepared.clone(), record.root().to_owned());
    if matches!(prepared.undo, Undo::Overlay) {
        return clear(&store, &owned, &record, in_use);
    }
    // What came in the run's own directories is looked at while it is there.
    let undo = prepared.undo.clone();
    let looked = off_thread(move || {
        undo.run_is_over();
        Ok(())
    });
    if let Err(error) = looked.await {
        tracing::error!(%error, "what the run changed in the image is unknown: the container will be rebuilt");
        store.clear_ready(&prepared.name);
    }
    prepared
        .clearing
        .put(move || clear(&store, &owned, &record, in_use));
}

/// Until then, what was in use by nobody else stays so. Else the last one out turns off the light: only then is the container nobody
/// else's.
fn clear(store: &Store, prepared: &Prepared, record: &Path, in_use: Flock<File>) {
    let name = prepared.name.as_str();
    let alone = match prepared.undo {
        Undo::Journal(_) | Undo::Rebuild(_) => Some(in_use),
        Undo::Overlay | Undo::Scratch(_) => {
            drop(in_use);
            store.own_container(name)
        }
    };
    let last = match alone {
        Some(_) => clean_up::Last::Yes,
        None => clean_up::Last::No,
    };
    match clean_up::after_run(prepared, record, last, store.build_time(name)) {
        State::Clean => return,
        State::Lost(paths) => tracing::warn!(
            ?paths,
            "the run changed large files of the image in place: the container will be rebuilt"
        ),
        State::TooSlow => tracing::warn!(
            "to undo what the run changed in the image takes longer than to rebuild the container: it will be rebuilt"
        ),
        State::Unknown => tracing::info!("the container will be rebuilt before the next run"),
    }
    store.clear_ready(name);
    // The new container needs the room.
    Journal::discard_additions(&store.journal(name));
    if let Err(error) = store.remove_container(name) {
        tracing::debug!(%error, container = name, "the next preparation removes the container");
    }
}

/// Refuses what would run on the host's root, see [`executable`].
fn check_executable(
    container: Container<'_>,
    request: &RunRequest<'_>,
    argv: &[OsString],
) -> Result<(), ContainerError> {
    let prepared = container.prepared;
    let image = prepared.image.clone();
    let Some(program) = argv.first() else {
        return Err(ContainerError::NoCommand { image });
    };
    if Family::of(prepared.mode) == Family::Preload
        && executable::escapes(&Lookup::of(container, request).place(), Path::new(program))
    {
        return Err(ContainerError::StaticInPreloadMode {
            program: program.into(),
            image,
            mode: prepared.mode.to_string(),
        });
    }
    Ok(())
}
