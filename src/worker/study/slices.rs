//! A study that runs in slices on the engine's thread.

use std::time::Duration;

use super::Trouble;
use crate::engine::Cancel;
use crate::protocol::StudyNews;
use crate::units::RunId;
use crate::worker::job::Desk;

/// Shortest length a slice aims at.
const SLICE: Duration = Duration::from_millis(25);

/// What the engine's loop asks of it.
pub(crate) trait Slices {
    fn run(&self) -> RunId;

    /// Whether something else is wanted by now.
    fn is_stale(&self) -> bool;

    /// One slice, which gives way to any command and is made again then. `Ok(false)` at the end.
    fn step(
        &mut self,
        desk: &mut Desk,
        gives_way: &Cancel,
        tell: &mut dyn FnMut(StudyNews),
    ) -> Result<bool, Trouble>;

    /// Units done, units in all.
    fn progress(&self) -> (usize, usize);
}

/// How many inputs the next slice takes: as many as its length allows at the speed of the last one.
#[derive(Debug)]
pub(super) struct Pace(usize);

impl Default for Pace {
    fn default() -> Self {
        Self(1)
    }
}

impl Pace {
    pub(super) fn inputs(&self) -> usize {
        self.0
    }

    pub(super) fn took(&mut self, inputs: usize, spent: Duration) {
        let spent = spent.max(Duration::from_micros(50));
        let ideal = inputs as f64 * SLICE.as_secs_f64() / spent.as_secs_f64();
        self.0 = (ideal as usize).clamp(1, 4 * self.0);
    }
}
