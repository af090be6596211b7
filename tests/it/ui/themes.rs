//! Shipped themes, mistakes in theme files, colour depth.

use ratatui::style::{Color, Modifier};
use steerscope::app::GlyphSet;
use steerscope::ui::theme::{Variant, contrast};
use steerscope::ui::{Depth, Look, Role, Theme};

use crate::app::world::{World, plain, settings};

#[test]
fn every_shipped_theme_loads_without_warnings() {
    let look = Look::new(Depth::True);
    for name in look.names() {
        let (theme, warnings) = look.load(&name);
        assert_eq!(warnings, Vec::<String>::new(), "{name}");
        assert_eq!(theme.name(), name);
    }
}

#[test]
fn text_is_readable_in_every_theme_with_a_background_of_its_own() {
    let mut checked = 0;
    let look = Look::new(Depth::True);
    for name in look.names() {
        let (theme, _) = look.load(&name);
        let Some(bg @ Color::Rgb(..)) = theme.get(Role::Background).bg else {
            continue;
        };
        let strong = [
            Role::Text,
            Role::Accent,
            Role::Focus,
            Role::Title,
            Role::Added,
            Role::Removed,
            Role::Baseline,
            Role::Steered,
            Role::Negative,
            Role::Positive,
            Role::Zero,
            Role::Warning,
            Role::Error,
            Role::Curve,
            Role::Own,
            Role::Diverge,
            Role::Selection,
        ];
        let weak = [Role::Muted, Role::Stale, Role::Border];
        for (roles, least) in [(strong.as_slice(), 4.5), (weak.as_slice(), 3.0)] {
            for role in roles {
                let style = theme.get(*role);
                let on = style.bg.unwrap_or(bg);
                let ratio = contrast(style.fg.unwrap(), on).unwrap();
                assert!(ratio >= least, "{name} {}: {ratio:.2}", role.name());
                checked += 1;
            }
        }
    }
    assert!(checked >= 100);
}

#[test]
fn light_and_dark_themes_say_so() {
    for (name, variant) in [
        ("catppuccin-latte", Variant::Light),
        ("gruvbox-light", Variant::Light),
        ("catppuccin-mocha", Variant::Dark),
        ("default", Variant::Dark),
    ] {
        assert_eq!(
            Theme::shipped(name, Depth::True).variant(),
            variant,
            "{name}"
        );
    }
}

#[test]
fn mistakes_are_warnings_and_the_rest_of_the_file_holds() {
    let mut look = Look::new(Depth::True);
    let warnings = look.add(
        "mine",
        "inherits = \"mono\"\nshade = 1\n[styles]\ntext = \"#102030\"\nmuted = \"nocolour\"\nwhat = \"red\"\nzero = 3\n",
    );
    let said = |part: &str| {
        assert!(
            warnings.iter().any(|w| w.contains(part)),
            "{part}: {warnings:?}"
        );
    };
    said("unknown key 'shade'");
    said("unknown colour 'nocolour'");
    said("unknown style 'what'");
    said("'zero' takes a text");
    let (theme, _) = look.load("mine");
    assert_eq!(theme.get(Role::Text).fg, Some(Color::Rgb(0x10, 0x20, 0x30)));
    assert_eq!(
        theme.get(Role::Selection),
        Theme::shipped("mono", Depth::True).get(Role::Selection)
    );
}

#[test]
fn broken_files_name_the_line_and_cycles_end() {
    let mut look = Look::new(Depth::True);
    let warnings = look.add("broken", "[styles]\ntext = \n");
    assert!(warnings[0].contains("line 2"), "{warnings:?}");
    let warnings = look.add("a", "inherits = \"a\"\n");
    assert!(warnings[0].contains("inherits itself"));
    let (_, warnings) = look.load("nowhere");
    assert!(warnings[0].contains("no theme 'nowhere'"));
}

fn colours(name: &str, depth: Depth) -> Vec<Color> {
    let mut world = World::ready();
    let buffer = world.draw_with(120, 40, &Theme::shipped(name, depth));
    buffer.content().iter().flat_map(|c| [c.fg, c.bg]).collect()
}

#[test]
fn each_depth_shows_only_colours_it_has() {
    let is_rgb = |c: &Color| matches!(c, Color::Rgb(..));
    let is_indexed = |c: &Color| matches!(c, Color::Indexed(_));
    assert!(colours("catppuccin-mocha", Depth::True).iter().any(is_rgb));
    let indexed = colours("catppuccin-mocha", Depth::Indexed);
    assert!(indexed.iter().any(is_indexed) && !indexed.iter().any(is_rgb));
    assert!(
        !indexed.iter().any(|c| matches!(c, Color::Indexed(0..16))),
        "the first 16 are the user's"
    );
    let sixteen = colours("catppuccin-mocha", Depth::Ansi16);
    assert!(!sixteen.iter().any(|c| is_rgb(c) || is_indexed(c)));
    assert!(sixteen.iter().any(|c| *c != Color::Reset));
    assert!(
        colours("catppuccin-mocha", Depth::None)
            .iter()
            .all(|c| *c == Color::Reset)
    );
}

#[test]
fn without_colour_every_name_gives_mono() {
    let mut look = Look::new(Depth::None);
    let world = World::ready();
    assert_eq!(look.theme(&world.app).name(), "mono");
}

#[test]
fn without_colour_focus_sign_and_differences_can_still_be_told() {
    let mono = Theme::shipped("mono", Depth::None);
    for glyphs in [GlyphSet::Unicode, GlyphSet::Ascii] {
        let mut world = World::new(steerscope::app::Settings {
            glyphs,
            ..settings()
        });
        world.load();
        world.settle();
        let before = plain(&world.draw_with(120, 40, &mono));
        world.key("tab");
        let after = plain(&world.draw_with(120, 40, &mono));
        assert_ne!(before, after, "focus shows in the border");
        let (negative, positive) = match glyphs {
            GlyphSet::Unicode => ("▒▒▒", "███"),
            GlyphSet::Ascii => ("xxx", "###"),
        };
        assert!(
            before.contains(negative) && before.contains(positive),
            "bars have two patterns"
        );
        assert!(
            before.contains("-0.19") && before.contains("+0.91"),
            "slopes carry their sign"
        );
    }
    let mut world = World::ready();
    let buffer = world.draw_with(120, 40, &mono);
    let underlined = buffer
        .content()
        .iter()
        .filter(|c| c.modifier.contains(Modifier::UNDERLINED));
    assert!(underlined.count() > 20, "differing words are underlined");
}
