//! florin-proof
