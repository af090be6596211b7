//! Two pinned states to flip between: vector, block, coefficient, mask.

use crate::app::App;
use crate::app::messages::Level;
use crate::app::signed;
use crate::app::steering::Setting;
use crate::protocol::{Asset, Command};

/// A state of the steering.
#[derive(Debug, Clone, PartialEq)]
pub struct Pin {
    /// Vector.
    pub vector: Asset,
    /// Block, coefficient, mask, on or off.
    pub setting: Setting,
}

/// At most two of them; the newer one is where the next flip leaves from.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    kept: Vec<Pin>,
    /// A setting that waits for its vector.
    waiting: Option<Pin>,
}

impl Pins {
    /// Pinned states, the older one first.
    pub fn kept(&self) -> &[Pin] {
        &self.kept
    }

    pub(super) fn are_two(&self) -> bool {
        self.kept.len() == 2
    }
}

impl App {
    /// Pinned states.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    fn state(&self) -> Option<Pin> {
        Some(Pin {
            vector: self.vector.as_ref()?.asset.clone(),
            setting: self.steering.now(),
        })
    }

    /// Pins the present state; of three, the oldest goes.
    pub(super) fn pin(&mut self) {
        let Some(state) = self.state() else { return };
        self.pins.kept.retain(|p| *p != state);
        if self.pins.kept.len() == 2 {
            self.pins.kept.remove(0);
        }
        let letter = if self.pins.kept.is_empty() { 'A' } else { 'B' };
        let words = format!(
            "pinned {letter}: {} {} block {}",
            crate::text::one_line(&state.vector.label()),
            signed(state.setting.coefficient),
            state.setting.block
        );
        self.pins.kept.push(state);
        self.say(Level::Info, words);
    }

    /// To the pinned state that is not on screen.
    pub(super) fn flip(&mut self) {
        let now = self.state();
        let other = (self.pins.kept.iter())
            .find(|p| Some(*p) != now.as_ref())
            .cloned();
        let Some(pin) = other else { return };
        // The one that was left comes next.
        self.pins.kept.reverse();
        let loaded = self.vector.as_ref().map(|v| v.asset.clone());
        if loaded.as_ref() == Some(&pin.vector) {
            self.take_pin(&pin);
        } else {
            self.wanted_vector = Some(pin.vector.clone());
            self.send(Command::LoadVector(pin.vector.clone()));
            self.pins.waiting = Some(pin);
        }
    }

    /// A vector arrived: the setting that waited for it is taken.
    pub(super) fn pinned_vector(&mut self) {
        let Some(pin) = self.pins.waiting.take() else {
            return;
        };
        if self.vector.as_ref().is_some_and(|v| v.asset == pin.vector) {
            self.take_pin(&pin);
        }
    }

    fn take_pin(&mut self, pin: &Pin) {
        let setting = pin.setting;
        self.block_chosen = true;
        self.scale.include(setting.coefficient);
        self.change(|s| *s = setting);
    }
}
