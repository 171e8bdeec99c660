//! The OpenAPI document as the server serves it, and replies held against it.

use serde_json::{Value, json};

use crate::support::http::Reply;
use crate::world::World;

/// The served document.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn of(world: &World) -> Document {
        Document(world.anyone().get("/api/v1/openapi.json").expect(200))
    }

    /// What it says of a route, by its template in our form (`/users/:id`).
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let segments = path
            .split('/')
            .map(|segment| match segment.strip_prefix([':', '*']) {
                Some(name) => format!("{{{name}}}"),
                None => segment.to_owned(),
            });
        let template = segments.collect::<Vec<_>>().join("/");
        self.0["paths"][template].get(method.to_ascii_lowercase())
    }

    /// Fails unless the reply has a status, a type and a body that the document announces.
    pub(crate) fn check(&self, method: &str, path: &str, reply: &Reply) {
        let name = format!("{method} {path} {}", reply.status);
        let operation = self
            .operation(method, path)
            .unwrap_or_else(|| panic!("{name} is not in the document"));
        let replies = &operation["responses"];
        let status = reply.status.to_string();
        let announced = match replies.get(&status) {
            Some(announced) => announced,
            None if reply.status >= 400 => &self.0["components"]["responses"]["Problem"],
            None => panic!("{name}: only {replies} is announced"),
        };
        let Some(content) = announced.get("content") else {
            assert!(
                reply.body.is_empty(),
                "{name} has a body that is not announced"
            );
            return;
        };
        let content_type = reply.header("content-type").unwrap_or_default();
        let schema = content
            .get(content_type)
            .unwrap_or_else(|| panic!("{name} is {content_type}, not {content}"));
        let mut schema = schema["schema"].clone();
        schema["components"] = json!({ "schemas": self.0["components"]["schemas"] });
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap_or_else(|error| panic!("{name}: the schema is at fault: {error}"));
        let body = reply.json();
        let faults: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}\n{body:#}");
    }
}
