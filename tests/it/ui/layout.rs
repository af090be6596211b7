//! Layout at every size: inside the screen, no pane over another.

use proptest::prelude::*;
use steerscope::app::focus::Pane;
use steerscope::app::hits::{Area, Target};

use crate::app::world::World;

fn panes(world: &World) -> Vec<(Area, Pane)> {
    let regions = world.app.regions().iter();
    regions
        .filter_map(|(a, t)| match t {
            Target::Pane(p) => Some((*a, *p)),
            _ => None,
        })
        .collect()
}

fn overlap(a: Area, b: Area) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn regions_lie_inside_and_panes_do_not_overlap(
        columns in 1u16..300,
        rows in 1u16..100,
        focus in 0usize..7,
        zoom in any::<bool>(),
    ) {
        let mut world = World::ready();
        for _ in 0..focus {
            world.key("tab");
        }
        if zoom {
            world.key("z");
        }
        world.draw(columns, rows);
        for (area, target) in world.app.regions() {
            prop_assert!(area.x + area.width <= columns && area.y + area.height <= rows, "{:?}", target);
        }
        let panes = panes(&world);
        for (i, (a, p)) in panes.iter().enumerate() {
            for (b, q) in &panes[i + 1..] {
                prop_assert!(!overlap(*a, *b), "{:?} and {:?} at {}x{}", p, q, columns, rows);
            }
        }
    }
}

#[test]
fn the_focused_pane_is_on_screen_at_every_usual_size() {
    for (columns, rows) in [
        (160, 50),
        (120, 40),
        (100, 30),
        (80, 24),
        (70, 24),
        (60, 16),
        (50, 14),
        (40, 10),
    ] {
        for steps in 0..7 {
            let mut world = World::ready();
            world.draw(columns, rows);
            for _ in 0..steps {
                world.key("tab");
                world.draw(columns, rows);
            }
            let focus = world.app.focus();
            assert!(
                panes(&world).iter().any(|(_, p)| *p == focus),
                "{focus:?} at {columns}x{rows}"
            );
        }
    }
}

#[test]
fn wide_screens_show_everything_at_once_and_small_ones_a_pane_with_tabs() {
    let names = [
        "prompts",
        "unsteered",
        "steered",
        "layer",
        "coefficient",
        "steerability",
        "propensity",
    ];
    let mut world = World::ready();
    let wide = world.screen(120, 40);
    assert!(names.iter().all(|n| wide.contains(n)), "{wide}");
    let small = world.screen(40, 10);
    assert!(small.contains("5 coef") && small.contains("she"));
    assert!(world.screen(19, 4).starts_with("too small"));
}
