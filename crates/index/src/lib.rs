//! florin-index
