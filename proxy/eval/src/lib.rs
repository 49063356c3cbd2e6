//! The pure core of Burgee: flag sets in the flagd format, compiled and evaluated.
//!
//! No tokio, no network, no file system, no clock, no randomness: what is decided depends on the
//! snapshot, the context and the moment, and on nothing else. `clippy.toml` and the dependency list
//! enforce it.
//!
//! The way through: [`text::parse`] turns JSON or YAML into a value and remembers where everything
//! stood; [`Compiler::compile`] turns the value into a [`FlagSet`] or every [`Problem`] at once;
//! [`Snapshot`] joins sets; [`evaluate()`] decides one flag for one [`Context`]; [`explain()`] does the
//! same walk and says why. [`mod@lint`] looks for what compiles and cannot be meant; proxies never run it.
//! [`fix`] writes what it asks for into a text.

pub mod bucketing;
pub mod code;
pub mod compile;
pub mod context;
mod document;
pub mod evaluate;
pub mod explain;
pub mod fix;
pub mod flag;
mod gate;
pub mod lifecycle;
pub mod limits;
pub mod lint;
mod operator;
pub mod overrides;
mod pointer;
pub mod problem;
mod room;
pub mod snapshot;
pub mod text;

pub use compile::Compiler;
pub use context::{AttributeId, Attributes, Context, Value};
pub use evaluate::{Decision, ErrorCode, Moment, Reason, ValueType, evaluate, evaluate_with};
pub use explain::{Explanation, Step, explain, explain_with};
pub use flag::{Flag, FlagSet, Variant, VariantIndex};
pub use lifecycle::Lifecycle;
pub use operator::Fault;
pub use overrides::{NoOverrides, Overridden, Overrides};
pub use pointer::join_pointer;
pub use problem::{Problem, Severity};
pub use snapshot::{Conflict, FlagIndex, Needs, SetProblem, Snapshot};
