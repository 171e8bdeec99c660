//! Lists in pages: `?limit=` and an opaque cursor, or `?page=` and `?per_page=`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::id::Id;
use crate::json::{At, Describe, Faults, Fields, Int, Object, Property, Raw, Schemas};

use super::cursor::Cursor;
use super::endpoint::Signature;
use super::outcome::{Answer, described};
use super::problem::Problem;
use super::reply::Reply;
use super::request::Request;

/// Which part of a list is asked for. A list's own query takes it in: `..pub page: PageQuery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// How many items at most.
    pub limit: u32,
    /// Where it begins.
    pub start: Start,
    /// Whether all items are to be counted.
    pub total: Total,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first item.
    First,
    /// After the item whose keys these are.
    After(Cursor),
    /// After so many pages less one: pages are counted from 1.
    Number(u32),
}

/// Whether a list says how many items there are on all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// It does not.
    Left,
    /// It does.
    Included,
}

/// One page of a list, as it is sent, with a link to the next one (RFC 8288).
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
    /// How many items there are on all pages, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

crate::shape! {
    /// The parameters that every list takes.
    struct Parameters reads {
        /// How many items a page has at most; 20 where it is not said.
        limit: Option<Int<1, { LIMIT_MAX as i64 }>>,
        /// The `next` of the page before.
        cursor: Option<Cursor>,
        /// The page's number, from 1, instead of a cursor.
        page: Option<Int<1, { PAGE_MAX as i64 }>>,
        /// `limit` by another name, for pages by number.
        per_page: Option<Int<1, { LIMIT_MAX as i64 }>>,
        /// Whether `total` says how many items there are on all pages.
        include_total: Option<bool>,
    }
}

/// The parameters of a query while they are read.
#[derive(Default)]
pub struct Reading(<Parameters as Object>::Partial);

impl Default for PageQuery {
    fn default() -> PageQuery {
        PageQuery {
            limit: LIMIT_DEFAULT,
            start: Start::First,
            total: Total::Left,
        }
    }
}

impl PageQuery {
    /// Items before this page, of a list that is read by offset.
    pub fn offset(&self) -> u64 {
        match self.start {
            Start::First | Start::After(_) => 0,
            Start::Number(page) => u64::from(page - 1) * u64::from(self.limit),
        }
    }

    /// The id of the item that the page begins after, in a list that is sorted by id alone.
    ///
    /// # Errors
    /// 422 where the cursor is of another list.
    pub fn after_id(&self, order: u8) -> Result<Option<Id>, Problem> {
        let Start::After(cursor) = &self.start else {
            return Ok(None);
        };
        let mut values = cursor.values(order)?;
        let id = values.id()?;
        values.end()?;
        Ok(Some(id))
    }

    /// Makes the page of rows that were read: one more than [`PageQuery::limit`] is asked of the
    /// store, which tells whether there is a next page. `cursor_of` makes the keys of an item.
    pub fn page<T>(&self, mut items: Vec<T>, cursor_of: impl FnOnce(&T) -> Cursor) -> Page<T> {
        let limit = self.limit as usize;
        let has_next = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_next).map(cursor_of);
        Page {
            items,
            next,
            total: None,
        }
    }
}

impl Object for PageQuery {
    type Partial = Reading;

    fn properties(schemas: &mut Schemas, into: &mut Vec<Property>) {
        Parameters::properties(schemas, into);
    }
}

impl Fields for Reading {
    type Whole = PageQuery;

    fn offer(&mut self, name: &str, raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> bool {
        self.0.offer(name, raw, at, faults)
    }

    fn finish(self, parent: &At<'_>, faults: &mut Faults) -> Option<PageQuery> {
        let read = self.0.finish(parent, faults)?;
        let numbers = (read.page, read.per_page);
        let is_numbered = numbers != (None, None);
        let mut refuse = |name| {
            let detail = "does not go with `page` and `per_page`";
            faults.add(&At::Key(parent, name), "conflict", detail);
        };
        if is_numbered && read.limit.is_some() && read.per_page.is_some() {
            refuse("limit");
            return None;
        }
        if is_numbered && read.cursor.is_some() {
            refuse("cursor");
            return None;
        }
        let start = match read.cursor {
            Some(cursor) => Start::After(cursor),
            None if is_numbered => Start::Number(read.page.map_or(1, small)),
            None => Start::First,
        };
        Some(PageQuery {
            limit: read.limit.or(read.per_page).map_or(LIMIT_DEFAULT, small),
            start,
            total: match read.include_total {
                Some(true) => Total::Included,
                Some(false) | None => Total::Left,
            },
        })
    }
}

fn small<const MAX: i64>(number: Int<1, MAX>) -> u32 {
    u32::try_from(number.value()).expect("the bounds are those of pages")
}

impl<T> Page<T> {
    /// The page with the number of items on all pages, where the query asks for it.
    ///
    /// # Errors
    /// Whatever counting fails with.
    pub fn with_total<E>(
        mut self,
        query: &PageQuery,
        count: impl FnOnce() -> Result<u64, E>,
    ) -> Result<Page<T>, E> {
        if query.total == Total::Included {
            self.total = Some(count()?);
        }
        Ok(self)
    }

    /// The `Link` header to the next page, if there is one.
    pub fn link(&self, request: &Request<'_>) -> Option<String> {
        self.next.as_ref().map(|next| link_to_next(request, next))
    }
}

impl<T: Serialize + Describe + 'static> Answer for Page<T> {
    fn write(self, request: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        reply.status(200);
        if let Some(link) = self.link(request) {
            reply.header("Link", link);
        }
        reply.json(&self);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<Page<T>>(200, schemas, signature);
    }
}

impl<T: Describe> Describe for Page<T> {
    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        let items = Vec::<T>::schema(schemas);
        let next = Option::<Cursor>::schema(schemas);
        let total = u64::schema(schemas);
        serde_json::json!({
            "type": "object",
            "required": ["items", "next"],
            "properties": { "items": items, "next": next, "total": total },
        })
    }
}

/// The problem of a cursor that this list did not give.
pub fn invalid_cursor() -> Problem {
    Problem::new(422, "The cursor is not one that this list gave.").code(INVALID_CURSOR)
}

/// The target of the request with the place of the next page: by number where the request has
/// one, otherwise by cursor.
fn link_to_next(request: &Request<'_>, next: &Cursor) -> String {
    let head = request.head();
    let mut link = String::from("<");
    write_uri(head.path(), &mut link);
    let (mut separator, mut page) = ('?', None);
    let query = head.query().unwrap_or_default();
    for pair in query.split(|byte| *byte == b'&') {
        if pair.is_empty() || value_of(pair, "cursor").is_some() {
            continue;
        }
        if let Some(number) = value_of(pair, "page") {
            page = str::from_utf8(number)
                .ok()
                .and_then(|text| text.parse().ok());
            continue;
        }
        if value_of(pair, "per_page").is_some() && page.is_none() {
            page = Some(1_u32);
        }
        link.push(separator);
        write_uri(pair, &mut link);
        separator = '&';
    }
    link.push(separator);
    match page {
        Some(page) => write!(link, "page={}", page + 1),
        None => write!(link, "cursor={}", next.text()),
    }
    .expect("a String takes everything");
    link.push_str(">; rel=\"next\"");
    link
}

fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    match pair.strip_prefix(name.as_bytes())? {
        [] => Some(b""),
        [b'=', value @ ..] => Some(value),
        _ => None,
    }
}

/// Writes bytes of a target; what a URI does not have (RFC 3986, section 2) is escaped, so that
/// nothing ends the link early.
fn write_uri(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(byte) {
            out.push(char::from(*byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes everything");
        }
    }
}

/// The code of the problem and of the fault of a cursor.
pub(super) const INVALID_CURSOR: &str = "invalid_cursor";

/// Items of a page where the client names no number.
pub const LIMIT_DEFAULT: u32 = 20;
/// Items of a page at most.
pub const LIMIT_MAX: u32 = 100;
/// The last page that can be asked for by its number: a store walks over all items before it.
pub const PAGE_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::super::inputs::Query;
    use super::super::policy::DoorPolicy;
    use super::super::rehearsal::rehearse;
    use super::*;

    fn with_request<T>(target: &str, run: impl FnOnce(&Request<'_>) -> T) -> T {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        rehearse(head.as_bytes(), &DoorPolicy::default(), |rehearsal| {
            run(rehearsal.request())
        })
    }

    crate::shape! {
        /// A list's own query.
        struct Filter reads {
            q: Option<bool>,
            ..page: PageQuery,
        }
    }

    fn read(query: &str) -> Result<PageQuery, Problem> {
        with_request(&format!("/items?{query}"), |request| {
            Query::<Filter>::of(request).map(|query| {
                assert_ne!(query.q, Some(false), "no case has it");
                query.0.page
            })
        })
    }

    fn faults(query: &str) -> Vec<(String, &'static str)> {
        let problem = read(query).unwrap_err();
        assert_eq!(problem.status, 422, "{query}");
        let faults = problem.faults.into_iter();
        faults.map(|fault| (fault.pointer, fault.code)).collect()
    }

    fn fault(pointer: &str, code: &'static str) -> (String, &'static str) {
        (pointer.to_owned(), code)
    }

    #[test]
    fn parameters_have_defaults_and_bounds() {
        assert_eq!(read("").unwrap(), PageQuery::default());
        let query = read("limit=100&include_total=1&q=1").unwrap();
        assert_eq!((query.limit, query.total), (100, Total::Included));
        let query = read("page=3&per_page=50").unwrap();
        assert_eq!((query.limit, query.offset()), (50, 100));
        assert_eq!(read("page=2&limit=7").unwrap().offset(), 7);
        assert_eq!(read("per_page=7").unwrap().start, Start::Number(1));
        let cursor = Cursor::new(1).int(7);
        let query = read(&format!("cursor={}", cursor.text())).unwrap();
        assert_eq!(query.start, Start::After(cursor));
    }

    #[test]
    fn every_fault_is_told() {
        for value in ["0", "101", "-1"] {
            assert_eq!(
                faults(&format!("limit={value}&page=0&colour=red&per_page=x&q=2")),
                [
                    fault("/limit", "range"),
                    fault("/page", "range"),
                    fault("/colour", "unknown_parameter"),
                    fault("/per_page", "type"),
                    fault("/q", "type"),
                ]
            );
        }
        assert_eq!(faults("limit=1&limit=2"), [fault("/limit", "duplicate")]);
        assert_eq!(faults("include_total=y"), [fault("/include_total", "type")]);
        assert_eq!(faults("page=1001"), [fault("/page", "range")]);
        assert_eq!(faults("page=1&cursor=AQA"), [fault("/cursor", "conflict")]);
        assert_eq!(faults("limit=1&per_page=1"), [fault("/limit", "conflict")]);
    }

    #[test]
    fn a_cursor_that_is_none_has_a_code_of_its_own() {
        for value in ["", "x", "AQ==", "AQA%20"] {
            let problem = read(&format!("cursor={value}")).unwrap_err();
            assert_eq!((problem.status, problem.code), (422, "invalid_cursor"));
            assert_eq!(problem.faults[0].pointer, "/cursor");
        }
        assert_eq!(read("cursor=%FF").unwrap_err().status, 400, "no text");
    }

    #[test]
    fn the_item_past_the_limit_tells_of_a_next_page() {
        let query = PageQuery {
            limit: 2,
            ..PageQuery::default()
        };
        let cursor_of = |item: &i64| Cursor::new(0).int(*item);
        let page = query.page(vec![1, 2, 3], cursor_of);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(cursor_of(&2))));
        let page = query.page(vec![1, 2], cursor_of);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
        let page = query.page(Vec::new(), cursor_of);
        let json = serde_json::to_value(&page).unwrap();
        assert_eq!(json, serde_json::json!({"items": [], "next": null}));
        let uncounted = page.with_total(&query, || Err("not asked")).unwrap();
        let counting = PageQuery {
            total: Total::Included,
            ..query
        };
        let counted = uncounted.with_total(&counting, || Ok::<_, ()>(7)).unwrap();
        assert_eq!(counted.total, Some(7));
    }

    #[test]
    fn the_link_is_the_requests_own_target() {
        let next = Cursor::new(0).int(9);
        let text = next.text();
        let link = |target| with_request(target, |request| link_to_next(request, &next));
        for (target, expected) in [
            ("/items", format!("/items?cursor={text}")),
            (
                "/items?q=a%20b&cursor=AAAA&limit=5&cursors=1",
                format!("/items?q=a%20b&limit=5&cursors=1&cursor={text}"),
            ),
            (
                "/items?page=2&&per_page=5",
                "/items?per_page=5&page=3".to_owned(),
            ),
            (
                "/items?per_page=5&page=2",
                "/items?per_page=5&page=3".to_owned(),
            ),
            ("/items?per_page=5", "/items?per_page=5&page=2".to_owned()),
        ] {
            assert_eq!(link(target), format!("<{expected}>; rel=\"next\""));
        }
        let mut uri = String::new();
        write_uri(b"a|\"b\\>,%20", &mut uri);
        assert_eq!(uri, "a%7C%22b%5C%3E,%20");
    }
}
