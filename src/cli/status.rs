//! `thirteen status`: how the running server is.

use serde_json::{Value, json};

use super::client::{Client, Door, ServerFlag};
use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerFlag,
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let client = Client::find(args.server, &flags.settings()?)?;
    let health = client.read(Door::Api, "/health")?;
    let status = client.read(Door::Api, "/api/v1/status")?;
    let api = client.address(Door::Api)?;
    let ops = client.url_of(Door::Ops).ok();
    match args.json.format() {
        Format::Json => {
            let server = json!({ "api": api.url, "ops": ops });
            print_json(&json!({ "server": server, "health": health, "status": status }))
        }
        Format::Text => {
            let mut rows = vec![
                ["api".to_owned(), format!("{} ({})", api.url, api.named_by)],
                ["ops".to_owned(), ops.unwrap_or("closed").to_owned()],
            ];
            flatten("", &health, &mut rows);
            flatten("", &status, &mut rows);
            rows.dedup();
            print(&columns(&rows))
        }
    }
}

/// One row per value, named by its path as the API documents it; an element of a list goes by its
/// `name`, else by its index.
fn flatten(path: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    let join = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(object) = value.as_object() {
        for (name, inner) in object {
            flatten(&join(name), inner, rows);
        }
    } else if let Some(items) = value.as_array() {
        for (index, inner) in items.iter().enumerate() {
            let name = inner.get("name").and_then(Value::as_str);
            flatten(&join(name.unwrap_or(&index.to_string())), inner, rows);
        }
    } else {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        rows.push([path.to_owned(), text]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named_by_their_path() {
        let mut rows = Vec::new();
        flatten(
            "",
            &json!({"a": {"b": 1}, "c": ["x", {"d": null}, {"name": "n"}]}),
            &mut rows,
        );
        let rows: Vec<String> = rows.iter().map(|row| row.join("=")).collect();
        assert_eq!(rows, ["a.b=1", "c.0=x", "c.1.d=null", "c.n.name=n"]);
    }
}
