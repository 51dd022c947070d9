//! florin-execution
