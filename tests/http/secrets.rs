//! What is logged of requests whose path holds a secret and which fail.

use std::fmt::{Debug, Write as _};
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::in_process::shared;
use crate::support::http::fetch;

#[test]
fn a_path_is_logged_without_its_secrets() {
    tracing::subscriber::set_global_default(Lines).unwrap();
    let address = shared().address();
    for place in ["at-once", "later"] {
        let reply = fetch(address, &format!("/failing/{place}/s3cret"));
        assert_eq!(reply.status, 500, "{place}");
    }
    let lines = LINES.lock().unwrap().clone();
    for place in ["at-once", "later"] {
        let path = format!("/failing/{place}/[hidden]");
        assert!(lines.contains(&path), "{lines}");
    }
    assert!(!lines.contains("s3cret"), "{lines}");
}

/// Keeps what is logged in this process.
struct Lines;

static LINES: Mutex<String> = Mutex::new(String::new());

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields;

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(LINES.lock().unwrap(), "{field}: {value:?}").unwrap();
    }
}
