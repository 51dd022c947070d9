//! florin-client
