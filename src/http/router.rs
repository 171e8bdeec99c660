//! Finds the route of a path: static segments before parameters before a wildcard.
//!
//! A path without parameters is found by one look into a hash table. Others walk a tree of
//! segments, which goes back where a more exact branch led nowhere.

use std::collections::HashMap;

use thirteen_kernels::http::{Escapes, Method};

use crate::limits::PATH_SEGMENTS_MAX;

use super::request::{PARAMETERS_MAX, Parameters, decoded};
use super::route::{FORWARD_PATH, Route, TUNNEL_PATH, method_name};

/// The routes of one door.
pub struct Router<A: 'static> {
    routes: Vec<Route<A>>,
    fixed: HashMap<&'static [u8], usize, Spread>,
    nodes: Vec<Node>,
    places: Vec<Place>,
    tunnel: Option<usize>,
    forward: Option<usize>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'r> {
    /// The position of a route in its table.
    Route(usize),
    /// The path exists, but not with this method.
    OtherMethods(&'r str),
    /// Nothing.
    Nothing,
}

/// One path of the table: the routes of its methods.
struct Place {
    path: &'static str,
    routes: [Option<u16>; METHODS.len()],
    allow: String,
}

#[derive(Default)]
struct Node {
    children: Vec<(&'static str, usize)>,
    parameter: Option<(&'static str, usize)>,
    package: Option<(&'static str, usize)>,
    wildcard: Option<(&'static str, usize)>,
    place: Option<usize>,
}

impl<A> Router<A> {
    /// Builds the tree of a table.
    ///
    /// # Panics
    /// When two rows have one method and path, or a path is malformed: a mistake in the table.
    pub fn new(routes: Vec<Route<A>>) -> Router<A> {
        let mut router = Router {
            routes,
            fixed: HashMap::default(),
            nodes: vec![Node::default()],
            places: Vec::new(),
            tunnel: None,
            forward: None,
        };
        for position in 0..router.routes.len() {
            router.add(position);
        }
        for place in &mut router.places {
            place.allow = place.describe();
        }
        router
    }

    /// The row at a position.
    pub fn route(&self, position: usize) -> &Route<A> {
        &self.routes[position]
    }

    /// The table.
    pub fn routes(&self) -> &[Route<A>] {
        &self.routes
    }

    /// Finds the route of a method and a path, which starts with `/`; its parameters are noted.
    pub fn find(
        &self,
        method: Method,
        path: &[u8],
        escapes: Escapes,
        parameters: &mut Parameters,
    ) -> Found<'_> {
        let segments = Segments {
            path,
            at: 1,
            escapes,
            depth: 0,
        };
        let fixed = self.fixed.get(path).copied();
        let place = fixed.or_else(|| self.walk(0, path, segments, parameters));
        let Some(place) = place else {
            return Found::Nothing;
        };
        if let Some(route) = self.places[place].route(method) {
            return Found::Route(route);
        }
        // A package may be called as one of our own pages is; what the page does not take is for
        // the package.
        if fixed.is_some() {
            let package = self.package_at(path, segments, parameters);
            if let Some(route) = package.and_then(|package| self.places[package].route(method)) {
                return Found::Route(route);
            }
            parameters.truncate(0);
        }
        Found::OtherMethods(&self.places[place].allow)
    }

    /// The place of a path that begins with the name of a package.
    fn package_at(
        &self,
        path: &[u8],
        segments: Segments<'_>,
        parameters: &mut Parameters,
    ) -> Option<usize> {
        let (name, child) = self.nodes[0].package?;
        let (segment, rest) = segments.next()?;
        let (end, rest) = segment.package_end(rest)?;
        parameters.push(name, segment.start, end);
        self.walk(child, path, rest, parameters)
    }

    /// The row of `CONNECT`, where the door opens tunnels.
    pub fn tunnel(&self) -> Option<usize> {
        self.tunnel
    }

    /// The row of requests that are for other hosts, where the door forwards them.
    pub fn forward(&self) -> Option<usize> {
        self.forward
    }

    fn add(&mut self, position: usize) {
        let route = &self.routes[position];
        let (method, path) = (route.method, route.path);
        let special = match path {
            TUNNEL_PATH => &mut self.tunnel,
            FORWARD_PATH => &mut self.forward,
            _ => return self.add_place(position, method, path),
        };
        assert!(special.is_none(), "{path} is in the table twice");
        *special = Some(position);
    }

    fn add_place(&mut self, position: usize, method: Method, path: &'static str) {
        let place = self.place_of(path);
        let known = METHODS.iter().position(|known| *known == method);
        let slot = &mut self.places[place].routes[known.expect("a route has a known method")];
        assert!(
            slot.is_none(),
            "{} {path} is in the table twice",
            method_name(method)
        );
        *slot = Some(u16::try_from(position).expect("a table has fewer than 65536 rows"));
    }

    fn place_of(&mut self, path: &'static str) -> usize {
        assert!(path.starts_with('/'), "{path} starts with no slash");
        let mut node = 0;
        let mut parameters = 0;
        for segment in path[1..].split('/') {
            parameters += usize::from(segment.starts_with([':', '*']));
            node = self.child_of(node, segment);
        }
        assert!(
            parameters <= PARAMETERS_MAX,
            "{path} has too many parameters"
        );
        if let Some(place) = self.nodes[node].place {
            return place;
        }
        let place = self.places.len();
        let routes = [None; METHODS.len()];
        self.places.push(Place {
            path,
            routes,
            allow: String::new(),
        });
        self.nodes[node].place = Some(place);
        if parameters == 0 {
            self.fixed.insert(path.as_bytes(), place);
        }
        place
    }

    fn child_of(&mut self, node: usize, segment: &'static str) -> usize {
        let next = self.nodes.len();
        let here = &mut self.nodes[node];
        let (found, name) = match segment.as_bytes().first() {
            Some(b':') if segment.starts_with(":@") => (&mut here.package, &segment[2..]),
            Some(b':') => (&mut here.parameter, &segment[1..]),
            Some(b'*') => (&mut here.wildcard, &segment[1..]),
            _ => {
                if let Some((_, child)) = here.children.iter().find(|(known, _)| *known == segment)
                {
                    return *child;
                }
                here.children.push((segment, next));
                self.nodes.push(Node::default());
                return next;
            }
        };
        if let Some((known, child)) = found {
            assert!(*known == name, "{known} and {name} name the same parameter");
            return *child;
        }
        *found = Some((name, next));
        self.nodes.push(Node::default());
        next
    }

    fn walk(
        &self,
        node: usize,
        path: &[u8],
        segments: Segments<'_>,
        parameters: &mut Parameters,
    ) -> Option<usize> {
        let node = &self.nodes[node];
        let Some((segment, rest)) = segments.next() else {
            return node.place;
        };
        for (name, child) in &node.children {
            if segment.equals(name)
                && let Some(place) = self.walk(*child, path, rest, parameters)
            {
                return Some(place);
            }
        }
        let count = parameters.count();
        if let Some((name, child)) = node.parameter
            && !segment.bytes.is_empty()
        {
            parameters.push(name, segment.start, segment.start + segment.bytes.len());
            if let Some(place) = self.walk(child, path, rest, parameters) {
                return Some(place);
            }
            parameters.truncate(count);
        }
        if let Some((name, child)) = node.package
            && let Some((end, rest)) = segment.package_end(rest)
        {
            parameters.push(name, segment.start, end);
            if let Some(place) = self.walk(child, path, rest, parameters) {
                return Some(place);
            }
            parameters.truncate(count);
        }
        let (name, child) = node.wildcard?;
        parameters.push(name, segment.start, path.len());
        self.nodes[child].place
    }
}

impl Place {
    /// The row of a method. What GET has HEAD has, without the body (RFC 9110, section 9.3.2).
    fn route(&self, method: Method) -> Option<usize> {
        let position = METHODS.iter().position(|known| *known == method)?;
        let asked = self.routes[position];
        let route = asked.or(if method == Method::Head {
            self.routes[GET]
        } else {
            None
        });
        route.map(usize::from)
    }

    fn describe(&self) -> String {
        let mut methods = Vec::new();
        for (method, route) in METHODS.iter().zip(&self.routes) {
            if route.is_some() {
                methods.push(method_name(*method));
            }
            if *method == Method::Get && route.is_some() && self.routes[HEAD].is_none() {
                methods.push("HEAD");
            }
        }
        assert!(!methods.is_empty(), "{} has no route", self.path);
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

/// What is left of a path.
#[derive(Clone, Copy)]
struct Segments<'p> {
    path: &'p [u8],
    at: usize,
    escapes: Escapes,
    depth: usize,
}

struct Segment<'p> {
    bytes: &'p [u8],
    start: usize,
    escapes: Escapes,
}

impl<'p> Segments<'p> {
    fn next(self) -> Option<(Segment<'p>, Segments<'p>)> {
        if self.at > self.path.len() || self.depth == PATH_SEGMENTS_MAX {
            return None;
        }
        let left = &self.path[self.at..];
        let length = left
            .iter()
            .position(|byte| *byte == b'/')
            .unwrap_or(left.len());
        let segment = Segment {
            bytes: &left[..length],
            start: self.at,
            escapes: self.escapes,
        };
        Some((
            segment,
            Segments {
                at: self.at + length + 1,
                depth: self.depth + 1,
                ..self
            },
        ))
    }
}

impl Segment<'_> {
    /// Where a package's name that begins with this segment ends, and what follows: a scope whose
    /// slash is not escaped takes the next segment along. One that stands alone is a name that the
    /// route finds wrong.
    fn package_end<'p>(&self, rest: Segments<'p>) -> Option<(usize, Segments<'p>)> {
        let end = self.start + self.bytes.len();
        if self.bytes.is_empty() {
            return None;
        }
        let is_scope = match decoded(self.bytes, self.escapes) {
            Ok(text) => text.starts_with('@') && !text.contains('/'),
            Err(_) => false,
        };
        if !is_scope {
            return Some((end, rest));
        }
        let Some((name, rest)) = rest.next() else {
            return Some((end, rest));
        };
        (!name.bytes.is_empty()).then_some((name.start + name.bytes.len(), rest))
    }

    /// Compares by what the escapes stand for (RFC 3986, section 6.2.2.2).
    fn equals(&self, name: &str) -> bool {
        match self.escapes {
            Escapes::Absent => self.bytes == name.as_bytes(),
            Escapes::Present => decoded(self.bytes, self.escapes).is_ok_and(|text| text == name),
        }
    }
}

/// Hashes a path by its length and a few words of it; the tables are ours, so nobody can choose
/// paths that collide.
#[derive(Clone, Copy, Default)]
struct Spread;

struct Spreading(u64);

impl std::hash::BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading(0)
    }
}

impl std::hash::Hasher for Spreading {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, length: usize) {
        self.write_u64(length as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Methods that a route can have, in the order of `Allow`.
const METHODS: [Method; 7] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
];
const GET: usize = 0;
const HEAD: usize = 1;

#[cfg(test)]
mod tests {
    use super::super::problem::Problem;
    use super::super::reply::Reply;
    use super::super::request::Request;
    use super::*;

    fn router(rows: &[(Method, &'static str)]) -> Router<()> {
        fn nothing(_: &(), _: &Request<'_>, _: &mut Reply<'_>) -> Result<(), Problem> {
            Ok(())
        }
        Router::new(
            rows.iter()
                .map(|(method, path)| Route::new(*method, path, nothing))
                .collect(),
        )
    }

    fn find<'r>(router: &'r Router<()>, path: &str) -> Found<'r> {
        let escapes = if path.contains('%') {
            Escapes::Present
        } else {
            Escapes::Absent
        };
        router.find(
            Method::Get,
            path.as_bytes(),
            escapes,
            &mut Parameters::default(),
        )
    }

    #[test]
    fn exact_beats_parameter_beats_wildcard() {
        let rows = [
            "/a/b",
            "/a/:x",
            "/a/*rest",
            "/a/:x/c",
            "/a/b/d",
            "/",
            "/files/*path",
        ];
        let router = router(&rows.map(|path| (Method::Get, path)));
        let cases = [
            ("/a/b", 0),
            ("/a/z", 1),
            ("/a/z/q", 2),
            ("/a/z/c", 3),
            ("/a/b/c", 3),
            ("/a/b/d", 4),
            ("/a/b/e", 2),
            ("/", 5),
            ("/files/", 6),
            ("/files/x/y/z", 6),
            ("/%61/b", 0),
            ("/a/%62/d", 4),
        ];
        for (path, expected) in cases {
            assert_eq!(find(&router, path), Found::Route(expected), "{path}");
        }
        for path in ["/a", "/b", "/A/b", "/files", "//", "/a%2Fb"] {
            assert_eq!(find(&router, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn what_a_page_does_not_take_is_for_the_package_of_its_name() {
        let router = router(&[
            (Method::Get, "/health"),
            (Method::Get, "/:@package"),
            (Method::Put, "/:@package"),
        ]);
        let mut parameters = Parameters::default();
        let mut find = |method| router.find(method, b"/health", Escapes::Absent, &mut parameters);
        assert_eq!(find(Method::Get), Found::Route(0));
        assert_eq!(find(Method::Head), Found::Route(0));
        assert_eq!(
            find(Method::Delete),
            Found::OtherMethods("GET, HEAD, OPTIONS")
        );
        assert_eq!(find(Method::Put), Found::Route(2));
        assert_eq!(parameters.first(), Some((1, 7)));
    }

    #[test]
    fn a_package_is_one_parameter_however_its_scope_is_written() {
        let rows = [
            "/:@package",
            "/:@package/:version",
            "/:@package/-/:file",
            "/-/ping",
            "/-/package/:@package/dist-tags",
        ];
        let router = router(&rows.map(|path| (Method::Get, path)));
        let cases = [
            ("/lodash", 0, "/lodash"),
            ("/@scope/name", 0, "/@scope/name"),
            ("/@scope%2fname", 0, "/@scope%2fname"),
            ("/%40scope/name", 0, "/%40scope/name"),
            ("/@scope", 0, "/@scope"),
            ("/lodash/1.0.0", 1, "/lodash"),
            ("/@scope/name/latest", 1, "/@scope/name"),
            ("/@scope%2Fname/latest", 1, "/@scope%2Fname"),
            ("/lodash/-/lodash-1.0.0.tgz", 2, "/lodash"),
            ("/@scope/name/-/name-1.0.0.tgz", 2, "/@scope/name"),
            ("/-/ping", 3, ""),
            ("/-/package/@scope/name/dist-tags", 4, "@scope/name"),
            ("/-/package/@scope%2fname/dist-tags", 4, "@scope%2fname"),
        ];
        for (path, expected, package) in cases {
            let mut parameters = Parameters::default();
            let escapes = if path.contains('%') {
                Escapes::Present
            } else {
                Escapes::Absent
            };
            let found = router.find(Method::Get, path.as_bytes(), escapes, &mut parameters);
            assert_eq!(found, Found::Route(expected), "{path}");
            let (start, end) = parameters.first().unwrap_or((0, 0));
            let package = package.trim_start_matches('/');
            assert_eq!(&path[start..end], package, "{path}");
        }
        for path in ["/@scope/", "//name", "/@scope//x"] {
            assert_eq!(find(&router, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn methods_are_told_apart_and_listed() {
        let router = router(&[
            (Method::Get, "/x"),
            (Method::Post, "/x"),
            (Method::Delete, "/x/:id"),
        ]);
        let mut parameters = Parameters::default();
        let mut ask = |method, path: &str| {
            let found = router.find(method, path.as_bytes(), Escapes::Absent, &mut parameters);
            match found {
                Found::Route(position) => position.to_string(),
                Found::OtherMethods(allow) => allow.to_owned(),
                Found::Nothing => "nothing".to_owned(),
            }
        };
        assert_eq!(ask(Method::Head, "/x"), "0");
        assert_eq!(ask(Method::Post, "/x"), "1");
        assert_eq!(ask(Method::Put, "/x"), "GET, HEAD, POST, OPTIONS");
        assert_eq!(ask(Method::Get, "/x/7"), "DELETE, OPTIONS");
        assert_eq!(ask(Method::Other, "/x/7"), "DELETE, OPTIONS");
    }

    #[test]
    fn a_path_of_too_many_segments_matches_nothing() {
        let router = router(&[(Method::Get, "/:a")]);
        let path = "/x".repeat(PATH_SEGMENTS_MAX + 5);
        assert_eq!(find(&router, &path), Found::Nothing);
    }

    #[test]
    #[should_panic(expected = "in the table twice")]
    fn a_row_cannot_be_there_twice() {
        router(&[(Method::Get, "/x"), (Method::Get, "/x")]);
    }
}
