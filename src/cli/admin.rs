//! `thirteen admin`: the first administrators, made on the machine itself.

use std::io::{self, BufRead};

use serde_json::json;

use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::folder;
use super::output::{Format, JsonFlag, print, print_json};
use crate::audit::{self, Actor, Entry};
use crate::auth::passwords::{hash_blocking, judge};
use crate::auth::{Role, Secret};
use crate::commerce::accounts::fields::Email;
use crate::commerce::accounts::users::sql::{self, NewUser};
use crate::commerce::schema;
use crate::id::Id;
use crate::store::{self, SqlFault, Tx};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make an administrator; the server may be running or not
    Create(CreateArgs),
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The address to sign in with
    email: String,
    /// The name that is shown
    #[arg(long, default_value = "Administrator")]
    name: String,
    /// Read the password from the first line of stdin instead of making one up
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    match args.command {
        Command::Create(args) => create(args, flags),
    }
}

fn create(args: CreateArgs, flags: SettingFlags) -> Outcome {
    let settings = flags.settings()?;
    let folder = folder::existing(&settings)?;
    let email = Email::parse(&args.email).ok_or_else(|| {
        let message = format!("`{}` is no address such as ada@example.com", args.email);
        Failure::Usage(message)
    })?;
    let password = match args.password_stdin {
        true => Password::Given(first_line()?),
        false => Password::MadeUp(Secret::fresh().text()),
    };
    judge(password.text()).map_err(|weakness| Failure::Usage(weakness.detail().to_owned()))?;
    let hash = hash_blocking(password.text())
        .map_err(|_| Failure::Failed("there is not enough memory to hash a password".into()))?;
    let new = NewUser {
        id: Id::fresh(),
        email: email.to_string(),
        email_key: email.key(),
        name: args.name,
        password_hash: hash,
        role: Role::Admin,
    };
    let id = new.id;
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::Environment(format!("{} cannot be made: {error}", folder.display()))
    })?;
    let options = store::Options { shards: 0 };
    let store = store::open(&schema::DEFINITION, folder, options)
        .map_err(|fault| Failure::Environment(fault.to_string()))?;
    let outcome = store.write_blocking(move |tx| insert(tx, &new));
    store.close();
    match outcome {
        Ok(Ok(())) => tell(id, &email, &password, args.json.format()),
        Ok(Err(fault)) if sql::is_email_taken(&fault) => Err(Failure::Failed(format!(
            "{} has an account already; an administrator can change its role",
            &*email
        ))),
        Ok(Err(fault)) => Err(Failure::Failed(fault.to_string())),
        Err(fault) => Err(Failure::Failed(fault.to_string())),
    }
}

/// Where a password comes from.
enum Password {
    Given(String),
    MadeUp(String),
}

impl Password {
    fn text(&self) -> &str {
        match self {
            Password::Given(text) | Password::MadeUp(text) => text,
        }
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::Failed(format!("stdin cannot be read: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn insert(tx: &mut Tx<'_>, new: &NewUser) -> Result<(), SqlFault> {
    sql::insert(tx, new)?;
    sql::verify_email(tx, new.id)?;
    let entry = Entry {
        actor: Actor::Operator,
        action: "user.created",
        subject: ("user", &new.id.text()),
        detail: json!({ "role": new.role }),
    };
    audit::append(tx, &entry)
}

fn tell(id: Id, email: &Email, password: &Password, format: Format) -> Outcome {
    match (format, password) {
        (Format::Text, Password::Given(_)) => print(&format!("{} is an administrator\n", &**email)),
        (Format::Text, Password::MadeUp(password)) => print(&format!(
            "{} is an administrator with the password {password}\n",
            &**email
        )),
        (Format::Json, Password::Given(_)) => print_json(&json!({ "id": id, "email": email })),
        (Format::Json, Password::MadeUp(password)) => {
            print_json(&json!({ "id": id, "email": email, "password": password }))
        }
    }
}
