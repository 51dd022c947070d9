//! florin-consensus
