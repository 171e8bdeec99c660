//! The OpenAPI document, and every reply of these tests held against it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};
use thirteen::routes::{API, tables};

use crate::support::http::Reply;

/// What the document says of a route, by its template in our form (`/users/:id`).
pub(crate) fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix([':', '*']) {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        });
    let template = segments.collect::<Vec<_>>().join("/");
    document()["paths"][template].get(method.to_ascii_lowercase())
}

/// Fails unless the reply has a status, a type and a body that the document announces for the
/// target. What a path that nothing is at gets is announced as a problem everywhere.
pub(crate) fn check(method: &str, target: &str, reply: &Reply) {
    let method = if method == "HEAD" { "GET" } else { method };
    let template = template_of(target).filter(|path| operation(method, path).is_some());
    let name = format!("{method} {target} {}", reply.status);
    let Some(template) = template else {
        assert!(
            matches!(reply.status, 204 | 404 | 405),
            "{name}: nothing is there"
        );
        return;
    };
    let replies = &operation(method, template).expect("it was found")["responses"];
    let announced = match replies.get(reply.status.to_string()) {
        Some(announced) => announced,
        None if reply.status >= 400 => &document()["components"]["responses"]["Problem"],
        None if reply.status == 304 => return,
        None => panic!("{name}: only {replies} is announced"),
    };
    if reply.status < 400 {
        SEEN.with_borrow_mut(|seen| seen.insert(format!("{method} {template}")));
    }
    let content_type = reply.header("content-type").unwrap_or_default();
    match announced.get("content") {
        Some(content) if reply.body.is_empty() => {
            panic!("{name} has no body, but {content} is announced")
        }
        Some(content) if content.get(content_type).is_some() => {
            let schema = &content[content_type]["schema"];
            check_body(&name, schema, &reply.json());
        }
        Some(content) if content.get("*/*").is_none() => {
            panic!("{name} is {content_type}, not {content}")
        }
        Some(_) | None => {}
    }
}

/// The routes, as `METHOD /path`, that answered this thread's requests as they were asked to.
pub(crate) fn seen() -> BTreeSet<String> {
    SEEN.with_borrow(Clone::clone)
}

fn check_body(name: &str, schema: &Value, body: &Value) {
    let mut known = VALIDATORS.lock().unwrap();
    let known = known.get_or_insert_with(HashMap::new);
    let validator = known.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = schema.clone();
        whole["components"] = json!({ "schemas": document()["components"]["schemas"] });
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap_or_else(|error| panic!("{name}: the schema is at fault: {error}"))
    });
    let faults: Vec<String> = validator
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{name}: {faults:#?}\n{body:#}");
}

/// The template of a path: of several that match, the one with the most fixed segments.
fn template_of(target: &str) -> Option<&'static str> {
    static PATHS: OnceLock<Vec<&'static str>> = OnceLock::new();
    let paths = PATHS.get_or_init(|| tables()[API].iter().map(|route| route.path).collect());
    let path = target.split('?').next().unwrap_or_default();
    let fixed = |template: &str| {
        template
            .split('/')
            .filter(|part| !part.starts_with(':'))
            .count()
    };
    let matches = |template: &&&str| {
        let parts = template.split('/').zip(path.split('/'));
        template.split('/').count() == path.split('/').count()
            && parts
                .clone()
                .all(|(known, part)| known.starts_with(':') || known == part)
    };
    paths
        .iter()
        .filter(matches)
        .max_by_key(|template| fixed(template))
        .copied()
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| thirteen::openapi::document(&tables()[API]))
}

/// By their schema's text.
static VALIDATORS: Mutex<Option<HashMap<String, Validator>>> = Mutex::new(None);

thread_local! {
    static SEEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}
