//! How many cores the engine uses.

use std::sync::OnceLock;

static COUNT: OnceLock<usize> = OnceLock::new();

/// Sizes the engine's thread pool; call once at process start, before any model runs.
///
/// All cores where there are one or two, else all but one, which stays free for the interface.
/// `RAYON_NUM_THREADS` overrides it. Returns the number of threads. Later calls change nothing.
pub fn init_threads() -> usize {
    *COUNT.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let wanted = std::env::var("RAYON_NUM_THREADS")
            .ok()
            .and_then(|v| v.trim().parse::<usize>().ok())
            .filter(|n| *n > 0)
            .unwrap_or(if cores > 2 { cores - 1 } else { cores });
        // Fails only when a pool exists already; then its size is the truth.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(wanted)
            .thread_name(|i| format!("steerscope-compute-{i}"))
            .build_global();
        rayon::current_num_threads()
    })
}

/// Whether this thread belongs to the pool. Only then do the single operations of a pass go parallel:
/// from outside, each would wake the pool and wait for it, which costs more than a small matrix.
pub(super) fn in_pool_thread() -> bool {
    rayon::current_thread_index().is_some()
}

/// Threads that the engine computes with.
pub fn thread_count() -> usize {
    init_threads()
}
