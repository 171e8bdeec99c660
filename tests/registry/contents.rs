//! Contents of hosted packages: short ones in rows, long ones in files, and rows that are damaged.

use std::sync::Arc;

use serde_json::json;
use thirteen::registry::schema::DEFINITION;
use thirteen::store::{Options, Store, Tx, open};

use crate::people::account;
use crate::shelf::{CORGI, ask, get, keys, publish, unhurried};
use crate::support::npm::{Archive, PublishBody, noise};
use crate::support::server::{Server, doctor};
use crate::upstreams::scene::await_that;

/// The store of a server that has ended.
fn store(server: &Server) -> Arc<Store> {
    open(&DEFINITION, &server.data(), Options { shards: 0 }).unwrap()
}

/// The status of a version's publish with a readme.
fn publish_readme(server: &Server, who: &str, version: &str, readme: &str) -> u16 {
    let archive = Archive::of_package("a", version).gzip();
    let mut body = PublishBody::of("a", version, &archive);
    body["readme"] = json!(readme);
    ask(server, "PUT", "/a", who, Some(&body)).status
}

#[test]
fn a_package_whose_documents_are_damaged_is_an_error_of_its_own() {
    let mut server = unhurried(&[]);
    let anna = account(&server, "anna");
    for name in ["a", "b"] {
        publish(&server, &anna, name, "1.0.0");
    }
    server.terminate();
    let stopped = store(&server);
    let cut = "UPDATE packages SET document_content = substr(document_content, 1, 9) \
               WHERE name = 'a'";
    let written = stopped.write_blocking(move |tx: &mut Tx<'_>| tx.run(cut, &[]));
    assert_eq!(written.unwrap(), Ok(1));
    stopped.close();
    server.restart();
    for _ in 0..2 {
        for headers in [&[][..], &[("Accept", CORGI)]] {
            assert_eq!(get(&server, "a", headers).status, 500);
            assert_eq!(get(&server, "b", headers).status, 200);
        }
    }
    server.await_log("documents cannot be read");
    // A change makes them anew.
    publish(&server, &anna, "a", "1.1.0");
    let document = get(&server, "a", &[]).json();
    assert_eq!(keys(&document["versions"]), ["1.0.0", "1.1.0"]);
}

#[test]
fn documents_go_from_a_row_to_a_file_and_back() {
    let mut server = unhurried(&[]);
    let anna = account(&server, "anna");
    let long: String = noise(20_000, 7)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let readmes = ["short", &long, "brief", &long];
    for (number, readme) in readmes.into_iter().enumerate() {
        let version = format!("1.{number}.0");
        assert_eq!(publish_readme(&server, &anna, &version, readme), 201);
        let files = usize::from(readme == long);
        await_files(&server, files);
        let document = get(&server, "a", &[]).json();
        assert_eq!(document["readme"], json!(readme));
        assert_eq!(keys(&document["versions"]).len(), number + 1);
        let coded = get(
            &server,
            "a",
            &[("Accept", CORGI), ("Accept-Encoding", "br")],
        );
        assert_eq!((coded.status, coded.body.is_empty()), (200, false));
    }
    server.kill();
    server.restart();
    assert_eq!(get(&server, "a", &[]).json()["readme"], json!(long));
    let revision = get(&server, "a", &[]).json()["_rev"].clone();
    let target = format!("/a/-rev/{}", revision.as_str().unwrap());
    assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
    let document = get(&server, "a", &[]).json();
    assert_eq!(document["versions"], json!({}));
}

/// Waits until so many files are kept: those that nobody names go after the reply.
fn await_files(server: &Server, count: usize) {
    await_that(|| {
        let alive = ask(server, "GET", "/-/ping", "", None);
        assert_eq!(alive.status, 200);
        (file_count(server) == count).then_some(())
    });
}

fn file_count(server: &Server) -> usize {
    let folders = std::fs::read_dir(server.data().join("blobs/sha512")).unwrap();
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    folders.map(|folder| count(folder.unwrap().path())).sum()
}

#[test]
fn a_store_of_before_rows_held_contents_is_served_and_changed() {
    let mut server = unhurried(&[]);
    let anna = account(&server, "anna");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        publish(&server, &anna, "a", version);
    }
    let seen = |server: &Server| {
        let address = server.registry().to_string();
        let documents = [&[][..], &[("Accept", CORGI)]]
            .map(|headers| get(server, "a", headers).text().replace(&address, "here"));
        let tarballs = ["1.0.0", "1.1.0", "1.2.0"].map(|version| tarball(server, version));
        (documents, tarballs)
    };
    let before = seen(&server);
    server.terminate();
    assert_eq!(file_count(&server), 0);
    first_schema::go_back(&server.data());
    server.restart();
    assert_eq!(file_count(&server), 4, "three tarballs and the documents");
    assert_eq!(seen(&server), before);

    // What comes lies in rows, beside what was there.
    publish(&server, &anna, "a", "2.0.0");
    let revision = get(&server, "a", &[]).json()["_rev"].clone();
    let target = format!("/a/-/a-1.0.0.tgz/-rev/{}", revision.as_str().unwrap());
    assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
    let document = get(&server, "a", &[]).json();
    assert_eq!(keys(&document["versions"]), ["1.1.0", "1.2.0", "2.0.0"]);
    assert_eq!(tarball(&server, "1.0.0").0, 404);
    assert_eq!(tarball(&server, "1.1.0"), before.1[1]);
    assert_eq!(tarball(&server, "2.0.0").0, 200);

    // The sweep at the start takes what no row names, and nothing else.
    server.kill();
    server.restart();
    await_files(&server, 2);
    assert_eq!(tarball(&server, "1.2.0"), before.1[2]);
    let revision = get(&server, "a", &[]).json()["_rev"].clone();
    let target = format!("/a/-rev/{}", revision.as_str().unwrap());
    assert_eq!(ask(&server, "DELETE", &target, &anna, None).status, 200);
    server.kill();
    server.restart();
    await_files(&server, 0);
    let gone = get(&server, "a", &[]).json();
    let versions = json!(["1.0.0", "1.1.0", "1.2.0", "2.0.0"]);
    assert_eq!(gone["time"]["unpublished"]["versions"], versions);
    server.kill();
    let (is_well, text) = doctor(server.data());
    assert!(is_well, "{text}");
}

fn tarball(server: &Server, version: &str) -> (u16, Vec<u8>) {
    let reply = ask(server, "GET", &format!("/a/-/a-{version}.tgz"), "", None);
    (reply.status, reply.body)
}

/// Takes a registry back to the schema in which all contents were files.
mod first_schema {
    use std::fs;
    use std::path::Path;

    use thirteen::registry::blobs::Blobs;
    use thirteen::registry::schema::DEFINITION;
    use thirteen::store::{Definition, Options, SqlFault, ToValue, Tx, Value, View, open};

    const FIRST: Definition = Definition {
        name: DEFINITION.name,
        migrations: &[include_str!(
            "../../src/registry/migrations/0001_registry.sql"
        )],
    };

    /// In the order in which they refer to one another; the index of words is not among them.
    const TABLES: [&str; 6] = [
        "accounts",
        "tokens",
        "packages",
        "versions",
        "tags",
        "collaborators",
    ];

    const CONTENTS: &str = "\
        SELECT content FROM versions WHERE content IS NOT NULL \
        UNION ALL SELECT document_content FROM packages WHERE document_content IS NOT NULL";

    enum Owned {
        Null,
        Integer(i64),
        Real(f64),
        Text(String),
        Blob(Vec<u8>),
    }

    impl Owned {
        fn of(value: Value<'_>) -> Owned {
            match value {
                Value::Null => Owned::Null,
                Value::Integer(number) => Owned::Integer(number),
                Value::Real(number) => Owned::Real(number),
                Value::Text(text) => Owned::Text(text.to_owned()),
                Value::Blob(bytes) => Owned::Blob(bytes.to_vec()),
                Value::Made(_) => unreachable!("rows hold none"),
            }
        }
    }

    impl ToValue for Owned {
        fn to_value(&self) -> Value<'_> {
            match self {
                Owned::Null => Value::Null,
                Owned::Integer(number) => Value::Integer(*number),
                Owned::Real(number) => Value::Real(*number),
                Owned::Text(text) => Value::Text(text),
                Owned::Blob(bytes) => Value::Blob(bytes),
            }
        }
    }

    pub(super) fn go_back(data: &Path) {
        let path = DEFINITION.path(data);
        let aside = data.join("aside");
        fs::create_dir(&aside).unwrap();
        fs::rename(&path, DEFINITION.path(&aside)).unwrap();
        let (old, first) = (
            open(&DEFINITION, &aside, Options { shards: 0 }).unwrap(),
            open(&FIRST, data, Options { shards: 0 }).unwrap(),
        );
        let contents = old.read(|view| view.all(CONTENTS, &[], |row| row.get::<Vec<u8>>(0)));
        let blobs = Blobs::at(data).unwrap();
        for content in contents.unwrap() {
            let mut spool = blobs.begin().unwrap();
            spool.write(&content).unwrap();
            blobs.keep(vec![spool.finish()]).unwrap();
        }
        for table in TABLES {
            let columns = first.read(|view| columns(view, table)).unwrap();
            let select = format!("SELECT {} FROM {table}", columns.join(", "));
            let rows = old.read(|view| {
                view.all_built(&select, &[], |row| {
                    let values = (0..columns.len()).map(|column| row.value(column).map(Owned::of));
                    values.collect::<Result<Vec<_>, _>>()
                })
            });
            let places: Vec<_> = (1..=columns.len())
                .map(|place| format!("?{place}"))
                .collect();
            let insert = format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                columns.join(", "),
                places.join(", ")
            );
            let rows = rows.unwrap();
            let command = move |tx: &mut Tx<'_>| {
                for row in &rows {
                    let values: Vec<&dyn ToValue> =
                        row.iter().map(|value| value as &dyn ToValue).collect();
                    tx.run_built(&insert, &values)?;
                }
                Ok::<_, SqlFault>(())
            };
            first.write_blocking(command).unwrap().unwrap();
        }
        first.close();
        old.close();
        fs::remove_dir_all(&aside).unwrap();
    }

    fn columns(view: &View<'_>, table: &str) -> Result<Vec<String>, SqlFault> {
        let columns = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
        view.all(columns, &[&table], |row| row.get(0))
    }
}
