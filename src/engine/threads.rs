//! How many cores the engine uses.

use std::hint::spin_loop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Multiply-adds below which a call stays on the calling thread: about a millisecond's work, such as
/// a few lanes of a small model. There, waiting for a second core that another process holds costs
/// more than that core would give.
const ALONE: usize = 1 << 25;
/// Pauses between two looks for work: a look costs the thread that has some.
const PAUSES: usize = 16;

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

/// Rows of a product that cost what streaming the weights costs.
pub(super) const STREAM: usize = 4;

/// Runs a pass of `rows` rows through `weights` weights. A large one enters the thread pool once, so that its many
/// small parallel loops need not wake the pool from outside; and while it lasts, the other threads
/// look for work without falling asleep: waking one takes longer than most of these loops.
pub(super) fn in_pool<T: Send>(rows: usize, weights: usize, f: impl FnOnce() -> T + Send) -> T {
    if rows.max(STREAM) * weights < ALONE {
        return f();
    }
    let over = AtomicBool::new(false);
    rayon::scope(|scope| {
        let (me, over) = (rayon::current_thread_index(), &over);
        scope.spawn_broadcast(move |_, context| {
            while Some(context.index()) != me && !over.load(Ordering::Acquire) {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    (0..PAUSES).for_each(|_| spin_loop());
                }
            }
        });
        let _end = End(over);
        f()
    })
}

/// Lets the other threads go, also where the pass ends by unwinding.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Threads that the engine computes with.
pub fn thread_count() -> usize {
    init_threads()
}
