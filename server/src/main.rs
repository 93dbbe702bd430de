//! The program `larder-server`.

fn main() {}
