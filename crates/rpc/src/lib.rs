//! florin-rpc
