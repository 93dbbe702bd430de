//! What a process knows of the products that are replaced for it: a variable that `run` and
//! `activate` hand on, and that tells for which generation it is meant.

use std::ffi::OsStr;
use std::path::Path;

use larder_schema::ProductName;
use serde::{Deserialize, Serialize};

use super::variables::{Change, Setting};
use super::{Environment, Replacement, number};

/// The variable's name.
pub const REPLACED: &str = "LARDER_REPLACED";

/// The most bytes that are read of it: more, no system gives to a process.
const MOST_BYTES: usize = 128 << 10;

/// A product, and the folder that stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// The product.
    pub product: ProductName,
    /// The folder.
    pub folder: String,
    /// The generation in which that is so.
    pub generation: u64,
}

/// The variable as it is read.
#[derive(Deserialize)]
struct Claim {
    generation: String,
    replaced: Vec<Claimed>,
}

#[derive(Deserialize)]
struct Claimed {
    product: ProductName,
    folder: String,
}

/// The variable holds something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{REPLACED}` holds nothing that larder understands; it is passed over")]
pub struct Unreadable;

/// What the variable becomes in the generation in `folder`: what an outer shell has in it goes.
pub(super) fn setting(folder: &str, replacements: &[Replacement]) -> Setting {
    let replaced: Vec<_> = replacements
        .iter()
        .map(|one| serde_json::json!({ "product": one.product, "folder": one.folder }))
        .collect();
    let change = match replaced.is_empty() {
        true => Change::Unset,
        false => {
            let claim = serde_json::json!({ "generation": folder, "replaced": replaced });
            Change::Set(claim.to_string())
        }
    };
    Setting { name: REPLACED.to_owned(), change }
}

impl Environment {
    /// Which products are replaced in one of its generations, as the variable `told` tells; none
    /// where that is about another environment.
    pub fn replaced(&self, told: Option<&OsStr>) -> Result<Vec<Replaced>, Unreadable> {
        let Some(told) = told.filter(|told| !told.is_empty()) else { return Ok(Vec::new()) };
        let text = told.to_str().filter(|text| text.len() <= MOST_BYTES).ok_or(Unreadable)?;
        let claim: Claim = serde_json::from_str(text).map_err(|_| Unreadable)?;
        let Some(generation) = self.number_of(Path::new(&claim.generation)) else {
            return Ok(Vec::new());
        };
        let replaced = claim.replaced.into_iter();
        Ok(replaced
            .map(|Claimed { product, folder }| Replaced { product, folder, generation })
            .collect())
    }

    /// The number of the generation in `folder`, if it is one of this environment.
    fn number_of(&self, folder: &Path) -> Option<u64> {
        let number = number(folder.file_name()?.to_str()?)?;
        (self.generation_folder(number) == folder).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacement(product: &str, folder: &str) -> Replacement {
        Replacement {
            product: product.parse().unwrap(),
            folder: folder.to_owned(),
            variables: Default::default(),
        }
    }

    fn environment() -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::create(&folder.path().join("env")).unwrap();
        (folder, environment)
    }

    fn told(environment: &Environment, replacements: &[Replacement]) -> Option<String> {
        let folder = environment.generation_folder(3);
        match setting(folder.to_str().unwrap(), replacements).change {
            Change::Set(text) => Some(text),
            Change::Prepend(_) | Change::Unset => None,
        }
    }

    #[test]
    fn what_is_told_is_read_back_for_its_own_environment_alone() {
        let ((_one, here), (_other, there)) = (environment(), environment());
        let told = told(&here, &[replacement("afw", "/a b/\"é'"), replacement("log", "/log")]);

        let read =
            |environment: &Environment| environment.replaced(told.as_deref().map(OsStr::new));

        let replaced = read(&here).unwrap();
        let texts: Vec<_> =
            replaced.iter().map(|one| (one.product.as_str(), one.folder.as_str())).collect();
        assert_eq!(texts, [("afw", "/a b/\"é'"), ("log", "/log")]);
        assert!(replaced.iter().all(|one| one.generation == 3));
        assert_eq!(read(&there), Ok(Vec::new()));
    }

    #[test]
    fn where_nothing_is_replaced_nothing_is_told() {
        let (_folder, environment) = environment();
        assert_eq!(told(&environment, &[]), None);
        assert_eq!(environment.replaced(None), Ok(Vec::new()));
        assert_eq!(environment.replaced(Some(OsStr::new(""))), Ok(Vec::new()));
    }

    #[test]
    fn what_others_put_into_the_variable_is_passed_over() {
        let (_folder, environment) = environment();
        let long = format!("\"{}\"", "x".repeat(MOST_BYTES));
        let path = environment.generation_folder(1).display().to_string();
        let product =
            format!("{{\"generation\":\"{path}\",\"replaced\":[{{\"product\":\"../x\"}}]}}");
        for text in ["1", "{}", "[]", "{\"generation\":3,\"replaced\":[]}", &long, &product] {
            assert_eq!(environment.replaced(Some(OsStr::new(text))), Err(Unreadable), "{text}");
        }
    }

    #[test]
    fn a_generation_is_one_folder_of_the_environment_and_nothing_below_it() {
        let (_folder, environment) = environment();
        let root = environment.root();
        for path in ["generations/03", "generations/x", "generations/3/3", "3", "generations/../3"]
        {
            assert_eq!(environment.number_of(&root.join(path)), None, "{path}");
        }
        assert_eq!(environment.number_of(&root.join("generations/3")), Some(3));
    }
}
