//! The endpoint that clears what is kept of upstreams.

use super::eviction;
use crate::context::Context;
use crate::http::{Exchange, Problem};
use crate::registry::name::PackageName;

/// `DELETE /-/thirteen/cache?package=…&version=…`: what `thirteen cache clear` asks a server that
/// runs. Without a version a whole package goes, without a package everything.
pub async fn clear(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let (mut package, mut version) = (None, None);
    for pair in exchange.request().query() {
        let (name, value) = pair?;
        match &*name {
            "package" => {
                let read = PackageName::parse_old(&value);
                let fault = |fault| Problem::new(400, format!("`{value}` is no package: {fault}"));
                package = Some(read.map_err(fault)?);
            }
            "version" => version = Some(value),
            other => return Err(Problem::new(400, format!("`{other}` is not known here."))),
        }
    }
    if version.is_some() && package.is_none() {
        return Err(Problem::new(400, "A version has a package."));
    }
    let cleared = eviction::clear(context, package, version).await?;
    exchange.reply().status(200).json(&cleared);
    Ok(())
}
