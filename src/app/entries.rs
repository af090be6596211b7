//! The entries of list overlays (help, palette, pickers) and what taking one does.

use std::path::PathBuf;

use crate::app::action::{Action, Binding, When};
use crate::app::bindings::BINDINGS;
use crate::app::keymap::holds_in;
use crate::app::overlay::{Choice, Entry, List, Overlay, PickerKind, fuzzy};
use crate::app::{App, Engine};
use crate::protocol::{Asset, CatalogEntry, Command, ModelSource};
use crate::text::one_line;

impl App {
    /// Entries of the top list overlay that pass its filter, best match first; empty without one.
    pub fn entries(&self) -> Vec<Entry> {
        match self.overlays.last() {
            Some(Overlay::Help(list)) => self.help_entries(&list.filter),
            Some(Overlay::Palette(list)) => filtered(&list.filter, self.palette_entries()),
            Some(Overlay::Picker(PickerKind::Import, list)) => {
                self.import_entries(list.filter.trim())
            }
            Some(Overlay::Picker(kind, list)) => {
                let mut entries = filtered(&list.filter, self.picker_entries(*kind));
                let typed = list.filter.trim();
                if kind.takes_path() && !typed.is_empty() {
                    entries.push(self.path_entry(*kind, typed));
                }
                entries.extend(Self::typed_entry(*kind, typed));
                entries
            }
            _ => Vec::new(),
        }
    }

    fn help_entries(&self, filter: &str) -> Vec<Entry> {
        let pane = self.focus;
        let sections: [(String, &dyn Fn(When) -> bool); 5] = [
            (format!("{} (focused)", pane.title()), &|w| {
                holds_in(w, pane)
            }),
            ("everywhere".to_owned(), &|w| {
                matches!(w, When::Main | When::Anywhere)
            }),
            ("other panes".to_owned(), &|w| {
                matches!(w, When::In(_)) && !holds_in(w, pane)
            }),
            ("writing a prompt, filtering".to_owned(), &|w| {
                matches!(w, When::Editor | When::Filter)
            }),
            ("lists and dialogs".to_owned(), &|w| {
                matches!(
                    w,
                    When::List
                        | When::Form
                        | When::Making
                        | When::Reader
                        | When::PromptTokens
                        | When::SourceTokens
                        | When::Died
                )
            }),
        ];
        let mut out = Vec::new();
        for (title, belongs) in sections {
            let rows: Vec<Entry> = BINDINGS
                .iter()
                .filter(|b| belongs(b.when) && !b.keys.is_empty())
                .map(|b| self.action_entry(b))
                .filter(|e| {
                    fuzzy(filter, &e.label).is_some()
                        || e.detail.to_lowercase().contains(&filter.to_lowercase())
                        || e.note.split(' ').any(|k| k == filter)
                })
                .collect();
            if !rows.is_empty() {
                out.push(Entry {
                    label: title,
                    detail: String::new(),
                    note: String::new(),
                    enabled: false,
                    choice: Choice::Heading,
                });
                out.extend(rows);
            }
        }
        out
    }

    fn palette_entries(&self) -> Vec<Entry> {
        let mut seen = Vec::new();
        let mut out = Vec::new();
        for b in BINDINGS {
            let here = matches!(b.when, When::Main) || holds_in(b.when, self.focus);
            if here && !seen.contains(&b.action) && b.action != Action::FocusPane {
                seen.push(b.action);
                out.push(self.action_entry(b));
            }
        }
        out.sort_by_key(|e| !e.enabled);
        out
    }

    fn action_entry(&self, b: &Binding) -> Entry {
        let available = self.available(b.action);
        let keys = match (b.keys.first(), b.keys.last()) {
            (Some(first), Some(last)) if b.keys.len() > 4 => format!("{first} … {last}"),
            _ => b.keys.join(" "),
        };
        Entry {
            label: b.action.name().to_owned(),
            detail: match available {
                Ok(()) if b.action == Action::ToggleChat => {
                    format!("{}: {}", b.about, if self.chat { "on" } else { "off" })
                }
                Ok(()) => b.about.to_owned(),
                Err(reason) => format!("{} ({reason})", b.about),
            },
            note: keys,
            enabled: available.is_ok(),
            choice: Choice::Run(b.action),
        }
    }

    fn picker_entries(&self, kind: PickerKind) -> Vec<Entry> {
        let mark = |on: bool, text: &str| if on { text.to_owned() } else { String::new() };
        match kind {
            PickerKind::Vector => {
                let loaded = self.vector.as_ref().map(|v| &v.asset);
                asset_entries(&self.vectors, loaded, Choice::Vector)
            }
            PickerKind::Dataset => {
                let loaded = self.dataset.as_ref().map(|d| &d.asset);
                asset_entries(&self.datasets, loaded, Choice::Dataset)
            }
            PickerKind::Mask | PickerKind::Operator | PickerKind::Point | PickerKind::Unit => {
                self.setting_entries(kind)
            }
            // What is typed is the only entry.
            PickerKind::Rename | PickerKind::Factor | PickerKind::Save | PickerKind::Import => {
                Vec::new()
            }
            PickerKind::Theme => self
                .settings
                .themes
                .iter()
                .map(|name| Entry {
                    label: name.clone(),
                    detail: String::new(),
                    note: mark(self.theme_before.as_ref() == Some(name), "in use"),
                    enabled: true,
                    choice: Choice::Theme(name.clone()),
                })
                .collect(),
            PickerKind::Model => vec![Entry {
                label: "bundled".to_owned(),
                detail: "the model inside the program; type a path or a hub id for another one"
                    .to_owned(),
                note: mark(self.loaded_model == Some(ModelSource::Bundled), "loaded"),
                enabled: true,
                choice: Choice::Model(ModelSource::Bundled),
            }],
        }
    }

    fn path_entry(&self, kind: PickerKind, typed: &str) -> Entry {
        let path = match (typed.strip_prefix("~/"), &self.settings.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(typed),
        };
        Entry {
            label: format!("open '{typed}'"),
            detail: match kind {
                PickerKind::Vector => "a vector file or folder of any known format",
                PickerKind::Dataset => "a .jsonl, .json or .toml file",
                _ => "a Hugging Face directory or a .gguf file; else name, org/name or org/name:Q4_K_M of the hub",
            }
            .to_owned(),
            note: "path".to_owned(),
            enabled: true,
            choice: match kind {
                PickerKind::Vector => Choice::Vector(Asset::File(path)),
                PickerKind::Dataset => Choice::Dataset(Asset::File(path)),
                _ if typed.starts_with("~/") => Choice::Model(ModelSource::Directory(path)),
                _ => Choice::Model(ModelSource::parse(typed)),
            },
        }
    }

    pub(super) fn pick(&mut self, kind: PickerKind) {
        if kind == PickerKind::Theme {
            self.theme_before = Some(self.settings.theme.clone());
        }
        self.overlays.push(Overlay::Picker(kind, List::default()));
        let used = self
            .entries()
            .iter()
            .position(|e| !e.note.is_empty() && e.choice != Choice::Heading);
        if let Some(list) = self.list_mut() {
            list.selected = used.unwrap_or(0);
        }
    }

    fn list_mut(&mut self) -> Option<&mut List> {
        match self.overlays.last_mut() {
            Some(Overlay::Help(list) | Overlay::Palette(list) | Overlay::Picker(_, list)) => {
                Some(list)
            }
            _ => None,
        }
    }

    /// The selection skips headings.
    pub(super) fn select_first_entry(&mut self) {
        let first = self
            .entries()
            .iter()
            .position(|e| e.choice != Choice::Heading)
            .unwrap_or(0);
        if let Some(list) = self.list_mut() {
            list.selected = first;
        }
    }

    pub(super) fn list_step(&mut self, rows: isize) {
        if let Some(editor) = &mut self.editor {
            if rows < 0 {
                editor.up(self.prompts.history());
            } else {
                editor.down(self.prompts.history());
            }
            return;
        }
        if self.overlays.is_empty() {
            self.prompts.step(rows);
            return;
        }
        if let Some(Overlay::Log(back)) = self.overlays.last_mut() {
            *back = back
                .saturating_add_signed(-rows)
                .min(self.messages.all().len());
            return;
        }
        if let Some(Overlay::Receipt(scroll)) = self.overlays.last_mut() {
            *scroll = scroll.saturating_add_signed(rows);
            return;
        }
        let last = self.entries().len().saturating_sub(1);
        if let Some(list) = self.list_mut() {
            list.selected = list
                .selected
                .min(last)
                .saturating_add_signed(rows)
                .min(last);
        }
        self.preview_theme();
    }

    pub(super) fn list_accept(&mut self) {
        let selected = self.list_mut().map(|l| l.selected);
        let entry = selected.and_then(|i| self.entries().into_iter().nth(i));
        let Some(entry) = entry else { return };
        if entry.choice == Choice::Heading {
            return;
        }
        self.overlays.pop();
        self.take(entry.choice);
    }

    fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Run(action) => self.perform(action),
            Choice::Vector(asset) => self.choose_vector(asset),
            Choice::Dataset(asset) => self.choose_dataset(asset),
            Choice::Unit(unit) => self.set_unit(unit),
            Choice::Rename(name) => self.rename_vector(name),
            Choice::Factor(factor) => self.scale_vector(factor),
            Choice::Save(name) => self.save_vector(name),
            Choice::Told(fact) => self.answer(fact),
            Choice::Mask(mask) => self.change(|s| s.mask = mask),
            Choice::Operator(operator) => self.change(|s| s.edit.operator = operator),
            Choice::Point(point) => self.change(|s| s.edit.point = point),
            Choice::Theme(name) => {
                self.settings.theme = name;
                self.theme_before = None;
            }
            Choice::Model(source) => {
                self.wanted_model = source.clone();
                if self.model.is_none() {
                    self.engine = Engine::Starting;
                }
                self.send(Command::LoadModel(source));
            }
            Choice::Heading => {}
        }
    }

    pub(super) fn choose_vector(&mut self, asset: Asset) {
        // A data set the user chose stays; else the one that belongs to the vector comes along.
        let companion = self.companion_of(&asset).filter(|_| !self.dataset_chosen);
        self.wanted_vector = Some(asset.clone());
        self.send(Command::LoadVector(asset));
        if let Some(dataset) = companion.filter(|d| Some(d) != self.wanted_dataset.as_ref()) {
            self.load_dataset(dataset);
        }
    }

    pub(super) fn choose_dataset(&mut self, asset: Asset) {
        self.dataset_chosen = true;
        self.load_dataset(asset);
    }

    pub(super) fn load_dataset(&mut self, asset: Asset) {
        self.wanted_dataset = Some(asset.clone());
        self.send_dataset(asset);
    }

    /// The selected theme is tried on while the picker is open.
    pub(super) fn preview_theme(&mut self) {
        if let Some(Overlay::Picker(PickerKind::Theme, list)) = self.overlays.last() {
            let selected = list.selected;
            if let Some(Entry {
                choice: Choice::Theme(name),
                ..
            }) = self.entries().into_iter().nth(selected)
            {
                self.settings.theme = name;
            }
        }
    }

    pub(super) fn restore_theme(&mut self) {
        if let Some(before) = self.theme_before.take() {
            self.settings.theme = before;
        }
    }
}

fn asset_entries(
    catalog: &[CatalogEntry],
    loaded: Option<&Asset>,
    choice: fn(Asset) -> Choice,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = catalog
        .iter()
        .map(|e| Entry {
            label: one_line(&e.asset.label()),
            detail: one_line(&e.description),
            note: if loaded == Some(&e.asset) {
                "loaded".to_owned()
            } else {
                String::new()
            },
            enabled: true,
            choice: choice(e.asset.clone()),
        })
        .collect();
    // A file that was opened by its path is not in the catalog.
    if let Some(asset) = loaded.filter(|a| catalog.iter().all(|e| e.asset != **a)) {
        entries.push(Entry {
            label: one_line(&asset.label()),
            detail: String::new(),
            note: "loaded".to_owned(),
            enabled: true,
            choice: choice(asset.clone()),
        });
    }
    entries
}

fn filtered(filter: &str, entries: Vec<Entry>) -> Vec<Entry> {
    let mut scored: Vec<(i32, Entry)> = entries
        .into_iter()
        .filter_map(|e| {
            let name = fuzzy(filter, &e.label).map(|s| s + 20);
            let detail = e
                .detail
                .to_lowercase()
                .contains(&filter.to_lowercase())
                .then_some(0);
            Some((name.max(detail)?, e))
        })
        .collect();
    if !filter.is_empty() {
        scored.sort_by_key(|(score, e)| (!e.enabled, -*score));
    }
    scored.into_iter().map(|(_, e)| e).collect()
}
