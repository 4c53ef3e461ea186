//! `byzlab schema`.

use byzlab_scenarios::Registry;

use super::{Failure, Status, output::Output};

pub(crate) fn schema(registry: &Registry, output: &mut Output) -> Result<Status, Failure> {
    let schema = byzlab_scenarios::schema(registry);
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    output.line(&text)?;
    Ok(Status::Expected)
}
