//! `larder rollback`: makes an earlier generation the current one, after it was verified.

use clap::Args;
use larder_schema::{Digest, Text};
use serde::Serialize;

use super::Session;
use super::changed::changes;
use super::verify::table;
use crate::cli::Prefix;
use crate::environment::{self, Changing, Environment, Generation, Leads};
use crate::error::{Exit, Failure};
use crate::install::Obtainer;
use crate::plan::{self, Change};
use crate::store::Store;
use crate::verify::{self, Damage, Report};

/// Arguments of `larder rollback`.
#[derive(Args, Debug)]
#[command(
    after_help = "Every file of the generation is hashed first; a damaged one does not become \
                  current. `larder history` has the numbers. Nothing is fetched unless --repair \
                  has to. Exit code 3: that generation is damaged, or there is none to go back to."
)]
pub struct RollbackArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// To which generation [default: the one that was current before this one]
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Fetch again what is damaged, then go back
    #[arg(long)]
    pub repair: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Text>,
}

/// What a rollback did.
#[derive(Serialize)]
struct RolledBack {
    ok: bool,
    /// The generation that was current.
    from: Option<u64>,
    /// The one that is now, unless it is damaged.
    generation: u64,
    digest: Digest,
    unchanged: bool,
    changes: Vec<Change>,
    damage: Vec<Damage>,
    repaired: Vec<Damage>,
}

/// Runs `larder rollback`.
pub async fn run(args: RollbackArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let right = environment.change(|| {
        session.progress.note("waiting for another larder that changes this environment");
    })?;
    let number = match args.to {
        Some(number) => number,
        None => before(&environment)?,
    };
    let generation = readable(&environment, number)?;
    let report = sound(&args, session, &environment, &right, &generation).await?;
    let outcome = switch(&args, session, &environment, &right, &generation, report)?;
    session.output.answer(&outcome, || describe(&outcome))?;
    if outcome.ok {
        return Ok(Exit::Done);
    }
    if !args.repair {
        session.progress.note("hint: `larder rollback --repair` fetches again what is damaged");
    }
    Ok(Exit::No)
}

/// The generation before the current one.
fn before(environment: &Environment) -> Result<u64, Failure> {
    let current = match environment.leads() {
        Leads::To(number) => number,
        Leads::Nowhere | Leads::Astray => environment.current()?.number,
    };
    if let Some(before) = environment.before(current)? {
        return Ok(before);
    }
    let there = environment.generations()?;
    if there == [current] {
        return Err(Failure::no(format!(
            "generation {current} is the only one: there is nothing to go back to"
        )));
    }
    let there: Vec<String> = there.iter().map(u64::to_string).collect();
    Err(Failure::no(format!(
        "nothing says what was there before generation {current}; there are {}",
        there.join(", ")
    ))
    .hint("name one of them with `--to N`; `larder history` tells what they are"))
}

/// A generation whose lock can be read, and is the one that was current then.
fn readable(environment: &Environment, number: u64) -> Result<Generation, Failure> {
    let there = environment.generations()?;
    if !there.contains(&number) {
        let there: Vec<String> = there.iter().map(u64::to_string).collect();
        let there = there.join(", ");
        return Err(Failure::no(format!("there is no generation {number}; there are {there}")));
    }
    let generation = environment.generation(number).map_err(|error| {
        let is_damage = matches!(error, environment::Error::Lock(_));
        let failure = Failure::from(error);
        if is_damage { Failure { exit: Exit::No, ..failure } } else { failure }
    })?;
    let digest = generation.lock.digest().map_err(Failure::failed)?;
    let history = environment.history()?;
    match history.iter().find(|told| told.done && told.switch.to == number) {
        Some(told) if told.switch.digest != digest => Err(Failure::no(format!(
            "generation {number} is {digest}, and was {} when it became current",
            told.switch.digest
        ))),
        _ => Ok(generation),
    }
}

/// What is wrong with a generation, after a repair if one was asked for.
async fn sound(
    args: &RollbackArgs,
    session: &Session,
    environment: &Environment,
    right: &Changing,
    generation: &Generation,
) -> Result<Report, Failure> {
    let store = session.store_of(generation)?;
    let report = verify::verify_generation(generation, &store)?;
    if report.ok || !args.repair {
        return Ok(report);
    }
    let remote = session.remote_or(&generation.lock.server)?;
    let store = Store::open(store.root())?;
    let obtainer = Obtainer { remote: &remote, store: &store, progress: session.progress };
    verify::mend(environment, right, generation, &obtainer, &report).await?;
    Ok(verify::verify_generation(generation, &store)?.repaired(report))
}

fn switch(
    args: &RollbackArgs,
    session: &Session,
    environment: &Environment,
    right: &Changing,
    generation: &Generation,
    report: Report,
) -> Result<RolledBack, Failure> {
    let current = environment.current().ok();
    let lock = current.as_ref().map(|current| &current.lock);
    let changes = plan::changes(lock, &generation.lock);
    let from = if let Leads::To(number) = environment.leads() { Some(number) } else { None };
    let unchanged = from == Some(generation.number);
    if report.ok && !unchanged {
        let to = args.to.map_or(String::new(), |number| format!(" --to {number}"));
        let deed = session.deed(format!("rollback{to}"), args.reason.clone());
        environment.switch(right, generation, deed, plan::in_few_words(&changes))?;
        session.keep_trees_of(environment, generation);
    }
    Ok(RolledBack {
        ok: report.ok,
        from,
        generation: generation.number,
        digest: report.digest,
        unchanged,
        changes,
        damage: report.damage,
        repaired: report.repaired,
    })
}

fn describe(outcome: &RolledBack) -> String {
    let mut text = String::new();
    if !outcome.repaired.is_empty() {
        text.push_str(&table(&outcome.repaired).render());
        text.push_str("These were mended\n");
    }
    if !outcome.ok {
        text.push_str(&table(&outcome.damage).render());
        let number = outcome.generation;
        return text + &format!("Generation {number} is damaged; nothing was switched\n");
    }
    if outcome.unchanged {
        return text + &format!("Generation {} is current already\n", outcome.generation);
    }
    text.push_str(&changes(&outcome.changes));
    let from = outcome.from.map_or(String::new(), |from| format!(" from generation {from}"));
    text.push_str(&format!("Went back{from} to generation {}\n", outcome.generation));
    text + &format!("digest {}\n", outcome.digest)
}
