//! Florin: the one program. Its roles are not built yet.

fn main() {}
