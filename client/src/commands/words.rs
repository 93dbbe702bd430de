//! Words on the command line, and what is asked for in them.

use larder_schema::{Context, Platform};
use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};

use crate::error::{Exit, Failure};
use crate::target::{Name, ParseTargetError, Requested};
use crate::wish::Given;

/// What an environment or a lock is for; an environment keeps it.
#[derive(clap::Args, Clone, Debug)]
pub struct PurposeArgs {
    /// For which platform [default: the environment's, else this machine's]
    #[arg(long)]
    pub platform: Option<Platform>,
    /// What it is for: development, test or operations; operations admit no build and no debug
    /// packages
    #[arg(long, value_parser = word::<Context>)]
    pub context: Option<Context>,
    /// Test builds may be in it: those of branches and pull requests
    #[arg(long)]
    pub test: bool,
}

impl PurposeArgs {
    /// As it was written on the command line, with a space before each word.
    pub(super) fn written(&self) -> String {
        let platform = self.platform.iter().map(|platform| format!(" --platform {platform}"));
        let context = self.context.iter().map(|context| format!(" --context {context}"));
        let test = self.test.then(|| " --test".to_owned());
        platform.chain(context).chain(test).collect()
    }
}

impl From<PurposeArgs> for Given {
    fn from(args: PurposeArgs) -> Self {
        let PurposeArgs { platform, context, test } = args;
        Self { platform, context, test }
    }
}

/// Reads a word that stands for one of a few things, as documents spell it.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, WordError> {
    T::deserialize(StrDeserializer::new(text))
}

/// `1 build`, `2 builds`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What is asked for, read from arguments.
pub(super) fn requested(targets: &[String]) -> Result<Vec<Requested>, Failure> {
    read(targets)
}

/// Names, read from arguments.
pub(super) fn names(texts: &[String]) -> Result<Vec<Name>, Failure> {
    read(texts)
}

fn read<T: std::str::FromStr<Err = ParseTargetError>>(texts: &[String]) -> Result<Vec<T>, Failure> {
    let read: Result<Vec<T>, ParseTargetError> = texts.iter().map(|text| text.parse()).collect();
    read.map_err(|error| Failure::new(Exit::Usage, error))
}

#[cfg(test)]
mod tests {
    use larder_schema::Stage;

    use super::*;

    #[test]
    fn words_are_those_of_the_documents() {
        assert_eq!(word::<Stage>("weekly").unwrap(), Stage::Weekly);
        let refusal = word::<Stage>("Weekly").unwrap_err().to_string();
        assert!(refusal.contains("`nightly`"), "{refusal}");
    }
}
