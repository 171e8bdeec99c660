//! What handlers that write their replies by hand take and give: kept here, held by the test that
//! checks every reply against the document.

use serde_json::{Value, json};

use crate::http::{Content, Signature};
use crate::json::Schemas;

/// `GET /health`.
pub fn health(_: &mut Schemas, signature: &mut Signature) {
    let config = object(json!({
        "version": byte(),
        "registryHash": { "type": "string", "pattern": "^0x[0-9a-f]{8}$" },
        "uptime": seconds(),
    }));
    let connections = object(json!({ "websocket": count(), "uptime": seconds() }));
    reply(
        signature,
        200,
        object(json!({
            "status": { "type": "string", "enum": ["healthy", "draining"] },
            "config": config,
            "connections": connections,
            "timestamp": time(),
        })),
    );
}

/// `GET /livez`.
pub fn live(_: &mut Schemas, signature: &mut Signature) {
    let body = object(json!({ "status": { "const": "alive" } }));
    reply(signature, 200, body);
}

/// `GET /readyz`.
pub fn ready(_: &mut Schemas, signature: &mut Signature) {
    let body = object(json!({
        "status": { "type": "string", "enum": ["ready", "unready"] },
        "checks": { "type": "object", "additionalProperties": { "type": "string" } },
    }));
    reply(signature, 200, body.clone());
    reply(signature, 503, body);
}

/// `GET /api/v1/status`.
pub fn status(_: &mut Schemas, signature: &mut Signature) {
    let door = object(json!({
        "name": { "type": "string", "enum": ["api", "ops", "registry"] },
        "address": { "type": "string" },
        "pendingRequests": count(),
        "websockets": count(),
    }));
    reply(
        signature,
        200,
        object(json!({
            "version": { "type": "string" },
            "uptime": seconds(),
            "timestamp": time(),
            "pendingRequests": count(),
            "websockets": count(),
            "doors": { "type": "array", "items": door, "minItems": 3, "maxItems": 3 },
        })),
    );
}

/// `GET /api/config`.
pub fn config(_: &mut Schemas, signature: &mut Signature) {
    reply(
        signature,
        200,
        object(json!({
            "version": byte(),
            "registryHash": word(),
            "featureFlags": flags(),
            "terminalMode": { "type": "integer", "minimum": 0, "maximum": 3 },
            "rows": size(),
            "cols": size(),
            "reserved": { "const": 0 },
            "dump": { "type": "string", "pattern": "^0x[0-9a-f]{26}$" },
            "sequence": count(),
        })),
    );
}

/// `POST /api/config`.
pub fn change_config(_: &mut Schemas, signature: &mut Signature) {
    let hex = json!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{1,8}$" });
    let or_hex = |number: Value| json!({ "anyOf": [number, hex] });
    let body = json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": false,
        "properties": {
            "version": byte(),
            "registryHash": or_hex(word()),
            "featureFlags": flags(),
            "terminalMode": { "type": "integer", "minimum": 0, "maximum": 3 },
            "rows": size(),
            "cols": size(),
            "reserved": { "const": 0 },
        },
    });
    signature.body = Some(Content::Json(body));
    let body = object(json!({ "success": { "const": true }, "sequence": count() }));
    reply(signature, 200, body);
}

fn reply(signature: &mut Signature, status: u16, schema: Value) {
    signature
        .replies
        .push((status, Some(Content::Json(schema))));
}

/// An object all of whose members are there.
fn object(properties: Value) -> Value {
    let members = properties.as_object().into_iter().flatten();
    let names: Vec<_> = members.map(|(name, _)| name.clone()).collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

fn byte() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 255 })
}

fn size() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 255 })
}

fn word() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
}

fn flags() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 0x7ff })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn seconds() -> Value {
    json!({ "type": "number", "minimum": 0 })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}
