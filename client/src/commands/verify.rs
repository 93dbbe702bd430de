//! `larder verify`: compares an environment with what was installed, and mends it.

use clap::Args;
use larder_schema::Digest;
use larder_schema::api::Withdrawn;
use serde::Serialize;

use super::table::Table;
use super::{Session, withdrawn};
use crate::cli::Prefix;
use crate::environment::{self, Environment, Generation, Replaced};
use crate::error::{Exit, Failure};
use crate::install::Obtainer;
use crate::lookup::WithdrawnDistribution;
use crate::printable::line;
use crate::store::Store;
use crate::verify::{self, Damage, Report};

/// Arguments of `larder verify`.
#[derive(Args, Debug)]
#[command(
    after_help = "Every file is hashed. Bytecode that Python made in `pycache/` is not judged: \
                  it was never published, and --repair empties that folder. \
                  Exit code 3: something is not as it was installed."
)]
pub struct VerifyArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// Also ask the server whether the documents are the ones that it published
    #[arg(long)]
    pub full: bool,
    /// Fetch again what is damaged, and forget Python's bytecode
    #[arg(long)]
    pub repair: bool,
    /// The digest that the environment must have
    #[arg(long, value_name = "sha256:…")]
    pub expect: Option<Digest>,
}

/// Runs `larder verify`.
pub async fn run(args: VerifyArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let generation = generation_of(&environment).map_err(unreadable)?;
    let unexpected = unexpected(&args, &generation)?;
    let store = session.store_of(&generation)?;
    session.keep_trees_of(&environment, &generation);
    if args.full {
        let remote = session.remote_or(&generation.lock.server)?;
        verify::check_with(&remote, &generation).await?;
    }
    let mut report = verify::verify(&environment, &generation, &store)?;
    if args.repair && unexpected.is_none() {
        let remote = session.remote_or(&generation.lock.server)?;
        let store = Store::open(store.root())?;
        let obtainer = Obtainer { remote: &remote, store: &store, progress: session.progress };
        let deed = session.deed("verify --repair".to_owned(), None);
        report = verify::repair(&environment, &generation, &obtainer, report, deed).await?;
    }
    let withdrawn = withdrawn::since(session, &generation.lock).await;
    let replaced = session.replaced(&environment);
    let text =
        describe(&report, &generation) + &withdrawn::lines(&withdrawn) + &not_verified(&replaced);
    report.ok &= unexpected.is_none();
    let verified = Verified {
        report: &report,
        withdrawn: &withdrawn.builds,
        withdrawn_distributions: &withdrawn.distributions,
        replaced: &replaced,
    };
    session.output.answer(&verified, || text)?;
    if let Some(unexpected) = unexpected {
        return Err(unexpected);
    }
    if report.ok {
        return Ok(Exit::Done);
    }
    if !args.repair && !session.output.json {
        session.progress.note("hint: `larder verify --repair` fetches again what is damaged");
    }
    Ok(Exit::No)
}

/// What was found, what was withdrawn since, and what is replaced.
#[derive(Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    withdrawn: &'a [Withdrawn],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    withdrawn_distributions: &'a [WithdrawnDistribution],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    replaced: &'a [Replaced],
}

/// The current generation; where `current` was led astray, the one that it will be led to.
fn generation_of(environment: &Environment) -> Result<Generation, environment::Error> {
    match environment.current() {
        Err(astray @ environment::Error::Current { .. }) => environment.latest()?.ok_or(astray),
        outcome => outcome,
    }
}

/// What says what there should be is damaged too: the answer is no.
fn unreadable(error: environment::Error) -> Failure {
    use environment::Error;
    let is_damage = matches!(error, Error::Lock(_) | Error::Current { .. });
    let failure = Failure::from(error);
    if is_damage {
        let hint = "install again what should be there: larder install NAME@VERSION --prefix ENV";
        return Failure { exit: Exit::No, ..failure }.hint(hint);
    }
    failure
}

/// That the environment is another than the one that is expected.
fn unexpected(args: &VerifyArgs, generation: &Generation) -> Result<Option<Failure>, Failure> {
    let found = generation.lock.digest().map_err(Failure::failed)?;
    let other = args.expect.filter(|expected| *expected != found);
    Ok(other.map(|expected| Failure::no(format!("the environment is {found}, not {expected}"))))
}

fn describe(report: &Report, generation: &Generation) -> String {
    let mut text = String::new();
    if !report.repaired.is_empty() {
        text.push_str(&table(&report.repaired).render());
        text.push_str(&format!("Mended: {}\n", count(report.repaired.len())));
        if report.repaired.iter().any(|damage| damage.path == "current") {
            text.push_str(&format!("`current` leads to generation {}\n", generation.number));
        }
    }
    if report.ok {
        let name = match generation.lock.targets.is_empty() {
            true => "the environment".to_owned(),
            false => generation.lock.names().join(", "),
        };
        text.push_str(&format!(
            "{} is as it was installed: {} files, {}\n",
            name,
            report.files,
            indicatif::HumanBytes(report.bytes)
        ));
    } else {
        text.push_str(&table(&report.damage).render());
        text.push_str(&format!("Damaged: {}\n", count(report.damage.len())));
    }
    text.push_str(&format!("digest {}\n", report.digest));
    text
}

/// What was verified is not what this process runs with.
fn not_verified(replaced: &[Replaced]) -> String {
    let sentence = |one: &Replaced| {
        let (product, folder) = (&one.product, line(&one.folder));
        format!("`{product}` is replaced by `{folder}` here, which is not verified\n")
    };
    replaced.iter().map(sentence).collect()
}

fn count(number: usize) -> String {
    if number == 1 { "1 path".to_owned() } else { format!("{number} paths") }
}

/// What is damaged, one path a line.
pub(super) fn table(damage: &[Damage]) -> Table {
    let mut table = Table::bare();
    for one in damage {
        let product = one.product.as_ref().map_or("-".to_owned(), ToString::to_string);
        table.row([one.kind.word().to_owned(), product, one.path.clone()]);
    }
    table
}

impl From<verify::Error> for Failure {
    fn from(error: verify::Error) -> Self {
        use verify::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Lookup(error) => error.into(),
            Error::Environment(error) => error.into(),
            Error::Otherwise { .. } => Self::new(Exit::No, error),
            Error::Repair { .. } | Error::Disk { .. } | Error::Canonical(_) => Self::failed(error),
        }
    }
}
