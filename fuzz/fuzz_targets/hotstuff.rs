#![no_main]

#[allow(dead_code, reason = "a target runs one of the decoders")]
#[path = "../context.rs"]
mod context;
#[allow(dead_code, reason = "a target runs one of the decoders")]
#[path = "../decoders.rs"]
mod decoders;

use byzlab::protocols::hotstuff::HotStuff;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    decoders::wire::<HotStuff>(bytes);
});
