//! The generated tables, in files of a size that tools can show.

#[rustfmt::skip]
mod codes;
#[rustfmt::skip]
mod messages;
#[rustfmt::skip]
mod types_0;
#[rustfmt::skip]
mod types_1;

pub(crate) use codes::EXTERNAL;
pub(crate) use messages::MESSAGES;

use super::{Base, Body, Definition, MANY, Text, Type, e, m, r};
use types_0::*;
use types_1::*;
