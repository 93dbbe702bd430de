//! `larder show`: one product, one build, or the builds that something is known of.

mod build;

use clap::Args;
use larder_schema::api::{BuildAnswer, Page, ProductAnswer, paths};
use larder_schema::{BuildRef, Platform, ProductDocument, ProductName, Version};
use serde_json::json;

use super::Session;
use super::table::Table;
use super::withdrawn::mark;
use crate::error::{Exit, Failure};
use crate::printable::line;
use crate::remote::Remote;

/// Arguments of `larder show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// PRODUCT, its builds of one version, or one build
    #[arg(
        value_name = "PRODUCT[@VERSION[-bID]]",
        required_unless_present = "revision",
        conflicts_with = "revision"
    )]
    pub what: Option<String>,
    /// All builds that were made from a revision; 7 hex digits of it will do
    #[arg(long, value_name = "HEX")]
    pub revision: Option<String>,
    /// Which builds need this one to run
    #[arg(long, conflicts_with = "revision")]
    pub dependants: bool,
    /// The build's platform, where there are several
    #[arg(long)]
    pub platform: Option<Platform>,
}

/// What is shown.
enum What {
    Product(ProductName),
    Version(ProductName, Version),
    Build(BuildRef),
    Revision(String),
}

/// Runs `larder show`.
pub async fn run(args: ShowArgs, session: &Session) -> Result<Exit, Failure> {
    let what = read(&args)?;
    let remote = session.remote()?;
    let platform = args.platform.as_ref();
    match what {
        What::Build(build) if args.dependants => {
            build::dependants(&remote, &build, platform, session).await
        }
        What::Product(_) | What::Version(..) | What::Revision(_) if args.dependants => {
            Err(Failure::usage("dependants are of one build: `PRODUCT@VERSION-bID`"))
        }
        What::Build(build) => build::show(&remote, &build, platform, session).await,
        What::Product(product) => show_product(&remote, &product, platform, session).await,
        What::Version(product, version) => {
            let (name, number) = (product.to_string(), version.to_string());
            let of = [("product", name.as_str()), ("version", number.as_str())];
            let what = format!("{product} {version}");
            show_builds(&remote, &of, platform, &what, session).await
        }
        What::Revision(revision) => {
            let of = [("revision", revision.as_str())];
            let what = format!("the revision {revision}");
            show_builds(&remote, &of, platform, &what, session).await
        }
    }
}

fn read(args: &ShowArgs) -> Result<What, Failure> {
    let refused = |error: &dyn std::error::Error| Failure::usage(error.to_string());
    let Some(text) = args.what.as_deref() else {
        return Ok(What::Revision(args.revision.clone().unwrap_or_default()));
    };
    let Some((product, version)) = text.split_once('@') else {
        return text
            .parse()
            .map(What::Product)
            .map_err(|error: larder_schema::product::ParseProductNameError| refused(&error));
    };
    if version.contains('-') {
        let build: Result<BuildRef, _> = text.parse();
        return build.map(What::Build).map_err(|error| {
            Failure::new(Exit::Usage, error).hint("an exact build is `PRODUCT@VERSION-bID`")
        });
    }
    let product = product
        .parse()
        .map_err(|error: larder_schema::product::ParseProductNameError| refused(&error))?;
    let version = version
        .parse()
        .map_err(|error: larder_schema::version::ParseVersionError| refused(&error))?;
    Ok(What::Version(product, version))
}

/// A query with the platform, if one was given.
fn query<'a>(of: &[(&'a str, &'a str)], platform: &'a Option<String>) -> Vec<(&'a str, &'a str)> {
    let platform = platform.iter().map(|platform| ("platform", platform.as_str()));
    of.iter().copied().chain(platform).collect()
}

async fn builds(
    remote: &Remote,
    of: &[(&str, &str)],
    platform: Option<&Platform>,
) -> Result<Vec<BuildAnswer>, Failure> {
    let platform = platform.map(ToString::to_string);
    Ok(remote.pages(&paths::builds(), &query(of, &platform)).await?)
}

async fn show_builds(
    remote: &Remote,
    of: &[(&str, &str)],
    platform: Option<&Platform>,
    what: &str,
    session: &Session,
) -> Result<Exit, Failure> {
    let items = builds(remote, of, platform).await?;
    if items.is_empty() {
        let failure = Failure::no(format!("there is no build of {what} here"));
        return Err(match of.first() {
            Some(("product", name)) => failure.hint(format!("`larder show {name}` shows all")),
            _ => failure,
        });
    }
    let page = Page { items, next: None };
    session.output.answer(&page, || {
        let name =
            |answer: &BuildAnswer| format!("{}@{}", answer.build.product, answer.build.name());
        table(&page.items, name).render()
    })?;
    Ok(Exit::Done)
}

fn table(builds: &[BuildAnswer], name: impl Fn(&BuildAnswer) -> String) -> Table {
    let mut table = Table::new(["BUILD", "PLATFORM", "PUBLISHED", ""]);
    for answer in builds {
        let build = &answer.build;
        let at = build.published.as_ref().map_or("-".to_owned(), |p| p.at.to_string());
        let withdrawn = answer.about.withdrawn.as_ref();
        let withdrawn = withdrawn.map_or(String::new(), mark);
        table.row([name(answer), build.platform.to_string(), at, withdrawn]);
    }
    table
}

async fn show_product(
    remote: &Remote,
    product: &ProductName,
    platform: Option<&Platform>,
    session: &Session,
) -> Result<Exit, Failure> {
    let known: ProductAnswer =
        remote.get(&paths::product(product), &[]).await.map_err(Failure::of_question)?;
    let builds = builds(remote, &[("product", product.as_str())], platform).await?;
    session.output.answer(&json!({ "product": known, "builds": builds }), || {
        let summary = known.summary.summary.as_ref();
        let summary =
            summary.map_or(String::new(), |summary| format!(": {}", line(summary.as_str())));
        let declared = known.document.as_ref().map_or(String::new(), declared);
        let builds = table(&builds, |answer| answer.build.name().to_string()).render();
        format!("{product}{summary}\n{declared}\n{builds}")
    })?;
    Ok(Exit::Done)
}

/// What an admin declared of a product, for people.
pub(super) fn declared(document: &ProductDocument) -> String {
    let mut table = Table::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("kind", document.kind.to_string());
    document.owners.iter().for_each(|owner| row("owner", owner.to_string()));
    document.scope.iter().for_each(|scope| row("scope", scope.to_string()));
    document.repositories.iter().for_each(|url| row("repository", url.to_string()));
    document.support.iter().for_each(|support| row("support", support.to_string()));
    document
        .third_party_type
        .iter()
        .for_each(|of| row("third-party type", u8::from(*of).to_string()));
    document.membership.iter().for_each(|of| row("membership", of.to_string()));
    table.render()
}
