//! A list, its items and their versions, served by the in-process server as the shop serves its
//! own: pages, conditional requests and the cache of replies over a real socket.

use std::cell::Cell;

use thirteen::http::{
    Access, Cursor, Exchange, Generations, Guard, NoContent, Page, PageQuery, Problem, Query,
    Rendered, Reply, ReplyCache, Request, Route, Start, Versioned, Written, delete, get, if_match,
};

use crate::application::Workbench;
use crate::in_process::{InProcess, shared};
use crate::support::http::{Connection, Reply as Answered, send};

/// What the routes of this page work with.
pub(crate) struct Shelf {
    version: Cell<i64>,
    renderings: Cell<u32>,
    cache: ReplyCache,
}

impl Default for Shelf {
    fn default() -> Shelf {
        Shelf {
            version: Cell::new(7),
            renderings: Cell::new(0),
            cache: ReplyCache::new(1 << 20),
        }
    }
}

impl Generations for Shelf {
    type Topic = ();

    fn generation(&self, (): ()) -> u64 {
        self.version.get().unsigned_abs()
    }
}

pub(crate) fn routes() -> Vec<Route<Workbench>> {
    vec![
        get("/shelf", list),
        get("/shelf/book", read),
        delete("/shelf/book", tear),
        get("/shelf/kept", kept),
    ]
}

struct Everyone;

impl Guard<Workbench> for Everyone {
    const ACCESS: Access = Access::Anyone;

    fn admit(_: &Workbench, _: &Request<'_>) -> Result<Everyone, Problem> {
        Ok(Everyone)
    }
}

/// The numbers up to 45, in pages.
fn list(
    _: &Workbench,
    _: Everyone,
    query: Query<PageQuery>,
    _: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Page<i64>, Problem> {
    let first = match &query.start {
        Start::First => 1,
        Start::After(cursor) => {
            let mut values = cursor.values(0)?;
            let last = values.int()?;
            values.end()?;
            last + 1
        }
        Start::Number(_) => 1 + query.offset() as i64,
    };
    let items = (first..=45).take(query.limit as usize + 1).collect();
    let page = query.page(items, |last| Cursor::new(0).int(*last));
    page.with_total(&query, || Ok(45))
}

fn read(
    workbench: &Workbench,
    _: Everyone,
    _: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Versioned<String>, Problem> {
    let version = workbench.shelf.version.get();
    let value = format!("edition {version} {}", "of a long book ".repeat(100));
    Ok(Versioned { version, value })
}

/// Takes a page out, which is another edition then.
async fn tear(
    workbench: &Workbench,
    _: Everyone,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let expected = if_match(&exchange.request());
    let version = workbench.shelf.version.get();
    expected.check(version)?;
    workbench.shelf.version.set(version + 1);
    Ok(NoContent)
}

fn kept(
    workbench: &Workbench,
    _: Everyone,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Written<String>, Problem> {
    let shelf = &workbench.shelf;
    let render = || {
        shelf.renderings.set(shelf.renderings.get() + 1);
        let version = shelf.version.get();
        Ok(Rendered::json(&format!(
            "{version}: {}",
            "text ".repeat(500)
        )))
    };
    shelf.cache.serve(shelf, request, reply, &[()], render)?;
    Ok(Written::by_hand())
}

fn link_of(reply: &Answered) -> Option<String> {
    let link = reply.header("link")?;
    let target = link.strip_prefix('<').unwrap();
    Some(target.strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

#[test]
fn a_list_is_walked_by_its_links() {
    let mut connection = Connection::open(shared().address());
    for (first, pages) in [
        ("/shelf?limit=10", 5),
        ("/shelf", 3),
        ("/shelf?page=1&per_page=20", 3),
        ("/shelf?per_page=45", 1),
        ("/shelf?limit=100&include_total=1", 1),
    ] {
        let (mut target, mut items, mut count) = (first.to_owned(), Vec::new(), 0);
        loop {
            let reply = connection.request("GET", &target, &[], b"").unwrap();
            assert_eq!(reply.status, 200, "{target}: {}", reply.text());
            let page = reply.json();
            items.extend(page["items"].as_array().unwrap().clone());
            count += 1;
            let expected = target.contains("include_total").then_some(45);
            assert_eq!(page["total"].as_i64(), expected, "{target}");
            let next = link_of(&reply);
            assert_eq!(page["next"].is_null(), next.is_none(), "{target}");
            match next {
                Some(next) => target = next,
                None => break,
            }
        }
        let numbers: Vec<i64> = items.iter().map(|item| item.as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=45).collect::<Vec<_>>(), "{first}");
        assert_eq!(count, pages, "{first}");
    }
}

#[test]
fn a_query_at_fault_is_told_every_fault() {
    let reply = send(
        shared().address(),
        "GET",
        "/shelf?limit=0&page=x&z=1",
        &[],
        b"",
    );
    assert_eq!(reply.status, 422);
    let problem = reply.json();
    let faults = problem["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = faults
        .map(|fault| fault["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/limit", "/page", "/z"]);
    for cursor in ["x", "AQFpAAAAAAAAAAE", "AQB0AAFh"] {
        let target = format!("/shelf?cursor={cursor}");
        let reply = send(shared().address(), "GET", &target, &[], b"");
        assert_eq!(reply.status, 422, "{cursor}");
        assert_eq!(reply.json()["code"], "invalid_cursor", "{cursor}");
    }
}

#[test]
fn a_version_is_asked_for_once_and_changed_by_who_knows_it() {
    let server = InProcess::start();
    let mut connection = Connection::open(server.address());
    let mut read = |headers: &[(&str, &str)]| {
        let reply = connection
            .request("GET", "/shelf/book", headers, b"")
            .unwrap();
        (reply.status, reply.header("etag").map(str::to_owned))
    };
    assert_eq!(read(&[]), (200, Some("\"v7\"".to_owned())));
    let gzip = ("Accept-Encoding", "gzip");
    assert_eq!(read(&[gzip]), (200, Some("\"v7-gzip\"".to_owned())));
    for tags in ["\"v7\"", "W/\"v7\"", "\"v1\", \"v7\"", "*"] {
        assert_eq!(read(&[("If-None-Match", tags)]).0, 304, "{tags}");
    }
    let coded = ("If-None-Match", "\"v7-gzip\"");
    assert_eq!(read(&[gzip, coded]), (304, Some("\"v7-gzip\"".to_owned())));
    assert_eq!(
        read(&[coded]).0,
        200,
        "in a coding that this client does not take"
    );
    assert_eq!(read(&[("If-None-Match", "\"v8\"")]).0, 200);
    let mut connection = Connection::open(server.address());
    let mut tear = |tags: &str| {
        let headers = [("If-Match", tags)];
        let reply = connection
            .request("DELETE", "/shelf/book", &headers, b"")
            .unwrap();
        reply.status
    };
    for (tags, status) in [
        ("\"v6\"", 412),
        ("W/\"v7\"", 412),
        ("v7", 412),
        ("", 412),
        ("\"v7-gzip\"", 204),
        ("\"v7\"", 412),
        ("\"v1\", \"v8\"", 204),
        ("*", 204),
    ] {
        assert_eq!(tear(tags), status, "{tags}");
    }
}

#[test]
fn a_kept_reply_is_rendered_once_until_something_changes() {
    let server = InProcess::start();
    let mut connection = Connection::open(server.address());
    let renderings = || server.ask(|here| here.workbench.shelf.renderings.get());
    let mut etag = String::new();
    for (round, headers) in [
        &[][..],
        &[("Accept-Encoding", "br")],
        &[("Accept-Encoding", "zstd, gzip")],
        &[("Origin", "https://shop.example")],
    ]
    .into_iter()
    .enumerate()
    {
        let reply = connection
            .request("GET", "/shelf/kept", headers, b"")
            .unwrap();
        assert_eq!((reply.status, renderings()), (200, 1), "{round}");
        assert!(reply.header("traceparent").is_some());
        if headers.is_empty() {
            assert!(reply.text().starts_with("\"7: text "));
            etag = reply.header("etag").unwrap().to_owned();
        }
    }
    let known = [("If-None-Match", &*etag)];
    let reply = connection
        .request("GET", "/shelf/kept", &known, b"")
        .unwrap();
    assert_eq!((reply.status, renderings()), (304, 1));
    let reply = connection
        .request("DELETE", "/shelf/book", &[], b"")
        .unwrap();
    assert_eq!(reply.status, 204);
    let reply = connection
        .request("GET", "/shelf/kept", &known, b"")
        .unwrap();
    assert_eq!((reply.status, renderings()), (200, 2));
    assert!(reply.text().starts_with("\"8: text "));
}
