//! `larder publish`: sends archives and publishes their builds.

mod planned;

use std::path::PathBuf;

use clap::Args;
use larder_schema::product::ParseProductNameError;
use larder_schema::requirement::ParseRequirementError;
use larder_schema::{Build, BuildKey, ProductName, Requirement, Role, Text, Url};
use larder_schema::{BuildId, Revision, Version};
use serde_json::{Map, Value, json};

use super::Session;
use super::published::{self, Beside, Target};
use super::words::word;
use crate::error::{Exit, Failure};
use crate::pack::beside;
use crate::publish::planned::{Planned, Recorded};
use crate::publish::{Offer, Order, files, sums};
use crate::record::{self, Bytes, Part};

/// Arguments of `larder publish`.
#[derive(Args, Debug)]
#[command(
    after_help = "The record of FILE is FILE.json, or what the options say (for one FILE), or \
                        its name, PRODUCT-VERSION-bID-PLATFORM.tar.zst, read from the right; what \
                        two of them say must be the same. What the server has is not sent again, \
                        and what was cut goes on where it was cut."
)]
pub struct PublishArgs {
    /// Archives, or folders of them; a .json is the record of a build without an archive
    #[arg(required_unless_present = "plan", value_name = "FILE|FOLDER")]
    pub files: Vec<PathBuf>,
    /// The plan that the builds were made by, which `larder plan -o` wrote: it fills in revisions and
    /// what was built against what; the distribution follows once the last build is published, and
    /// without a FILE
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// What to publish with the builds
    #[command(flatten)]
    pub target: Target,
    /// What the options say of the build
    #[command(flatten)]
    pub described: Described,
}

/// What the options say of one build.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What one FILE is")]
pub struct Described {
    /// The product
    #[arg(long, value_name = "NAME")]
    pub product: Option<ProductName>,
    /// Its version
    #[arg(long, value_name = "M.n.p")]
    pub version: Option<Version>,
    /// What the build tool calls the build
    #[arg(long, value_name = "ID")]
    pub build: Option<BuildId>,
    /// A product that it needs at run time, such as `log@^17`
    #[arg(long, value_name = "PRODUCT@REQUIREMENT")]
    pub depends: Vec<Depends>,
    /// The repository of its source
    #[arg(long, value_name = "URL")]
    pub source_repository: Option<Url>,
    /// The revision of its source
    #[arg(long, value_name = "HEX")]
    pub source_revision: Option<Revision>,
    /// The tag that the revision had
    #[arg(long, value_name = "TAG")]
    pub source_tag: Option<Text>,
    /// Its licence, as SPDX spells it
    #[arg(long, value_name = "SPDX")]
    pub license: Option<Text>,
    /// One line for people
    #[arg(long, value_name = "TEXT")]
    pub summary: Option<Text>,
    /// What it is for: runtime, build, debug, test, doc or data
    #[arg(long, value_name = "ROLE", value_parser = word::<Role>)]
    pub role: Option<Role>,
    /// It is a build of a branch or of a pull request
    #[arg(long)]
    pub test: bool,
}

/// `PRODUCT@REQUIREMENT`, or `PRODUCT` for any version.
#[derive(Clone, Debug, PartialEq)]
pub struct Depends {
    product: ProductName,
    requirement: Requirement,
}

/// A text names no dependency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDependsError {
    /// The part before the `@`.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
    /// The part after it.
    #[error(transparent)]
    Requirement(#[from] ParseRequirementError),
}

impl std::str::FromStr for Depends {
    type Err = ParseDependsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (product, requirement) = text.split_once('@').unwrap_or((text, "*"));
        Ok(Self { product: product.parse()?, requirement: requirement.parse()? })
    }
}

impl Described {
    /// What the options say, as a part of a record; `platform` counts where they describe a build.
    fn to_part(&self, platform: Option<&larder_schema::Platform>) -> Option<Part> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        let names_it = self.product.is_some() || self.version.is_some() || self.build.is_some();
        put("product", self.product.as_ref().map(|product| json!(product)));
        put("version", self.version.as_ref().map(|version| json!(version)));
        put("build", self.build.as_ref().map(|build| json!(build)));
        put("platform", platform.filter(|_| names_it).map(|platform| json!(platform)));
        put("license", self.license.as_ref().map(|license| json!(license)));
        put("summary", self.summary.as_ref().map(|summary| json!(summary)));
        put("role", self.role.map(|role| json!(role)));
        put("test", self.test.then_some(Value::Bool(true)));
        put("source", self.source());
        put("dependencies", self.dependencies());
        (!fields.is_empty()).then(|| Part { said_by: "the arguments".to_owned(), fields })
    }

    fn source(&self) -> Option<Value> {
        let parts = [
            ("repository", self.source_repository.as_ref().map(|url| json!(url))),
            ("revision", self.source_revision.as_ref().map(|revision| json!(revision))),
            ("tag", self.source_tag.as_ref().map(|tag| json!(tag))),
        ];
        let fields: Map<String, Value> =
            parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), part?))).collect();
        (!fields.is_empty()).then_some(Value::Object(fields))
    }

    fn dependencies(&self) -> Option<Value> {
        let dependency = |needed: &Depends| json!({"product": needed.product, "requirement": needed.requirement});
        (!self.depends.is_empty()).then(|| self.depends.iter().map(dependency).collect())
    }
}

/// Runs `larder publish`.
pub async fn run(args: PublishArgs, session: &Session) -> Result<Exit, Failure> {
    if let Some(path) = &args.plan {
        return planned::run(&args, path, session).await;
    }
    let mut order = order(&args.files, &args.described, &args.target, session, None).await?;
    let roles = |offer: &Offer| (offer.build.key(), offer.build.role);
    let builds: Vec<_> = order.offers.iter().map(roles).collect();
    order.distribution = args.target.distribution(&builds)?;
    published::publish(session, &args.target, &order, Beside::default()).await
}

/// What files offer with their records, of which a plan says a part; what it reuses is taken as it is.
async fn order(
    files: &[PathBuf],
    described: &Described,
    target: &Target,
    session: &Session,
    planned: Option<&Planned>,
) -> Result<Order, Failure> {
    let chosen = files::choose(files).map_err(choice_failure)?;
    for skipped in &chosen.skipped {
        session.progress.note(format_args!("skipped `{}`: it is no archive", skipped.display()));
    }
    let described = described.to_part(target.platform.as_ref());
    if described.is_some() && chosen.archives.len() + chosen.records.len() != 1 {
        return Err(Failure::usage(
            "the options describe one build, and there are several files; give one FILE, or a \
             FILE.json for each",
        ));
    }
    let paths: Vec<PathBuf> = chosen.archives.iter().map(|(path, _)| path.clone()).collect();
    let summed = sums::of(&paths, session.progress).await.map_err(Failure::failed)?;
    let mut order = target.order();
    for ((_, name), file) in chosen.archives.iter().zip(summed) {
        let said = Part::of_json(&beside(&file.path)).map_err(record_failure)?;
        let parts = said.into_iter().chain(described.clone()).chain(Part::of_name(name)).collect();
        let bytes = Bytes { sha256: file.sha256, name: name.clone(), size: file.size };
        match put_together(parts, name.as_str(), Some(&bytes), planned)? {
            Recorded::Built(build) => order.offers.push(Offer { build: *build, file: Some(file) }),
            Recorded::Reused(key) => order.taken.push(key),
        }
    }
    for path in &chosen.records {
        let said = Part::of_json(path).map_err(record_failure)?;
        let parts = said.into_iter().chain(described.clone()).collect();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        match put_together(parts, &file, None, planned)? {
            Recorded::Built(build) => order.offers.push(Offer { build: *build, file: None }),
            Recorded::Reused(key) => order.taken.push(key),
        }
    }
    check_keys(&order.offers)?;
    Ok(order)
}

/// The record that parts make together.
fn put_together(
    parts: Vec<Part>,
    file: &str,
    bytes: Option<&Bytes>,
    planned: Option<&Planned>,
) -> Result<Recorded, Failure> {
    let built = |build: Build| Recorded::Built(Box::new(build));
    match planned {
        Some(planned) => planned.record(parts, file, bytes).map_err(planned::failure),
        None => record::put_together(&parts, file, bytes).map(built).map_err(record_failure),
    }
}

/// Two files that would be one build.
fn check_keys(offers: &[Offer]) -> Result<(), Failure> {
    let mut seen: std::collections::BTreeMap<BuildKey, &Offer> = std::collections::BTreeMap::new();
    for offer in offers {
        if let Some(other) = seen.insert(offer.build.key(), offer)
            && other.build != offer.build
        {
            let shown = |offer: &Offer| match &offer.file {
                Some(file) => file.path.display().to_string(),
                None => "a record without an archive".to_owned(),
            };
            return Err(Failure::usage(format!(
                "`{}` and `{}` would both be {}; give one of them another bID",
                shown(other),
                shown(offer),
                offer.build.key()
            )));
        }
    }
    Ok(())
}

fn choice_failure(error: files::Error) -> Failure {
    let exit = match &error {
        files::Error::Name(_) | files::Error::Empty { .. } => Exit::Usage,
        files::Error::Unreadable { .. } => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// A record comes from the arguments, so that what is wrong with it is wrong usage.
fn record_failure(error: record::Error) -> Failure {
    let unreadable = matches!(&error, record::Error::Unreadable { .. });
    let exit = if unreadable { Exit::Failed } else { Exit::Usage };
    let hint = error.hint();
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_part_of_a_record() {
        let described = Described {
            product: "afw".parse().ok(),
            depends: vec!["log@^17".parse().unwrap(), "base".parse().unwrap()],
            source_revision: "a".repeat(40).parse().ok(),
            ..Described::default()
        };
        let any = larder_schema::Platform::Any;
        let part = described.to_part(Some(&any)).unwrap();
        assert_eq!(
            Value::Object(part.fields),
            json!({
                "product": "afw", "platform": "any", "source": {"revision": "a".repeat(40)},
                "dependencies": [{"product": "log", "requirement": "^17"},
                                 {"product": "base", "requirement": "*"}]
            })
        );
    }

    #[test]
    fn a_platform_alone_is_the_distribution_s() {
        assert!(Described::default().to_part(Some(&larder_schema::Platform::Any)).is_none());
        assert!("log@17".parse::<Depends>().is_err());
    }
}
