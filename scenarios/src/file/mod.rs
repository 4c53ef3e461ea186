//! Scenario files: TOML, decoded by one table of fields, every problem with its place.

mod decode;
mod document;
mod explain;
mod fields;
mod node;
mod overlay;
mod problem;
mod resolve;
mod scalars;
mod schema;

pub use decode::{Names, expected};
pub use document::{Document, MAX_FILE_BYTES};
pub use explain::explain;
pub use fields::FILE;
pub(crate) use node::Raw;
pub use problem::{Problem, ProblemJson, Problems, suggest};
pub(crate) use resolve::region;
pub use scalars::{parse_range, parse_seed, parse_span};
pub use schema::schema;
