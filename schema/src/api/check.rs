//! What a check of everything found.

use serde::{Deserialize, Serialize};

use crate::checksum::Sha256;

/// What a check of everything found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CheckReport {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// How many archives were read again.
    pub archives: u64,
    /// How many bytes that were.
    pub bytes: u64,
    /// How many builds, distributions and journal entries were looked at.
    pub documents: u64,
    /// What is wrong.
    pub faults: Vec<CheckFault>,
}

impl CheckReport {
    /// Adds what is wrong with a document.
    pub fn add(&mut self, subject: String, fault: String) {
        self.faults.push(CheckFault { subject, fault, archive: None });
    }
}

/// One thing that a check found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CheckFault {
    /// What it is about: an archive's checksum, a build, a distribution, a journal entry.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub fault: String,
    /// The archive concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Sha256>,
}
