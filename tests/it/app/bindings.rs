//! The binding table: keys, names, conflicts.

use std::collections::HashSet;

use proptest::prelude::*;
use steerscope::app::action::{Action, When};
use steerscope::app::bindings::BINDINGS;
use steerscope::app::focus::Pane;
use steerscope::app::input::{Key, KeyCode, Mods};
use steerscope::app::keymap::{Keymap, holds_in};

fn parse(key: &str) -> Key {
    key.parse().unwrap()
}

#[test]
fn every_default_key_parses_and_prints_as_written() {
    for binding in BINDINGS {
        for key in binding.keys {
            assert_eq!(parse(key).to_string(), *key, "{}", binding.action.name());
        }
    }
}

#[test]
fn no_key_means_two_things_in_one_place() {
    let mut taken: HashSet<(String, String)> = HashSet::new();
    for binding in BINDINGS {
        let places: Vec<String> = match binding.when {
            When::In(panes) => panes.iter().map(|p| format!("{p:?}")).collect(),
            other => vec![format!("{other:?}")],
        };
        for place in places {
            for key in binding.keys {
                let name = binding.action.name();
                assert!(
                    taken.insert((place.clone(), (*key).to_owned())),
                    "{key} in {place}: {name}"
                );
            }
        }
    }
}

#[test]
fn keys_that_work_everywhere_are_bound_nowhere_else() {
    let everywhere: Vec<&str> = BINDINGS
        .iter()
        .filter(|b| b.when == When::Anywhere)
        .flat_map(|b| b.keys.iter().copied())
        .collect();
    for binding in BINDINGS.iter().filter(|b| b.when != When::Anywhere) {
        for key in binding.keys {
            assert!(
                !everywhere.contains(key),
                "{key}: {}",
                binding.action.name()
            );
        }
    }
}

#[test]
fn every_action_is_in_the_table_with_a_kebab_case_name_and_a_description() {
    for action in Action::ALL {
        let binding = action
            .binding()
            .unwrap_or_else(|| panic!("{} is not bound", action.name()));
        assert!(!binding.about.is_empty());
        let name = action.name();
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{name}"
        );
    }
    let names: HashSet<&str> = Action::ALL.iter().map(|a| a.name()).collect();
    assert_eq!(names.len(), Action::ALL.len());
}

#[test]
fn every_default_key_resolves_to_its_action() {
    let keymap = Keymap::default();
    for binding in BINDINGS {
        for key in binding.keys.iter().map(|k| parse(k)) {
            match binding.when {
                When::In(panes) => {
                    for pane in panes {
                        assert_eq!(keymap.find_main(key, *pane), Some(binding.action));
                    }
                }
                When::Main | When::Anywhere => {
                    let free = Pane::ALL.into_iter().find(|pane| {
                        !BINDINGS.iter().any(|b| {
                            holds_in(b.when, *pane) && b.keys.iter().any(|k| parse(k) == key)
                        })
                    });
                    let pane = free.unwrap_or_else(|| panic!("{key} is hidden in every pane"));
                    assert_eq!(keymap.find_main(key, pane), Some(binding.action));
                }
                other => assert_eq!(keymap.find(key, other), Some(binding.action)),
            }
        }
    }
}

fn any_key() -> impl Strategy<Value = Key> {
    let code = prop_oneof![
        any::<char>()
            .prop_filter("visible", |c| !c.is_control())
            .prop_map(KeyCode::Char),
        (1u8..25).prop_map(KeyCode::F),
        proptest::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::Home,
            KeyCode::Left,
            KeyCode::PageDown,
        ]),
    ];
    (code, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(code, ctrl, alt, shift)| Key::new(code, Mods { ctrl, alt, shift }))
}

proptest! {
    #[test]
    fn a_key_prints_and_parses_as_inverses(key in any_key()) {
        prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
    }

    #[test]
    fn the_key_parser_is_total(text in "\\PC{0,12}") {
        let _ = text.parse::<Key>();
    }
}
