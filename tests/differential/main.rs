//! Differential tests: Burgee and the official flagd evaluators decide the same generated cases.

mod answer;
mod burgee;
mod classes;
mod contexts;
mod documents;
mod evidence;
mod judge;
mod oracle;
mod rng;
mod rules;
mod run;
mod samples;
mod shrink;
mod values;
mod vectors;
