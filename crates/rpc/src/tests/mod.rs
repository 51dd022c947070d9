//! A real server over a real ledger, asked over real sockets. Every answer of a known method is held against the schema
//! that the table promises.

mod defence;
mod desk;
mod harness;
mod live;
mod malformed;
mod methods;
mod reference;
mod schema;
mod server;
mod socket;
