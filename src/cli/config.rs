//! `thirteen config`: the 13 bytes of the running server.

use serde_json::{Value, json};
use thirteen_kernels::config::{
    ConfigState, Feature, Field, Switch, TerminalMode, parse_dump, write_dump,
};

use super::client::{Client, Door, Posted, ServerFlag, Tagged};
use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::settings::{nearest, whole};

/// The words are told apart here and not as clap's subcommands, so that flags may stand anywhere
/// between them.
#[derive(Debug, clap::Args)]
#[command(override_usage = "thirteen config [OPTIONS]\n       \
    thirteen config [OPTIONS] show\n       \
    thirteen config [OPTIONS] FIELD [VALUE]\n       \
    thirteen config [OPTIONS] feature enable|disable NAME")]
pub(super) struct Args {
    /// FIELD is version, registryHash, featureFlags, terminalMode, rows, cols or reserved;
    /// VALUE is decimal or 0x, for terminalMode also a name; NAME is a feature, e.g. DEBUG
    #[arg(value_name = "WORD", num_args = 0..=3)]
    words: Vec<String>,
    #[command(flatten)]
    server: ServerFlag,
    #[command(flatten)]
    json: JsonFlag,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Show,
    Read(Field),
    Write(Field, u64),
    Toggle(Feature, Switch),
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    let request = request_of(&words)?;
    let format = args.json.format();
    let client = Client::find(args.server, &flags.settings()?)?;
    match request {
        Request::Show => show(&client, format),
        Request::Read(field) => read(&client, field, format),
        Request::Write(field, value) => {
            let sequence = post(&client, field, value)?;
            report(field, value, sequence, format)
        }
        Request::Toggle(feature, switch) => toggle(&client, feature, switch, format),
    }
}

fn request_of(words: &[&str]) -> Result<Request, Failure> {
    match *words {
        [] | ["show"] => Ok(Request::Show),
        ["feature", "enable", name] => Ok(Request::Toggle(feature_of(name)?, Switch::On)),
        ["feature", "disable", name] => Ok(Request::Toggle(feature_of(name)?, Switch::Off)),
        ["feature", ..] => Err(Failure::Usage(
            "give `feature enable NAME` or `feature disable NAME`".to_owned(),
        )),
        [field] => Ok(Request::Read(field_of(field)?)),
        [field, value] => {
            let field = field_of(field)?;
            Ok(Request::Write(field, value_of(field, value)?))
        }
        [_, _, extra, ..] => Err(Failure::Usage(format!(
            "`{extra}` is one word too many; see `thirteen config -h`"
        ))),
    }
}

/// The configuration of the server and the number of its last change.
pub(super) struct Live {
    pub state: ConfigState,
    pub sequence: u64,
    /// Names the two to the server.
    etag: Option<String>,
}

impl Live {
    /// Asks the server.
    pub(super) fn read(client: &Client) -> Result<Live, Failure> {
        let Tagged { body, etag } = client.read_tagged(Door::Api, PATH)?;
        let dump = body.get("dump").and_then(Value::as_str);
        let state = dump.and_then(|dump| parse_dump(dump.as_bytes()).ok());
        let sequence = body.get("sequence").and_then(Value::as_u64);
        match (state, sequence) {
            (Some(state), Some(sequence)) => Ok(Live {
                state,
                sequence,
                etag,
            }),
            (None, _) | (_, None) => {
                let at = client.url_of(Door::Api)?;
                let message =
                    format!("{at}{PATH} has no valid dump and sequence; is it a thirteen server?");
                Err(Failure::Failed(message))
            }
        }
    }
}

/// Where the configuration is read and changed.
const PATH: &str = "/api/config";

fn show(client: &Client, format: Format) -> Outcome {
    let live = Live::read(client)?;
    match format {
        Format::Text => print(&table(&live)),
        Format::Json => print_json(&object(&live)),
    }
}

fn read(client: &Client, field: Field, format: Format) -> Outcome {
    let value = Live::read(client)?.state.value(field);
    match format {
        Format::Text => print(&(shown(field, value) + "\n")),
        Format::Json => print_json(&json!({ field.name(): value })),
    }
}

/// Switches one bit. HTTP has no way to change one bit alone, so the flags are read, changed and
/// written back if nobody changed the configuration in between; else they are read again.
fn toggle(client: &Client, feature: Feature, switch: Switch, format: Format) -> Outcome {
    let at = client.url_of(Door::Api)?;
    for _ in 0..ATTEMPTS_MAX {
        let live = Live::read(client)?;
        let state = live.state.with_feature(feature, switch);
        let value = state.value(Field::FeatureFlags);
        if state == live.state {
            return report(Field::FeatureFlags, value, live.sequence, format);
        }
        let etag = live.etag.ok_or_else(|| {
            Failure::Failed(format!("{at}{PATH} has no ETag; is it a thirteen server?"))
        })?;
        let body = json!({ Field::FeatureFlags.name(): value });
        match client.post_if(Door::Api, PATH, &etag, &body)? {
            Posted::Made(answer) => {
                let sequence = sequence_of(client, &answer)?;
                return report(Field::FeatureFlags, value, sequence, format);
            }
            Posted::Stale => {}
        }
    }
    let name = feature.name();
    Err(Failure::Failed(format!(
        "{name} was not switched: others changed the configuration {ATTEMPTS_MAX} times in \
         between; find who does, or try again"
    )))
}

/// Each attempt fails only because a change of someone else was made.
const ATTEMPTS_MAX: u32 = 32;

/// Changes one field; the number of the change.
fn post(client: &Client, field: Field, value: u64) -> Result<u64, Failure> {
    let answer = client.post(Door::Api, PATH, &json!({ field.name(): value }))?;
    sequence_of(client, &answer)
}

fn sequence_of(client: &Client, answer: &Value) -> Result<u64, Failure> {
    let at = client.url_of(Door::Api)?;
    let sequence = answer.get("sequence").and_then(Value::as_u64);
    sequence.ok_or_else(|| {
        Failure::Failed(format!(
            "{at}{PATH} gave no sequence: {answer}; is it a thirteen server?"
        ))
    })
}

fn report(field: Field, value: u64, sequence: u64, format: Format) -> Outcome {
    match format {
        Format::Text => {
            let meaning = match meaning(field, value) {
                meaning if meaning.is_empty() => meaning,
                meaning => format!(" ({meaning})"),
            };
            let (name, value) = (field.name(), shown(field, value));
            print(&format!("{name} = {value}{meaning}, sequence {sequence}\n"))
        }
        Format::Json => print_json(&json!({ field.name(): value, "sequence": sequence })),
    }
}

/// One line per field (byte range, name, value, meaning), the dump and the sequence.
fn table(live: &Live) -> String {
    let mut rows = vec![["bytes", "field", "value", "meaning"].map(str::to_owned)];
    for (field, value) in live.state.values() {
        rows.push([
            byte_range(field).to_owned(),
            field.name().to_owned(),
            shown(field, value),
            meaning(field, value),
        ]);
    }
    let dump = dump(&live.state);
    format!(
        "{}\ndump      {dump}\nsequence  {}\n",
        columns(&rows),
        live.sequence
    )
}

fn object(live: &Live) -> Value {
    let fields = live
        .state
        .values()
        .map(|(field, value)| (field.name().to_owned(), value.into()));
    let mut object: serde_json::Map<String, Value> = fields.into_iter().collect();
    object.insert("dump".to_owned(), dump(&live.state).into());
    object.insert("sequence".to_owned(), live.sequence.into());
    Value::Object(object)
}

fn dump(state: &ConfigState) -> String {
    String::from_utf8_lossy(&write_dump(state)).into_owned()
}

fn byte_range(field: Field) -> &'static str {
    match field {
        Field::Version => "0",
        Field::RegistryHash => "1-4",
        Field::FeatureFlags => "5-8",
        Field::TerminalMode => "9",
        Field::Rows => "10",
        Field::Cols => "11",
        Field::Reserved => "12",
    }
}

/// The value as operators write it: hashes and flags in hexadecimal.
fn shown(field: Field, value: u64) -> String {
    match field {
        Field::RegistryHash | Field::FeatureFlags => format!("0x{value:08x}"),
        Field::Version | Field::TerminalMode | Field::Rows | Field::Cols | Field::Reserved => {
            value.to_string()
        }
    }
}

fn meaning(field: Field, value: u64) -> String {
    match field {
        Field::Version | Field::Reserved => String::new(),
        Field::RegistryHash if value == 0 => "the default upstream".to_owned(),
        Field::RegistryHash => "the upstream of this hash".to_owned(),
        Field::FeatureFlags => {
            let on = Feature::ALL
                .into_iter()
                .filter(|feature| value >> feature.bit() & 1 == 1);
            on.map(Feature::name).collect::<Vec<_>>().join(" ")
        }
        Field::TerminalMode => {
            let mode = usize::try_from(value)
                .ok()
                .and_then(|mode| TerminalMode::ALL.get(mode));
            mode.map(|mode| mode.name().to_owned()).unwrap_or_default()
        }
        Field::Rows => "rows of the terminal".to_owned(),
        Field::Cols => "columns of the terminal".to_owned(),
    }
}

/// A name in the form in which names are compared: `registry-hash` is `registryHash`.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .collect::<String>()
        .to_ascii_lowercase()
}

fn field_of(name: &str) -> Result<Field, Failure> {
    let found = Field::ALL
        .into_iter()
        .find(|field| folded(field.name()) == folded(name));
    found.ok_or_else(|| unknown("field", name, &Field::ALL.map(Field::name)))
}

fn feature_of(name: &str) -> Result<Feature, Failure> {
    let found = Feature::ALL
        .into_iter()
        .find(|feature| folded(feature.name()) == folded(name));
    found.ok_or_else(|| unknown("feature", name, &Feature::ALL.map(Feature::name)))
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> Failure {
    let nearest = nearest(name, known.iter().copied()).unwrap_or_default();
    let known = known.join(", ");
    Failure::Usage(format!(
        "`{name}` is not a {kind}; the nearest is {nearest}, of {known}"
    ))
}

fn value_of(field: Field, text: &str) -> Result<u64, Failure> {
    let by_name = || match field {
        Field::TerminalMode if folded(text) == "raw" => Some(TerminalMode::Raw as u64),
        Field::TerminalMode => {
            let mode = TerminalMode::ALL
                .into_iter()
                .find(|mode| mode.name() == folded(text));
            mode.map(|mode| mode as u64)
        }
        Field::Version
        | Field::RegistryHash
        | Field::FeatureFlags
        | Field::Rows
        | Field::Cols
        | Field::Reserved => None,
    };
    let value = whole(text)
        .or_else(by_name)
        .filter(|value| field.check(*value).is_ok());
    value.ok_or_else(|| Failure::Usage(format!("`{text}`: {}", field.range_text())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_defaults() {
        let live = Live {
            state: ConfigState::DEFAULT,
            sequence: 3,
            etag: None,
        };
        assert_eq!(
            table(&live),
            "bytes  field         value       meaning\n\
             0      version       1\n\
             1-4    registryHash  0xa1b2c3d4  the upstream of this hash\n\
             5-8    featureFlags  0x00000007  PREMIUM_TYPES PRIVATE_REGISTRY DEBUG\n\
             9      terminalMode  2           native\n\
             10     rows          24          rows of the terminal\n\
             11     cols          80          columns of the terminal\n\
             12     reserved      0\n\
             \n\
             dump      0x01a1b2c3d40000000702185000\n\
             sequence  3\n"
        );
        assert_eq!(object(&live)["registryHash"], 2_712_847_316_u64);
        assert_eq!(object(&live)["dump"], "0x01a1b2c3d40000000702185000");
    }

    #[test]
    fn words_are_told_apart() {
        let toggle = Request::Toggle(Feature::ALL[3], Switch::Off);
        for (words, expected) in [
            (&[][..], Some(Request::Show)),
            (&["show"], Some(Request::Show)),
            (&["cols"], Some(Request::Read(Field::Cols))),
            (&["cols", "132"], Some(Request::Write(Field::Cols, 132))),
            (&["feature", "disable", "BETA_API"], Some(toggle)),
            (&["feature"], None),
            (&["feature", "enable"], None),
            (&["feature", "toggle", "DEBUG"], None),
            (&["show", "cols"], None),
            (&["cols", "1", "2"], None),
        ] {
            assert_eq!(request_of(words).ok(), expected, "{words:?}");
        }
    }

    #[test]
    fn names_are_met_in_any_of_their_spellings() {
        for name in [
            "registryHash",
            "registry-hash",
            "registry_hash",
            "REGISTRYHASH",
        ] {
            assert_eq!(field_of(name).unwrap(), Field::RegistryHash);
        }
        assert_eq!(feature_of("premium-types").unwrap(), Feature::ALL[0]);
        let Err(Failure::Usage(message)) = field_of("row") else {
            panic!("`row` is no field")
        };
        assert!(message.contains("the nearest is rows"), "{message}");
    }

    #[test]
    fn values_are_held_to_their_field() {
        for (field, text, expected) in [
            (Field::RegistryHash, "0xA1B2C3D4", Some(0xa1b2_c3d4)),
            (Field::RegistryHash, "42", Some(42)),
            (Field::RegistryHash, "0x1ffffffff", None),
            (Field::FeatureFlags, "0x800", None),
            (Field::TerminalMode, "pipe", Some(3)),
            (Field::TerminalMode, "raw", Some(2)),
            (Field::TerminalMode, "native", Some(2)),
            (Field::TerminalMode, "4", None),
            (Field::Rows, "raw", None),
            (Field::Rows, "0", None),
            (Field::Reserved, "1", None),
        ] {
            assert_eq!(value_of(field, text).ok(), expected, "{field:?} {text}");
        }
    }
}
