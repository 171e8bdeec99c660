//! Tags over HTTP.

use std::collections::BTreeMap;

use serde_json::json;

use super::rules::{TagFault, check_tag};
use crate::context::Context;
use crate::http::{Exchange, Problem, Sent};
use crate::registry::access::{Visitor, Writer};
use crate::registry::documents::api::{found, name_of};
use crate::registry::documents::fields::string;
use crate::registry::packages::api::run_as;
use crate::registry::packages::change::Told;
use crate::registry::packages::draft::{Draft, LATEST};

/// `GET /-/package/:@package/dist-tags`.
pub async fn list(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    visitor.may_read(context, &name)?;
    // What the documents say: those of an upstream's package have them, too.
    let loaded = found(context, &request, &name).await?;
    let id = loaded.row.id;
    let read = |view: &crate::store::View<'_>| crate::registry::packages::sql::tags(view, id);
    let tags = context.house.registry.read(read)?;
    let tags: BTreeMap<_, _> = tags.into_iter().map(|row| (row.tag, row.version)).collect();
    exchange.reply().status(200).json(&tags);
    Ok(Sent)
}

/// `PUT` and `POST /-/package/:@package/dist-tags/:tag`; the body is the version as a JSON string.
pub async fn put(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let tag = request.parameter("tag")?.into_owned();
    check_tag(&tag)?;
    let body = exchange.collect().await?;
    let version = str::from_utf8(&body).ok().and_then(string);
    let version = version.ok_or_else(|| Problem::new(400, "The body is a version as JSON."))?;
    let version = version.into_owned();
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        if !draft.live().any(|row| row.version == version) {
            return Err(Problem::new(404, format!("version not found: {version}")));
        }
        draft.put_tag(&tag, &version);
        Ok(Told {
            actor,
            action: "package.tagged",
            detail: json!({ "tag": tag, "version": version }),
        })
    };
    run_as(context, writer, &name, edit).await?;
    exchange
        .reply()
        .status(201)
        .json(&json!({ "ok": true, "id": name.as_str() }));
    Ok(Sent)
}

/// `DELETE /-/package/:@package/dist-tags/:tag`.
pub async fn delete(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let tag = request.parameter("tag")?.into_owned();
    if tag == LATEST {
        return Err(Problem::new(403, "The tag `latest` cannot be deleted."));
    }
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        if !draft.remove_tag(&tag) {
            return Err(Problem::new(404, format!("{tag} is not a dist-tag.")));
        }
        Ok(Told {
            actor,
            action: "package.untagged",
            detail: json!({ "tag": tag }),
        })
    };
    run_as(context, writer, &name, edit).await?;
    exchange
        .reply()
        .status(200)
        .json(&json!({ "ok": true, "id": name.as_str() }));
    Ok(Sent)
}

impl From<TagFault> for Problem {
    fn from(fault: TagFault) -> Problem {
        Problem::new(400, fault.as_str())
    }
}
