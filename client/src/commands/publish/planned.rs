//! `larder publish --plan`: after each product or once at the end; what is complete is named.

use std::path::Path;

use larder_schema::{BuildKey, ProductName};

use super::{PublishArgs, order, record_failure};
use crate::commands::Session;
use crate::commands::published::{self, Beside};
use crate::error::{Exit, Failure};
use crate::planning;
use crate::publish::planned::{AllThere, Error, Planned};
use crate::publish::{Offer, Order};

/// How many products are named that are still to be built.
const NAMED: usize = 10;

/// Publishes what was built by the plan in `path`.
pub(super) async fn run(
    args: &PublishArgs,
    path: &Path,
    session: &Session,
) -> Result<Exit, Failure> {
    let mut target = args.target.clone();
    if args.files.is_empty() && target.distribution.is_none() {
        return Err(Failure::usage("there is nothing to publish; give a FILE or `--distribution`"));
    }
    let plan = planning::read(path)?;
    let platform = plan.platform.clone();
    // It is the run's, not that of one file.
    let mut described = args.described.clone();
    let given = described.build.take();
    let planned = Planned::new(plan, path, given.as_ref()).map_err(failure)?;
    let mut order = order(&args.files, &described, &target, session, Some(&planned)).await?;
    target.platform.get_or_insert(platform);
    let there = there(&planned, &order.offers, target.distribution.is_some(), session).await?;
    for offer in &mut order.offers {
        planned.bind(&mut offer.build, &there).map_err(failure)?;
    }
    let lacking = match &target.distribution {
        Some(_) => planned.lacking(&there),
        None => Vec::new(),
    };
    if lacking.is_empty() {
        complete(&mut order, &target, &there)?;
        return published::publish(session, &target, &order, Beside::default()).await;
    }
    let waits = waits(&target, &lacking, planned.plan().steps.len());
    if args.files.is_empty() {
        return Err(Failure::no(waits));
    }
    let order = Order { offers: order.offers, taken: order.taken, ..Order::default() };
    let beside = Beside { still_to_build: &lacking, ..Beside::default() };
    let exit = published::publish(session, &target, &order, beside).await?;
    session.output.say(waits)?;
    Ok(exit)
}

/// What is there: of all products where a distribution is wished, else of those that were built
/// against.
async fn there(
    planned: &Planned,
    offers: &[Offer],
    all: bool,
    session: &Session,
) -> Result<AllThere, Failure> {
    let run = planned.run(offers).map_err(failure)?;
    let mut there = planned.at_hand(offers);
    let wanted = match all {
        true => planned.lacking(&there),
        false => planned.needed(offers, &there).map_err(failure)?,
    };
    if wanted.is_empty() {
        return Ok(there);
    }
    let run = run.ok_or_else(|| failure(Error::NoRun))?;
    let found = planned.published(&session.remote()?, &run, &wanted).await.map_err(failure)?;
    there.extend(found.into_iter().map(|there| (there.key.product.clone(), there)));
    Ok(there)
}

/// Adds the distribution, if one is wished, of what is offered and of all that is there.
fn complete(
    order: &mut Order,
    target: &published::Target,
    there: &AllThere,
) -> Result<(), Failure> {
    if target.distribution.is_none() {
        return Ok(());
    }
    let builds: Vec<_> = there.values().map(|it| (it.key.clone(), it.role)).collect();
    order.distribution = target.distribution(&builds)?;
    let is_offered = |key: &BuildKey| order.offers.iter().any(|it| it.build.key() == *key);
    let keys = there.values().map(|there| &there.key);
    order.taken = keys.filter(|key| !is_offered(key)).cloned().collect();
    Ok(())
}

/// `lsst_distrib@17.0.1 waits for 2 of 114 products: afw, log`.
fn waits(target: &published::Target, lacking: &[ProductName], all: usize) -> String {
    let name = target.distribution.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut names: Vec<String> = lacking.iter().take(NAMED).map(ToString::to_string).collect();
    if lacking.len() > NAMED {
        names.push(format!("{} more", lacking.len() - NAMED));
    }
    format!(
        "{name} waits: {} of {all} products are still to be built: {}",
        lacking.len(),
        names.join(", ")
    )
}

/// Records and plan come from the arguments, so that what is wrong between them is wrong usage.
pub(super) fn failure(error: Error) -> Failure {
    match error {
        Error::Record(error) => record_failure(error),
        Error::Remote(error) => error.into(),
        Error::NotPublished { .. } => Failure::failed(error)
            .hint("publish that first, or give its file too: `larder publish --plan PLAN FILE…`"),
        Error::OtherRevision { .. } => {
            Failure::failed(error).hint("two runs have one build id: give this one another")
        }
        Error::NoRun => Failure::new(Exit::Usage, error).hint("give `--build ID`"),
        Error::NoStep { .. }
        | Error::Reused { .. }
        | Error::Platform { .. }
        | Error::NotPlanned { .. } => Failure::new(Exit::Usage, error),
    }
}
