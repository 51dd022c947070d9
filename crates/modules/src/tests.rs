//! Tests over several modules at once.

mod scenarios;
