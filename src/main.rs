//! The byzlab command.

fn main() {
    std::process::exit(byzlab::Lab::new().main());
}
