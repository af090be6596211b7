//! Carrying out an action.

use std::time::Duration;

use crate::app::action::Action;
use crate::app::asking::AskingForm;
use crate::app::condition::ConditionForm;
use crate::app::extraction::ExtractForm;
use crate::app::focus::Pane;
use crate::app::messages::Level;
use crate::app::msg::{Effect, GlyphSet};
use crate::app::overlay::{Form, List, Overlay, PickerKind};
use crate::app::prompts::PromptRef;
use crate::app::screen::Screen;
use crate::app::{App, Engine};
use crate::protocol::{Command, VectorChange};
use crate::units::Mask;

/// Two interrupts within this time quit.
const TWICE: Duration = Duration::from_secs(2);

impl App {
    /// Does what the user asked for, or says why not.
    pub fn perform(&mut self, action: Action) {
        self.dirty = true;
        if let Err(reason) = self.available(action) {
            self.say(Level::Info, reason);
            return;
        }
        match action {
            Action::Close => self.close_top(),
            Action::Interrupt => self.interrupt(),
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Quit => self.quit(),
            Action::Help => self.overlays.push(Overlay::Help(List::default())),
            Action::Palette => self.overlays.push(Overlay::Palette(List::default())),
            Action::NextPane | Action::FocusPane => self.move_focus(1),
            Action::PreviousPane => self.move_focus(-1),
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::ShowExplore => self.show(Screen::Explore),
            Action::ShowLayers => self.show(Screen::Layers),
            Action::ShowFactors => self.show(Screen::Factors),
            Action::ShowShift => self.show(Screen::Shift),
            Action::ShowPredictors => self.show(Screen::Predictors),
            Action::ShowDatasets => self.show(Screen::Datasets),
            Action::ShowControls => self.show(Screen::Controls),
            Action::NextReference => self.next_reference(),
            Action::UnsteeredReference => self.unsteered_reference(),
            Action::ToggleControls => self.toggle_controls(),
            Action::ShowTokens => self.show(Screen::Tokens),
            Action::ShowFan => self.show(Screen::Fan),
            Action::ShowVectors => self.show(Screen::Vectors),
            Action::PickUnit => self.pick(PickerKind::Unit),
            Action::LoadSelected => self.load_selected(),
            Action::MarkVector => self.mark_vector(),
            Action::LoadRow => self.load_row(),
            Action::OwnBlocks => self.toggle_own_blocks(),
            Action::Duplicate => self.duplicate_vector(),
            Action::FlipVector => self.change_vector(VectorChange::Flip),
            Action::ScaleVector => self.ask_about_vector(PickerKind::Factor),
            Action::ShiftEarlier => self.change_vector(VectorChange::Shift(-1)),
            Action::ShiftLater => self.change_vector(VectorChange::Shift(1)),
            Action::AsMeasured => self.toggle_as_measured(),
            Action::RenameVector => self.ask_about_vector(PickerKind::Rename),
            Action::SaveVector => self.ask_about_vector(PickerKind::Save),
            Action::UndoVector => self.undo_vector(false),
            Action::RedoVector => self.undo_vector(true),
            Action::Calibrate => self.calibrate(),
            Action::Pin => self.pin(),
            Action::Flip => self.flip(),
            Action::NextScreen => self.show(self.screen.moved(1)),
            Action::PreviousScreen => self.show(self.screen.moved(-1)),
            Action::RunStudy => self.run_study(),
            Action::NextFigure if self.focus == Pane::Vectors => self.next_library_figure(),
            Action::OtherComparison if self.focus == Pane::Vectors => {
                self.library.without_top = !self.library.without_top;
            }
            Action::NextFigure => self.next_figure(),
            Action::OtherComparison => self.other_comparison(),
            Action::SuggestedBlock => self.go_to_suggested(),
            Action::ToggleSteering => self.change(|s| s.enabled = !s.enabled),
            Action::ToggleChat => self.toggle_chat(),
            Action::Asking => self.open_asking(),
            Action::Stop => self.stop(),
            Action::RerunNewSeed => {
                self.sampling.seed = self.sampling.seed.wrapping_add(1);
                if self.sampling.temperature == 0.0 {
                    self.say(
                        Level::Info,
                        "greedy decoding draws no random numbers; o sets a temperature",
                    );
                }
                self.regenerate();
            }
            Action::Rerun => self.regenerate(),
            Action::BlockDown => self.step_block(-1),
            Action::BlockUp => self.step_block(1),
            Action::CoefficientDown => self.step_coefficient(-1),
            Action::CoefficientUp => self.step_coefficient(1),
            Action::Undo => {
                self.steering.undo();
                self.after_history();
            }
            Action::Redo => {
                self.steering.redo();
                self.after_history();
            }
            Action::PickVector => self.pick(PickerKind::Vector),
            Action::PickDataset => self.pick(PickerKind::Dataset),
            Action::PickMask => self.pick(PickerKind::Mask),
            Action::ExtractVector => self.open_extraction(),
            Action::ReadTokens => self.read_selection(),
            Action::ChooseRead => self.choose_read(),
            Action::TakeRead => self.take_read(),
            Action::NextReading => self.next_reading(),
            Action::OpenTokens => self.open_tokens(),
            Action::SelectTokens => self.anchor_token(),
            Action::SelectPart => self.select_part(),
            Action::SteerTokens => self.steer_selection(),
            Action::SteerAll => self.steer_named(Mask::All),
            Action::SteerAnswer => self.steer_named(Mask::FromAnswer),
            Action::SteerLast => self.steer_named(Mask::FromLastPrompt),
            Action::TokenLeft => self.move_token(-1),
            Action::TokenRight => self.move_token(1),
            Action::TokenFirst => self.move_token(isize::MIN / 2),
            Action::TokenLast => self.move_token(isize::MAX / 2),
            Action::PickOperator => self.pick(PickerKind::Operator),
            Action::PickCondition => self.open_condition(),
            Action::PickPoint => self.pick(PickerKind::Point),
            Action::ShowReceipt => self.overlays.push(Overlay::Receipt(0)),
            Action::PickTheme => self.pick(PickerKind::Theme),
            Action::LoadModel => self.pick(PickerKind::Model),
            Action::Sampling => self
                .overlays
                .push(Overlay::Sampling(Form::new(&self.sampling))),
            Action::EditPrompt => {
                let text = self.prompts.active_text().to_owned();
                self.open_editor(&text);
            }
            Action::NewPrompt => self.open_editor(""),
            Action::DeletePrompt => {
                if let Some(PromptRef::Typed(i)) = self.prompts.selected_row() {
                    self.prompts.delete(i);
                    self.refresh_prompts();
                }
            }
            Action::FilterPrompts => {
                self.set_focus(Pane::Prompts);
                self.filtering = true;
            }
            Action::NextPrompt | Action::PreviousPrompt => {
                self.prompts.select_active();
                self.prompts
                    .step(if action == Action::NextPrompt { 1 } else { -1 });
                self.open_selected();
            }
            Action::Copy if matches!(self.overlays.last(), Some(Overlay::Receipt(_))) => {
                self.copy_receipt();
            }
            Action::Copy => {
                if let Some(text) = self.copy_text() {
                    self.effects.push(Effect::CopyText(text));
                    self.say(Level::Info, "copied");
                }
            }
            Action::ExportFigure => self.export_figure(),
            Action::Log => self.overlays.push(Overlay::Log(0)),
            Action::ToggleGlyphs => {
                self.settings.glyphs = match self.settings.glyphs {
                    GlyphSet::Unicode => GlyphSet::Ascii,
                    GlyphSet::Ascii => GlyphSet::Unicode,
                };
            }
            Action::RestartEngine => self.restart(),
            Action::MoveUp => self.move_rows(-1),
            Action::MoveDown => self.move_rows(1),
            Action::PageUp => self.move_rows(-self.page()),
            Action::PageDown => self.move_rows(self.page()),
            Action::First => self.move_rows(isize::MIN / 2),
            Action::Last => self.move_rows(isize::MAX / 2),
            Action::Open if self.focus == Pane::Map => self.show(Screen::Explore),
            Action::Open => self.open_selected(),
            Action::Decrease => self.step_slider(-1),
            Action::Increase => self.step_slider(1),
            Action::DecreaseMore => self.step_slider(-10),
            Action::IncreaseMore => self.step_slider(10),
            Action::Lowest => self.slider_end(false),
            Action::Highest => self.slider_end(true),
            Action::Zero => self.set_coefficient(0.0),
            Action::FlipSign => self.set_coefficient(-self.steering.now().coefficient),
            Action::TypeValue => "0".clone_into(&mut self.typed),
            Action::PreviousBar if self.focus == Pane::Tokens => self.step_token(-1),
            Action::NextBar if self.focus == Pane::Tokens => self.step_token(1),
            Action::PreviousBar => self.step_bar(-1),
            Action::NextBar => self.step_bar(1),
            Action::GridDown if self.focus == Pane::Map => self.step_cell(false),
            Action::GridUp if self.focus == Pane::Map => self.step_cell(true),
            Action::GridDown => self.step_grid(false),
            Action::GridUp => self.step_grid(true),
            Action::Submit => self.submit(),
            Action::Newline => {
                if let Some(editor) = &mut self.editor {
                    editor.insert("\n");
                }
            }
            Action::AcceptFilter => self.filtering = false,
            Action::ListUp => self.list_step(-1),
            Action::ListDown => self.list_step(1),
            Action::ListPageUp => self.list_step(-(self.hits.overlay_height.max(2) as isize - 1)),
            Action::ListPageDown => self.list_step(self.hits.overlay_height.max(2) as isize - 1),
            Action::ListAccept => self.list_accept(),
            Action::FieldUp if self.in_asking(|f| f.step(-1)) => {}
            Action::FieldDown if self.in_asking(|f| f.step(1)) => {}
            Action::FieldLess | Action::FieldMore if self.in_asking(AskingForm::nudge) => {}
            Action::Apply if matches!(self.overlays.last(), Some(Overlay::Asking(_))) => {
                self.take_asking();
            }
            Action::FieldUp if self.in_extraction(|f| f.step(-1)) => {}
            Action::FieldDown if self.in_extraction(|f| f.step(1)) => {}
            Action::FieldLess if self.in_extraction(|f| f.nudge(-1)) => {}
            Action::FieldMore if self.in_extraction(|f| f.nudge(1)) => {}
            Action::Apply if matches!(self.overlays.last(), Some(Overlay::Extract(_))) => {
                self.start_extraction();
            }
            Action::FieldUp if self.in_condition(|f| f.step(-1)) => {}
            Action::FieldDown if self.in_condition(|f| f.step(1)) => {}
            Action::FieldLess if self.in_condition(|f| f.nudge(-1)) => {}
            Action::FieldMore if self.in_condition(|f| f.nudge(1)) => {}
            Action::Apply if matches!(self.overlays.last(), Some(Overlay::Condition(_))) => {
                self.apply_condition();
            }
            Action::FieldUp => self.in_form(|f| f.step(-1)),
            Action::FieldDown => self.in_form(|f| f.step(1)),
            Action::FieldLess => self.in_form(|f| f.nudge(-1)),
            Action::FieldMore => self.in_form(|f| f.nudge(1)),
            Action::Apply => self.apply_form(),
        }
    }

    fn toggle_chat(&mut self) {
        self.chat = !self.chat;
        let own = self.prompts.active_input().is_none();
        let text = match (self.chat, own) {
            (false, _) => "chat format off: your own prompts are plain text",
            (true, true) => "chat format on: your own prompts are a user's turn",
            (true, false) => {
                "chat format on for your own prompts; those of a data set stay as they are"
            }
        };
        self.say(Level::Info, text);
        self.wants_generate = true;
    }

    fn close_top(&mut self) {
        if let Some(overlay) = self.overlays.pop() {
            if matches!(overlay, Overlay::Picker(PickerKind::Theme, _)) {
                self.restore_theme();
            }
            if matches!(overlay, Overlay::Picker(PickerKind::Import, _)) {
                self.leave_question();
            }
        } else if self.editor.take().is_some() || !std::mem::take(&mut self.typed).is_empty() {
        } else if self.filtering || !self.prompts.filter.is_empty() {
            self.filtering = false;
            self.prompts.filter.clear();
            self.refresh_prompts();
        } else if self.messages.close() {
        } else if self.bar.take().is_some() {
            self.refresh_prompts();
        } else if self.zoomed {
            self.zoomed = false;
        } else if self.lab.running().is_some()
            || self.compare.is_running()
            || self.experiment.is_running()
        {
            self.stop();
        } else if self.screen != Screen::Explore {
            self.show(Screen::Explore);
        }
    }

    fn interrupt(&mut self) {
        if self
            .interrupted
            .is_some_and(|at| self.now.saturating_sub(at) <= TWICE)
        {
            self.quit();
            return;
        }
        self.interrupted = Some(self.now);
        self.stop();
        self.say(Level::Info, "stopped; ctrl-c once more quits");
    }

    fn quit(&mut self) {
        self.send(Command::Shutdown);
        self.effects.push(Effect::Quit);
    }

    fn stop(&mut self) {
        if self.compare.is_running() {
            self.compare.stopped();
            self.send(Command::StopGeneration);
        }
        if self.experiment.is_running() {
            self.experiment.stopped();
            self.send(Command::StopMeasure);
        }
        self.stop_study();
        self.wants_generate = false;
        self.wants_measure = false;
    }

    fn restart(&mut self) {
        self.overlays.retain(|o| !matches!(o, Overlay::Died(_)));
        self.engine = Engine::Starting;
        self.effects.push(Effect::RestartEngine);
        self.wants_model = true;
        self.messages.note("engine restarted", self.now);
    }

    pub(super) fn regenerate(&mut self) {
        self.rerun = true;
        self.wants_generate = true;
    }

    pub(super) fn open_selected(&mut self) {
        if let Some(row) = self.prompts.selected_row() {
            self.prompts.open(row);
            self.text_scroll = None;
            self.regenerate();
        }
    }

    fn submit(&mut self) {
        let Some(editor) = &self.editor else { return };
        let text = editor.text().to_owned();
        if text.trim().is_empty() {
            self.say(
                Level::Info,
                "the prompt is empty; type something or press esc",
            );
            return;
        }
        self.editor = None;
        self.prompts.submit(&text);
        self.bar = None;
        self.refresh_prompts();
        self.prompts.select_active();
        self.text_scroll = None;
        self.effects
            .push(Effect::SaveHistory(self.prompts.history().to_vec()));
        self.regenerate();
    }

    fn in_extraction(&mut self, edit: impl FnOnce(&mut ExtractForm)) -> bool {
        match self.overlays.last_mut() {
            Some(Overlay::Extract(form)) => {
                edit(form);
                true
            }
            _ => false,
        }
    }

    fn in_condition(&mut self, edit: impl FnOnce(&mut ConditionForm)) -> bool {
        match self.overlays.last_mut() {
            Some(Overlay::Condition(form)) => {
                edit(form);
                true
            }
            _ => false,
        }
    }

    fn in_asking(&mut self, edit: impl FnOnce(&mut AskingForm)) -> bool {
        match self.overlays.last_mut() {
            Some(Overlay::Asking(form)) => {
                edit(form);
                true
            }
            _ => false,
        }
    }

    fn in_form(&mut self, edit: impl FnOnce(&mut Form)) {
        if let Some(Overlay::Sampling(form)) = self.overlays.last_mut() {
            edit(form);
        }
    }

    fn apply_form(&mut self) {
        let Some(Overlay::Sampling(form)) = self.overlays.last_mut() else {
            return;
        };
        match form.read() {
            Ok(sampling) => {
                self.overlays.pop();
                if sampling != self.sampling {
                    self.sampling = sampling;
                    self.wants_generate = true;
                }
            }
            Err(why) => form.error = Some(why),
        }
    }
}
