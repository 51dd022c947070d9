//! florin-sim
