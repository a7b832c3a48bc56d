//! Sets the linker up for a Node.js addon.

fn main() {
    napi_build::setup();
    // Node unmaps an addon when the last worker that loaded it ends; our pool threads may still run in it.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
