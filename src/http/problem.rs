//! Problem documents (RFC 9457): what a client is told when a request fails.

use serde::Serialize;

use super::status::reason;

/// A failed request. `title` says what kind of thing went wrong, `detail` what it was this time;
/// `faults` lists every field at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What the reader can do about it; empty where the title says all.
    pub detail: String,
    /// The fields at fault.
    pub faults: Vec<FieldFault>,
    /// Headers that go with the status, such as `Allow` or `Retry-After`.
    pub headers: Vec<(&'static str, String)>,
    /// Whether the connection can serve another request.
    pub connection: Afterwards,
    /// A body in another form than a problem document, for protocols that define one.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// The field as the client named it.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// What becomes of a connection after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It may serve another request.
    Keep,
    /// It is closed, because where the next request begins is in doubt.
    Close,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: u16, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            detail: detail.into(),
            faults: Vec::new(),
            headers: Vec::new(),
            connection: Afterwards::Keep,
            body: None,
        }
    }

    /// Adds a field at fault.
    pub fn fault(mut self, field: impl Into<String>, message: impl Into<String>) -> Problem {
        self.faults.push(FieldFault {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Problem {
        self.headers.push((name, value.into()));
        self
    }

    /// Closes the connection after the reply.
    pub fn closing(mut self) -> Problem {
        self.connection = Afterwards::Close;
        self
    }

    /// Replies with this body instead of a problem document.
    pub fn with_body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Problem {
        self.body = Some((content_type, body.into()));
        self
    }

    /// The media type and bytes of the reply.
    pub fn document(&self) -> (&'static str, Vec<u8>) {
        if let Some((content_type, body)) = &self.body {
            return (content_type, body.clone());
        }
        let document = Document {
            kind: "about:blank",
            title: reason(self.status),
            status: self.status,
            detail: &self.detail,
            errors: &self.faults,
        };
        let body = serde_json::to_vec(&document).expect("strings and numbers are JSON");
        ("application/problem+json", body)
    }
}

#[derive(Serialize)]
struct Document<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'p str,
    #[serde(skip_serializing_if = "<[FieldFault]>::is_empty")]
    errors: &'p [FieldFault],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_every_field_at_fault() {
        let problem = Problem::new(422, "Two fields are out of range.")
            .fault("rows", "must be 1 to 255")
            .fault("cols", "must be 1 to 255");
        let (content_type, body) = problem.document();
        assert_eq!(content_type, "application/problem+json");
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["type"], "about:blank");
        assert_eq!(json["title"], "Unprocessable Content");
        assert_eq!(json["status"], 422);
        assert_eq!(json["errors"][1]["field"], "cols");
    }

    #[test]
    fn empty_parts_are_left_out() {
        let (_, body) = Problem::new(404, "").document();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"type":"about:blank","title":"Not Found","status":404}"#
        );
    }
}
