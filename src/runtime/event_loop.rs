//! The loop: wait for something, drain everything that waits, update, draw once.
//!
//! Frames for news of the worker are coalesced to at most 60 a second, nothing is drawn when nothing changed, and an idle
//! program sleeps until the next event.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

use crossterm::event::{Event as TerminalEvent, EventStream};
use futures_util::StreamExt;
use tokio::sync::mpsc::UnboundedReceiver;

use super::effects::Shell;
use super::keys;
use super::signals::Signals;
use super::terminal::Screen;
use crate::app::{App, Msg};
use crate::protocol::Event;
use crate::ui::{self, Glyphs, Look};

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The user left.
    Quit,
    /// A signal asked for the end; its number.
    Signal(i32),
}

/// Runs the program until it ends.
pub(crate) async fn run(
    app: &mut App,
    look: &mut Look,
    screen: &mut Screen,
    shell: &mut Shell,
    events: &mut UnboundedReceiver<Event>,
    crash_on_key: bool,
) -> io::Result<Ended> {
    let start = Instant::now();
    let mut signals = Signals::install()?;
    let mut input = EventStream::new();
    let mut drawn_at: Option<Instant> = None;
    let mut batch: Vec<Msg> = Vec::new();
    // The user did something: the answer is drawn at once, only news of the worker wait.
    let mut touched = false;
    loop {
        let effects = app.flush();
        if let Some(ended) = shell.perform(effects, screen)? {
            return Ok(ended);
        }
        let now = Instant::now();
        let due = drawn_at.filter(|_| !touched).map_or(now, |t| t + FRAME);
        if app.dirty() && due <= now {
            draw(app, look, screen)?;
            drawn_at = Some(Instant::now());
            touched = false;
        }
        let tick = app.next_tick().map(|t| start + t);
        let frame = app.dirty().then_some(due);
        let wake = [tick, frame].into_iter().flatten().min();
        let mut lost = false;
        tokio::select! {
            biased;
            signal = signals.next() => return Ok(Ended::Signal(signal)),
            event = input.next() => match event {
                Some(event) => batch.extend(keys::message(event?)),
                None => lost = true,
            },
            Some(event) = events.recv() => batch.push(Msg::Worker(event)),
            () = sleep_until(wake) => {}
        }
        if lost {
            // The terminal is gone; nobody can see or answer.
            return Ok(Ended::Signal(super::signals::HANGUP));
        }
        while let Ok(event) = events.try_recv() {
            batch.push(Msg::Worker(event));
        }
        while let Poll::Ready(Some(event)) = poll_now(&mut input).await {
            batch.extend(keys::message(event?));
        }
        assert!(
            !(crash_on_key && batch.iter().any(|m| matches!(m, Msg::Key(_)))),
            "asked to panic on the first key"
        );
        if batch.iter().any(|m| matches!(m, Msg::Resize(..))) {
            // Terminals reflow or cut what they show, even when the last size equals the first.
            screen.forget();
        }
        touched |= batch.iter().any(|m| !matches!(m, Msg::Worker(_)));
        let mut effects = app.update(Msg::Tick(start.elapsed()));
        for message in batch.drain(..) {
            effects.extend(app.update(message));
        }
        if let Some(ended) = shell.perform(effects, screen)? {
            return Ok(ended);
        }
    }
}

fn draw(app: &mut App, look: &mut Look, screen: &mut Screen) -> io::Result<()> {
    let theme = look.theme(app);
    let glyphs = Glyphs::of(app.glyphs());
    let mut hits = None;
    screen.draw(|frame| hits = Some(ui::render(app, theme, &glyphs, frame)))?;
    if let Some(hits) = hits {
        app.drawn(hits);
    }
    Ok(())
}

/// The next event if one waits. Polls with the loop's own waker: the stream remembers the last one
/// it was polled with, and another one would leave the loop asleep at the next key.
async fn poll_now(input: &mut EventStream) -> Poll<Option<io::Result<TerminalEvent>>> {
    poll_fn(|context| Poll::Ready(input.poll_next_unpin(context))).await
}

/// Sleeps until `when`; for ever without one.
async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
