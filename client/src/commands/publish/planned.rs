//! `larder publish --plan`: after each product or once at the end; what is complete is named.

use std::path::Path;

use larder_schema::{BuildId, BuildKey, ProductName, Stage};

use super::{PublishArgs, order, record_failure};
use crate::commands::Session;
use crate::commands::published::{self, Beside, Target};
use crate::error::{Exit, Failure};
use crate::planning;
use crate::publish::planned::{AllThere, Error, Planned, There};
use crate::publish::{Offer, Order, Outcome};

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
    if let Some(root) = target.roots.iter().find(|root| !planned.has(root)) {
        let plan = path.display();
        return Err(Failure::usage(format!(
            "`--root {root}`: the plan `{plan}` has no such product"
        )));
    }
    let mut order = order(&args.files, &described, &target, session, Some(&planned)).await?;
    target.platform.get_or_insert(platform);
    let run = planned.run(&order.offers).map_err(failure)?;
    let there = there(&planned, run.as_ref(), &order.offers, session).await?;
    for offer in &mut order.offers {
        planned.bind(&mut offer.build, &there).map_err(failure)?;
    }
    let is_all_here = planned.lacking(&there).is_empty();
    if target.distribution.is_none() || is_all_here {
        judge(session, &target, &there)?;
        complete(&mut order, &target, &there)?;
        return published::publish(session, &target, &order, Beside::default()).await;
    }
    let run = run.ok_or_else(|| failure(Error::NoRun))?;
    publish_in_turn(session, &target, &planned, &run, order, there).await
}

/// Publishes the builds, and then the distribution if nothing is lacking.
///
/// Only then is it looked what others have published: of those who publish at the same time, the last
/// finds all.
async fn publish_in_turn(
    session: &Session,
    target: &Target,
    planned: &Planned,
    run: &BuildId,
    order: Order,
    mut there: AllThere,
) -> Result<Exit, Failure> {
    let builds = Order { offers: order.offers, taken: order.taken, ..Order::default() };
    let is_empty = builds.offers.is_empty() && builds.taken.is_empty();
    let sent = match is_empty || target.dry_run {
        true => None,
        false => Some(published::send(session, &builds).await?),
    };
    let Some(sent) = sent else {
        return match missing(session, planned, run, &mut there).await? {
            Some(missing) if is_empty => Err(Failure::no(waits(target, &missing))),
            Some(missing) => {
                let waits = waits(target, &missing);
                let beside = Beside { still_to_build: &[missing], ..Beside::default() };
                let exit = published::publish(session, target, &builds, beside).await?;
                session.progress.note(waits);
                Ok(exit)
            }
            None => {
                judge(session, target, &there)?;
                let mut whole = target.order();
                whole.offers = builds.offers;
                complete(&mut whole, target, &there)?;
                published::publish(session, target, &whole, Beside::default()).await
            }
        };
    };
    match distribute(session, target, planned, run, &mut there).await {
        Ok(Distributed::Whole(outcome)) => {
            published::tell(session, target, &sent.and(*outcome), Beside::default())
        }
        Ok(Distributed::Waits(missing)) => {
            let waits = waits(target, &missing);
            let beside = Beside { still_to_build: &[missing], ..Beside::default() };
            let exit = published::tell(session, target, &sent, beside)?;
            session.output.say(waits)?;
            Ok(exit)
        }
        // The builds are published all the same.
        Err(failure) => {
            published::tell(session, target, &sent, Beside::default())?;
            Err(failure)
        }
    }
}

/// What became of the distribution.
enum Distributed {
    Whole(Box<Outcome>),
    /// This one is still to be built.
    Waits(ProductName),
}

async fn distribute(
    session: &Session,
    target: &Target,
    planned: &Planned,
    run: &BuildId,
    there: &mut AllThere,
) -> Result<Distributed, Failure> {
    if let Some(missing) = missing(session, planned, run, there).await? {
        return Ok(Distributed::Waits(missing));
    }
    judge(session, target, there)?;
    let mut whole = target.order();
    complete(&mut whole, target, there)?;
    Ok(Distributed::Whole(Box::new(published::send(session, &whole).await?)))
}

/// Warns of what others have published under the run's id and no release should have; an error where
/// that is what is made.
fn judge(session: &Session, target: &Target, there: &AllThere) -> Result<(), Failure> {
    let stage = target.stage.filter(|_| target.distribution.is_some());
    for There { key, doubt, .. } in there.values() {
        match (doubt, stage) {
            (None, _) => {}
            (Some(doubt), Some(stage)) if stage >= Stage::Candidate => {
                let sentence = format!("{key} {doubt}, and has no place in a candidate or release");
                return Err(Failure::no(sentence).hint("build it anew, under another build id"));
            }
            (Some(doubt), _) => session.progress.warn(format_args!("{key} {doubt}")),
        }
    }
    Ok(())
}

/// A product of the plan that is still to be built, if any is; what others have published is `there` then.
async fn missing(
    session: &Session,
    planned: &Planned,
    run: &BuildId,
    there: &mut AllThere,
) -> Result<Option<ProductName>, Failure> {
    let remote = session.remote()?;
    planned.add_all_published(&remote, run, there).await.map_err(failure)
}

/// What is there without asking, and those that the files were built against.
async fn there(
    planned: &Planned,
    run: Option<&BuildId>,
    offers: &[Offer],
    session: &Session,
) -> Result<AllThere, Failure> {
    let mut there = planned.at_hand(offers);
    let needed = planned.needed(offers, &there).map_err(failure)?;
    if needed.is_empty() {
        return Ok(there);
    }
    let run = run.ok_or_else(|| failure(Error::NoRun))?;
    let remote = session.remote()?;
    // What is missing is told with the build that needs it.
    planned.add_published(&remote, run, &needed, &mut there).await.map_err(failure)?;
    Ok(there)
}

/// Adds the distribution, if one is wished, of what is offered and of all that is there.
fn complete(order: &mut Order, target: &Target, there: &AllThere) -> Result<(), Failure> {
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

/// `lsst_distrib@17.0.1 waits: at least afw is still to be built`.
fn waits(target: &Target, missing: &ProductName) -> String {
    let name = target.distribution.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{name} waits: at least `{missing}` is still to be built")
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
