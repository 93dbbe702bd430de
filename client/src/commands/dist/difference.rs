//! `larder dist diff`: which builds differ, and why.
//!
//! Compared is here what was fetched and is what its digest says, by the code that the server
//! compares with: it answers the same to `GET …/diff/…`.

use larder_schema::difference::{Compared, Sets, Side};
use larder_schema::{Difference, Listed};

use super::super::Session;
use super::super::table::Table;
use crate::error::{Exit, Failure};
use crate::lookup::Found;

/// Prints what differs between two distributions.
pub(super) fn show(old: &Found, new: &Found, session: &Session) -> Result<Exit, Failure> {
    let difference = Difference::of(side(old), side(new));
    session.output.answer(&difference, || describe(&difference))?;
    Ok(Exit::Done)
}

fn side(found: &Found) -> Side<'_> {
    Side { records: &found.records, ..Side::of(&found.answer) }
}

fn describe(difference: &Difference) -> String {
    let named = |one: &Compared| format!("{}@{} for {}", one.name, one.version, one.platform);
    let mut text = format!("{} → {}\n\n", named(&difference.from), named(&difference.to));
    let builds = builds(difference).render();
    let others = others(difference).render();
    if builds.is_empty() {
        text.push_str("The two list the same builds\n");
    }
    text.push_str(&builds);
    if !others.is_empty() {
        text.push('\n');
        text.push_str(&others);
    }
    text
}

fn builds(difference: &Difference) -> Table {
    let withdrawn = |listed: &Listed| {
        let key = listed.key();
        let why = difference.withdrawn.iter().find(|withdrawn| withdrawn.key == key);
        why.map(|why| format!("{} WITHDRAWN: {}", why.key.build, why.why().reason))
    };
    let mut table = Table::bare();
    for one in &difference.added {
        let marks = withdrawn(one).unwrap_or_default();
        table.row(["+".into(), one.product.to_string(), one.build.to_string(), marks]);
    }
    for one in &difference.removed {
        let marks = withdrawn(one).unwrap_or_default();
        table.row(["-".into(), one.product.to_string(), one.build.to_string(), marks]);
    }
    for one in &difference.changed {
        let builds = format!("{} → {}", one.from.build, one.to.build);
        let marks = [Some(one.reason.to_string()), withdrawn(&one.from), withdrawn(&one.to)];
        let marks: Vec<String> = marks.into_iter().flatten().collect();
        table.row(["~".into(), one.product.to_string(), builds, marks.join(", ")]);
    }
    table
}

fn others(difference: &Difference) -> Table {
    fn set<T>(table: &mut Table, what: &str, set: &Sets<T>, shown: impl Fn(&T) -> String) {
        for (sign, items) in [("+", &set.added), ("-", &set.removed)] {
            for item in items {
                table.row([sign.to_owned(), what.to_owned(), shown(item)]);
            }
        }
    }
    let mut table = Table::bare();
    if let Some(stage) = &difference.stage {
        table.row(["~".into(), "stage".into(), format!("{} → {}", stage.from, stage.to)]);
    }
    set(&mut table, "context", &difference.contexts, ToString::to_string);
    set(&mut table, "root", &difference.roots, ToString::to_string);
    set(&mut table, "external", &difference.externals, |external| {
        let sum = external.sha256.map_or(String::new(), |sum| format!(" sha256:{sum}"));
        format!("{} {}: {}{sum}", external.kind, external.name, external.url)
    });
    table
}
