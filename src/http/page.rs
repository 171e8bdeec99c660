//! Lists in pages: `?limit=` and an opaque cursor, or `?page=` and `?per_page=`.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use super::cursor::Cursor;
use super::problem::{Problem, pointer};
use super::reply::Reply;
use super::request::Request;

/// Which part of a list is asked for.
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

/// One page of a list, as it is sent.
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

impl PageQuery {
    /// What the query asks for where it asks for nothing.
    pub const DEFAULT: PageQuery = PageQuery {
        limit: LIMIT_DEFAULT,
        start: Start::First,
        total: Total::Left,
    };

    /// Reads the parameters of a query that every list takes, and gives each other pair to
    /// `other`, which says whether it knows the name.
    ///
    /// # Errors
    /// 422 with every parameter at fault: one out of its range, given twice, of no meaning here,
    /// or a cursor that is none. 400 where the query is no text.
    pub fn read(
        request: &Request<'_>,
        mut other: impl FnMut(&str, &str) -> Known,
    ) -> Result<PageQuery, Problem> {
        let mut reading = Reading::default();
        for pair in request.query() {
            let (name, value) = pair?;
            if reading.take(&name, &value) == Known::No && other(&name, &value) == Known::No {
                reading.fault(&name, "unknown_parameter", "is no parameter of this list");
            }
        }
        reading.finish()
    }

    /// Items before this page, of a list that is read by offset.
    pub fn offset(&self) -> u64 {
        match self.start {
            Start::First | Start::After(_) => 0,
            Start::Number(page) => u64::from(page - 1) * u64::from(self.limit),
        }
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

    /// The `Link` header of a page (RFC 8288): the target of the request, but for where the page
    /// begins.
    pub fn link(&self, request: &Request<'_>, next: &Cursor) -> String {
        let (name, value) = match &self.start {
            Start::Number(page) => ("page", Cow::Owned((page + 1).to_string())),
            Start::First | Start::After(_) => ("cursor", Cow::Borrowed(next.text())),
        };
        let head = request.head();
        let mut link = String::from("<");
        write_uri(head.path(), &mut link);
        let mut separator = '?';
        let query = head.query().unwrap_or_default();
        for pair in query.split(|byte| *byte == b'&') {
            if pair.is_empty() || is_named(pair, "cursor") || is_named(pair, "page") {
                continue;
            }
            link.push(separator);
            write_uri(pair, &mut link);
            separator = '&';
        }
        link.push(separator);
        link.push_str(name);
        link.push('=');
        link.push_str(&value);
        link.push_str(">; rel=\"next\"");
        link
    }
}

impl<T: Serialize> Page<T> {
    /// Replies with this page.
    pub fn write(&self, query: &PageQuery, request: &Request<'_>, reply: &mut Reply<'_>) {
        reply.status(200);
        if let Some(next) = &self.next {
            reply.header("Link", query.link(request, next));
        }
        reply.json(self);
    }
}

/// Whether the reader of a pair knows its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It does, and has taken the value or noted its fault.
    Yes,
    /// It does not.
    No,
}

/// A query on its way to a [`PageQuery`].
#[derive(Default)]
struct Reading {
    limit: Option<u32>,
    cursor: Option<Cursor>,
    page: Option<u32>,
    per_page: Option<u32>,
    total: Option<Total>,
    faults: Vec<(String, &'static str, Cow<'static, str>)>,
    seen: Vec<&'static str>,
}

impl Reading {
    fn take(&mut self, name: &str, value: &str) -> Known {
        let Some(known) = PARAMETERS.into_iter().find(|known| *known == name) else {
            return Known::No;
        };
        if self.seen.contains(&known) {
            self.fault(name, "duplicate", "is given twice");
            return Known::Yes;
        }
        self.seen.push(known);
        match known {
            "limit" => self.limit = self.number(name, value, LIMIT_MAX),
            "per_page" => self.per_page = self.number(name, value, LIMIT_MAX),
            "page" => self.page = self.number(name, value, PAGE_MAX),
            "include_total" => match value {
                "1" | "true" => self.total = Some(Total::Included),
                "0" | "false" => self.total = Some(Total::Left),
                _ => self.fault(name, "invalid", "must be 0 or 1"),
            },
            _ => match Cursor::read(value) {
                Some(cursor) => self.cursor = Some(cursor),
                None => self.fault(name, INVALID_CURSOR, CURSOR_DETAIL),
            },
        }
        Known::Yes
    }

    fn number(&mut self, name: &str, value: &str, max: u32) -> Option<u32> {
        let is_decimal = value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value
            .parse()
            .ok()
            .filter(|number| is_decimal && (1..=max).contains(number));
        if number.is_none() {
            self.fault(name, "out_of_range", format!("must be 1 to {max}"));
        }
        number
    }

    fn fault(&mut self, name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push((pointer(name), code, detail.into()));
        }
    }

    fn finish(mut self) -> Result<PageQuery, Problem> {
        let by_number = self.seen.contains(&"page") || self.seen.contains(&"per_page");
        if by_number {
            for name in ["limit", "cursor"] {
                if self.seen.contains(&name) {
                    self.fault(name, "conflict", "does not go with page and per_page");
                }
            }
        }
        let is_cursor = |fault: &(String, &str, Cow<'_, str>)| fault.1 == INVALID_CURSOR;
        if self.faults.iter().any(is_cursor) && self.faults.len() == 1 {
            return Err(invalid_cursor());
        }
        if !self.faults.is_empty() {
            let problem = Problem::invalid();
            return Err(self
                .faults
                .into_iter()
                .fold(problem, |problem, (at, code, detail)| {
                    problem.fault(at, code, detail)
                }));
        }
        let start = match (by_number, self.cursor) {
            (true, _) => Start::Number(self.page.unwrap_or(1)),
            (false, Some(cursor)) => Start::After(cursor),
            (false, None) => Start::First,
        };
        Ok(PageQuery {
            limit: self.limit.or(self.per_page).unwrap_or(LIMIT_DEFAULT),
            start,
            total: self.total.unwrap_or(Total::Left),
        })
    }
}

/// The problem of a cursor that this list did not give.
pub fn invalid_cursor() -> Problem {
    Problem::new(422, "The cursor is not one that this list gave.")
        .code(INVALID_CURSOR)
        .fault("/cursor", INVALID_CURSOR, CURSOR_DETAIL)
}

fn is_named(pair: &[u8], name: &str) -> bool {
    pair.strip_prefix(name.as_bytes())
        .is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'='))
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

const PARAMETERS: [&str; 5] = ["limit", "cursor", "page", "per_page", "include_total"];
const INVALID_CURSOR: &str = "invalid_cursor";
const CURSOR_DETAIL: &str = "must be the `next` of a page of this list";

/// Items of a page where the client names no number.
pub const LIMIT_DEFAULT: u32 = 20;
/// Items of a page at most.
pub const LIMIT_MAX: u32 = 100;
/// The last page that can be asked for by its number: a store walks over all items before it.
pub const PAGE_MAX: u32 = 1000;
/// Faults that are told of one query.
const FAULTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use thirteen_kernels::http::{HeadParser, HeadTable};
    use thirteen_kernels::level::Level;

    use super::super::request::Parameters;
    use super::*;

    fn with_request<T>(target: &str, run: impl FnOnce(&Request<'_>) -> T) -> T {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut table = HeadTable::new();
        HeadParser::new(Level::detect())
            .parse(text.as_bytes(), &mut table)
            .unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let parameters = Parameters::default();
        run(&Request::new(
            table.view(text.as_bytes()),
            &parameters,
            peer,
        ))
    }

    fn read(query: &str) -> Result<PageQuery, Problem> {
        with_request(&format!("/items?{query}"), |request| {
            PageQuery::read(request, |name, _| match name {
                "q" => Known::Yes,
                _ => Known::No,
            })
        })
    }

    fn faults(query: &str) -> Vec<(String, &'static str)> {
        let problem = read(query).unwrap_err();
        assert_eq!(problem.status, 422, "{query}");
        let faults = problem.faults.into_iter();
        faults.map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn parameters_have_defaults_and_bounds() {
        assert_eq!(read("").unwrap(), PageQuery::DEFAULT);
        let query = read("limit=100&include_total=1&q=x").unwrap();
        assert_eq!((query.limit, query.total), (100, Total::Included));
        let query = read("page=3&per_page=50").unwrap();
        assert_eq!((query.limit, query.offset()), (50, 100));
        assert_eq!(read("per_page=7").unwrap().start, Start::Number(1));
        let cursor = Cursor::new(1).int(7);
        let query = read(&format!("cursor={}", cursor.text())).unwrap();
        assert_eq!(query.start, Start::After(cursor));
    }

    #[test]
    fn every_fault_is_told() {
        for value in [
            "0",
            "101",
            "-1",
            "+1",
            "x",
            "",
            "1.0",
            "99999999999999999999",
        ] {
            assert_eq!(
                faults(&format!("limit={value}&page=0&colour=red")),
                [
                    ("/limit".to_owned(), "out_of_range"),
                    ("/page".to_owned(), "out_of_range"),
                    ("/colour".to_owned(), "unknown_parameter"),
                    ("/limit".to_owned(), "conflict"),
                ]
            );
        }
        assert_eq!(
            faults("limit=1&limit=2"),
            [("/limit".to_owned(), "duplicate")]
        );
        assert_eq!(
            faults("include_total=yes"),
            [("/include_total".to_owned(), "invalid")]
        );
        assert_eq!(faults(&"x=1&".repeat(100)).len(), FAULTS_MAX);
        assert_eq!(faults("page=1001"), [("/page".to_owned(), "out_of_range")]);
    }

    #[test]
    fn a_cursor_that_is_none_has_a_code_of_its_own() {
        for value in ["", "x", "AQ==", "%FF"] {
            let problem = match read(&format!("cursor={value}")) {
                Err(problem) => problem,
                Ok(query) => panic!("{value}: {query:?}"),
            };
            if problem.status == 400 {
                assert_eq!(value, "%FF", "no text");
                continue;
            }
            assert_eq!((problem.status, problem.code), (422, "invalid_cursor"));
            assert_eq!(problem.faults[0].pointer, "/cursor");
        }
    }

    #[test]
    fn the_item_past_the_limit_tells_of_a_next_page() {
        let query = PageQuery {
            limit: 2,
            ..PageQuery::DEFAULT
        };
        let cursor_of = |item: &i64| Cursor::new(0).int(*item);
        let page = query.page(vec![1, 2, 3], cursor_of);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(cursor_of(&2))));
        let page = query.page(vec![1, 2], cursor_of);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
        let json = serde_json::to_value(query.page(Vec::new(), cursor_of)).unwrap();
        assert_eq!(json, serde_json::json!({"items": [], "next": null}));
    }

    #[test]
    fn the_link_is_the_requests_own_target() {
        let next = Cursor::new(0).int(9);
        let text = next.text().to_owned();
        let link = |target: &str, start| {
            let query = PageQuery {
                start,
                ..PageQuery::DEFAULT
            };
            with_request(target, |request| query.link(request, &next))
        };
        assert_eq!(
            link("/items", Start::First),
            format!("</items?cursor={text}>; rel=\"next\"")
        );
        assert_eq!(
            link(
                "/items?q=a%20b&cursor=AAAA&limit=5&cursors=1",
                Start::After(next.clone())
            ),
            format!("</items?q=a%20b&limit=5&cursors=1&cursor={text}>; rel=\"next\"")
        );
        assert_eq!(
            link("/items?page=2&&per_page=5", Start::Number(2)),
            "</items?per_page=5&page=3>; rel=\"next\""
        );
        let mut uri = String::new();
        write_uri(b"a|\"b\\>,%20", &mut uri);
        assert_eq!(uri, "a%7C%22b%5C%3E,%20");
    }
}
