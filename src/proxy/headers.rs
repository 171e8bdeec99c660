//! The `X-Bun-*` headers of a request to the registry door: all of their faults at once.

use thirteen_kernels::config::headers::{FaultList, Required, ValidHeaders, validate};
use thirteen_kernels::level::Level;

use crate::context::Context;
use crate::http::{Problem, Request};
use crate::state::headers::{FaultsBody, is_ours};
use crate::telemetry::{Fault, Operation};

use super::refusal::ERROR_HEADER;

/// What the headers of a request say; `None` where it has none and needs none. 400 with every fault
/// where any is at fault.
pub fn check<'r>(
    context: &Context,
    request: &Request<'r>,
    required: Required,
) -> Result<Option<ValidHeaders<'r>>, Problem> {
    let head = request.head();
    if required == Required::None && !head.headers().any(|(name, _)| is_ours(name)) {
        return Ok(None);
    }
    let mut faults = FaultList::new();
    let check = || validate(Level::detect(), head.headers(), required, &mut faults);
    let valid = context.telemetry.sample(Operation::HeadersValidate, check);
    if valid.is_some() {
        return Ok(valid);
    }
    context.telemetry.fault(Fault::ConfigHeaders);
    let code = faults
        .iter()
        .next()
        .map_or("", |fault| fault.code().as_str());
    let body = serde_json::to_vec(&FaultsBody::new(&faults)).expect("its keys are strings");
    Err(Problem::new(400, "")
        .header(ERROR_HEADER, code)
        .with_body("application/json", body))
}
