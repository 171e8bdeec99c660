//! Every route has a line, every line what its route calls for, and every request its status.

use std::collections::BTreeSet;

use thirteen::context::Context;
use thirteen::http::{Access, Route, method_name};
use thirteen::routes::{REGISTRY, tables};

use super::town::{Line, Town, Try, Who};
use super::{house, packages, people};

fn rows() -> Vec<Route<Context>> {
    let mut tables = tables();
    std::mem::take(&mut tables[REGISTRY])
}

fn name_of(row: &Route<Context>) -> String {
    format!("{} {}", method_name(row.method), row.path)
}

fn lines() -> impl Iterator<Item = &'static Line> {
    let parts = [house::LINES, packages::LINES, people::LINES];
    parts.into_iter().flatten()
}

#[test]
fn every_route_of_the_table_has_a_line() {
    let routes: BTreeSet<String> = rows().iter().map(name_of).collect();
    let visited: BTreeSet<String> = lines().map(|line| line.route.to_owned()).collect();
    let missed: Vec<_> = routes.difference(&visited).collect();
    assert!(missed.is_empty(), "routes without a line: {missed:#?}");
    let gone: Vec<_> = visited.difference(&routes).collect();
    assert!(gone.is_empty(), "lines without a route: {gone:#?}");
    assert_eq!(lines().count(), visited.len(), "a route has one line");
}

#[test]
fn every_route_answers_as_documented() {
    let (town, rows) = (Town::build(), rows());
    let mut wrong = Vec::new();
    for line in lines() {
        let row = rows.iter().find(|row| name_of(row) == line.route);
        let row = row.unwrap_or_else(|| panic!("{} is no route", line.route));
        let tries = (line.visit)(&town);
        wrong.extend(lacks(row, &tries).map(|what| format!("{}: {what}", line.route)));
        for one in &tries {
            let reply = town.ask(method_name(row.method), one);
            if reply.status != one.status() {
                let (who, target) = (one.who(), one.target());
                wrong.push(format!(
                    "{}: {who:?} {target}: {} instead of {}: {}",
                    line.route,
                    reply.status,
                    one.status(),
                    String::from_utf8_lossy(&reply.body)
                ));
            }
            if reply.status == 401 {
                let challenge = reply.header("www-authenticate").unwrap_or_default();
                // In either order and letters (RFC 9110, section 11.1).
                let is_one = challenge.to_lowercase().contains("bearer");
                assert!(is_one, "{}: {challenge}", line.route);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a route's line has to hold and does not.
fn lacks(row: &Route<Context>, tries: &[Try]) -> impl Iterator<Item = &'static str> {
    let has = |is_it: &dyn Fn(&Try) -> bool| tries.iter().any(is_it);
    let is_absent = row.name.ends_with("access::api::absent");
    let needs_token = match row.access {
        Access::User | Access::Seller | Access::Vendor | Access::Admin => true,
        Access::Anyone | Access::Operator => row.is_for_others(),
    };
    let takes_input = row.path.contains("/:") || row.body_bytes_max > 0 || row.is_for_others();
    let is_success = |one: &Try| match is_absent {
        true => one.status() == 404,
        false => one.status() < 400,
    };
    let is_refused = |one: &Try| one.who() == Who::Nobody && one.status() == 401;
    let is_faulty = |one: &Try| matches!(one.status(), 400 | 402 | 404..500);
    let lacks = [
        (!has(&is_success), "nothing that succeeds"),
        (needs_token && !has(&is_refused), "nobody is refused"),
        (
            takes_input && !is_absent && !has(&is_faulty),
            "nothing at fault",
        ),
    ];
    lacks
        .into_iter()
        .filter_map(|(is_lacking, what)| is_lacking.then_some(what))
}
