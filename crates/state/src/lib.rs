//! florin-state
