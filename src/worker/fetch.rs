//! Fetching a model from the hub beside the engine: the loaded model stays usable meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::mailbox::Mailbox;
use super::source::neither;
use crate::hub::{self, HubError, HubId, HubSettings};

/// Name of the thread; its panics are reported like the engine's.
pub const FETCH_THREAD: &str = "fetch";
/// Progress is told at most this often.
const PACE: Duration = Duration::from_millis(100);

/// What the fetching thread tells the engine's.
#[derive(Debug)]
pub(crate) enum News {
    /// MiB that are there, of a file.
    Progress { done: usize, total: usize },
    /// The model's directory, with a remark; or the stable id and words of what went wrong.
    Done(Result<(PathBuf, Option<String>), (&'static str, String)>),
}

/// A running fetch; dropping it stops it. What has arrived by then stays in the cache.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) id: HubId,
    stop: Arc<AtomicBool>,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Fetch {
    pub(crate) fn start(id: HubId, mailbox: &Arc<Mailbox>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (wanted, stopped, mailbox) = (id.clone(), Arc::clone(&stop), Arc::clone(mailbox));
        std::thread::Builder::new()
            .name(FETCH_THREAD.to_owned())
            .spawn(move || {
                let done = catch_unwind(AssertUnwindSafe(|| run(&wanted, &stopped, &mailbox)));
                if !stopped.load(Ordering::Relaxed) {
                    let done = done.unwrap_or_else(|_| {
                        let words = format!("fetching '{wanted}' ended unexpectedly; try again");
                        Err(("hub-fault", words))
                    });
                    mailbox.news(News::Done(done));
                }
            })?;
        Ok(Self { id, stop })
    }
}

fn run(
    id: &HubId,
    stop: &AtomicBool,
    mailbox: &Mailbox,
) -> Result<(PathBuf, Option<String>), (&'static str, String)> {
    let mut told: Option<Instant> = None;
    let mut progress = |step: hub::Step<'_>| {
        if stop.load(Ordering::Relaxed) || told.is_some_and(|t| t.elapsed() < PACE) {
            return;
        }
        told = Some(Instant::now());
        let mib = |bytes: u64| usize::try_from(bytes >> 20).unwrap_or(usize::MAX);
        mailbox.news(News::Progress {
            done: mib(step.done),
            total: mib(step.size).max(1),
        });
    };
    let settings = HubSettings::from_env()
        .ok_or_else(|| (HubError::NoCache.id(), HubError::NoCache.to_string()))?;
    let fetched = hub::fetch(id, &settings, &mut progress, &|| {
        stop.load(Ordering::Relaxed)
    })
    .map_err(|e| (e.id(), neither(id, &e)))?;
    Ok((fetched.path, fetched.stale))
}
