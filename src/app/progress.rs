//! Work under way, with the time it will still take.

use std::time::Duration;

use crate::protocol::Stage;

/// No estimate before this much of it has been watched.
const WATCH: Duration = Duration::from_secs(1);

/// What each stage has reported.
#[derive(Debug, Default)]
pub struct Progress {
    /// Stage, units done, units in all (0: unknown).
    now: Vec<(Stage, usize, usize)>,
    /// When a stage was first heard of, and how far it was.
    begun: Vec<(Stage, Duration, usize)>,
}

impl Progress {
    /// Stage, units done, units in all (0: unknown).
    pub fn stages(&self) -> &[(Stage, usize, usize)] {
        &self.now
    }

    pub(super) fn report(&mut self, stage: Stage, done: usize, total: usize, now: Duration) {
        self.now.retain(|p| p.0 != stage);
        self.now.push((stage, done, total));
        let place = self.begun.iter().position(|b| b.0 == stage);
        match place.and_then(|i| self.begun.get_mut(i)) {
            // Less than before: another piece of work.
            Some(begun) if done < begun.2 => *begun = (stage, now, done),
            Some(_) => {}
            None => self.begun.push((stage, now, done)),
        }
    }

    /// A stage is over; returns whether it was under way.
    pub(super) fn end(&mut self, stage: Stage) -> bool {
        let before = self.now.len();
        self.now.retain(|p| p.0 != stage);
        self.begun.retain(|b| b.0 != stage);
        self.now.len() != before
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Time left at the rate so far; `None` where nothing can be said yet.
    pub fn left(&self, stage: Stage, now: Duration) -> Option<Duration> {
        let (_, done, total) = self.now.iter().find(|p| p.0 == stage)?;
        let (_, since, from) = self.begun.iter().find(|b| b.0 == stage)?;
        let spent = now.checked_sub(*since).filter(|s| *s >= WATCH)?;
        let finished = done.checked_sub(*from).filter(|n| *n > 0)?;
        let rest = total.checked_sub(*done)?;
        Duration::try_from_secs_f64(spent.as_secs_f64() * rest as f64 / finished as f64).ok()
    }
}

/// A time span as short as it can be read: `8 s`, `3 min`, `2.5 h`.
pub fn short(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..100 => format!("{s} s"),
        s @ 100..6000 => format!("{} min", (s + 30) / 60),
        s => format!("{:.1} h", s as f64 / 3600.0),
    }
}
