//! What stands before a rule: each gate, their order, and what one flag asks of others.

mod each;
mod explained;
mod function;
mod graphs;
mod layers;
mod prerequisites;
mod world;
