//! Chooses how the interpreter goes from instruction to instruction. Handlers that jump to each other need a compiler
//! that optimises; a build without optimisation, which is what a program that embeds the machine gets by default while
//! it is written, would use native stack for every instruction. It gets the feature `loop-dispatch`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("OPT_LEVEL").as_deref() == Ok("0") {
        println!("cargo::rustc-cfg=feature=\"loop-dispatch\"");
    }
}
