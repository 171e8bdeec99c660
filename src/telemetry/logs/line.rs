//! Builds one JSON log line.

use std::fmt::{self, Write as _};

use tracing::Level;
use tracing::field::{Field, Visit};

use crate::limits::LOG_TEXT_BYTES_MAX;

use super::super::date::rfc3339_ms;

/// A line under way. Fields are collected aside, so that the message comes before them.
pub(super) struct Line {
    message: Vec<u8>,
    fields: Vec<u8>,
}

/// How a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// With its JSON.
    Plain,
    /// With the priority that the journal reads, `<3>` to `<7>`.
    Journal,
}

impl Line {
    pub(super) fn new() -> Line {
        Line {
            message: Vec::new(),
            fields: Vec::with_capacity(256),
        }
    }

    pub(super) fn message(&mut self, message: impl fmt::Display) {
        self.message.clear();
        write_text(&mut self.message, message);
    }

    pub(super) fn text(&mut self, name: &str, value: impl fmt::Display) {
        self.begin(name);
        self.fields.push(b'"');
        if names_a_secret(name) {
            self.fields.extend_from_slice(HIDDEN.as_bytes());
        } else {
            write_text(&mut self.fields, value);
        }
        self.fields.push(b'"');
    }

    pub(super) fn integer(&mut self, name: &str, value: impl itoa::Integer) {
        self.begin(name);
        self.fields
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// The whole line, its line feed included.
    pub(super) fn finish(
        &self,
        framing: Framing,
        level: Level,
        component: &str,
        unix_ms: u64,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + self.message.len() + self.fields.len());
        let (name, priority) = words(level);
        match framing {
            Framing::Plain => {}
            Framing::Journal => out.extend_from_slice(priority),
        }
        out.extend_from_slice(b"{\"timestamp\":\"");
        out.extend_from_slice(&rfc3339_ms(unix_ms));
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(name);
        out.extend_from_slice(b"\",\"component\":\"");
        write_text(&mut out, component);
        out.extend_from_slice(b"\",\"message\":\"");
        out.extend_from_slice(&self.message);
        out.push(b'"');
        out.extend_from_slice(&self.fields);
        out.extend_from_slice(b"}\n");
        out
    }

    /// The comma and the name. A field that is called like one of the line's own is set apart.
    fn begin(&mut self, name: &str) {
        self.fields.extend_from_slice(b",\"");
        if matches!(name, "timestamp" | "level" | "component" | "message") {
            self.fields.extend_from_slice(b"field.");
        }
        write_text(&mut self.fields, name);
        self.fields.extend_from_slice(b"\":");
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message(format_args!("{value:?}"));
        } else {
            self.text(field.name(), format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message(value);
        } else {
            self.text(field.name(), value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.integer(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.begin(field.name());
        self.fields
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.begin(field.name());
        // JSON has no words for infinities and for what is not a number.
        let text = if value.is_finite() {
            value.to_string()
        } else {
            "null".to_owned()
        };
        self.fields.extend_from_slice(text.as_bytes());
    }
}

/// The room that an event comes from: `thirteen::ring::stream` is `ring`; of other crates the
/// crate.
pub(super) fn component(target: &str) -> &str {
    let ours = target.strip_prefix("thirteen::");
    let path = ours.unwrap_or(target);
    path.split("::").next().unwrap_or(path)
}

const HIDDEN: &str = "[hidden]";

/// The level's name, and its priority for the journal.
fn words(level: Level) -> (&'static [u8], &'static [u8]) {
    match level {
        Level::ERROR => (b"error", b"<3>"),
        Level::WARN => (b"warn", b"<4>"),
        Level::INFO => (b"info", b"<6>"),
        Level::DEBUG => (b"debug", b"<7>"),
        Level::TRACE => (b"trace", b"<7>"),
    }
}

/// A last guard: who logs a secret has made a mistake already.
fn names_a_secret(name: &str) -> bool {
    const MARKS: [&str; 6] = [
        "password",
        "secret",
        "token",
        "authorization",
        "cookie",
        "credential",
    ];
    MARKS.iter().any(|mark| name.contains(mark))
}

/// Appends what may stand between the quotes of a JSON string, cut at `LOG_TEXT_BYTES_MAX`.
fn write_text(out: &mut Vec<u8>, text: impl fmt::Display) {
    let mut escaped = Escaped {
        out,
        left: LOG_TEXT_BYTES_MAX,
    };
    if write!(escaped, "{text}").is_err() {
        out.extend_from_slice("…".as_bytes());
    }
}

struct Escaped<'o> {
    out: &'o mut Vec<u8>,
    left: usize,
}

impl fmt::Write for Escaped<'_> {
    /// Everything that could end a line or steer a terminal is escaped: all control characters
    /// (C0, DEL and C1) and Unicode's own line ends. The error says that the text is full.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.left = self
                .left
                .checked_sub(character.len_utf8())
                .ok_or(fmt::Error)?;
            match character {
                '"' => self.out.extend_from_slice(b"\\\""),
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\u{2028}' | '\u{2029}' => self.escape(character),
                _ if character.is_control() => self.escape(character),
                _ => {
                    let mut bytes = [0; 4];
                    self.out
                        .extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
        Ok(())
    }
}

impl Escaped<'_> {
    fn escape(&mut self, character: char) {
        self.out
            .extend_from_slice(format!("\\u{:04x}", character as u32).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn finish(line: &Line) -> String {
        let line = line.finish(Framing::Plain, Level::INFO, "ring", 1_700_000_000_123);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_is_one_json_object() {
        let mut line = Line::new();
        line.text("peer", "127.0.0.1:9");
        line.integer("status", 204);
        line.message("ready");
        assert_eq!(
            finish(&line),
            "{\"timestamp\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\
             \"component\":\"ring\",\"message\":\"ready\",\"peer\":\"127.0.0.1:9\",\
             \"status\":204}\n"
        );
    }

    #[test]
    fn nothing_can_forge_a_line_or_steer_a_terminal() {
        let hostile = "a\"}\n{\"level\":\"error\"\r\u{1b}[2J\u{9b}2J\u{7f}\u{2028}\0\\";
        let mut line = Line::new();
        line.message(hostile);
        line.text("path", hostile);
        let text = finish(&line);
        assert_eq!(text.matches('\n').count(), 1);
        let body = text.strip_suffix('\n').unwrap();
        assert!(
            !body.contains(|character: char| character.is_control()),
            "{body:?}"
        );
        assert!(!body.contains('\u{2028}'));
        let value: Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["message"], hostile);
        assert_eq!(value["path"], hostile);
        assert_eq!(value["level"], "info");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut line = Line::new();
        line.text("body", "é".repeat(LOG_TEXT_BYTES_MAX));
        let value: Value = serde_json::from_str(&finish(&line)).unwrap();
        let body = value["body"].as_str().unwrap();
        assert_eq!(body.chars().count(), LOG_TEXT_BYTES_MAX / 2 + 1);
        assert!(body.ends_with("é…"));
    }

    #[test]
    fn secrets_are_hidden_and_own_names_kept_apart() {
        let mut line = Line::new();
        line.text("set_cookie", "session=abc");
        line.text("proxy_token", "eyJ");
        line.text("level", "high");
        line.integer("cookies", 3);
        let text = finish(&line);
        assert!(!text.contains("abc") && !text.contains("eyJ"), "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["level"], "info");
        assert_eq!(value["field.level"], "high");
        assert_eq!(value["cookies"], 3);
        assert_eq!(value["set_cookie"], HIDDEN);
    }

    #[test]
    fn the_journal_gets_its_priority() {
        for (level, start) in [
            (Level::ERROR, "<3>{"),
            (Level::WARN, "<4>{"),
            (Level::INFO, "<6>{"),
            (Level::DEBUG, "<7>{"),
            (Level::TRACE, "<7>{"),
        ] {
            let line = Line::new().finish(Framing::Journal, level, "ring", 0);
            assert!(line.starts_with(start.as_bytes()), "{level}");
        }
    }

    #[test]
    fn components_are_rooms() {
        for (target, expected) in [
            ("thirteen::ring::stream", "ring"),
            ("thirteen::shard", "shard"),
            ("thirteen", "thirteen"),
            ("glommio::executor", "glommio"),
            ("", ""),
        ] {
            assert_eq!(component(target), expected);
        }
    }
}
