//! Work on a thread of its own, which ends when the time is up and whose panic is an error like any other.

use super::{Failure, ImageError, interrupt::Interrupt};
use environment::{Limits, Stop};

/// Runs `work`, which is `step` in messages, on a thread of its own, with `meanwhile` beside it, and waits for its end even when it must stop: what
/// it has made is then ready to be removed.
pub(crate) async fn in_background<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
    interrupt: &Interrupt,
    limits: &Limits,
    meanwhile: impl Future<Output = ()>,
) -> Result<T, Failure> {
    /// Should nobody wait any more, the thread must not go on.
    struct Dropped<'a>(Option<&'a Interrupt>);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            if let Some(interrupt) = self.0 {
                interrupt.set();
            }
        }
    }
    let mut guard = Dropped(Some(interrupt));
    let mut thread = tokio::task::spawn_blocking(work);
    let beside = async {
        meanwhile.await;
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = &mut thread => {
            guard.0 = None;
            Ok(ended)
        }
        () = beside => Err(Stop::Deadline),
        why = limits.reached() => Err(why),
    };
    match ended {
        Ok(Ok(done)) => done.map_err(Failure::Image),
        Ok(Err(error)) => Err(Failure::Image(match error.try_into_panic() {
            Ok(payload) => ImageError::panicked(step, payload.as_ref()),
            // The runtime shuts down.
            Err(_cancelled) => ImageError::Interrupted,
        })),
        Err(why) => {
            drop(guard);
            let _interrupted = thread.await;
            Err(Failure::Stopped(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_names_the_step() {
        let limits = Limits {
            deadline: None,
            grace: Duration::ZERO,
            cancelled: watch::channel(None).1,
        };
        let work = || -> Result<(), ImageError> { panic!("index {} of 3", 7) };
        let meanwhile = std::future::ready(());
        let interrupt = Interrupt::default();
        let ended = in_background("counting", work, &interrupt, &limits, meanwhile).await;
        let Err(Failure::Image(error)) = ended else {
            panic!("{ended:?}");
        };
        let message = error.to_string();
        assert!(
            message.contains("internal error while counting: index 7 of 3"),
            "{message}"
        );
    }
}
