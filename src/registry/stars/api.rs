//! `/-/user/v1/star`, `/-/user/:user/stars` and `/-/_view/starredByUser`: the packages that an
//! account starred, and pnpm's way to give and to take a star.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::access::{Member, Visitor, Writer};
use super::super::accounts;
use super::super::body::read_json;
use super::super::documents::api::{found, named};
use super::super::name::PackageName;
use super::super::packages::api::{reply_changed, set_star};
use super::super::packages::draft::Star;
use super::super::packages::sql as packages;
use crate::context::Context;
use crate::http::{Exchange, Problem, Sent};
use crate::store::{SqlFault, View};

/// What pnpm sends: the package, under both of these names.
#[derive(Deserialize)]
struct StarBody {
    package: Option<String>,
    name: Option<String>,
}

/// `GET /-/user/v1/star`: the packages that the caller starred.
pub async fn own(
    context: &Context,
    member: Member,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let user = member.account()?.name.to_string();
    let visitor = member.visitor().clone();
    let names = read(context, visitor, user).await?;
    exchange.reply().status(200).json(&keyed(&names));
    Ok(Sent)
}

/// `GET /-/user/:user/stars`: those of another, as far as the caller may read them. An account that
/// is not there has starred nothing: whether it is there is not for everybody to find out.
pub async fn list(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    let user = exchange.request().parameter("user")?.into_owned();
    let names = read(context, visitor, user).await?;
    exchange.reply().status(200).json(&keyed(&names));
    Ok(Sent)
}

/// `PUT /-/user/v1/star`.
pub async fn give(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    set(context, writer, exchange, Star::Given).await
}

/// `DELETE /-/user/v1/star`; the package is in the body.
pub async fn take(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    set(context, writer, exchange, Star::Taken).await
}

/// `GET /-/_view/starredByUser?key="name"`, which npm asks for. An account that is not there has
/// starred nothing.
pub async fn view(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    let key = exchange.request().query().find_map(|pair| match pair {
        Ok((name, value)) => (name == "key").then_some(Ok(value)),
        Err(problem) => Some(Err(problem)),
    });
    let key = key.transpose()?.unwrap_or_default();
    // A JSON string, as CouchDB takes its keys.
    let user = serde_json::from_str::<String>(&key).unwrap_or(key);
    let names = read(context, visitor, user.clone()).await?;
    let row =
        |name: &PackageName| json!({ "id": name.as_str(), "key": user, "value": name.as_str() });
    let rows: Vec<Value> = names.iter().map(row).collect();
    let reply = json!({ "total_rows": rows.len(), "offset": 0, "rows": rows });
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

async fn set(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
    star: Star,
) -> Result<Sent, Problem> {
    let body: StarBody = read_json(exchange).await?;
    let text = body.package.or(body.name);
    let text = text.ok_or_else(|| Problem::new(400, "The body names no `package`."))?;
    let name = named(&text)?;
    writer.visitor().may_read(context, &name)?;
    // An upstream's package that nobody asked for yet is taken in: the star is kept beside it. One
    // is taken back whatever became of the upstream.
    if star == Star::Given {
        found(context, &exchange.request(), &name).await?;
    }
    let changed = set_star(context, &writer, &name, star).await?;
    reply_changed(exchange, 200, &name, &changed);
    Ok(Sent)
}

/// What an account starred of what the visitor may read; nothing where there is no such account.
async fn read(
    context: &Context,
    visitor: Visitor,
    user: String,
) -> Result<Vec<PackageName>, Problem> {
    let read = move |view: &View<'_>| -> Result<Vec<PackageName>, SqlFault> {
        let Some(account) = accounts::sql::named(view, &user)? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for name in packages::starred_by(view, account.id)? {
            if visitor.sees(view, &name)? {
                names.push(name);
            }
        }
        Ok(names)
    };
    Ok(context.house.registry.read_heavy(read).await?)
}

/// pnpm shows the keys of an object.
fn keyed(names: &[PackageName]) -> Map<String, Value> {
    let pairs = names.iter().map(|name| (name.to_string(), true.into()));
    pairs.collect()
}
