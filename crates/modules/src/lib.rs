//! florin-modules
