#![no_main]

#[allow(dead_code, reason = "a target runs one of the decoders")]
#[path = "../context.rs"]
mod context;
#[allow(dead_code, reason = "a target runs one of the decoders")]
#[path = "../decoders.rs"]
mod decoders;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    decoders::payload(bytes);
});
