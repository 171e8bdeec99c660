//! Builds the document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use thirteen_kernels::http::Method;

use crate::http::{Access, Content, Handler, Property, Route, Signature};
use crate::json::Schemas;

use super::names::{key_of, names_of, summary_of, template_of};

/// The document of a door's table.
pub fn document<A>(routes: &[Route<A>]) -> Value {
    let mut schemas = Schemas::default();
    let mut used = BTreeSet::new();
    let mut paths = Map::new();
    for route in routes {
        let (template, parameters) = template_of(route.path);
        let operation = operation_of(route, &parameters, &mut schemas, &mut used);
        let item = paths.entry(template).or_insert_with(|| json!({}));
        item[key_of(route.method)] = operation;
    }
    let mut components = schemas.into_components();
    components["Problem"] = problem_schema();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Thirteen",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The commerce API. Errors are problem documents (RFC 9457).",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "__Host-at" },
            },
            "responses": { "Problem": {
                "description": "What went wrong.",
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                } },
            } },
        },
    })
}

fn operation_of<A>(
    route: &Route<A>,
    parameters: &[&str],
    schemas: &mut Schemas,
    used: &mut BTreeSet<String>,
) -> Value {
    let mut signature = Signature::default();
    (route.describe)(schemas, &mut signature);
    let (tag, name) = names_of(route);
    let id = unused(name.clone(), used);
    let mut described: Vec<Value> = parameters.iter().map(|name| path_parameter(name)).collect();
    described.extend(signature.query.into_iter().map(query_parameter));
    if matches!(route.method, Method::Put | Method::Delete) {
        described.push(json!({
            "name": "If-Match",
            "in": "header",
            "description": "The ETag that the change is meant for (RFC 9110, section 13.1.1).",
            "schema": { "type": "string" },
        }));
    }
    let mut operation = json!({
        "operationId": id,
        "summary": summary_of(&tag, &name),
        "tags": [tag],
        "parameters": described,
        "responses": replies_of(route, signature.replies),
    });
    if let Some(content) = signature.body {
        operation["requestBody"] = json!({ "required": true, "content": media_of(content) });
    }
    if needs_credentials(route.access) {
        operation["security"] = json!([{ "bearer": [] }, { "cookie": [] }]);
    }
    operation
}

/// A name that no operation has yet: two URLs may share a handler.
fn unused(name: String, used: &mut BTreeSet<String>) -> String {
    let mut candidate = name.clone();
    let mut count = 1;
    while !used.insert(candidate.clone()) {
        count += 1;
        candidate = format!("{name}_{count}");
    }
    candidate
}

fn replies_of<A>(route: &Route<A>, replies: Vec<(u16, Option<Content>)>) -> Value {
    let mut responses = Map::new();
    for (status, content) in replies {
        let mut response = json!({ "description": crate::http::reason(status) });
        if let Some(content) = content {
            response["content"] = media_of(content);
        }
        responses.insert(status.to_string(), response);
    }
    if responses.is_empty() {
        let status = match route.handler {
            Handler::Live(_) => 101,
            Handler::Plain(_) | Handler::Waiting(_) | Handler::Prompt(..) => 200,
        };
        let response = json!({ "description": crate::http::reason(status) });
        responses.insert(status.to_string(), response);
    }
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    responses.insert("default".to_owned(), problem);
    Value::Object(responses)
}

fn media_of(content: Content) -> Value {
    match content {
        Content::Json(schema) => json!({ "application/json": { "schema": schema } }),
        Content::Bytes => json!({ "*/*": {} }),
    }
}

fn path_parameter(name: &str) -> Value {
    let is_id = name == "id" || name.ends_with("Id");
    let schema = if is_id {
        json!({ "type": "string", "format": "uuid" })
    } else {
        json!({ "type": "string", "minLength": 1 })
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn query_parameter(property: Property) -> Value {
    let mut schema = property.schema;
    let description = schema
        .as_object_mut()
        .and_then(|schema| schema.remove("description"));
    let mut parameter = json!({
        "name": property.name,
        "in": "query",
        "required": property.is_required,
        "schema": without_null(schema),
        // A list stands in one parameter, with commas.
        "explode": false,
    });
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

/// A query has no null: a parameter is left out instead.
fn without_null(mut schema: Value) -> Value {
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.expect("a type besides null");
        return schema;
    }
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    let only: Vec<Value> = choices
        .filter(|choice| choice["type"] != "null")
        .cloned()
        .collect();
    match <[Value; 1]>::try_from(only) {
        Ok([only]) => only,
        Err(_) => schema,
    }
}

fn needs_credentials(access: Access) -> bool {
    match access {
        Access::Anyone | Access::Operator => false,
        Access::User | Access::Seller | Access::Vendor | Access::Admin => true,
    }
}

/// A problem document (RFC 9457) as this server writes them.
fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "instance": { "type": "string" },
            "code": { "type": "string", "description": "What a program tells the problem by." },
            "trace_id": { "type": "string" },
            "errors": { "type": "array", "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": { "type": "string", "description": "A JSON pointer (RFC 6901)." },
                    "code": { "type": "string" },
                    "detail": { "type": "string" },
                },
            } },
        },
    })
}
