#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cvm_fuzz::targets::wasm_smith(bytes);
});
