//! florin-mempool
