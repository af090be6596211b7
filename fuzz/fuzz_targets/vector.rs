#![no_main]

#[path = "../../tests/it/steering/format/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::vector(data);
});
