#![no_main]

#[path = "../../tests/it/steering/format/bodies.rs"]
mod bodies;

// Every input is a stream: without this the recogniser would spend most of them.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut stream = vec![0x80, 4];
    stream.extend_from_slice(data);
    bodies::vector(&stream);
});
