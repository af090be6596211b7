use crate::app::world::World;
#[test]
fn look_at_it() {
    let mut w = World::ready();
    let size = std::env::var("SIZE").unwrap_or("120x40".into());
    let (a, b) = size.split_once('x').unwrap();
    for k in std::env::var("KEYS").unwrap_or_default().split_whitespace() { w.draw(a.parse().unwrap(), b.parse().unwrap()); w.key(k); w.settle(); }
    println!("{}", w.screen(a.parse().unwrap(), b.parse().unwrap()));
}
