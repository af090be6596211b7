//! The comparison of the two lanes: what is shown, what was asked for, where the texts differ.
//!
//! A new request does not clear anything: its texts replace the shown ones with the first token.

use std::ops::Range;
use std::time::Duration;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::protocol::{FinishReason, GenerateRequest, TokenPiece};
use crate::text::sanitize;
use crate::units::{Lane, RunId};

/// Tokens kept per lane; later ones are counted, not stored.
pub const MAX_TOKENS: usize = 4096;
/// Words compared; the rest of longer texts stays unmarked.
const MAX_WORDS: usize = 3000;

/// One lane's text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LaneText {
    ids: Vec<u32>,
    raw: String,
    /// Byte length of `raw` after each token.
    ends: Vec<usize>,
    dropped: usize,
    /// Sanitized text.
    pub text: String,
    /// Byte ranges of `text` whose words the other lane does not have.
    pub changed: Vec<Range<usize>>,
    /// Byte index in `text` of the first token that differs from the other lane.
    pub diverges_at: Option<usize>,
    /// Why it ended, once it did.
    pub finished: Option<FinishReason>,
    /// Text of the request before for the same prompt.
    previous: String,
}

impl LaneText {
    fn push(&mut self, tokens: Vec<TokenPiece>) {
        for token in tokens {
            if self.ids.len() >= MAX_TOKENS {
                self.dropped += 1;
                continue;
            }
            self.ids.push(token.id);
            self.raw.push_str(&token.text);
            self.ends.push(self.raw.len());
        }
    }

    /// Vocabulary ids of the tokens kept.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Tokens received.
    pub fn len(&self) -> usize {
        self.ids.len() + self.dropped
    }

    /// No token yet.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// While the text grows: what the one before had beyond it, to be shown dimmed, so that the
    /// pane does not shrink and grow with every move of a slider.
    pub fn remainder(&self) -> &str {
        if self.finished.is_some() {
            return "";
        }
        let rest = self.text.chars().count();
        let place = self
            .previous
            .char_indices()
            .nth(rest)
            .map_or(self.previous.len(), |(i, _)| i);
        let tail = self.previous.get(place..).unwrap_or_default();
        // Whole words only.
        tail.find(char::is_whitespace)
            .and_then(|i| tail.get(i..))
            .unwrap_or_default()
    }

    /// Whether it takes the place of an earlier text for the same prompt.
    pub fn has_previous(&self) -> bool {
        !self.previous.is_empty()
    }

    fn place_of(&self, token: usize) -> usize {
        let end = token
            .checked_sub(1)
            .and_then(|t| self.ends.get(t))
            .copied()
            .unwrap_or(0);
        let place = self.raw.get(..end).map_or(0, |head| sanitize(head).len());
        if self.text.is_char_boundary(place) {
            place
        } else {
            self.text.len()
        }
    }
}

/// Texts of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// What was asked for.
    pub request: GenerateRequest,
    /// The setting in words, from long to short.
    pub label: [String; 3],
    /// What the steered text is held against: unsteered, or a control.
    pub baseline: LaneText,
    /// Steered.
    pub steered: LaneText,
    /// Index of the first token that differs, from 0.
    pub diverges: Option<usize>,
    /// What the left text stands for, or why it cannot be made, where it is not the unsteered one.
    pub about: Option<Result<String, String>>,
    first_token: Option<Duration>,
    last_token: Option<Duration>,
    reported_rate: Option<f32>,
    outdated: bool,
}

impl Generation {
    fn new(request: GenerateRequest, label: [String; 3]) -> Self {
        Self {
            request,
            label,
            baseline: LaneText::default(),
            steered: LaneText::default(),
            diverges: None,
            about: None,
            first_token: None,
            last_token: None,
            reported_rate: None,
            outdated: false,
        }
    }

    /// One lane.
    pub fn lane(&self, lane: Lane) -> &LaneText {
        match lane {
            Lane::Baseline => &self.baseline,
            Lane::Steered => &self.steered,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut LaneText {
        match lane {
            Lane::Baseline => &mut self.baseline,
            Lane::Steered => &mut self.steered,
        }
    }

    /// Both lanes ended.
    pub fn is_finished(&self) -> bool {
        self.baseline.finished.is_some() && self.steered.finished.is_some()
    }

    /// Both texts are complete and equal.
    pub fn is_identical(&self) -> bool {
        self.is_finished() && self.diverges.is_none()
    }

    /// Tokens per second over both lanes: the worker's figure, before that an own estimate.
    pub fn rate(&self) -> Option<f32> {
        self.reported_rate.or_else(|| {
            let seconds = self
                .last_token?
                .checked_sub(self.first_token?)?
                .as_secs_f32();
            let tokens = self.baseline.len() + self.steered.len();
            (seconds > 0.05).then(|| tokens as f32 / seconds)
        })
    }

    fn refresh(&mut self) {
        if !std::mem::take(&mut self.outdated) {
            return;
        }
        self.baseline.text = sanitize(&self.baseline.raw);
        self.steered.text = sanitize(&self.steered.raw);
        let (a, b) = (&self.baseline, &self.steered);
        let common = a.ids.iter().zip(&b.ids).take_while(|(x, y)| x == y).count();
        let (short, long) = if a.ids.len() <= b.ids.len() {
            (a, b)
        } else {
            (b, a)
        };
        let differs = common < short.ids.len()
            || (short.finished.is_some() && common < long.ids.len() && short.dropped == 0);
        let differs = differs && !matches!(self.about, Some(Err(_)));
        self.diverges = differs.then_some(common);
        self.baseline.diverges_at = self.diverges.map(|t| self.baseline.place_of(t));
        self.steered.diverges_at = self.diverges.map(|t| self.steered.place_of(t));
        let (old, new) = if differs {
            changed_words(&self.baseline.text, &self.steered.text)
        } else {
            (Vec::new(), Vec::new())
        };
        self.baseline.changed = old;
        self.steered.changed = new;
    }
}

/// The shown texts and the request under way.
#[derive(Debug, Clone, Default)]
pub struct Compare {
    shown: Option<Generation>,
    pending: Option<Generation>,
    newest: RunId,
    running: bool,
}

impl Compare {
    /// What the panes show.
    pub fn shown(&self) -> Option<&Generation> {
        self.shown.as_ref()
    }

    /// Whether tokens are still to come.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// The shown texts belong to an earlier request than the newest one.
    pub fn is_stale(&self) -> bool {
        self.shown
            .as_ref()
            .is_some_and(|g| g.request.run != self.newest)
    }

    /// The newest request, whether shown yet or not.
    pub fn wanted(&self) -> Option<&GenerateRequest> {
        self.pending
            .as_ref()
            .or(self.shown.as_ref())
            .map(|g| &g.request)
    }

    /// A request goes out.
    pub fn requested(&mut self, request: GenerateRequest, label: [String; 3]) {
        self.newest = request.run;
        self.running = true;
        self.pending = Some(Generation::new(request, label));
    }

    /// What the left text stands for.
    pub fn reference(&mut self, run: RunId, words: Result<String, String>) -> bool {
        let Some(generation) = self.current(run) else {
            return false;
        };
        generation.about = Some(words);
        true
    }

    /// Tokens came in. Returns whether they belong to the newest request.
    pub fn tokens(
        &mut self,
        run: RunId,
        lane: Lane,
        tokens: Vec<TokenPiece>,
        now: Duration,
    ) -> bool {
        let Some(generation) = self.current(run) else {
            return false;
        };
        generation.first_token.get_or_insert(now);
        generation.last_token = Some(now);
        generation.lane_mut(lane).push(tokens);
        generation.outdated = true;
        self.promote();
        true
    }

    /// A lane ended.
    pub fn finished(&mut self, run: RunId, lane: Lane, reason: FinishReason, rate: f32) -> bool {
        let Some(generation) = self.current(run) else {
            return false;
        };
        generation.lane_mut(lane).finished = Some(reason);
        generation.outdated = true;
        if rate.is_finite() && rate > 0.0 {
            generation.reported_rate = Some(rate);
        }
        let ended = generation.is_finished();
        self.promote();
        self.running &= !ended;
        true
    }

    /// The user stopped, the request failed or the engine died: what was streamed stays.
    pub fn stopped(&mut self) {
        self.running = false;
        self.pending = None;
        if let Some(g) = self.shown.as_mut().filter(|g| g.request.run == self.newest) {
            for lane in [Lane::Baseline, Lane::Steered] {
                g.lane_mut(lane)
                    .finished
                    .get_or_insert(FinishReason::Stopped);
            }
            g.outdated = true;
        }
    }

    /// Brings the marks up to date with the tokens; once per batch, not per token.
    pub fn refresh(&mut self) {
        if let Some(g) = &mut self.shown {
            g.refresh();
        }
    }

    fn current(&mut self, run: RunId) -> Option<&mut Generation> {
        if run != self.newest || !self.running {
            return None;
        }
        self.pending.as_mut().or(self.shown.as_mut())
    }

    /// The pending texts take over once both lanes have something to show: a kept unsteered text
    /// comes at once, and the steered pane must not go blank for it.
    fn promote(&mut self) {
        let ready = |lane: &LaneText| !lane.is_empty() || lane.finished.is_some();
        let Some(mut next) = self
            .pending
            .take_if(|g| ready(&g.baseline) && ready(&g.steered))
        else {
            return;
        };
        if let Some(old) = self.shown.take().filter(|old| {
            let (old, next) = (&old.request, &next.request);
            old.prompt == next.prompt && old.chat == next.chat
        }) {
            if old.request.reference == next.request.reference {
                next.baseline.previous = old.baseline.text;
            }
            next.steered.previous = old.steered.text;
        }
        self.shown = Some(next);
    }
}

/// Byte ranges of the words that only one of the texts has, in order.
pub fn changed_words(old: &str, new: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (old_words, new_words) = (words(old), words(new));
    let texts = |text, words: &[Range<usize>]| -> Vec<String> {
        words
            .iter()
            .map(|r| str::get(text, r.clone()).unwrap_or_default().to_owned())
            .collect()
    };
    let ops = capture_diff_slices(
        Algorithm::Myers,
        &texts(old, &old_words),
        &texts(new, &new_words),
    );
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for op in ops {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        removed.extend(old_words.get(op.old_range()).and_then(span));
        added.extend(new_words.get(op.new_range()).and_then(span));
    }
    (removed, added)
}

fn span(words: &[Range<usize>]) -> Option<Range<usize>> {
    Some(words.first()?.start..words.last()?.end)
}

fn words(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    for (i, c) in text.char_indices() {
        if out.len() >= MAX_WORDS {
            return out;
        }
        match (c.is_whitespace(), start) {
            (false, None) => start = Some(i),
            (true, Some(s)) => {
                out.push(s..i);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(s) = start {
        out.push(s..text.len());
    }
    out
}
