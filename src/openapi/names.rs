//! Names of operations, from the functions that answer them.

use thirteen_kernels::http::Method;

use crate::http::{Route, method_name};

/// `categories` and `categories_create` of `thirteen::commerce::catalog::categories::api::create`.
pub(super) fn names_of<A>(route: &Route<A>) -> (String, String) {
    let mut parts = route.name.rsplit("::").filter(|part| *part != "api");
    let verb = parts.next().unwrap_or("serve");
    let resource = parts.next().unwrap_or("thirteen");
    (resource.to_owned(), format!("{resource}_{verb}"))
}

/// What one operation does, in a few words: `Create categories`.
pub(super) fn summary_of(resource: &str, operation: &str) -> String {
    let verb = operation.strip_prefix(resource).unwrap_or(operation);
    let mut summary = verb.trim_matches('_').replace('_', " ");
    if let Some(first) = summary.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{summary} ({})", resource.replace('_', " "))
}

/// `/users/{id}` of `/users/:id`, and its parameters.
pub(super) fn template_of(path: &str) -> (String, Vec<&str>) {
    let mut parameters = Vec::new();
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| match segment.strip_prefix([':', '*']) {
            Some(name) => {
                parameters.push(name);
                format!("{{{name}}}")
            }
            None => segment.to_owned(),
        })
        .collect();
    (segments.join("/"), parameters)
}

/// The method as the document names it.
pub(super) fn key_of(method: Method) -> String {
    method_name(method).to_ascii_lowercase()
}
