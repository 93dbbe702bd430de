//! What an import did, and what could not come in.

use larder_schema::eups::EupsVersion;
use larder_schema::{BuildKey, DistributionVersion, Label, Platform, ProductName};
use serde::Serialize;

/// A package that became a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// Its version in EUPS.
    pub eups_version: EupsVersion,
    /// The build that it is.
    #[serde(flatten)]
    pub key: BuildKey,
}

/// Something that did not come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// What.
    pub what: String,
    /// Why not.
    pub reason: String,
}

/// What a person should know of a package that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The package.
    pub what: String,
    /// What is said in another way than EUPS has it, or not at all.
    pub note: String,
}

/// A tag as the distribution that it became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Distributed {
    /// The tag.
    pub tag: String,
    /// The distribution.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// Its platform.
    pub platform: Platform,
    /// How many builds it has.
    pub builds: usize,
    /// Whether it was there before.
    pub existing: bool,
}

/// A tag that moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tagged {
    /// The tag.
    pub tag: Label,
    /// Where it stands.
    pub version: DistributionVersion,
    /// Whether it moved there now.
    pub moved: bool,
}

/// All that an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Packages that came in; that would, where nothing was to be published.
    pub imported: Vec<Mapped>,
    /// Packages that were there.
    pub existing: Vec<Mapped>,
    /// What did not come in.
    pub refused: Vec<Refused>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Distributions.
    pub distributions: Vec<Distributed>,
    /// Tags that move.
    pub tags: Vec<Tagged>,
    /// How many packages are for other platforms than the one that was asked for.
    pub elsewhere: usize,
    /// Bytes of archives that went to the server.
    pub sent_bytes: u64,
}

impl Report {
    /// Adds what did not come in, with all that the layers below say of it.
    pub(super) fn refuse(&mut self, what: impl Into<String>, reason: &dyn std::error::Error) {
        self.refused.push(Refused { what: what.into(), reason: told(reason) });
    }
}

/// An error with its causes in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        let this = below.to_string();
        // Some repeat their cause in their own sentence.
        if !text.ends_with(&this) {
            text = format!("{text}: {this}");
        }
        cause = below.source();
    }
    text
}
