//! Product documents: what is declared of a product (DMTN-106 §2.2).

use serde::{Deserialize, Serialize};

use crate::product::ProductName;
use crate::record::Extra;
use crate::text::{Text, Url};

/// The most owners, and the most repositories, that one document names.
pub const MAX_PRODUCT_ITEMS: usize = 1_000;

/// What is declared of a product; a whole, which an admin puts in place of the one before.
///
/// A product is there without one as soon as a build of it is. Who owns it here tells people whom
/// to ask; who may publish it is told by tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ProductDocument {
    /// Its name.
    pub name: ProductName,
    /// What it is.
    #[serde(default)]
    pub kind: ProductKind,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Text>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Text>,
    /// Its source repositories. One belongs to one product of the kind `software` (§A.2.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<Url>,
    /// What its users may expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<Support>,
    /// How it comes to be third-party software: 1, 2 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_party_type: Option<ThirdPartyType>,
    /// How it belongs to the software that is released together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a product is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProductKind {
    /// Made here.
    #[default]
    Software,
    /// Made elsewhere.
    ThirdParty,
    /// Names other products, and has nothing of its own.
    Metapackage,
    /// Data.
    Data,
}

/// What the users of a product may expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// Faults are mended.
    Supported,
    /// Faults are mended where that can be done.
    BestEffort,
    /// It is as it is.
    AsIs,
}

/// How a product belongs to the software that is released together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// A part of it.
    Member,
    /// Comes from elsewhere.
    External,
    /// Goes with it.
    Auxiliary,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ }) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}

words!(ProductKind {
    Software => "software", ThirdParty => "third-party", Metapackage => "metapackage",
    Data => "data"
});
words!(Support { Supported => "supported", BestEffort => "best-effort", AsIs => "as-is" });
words!(Membership { Member => "member", External => "external", Auxiliary => "auxiliary" });

/// How a product comes to be third-party software: 1, 2 or 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ThirdPartyType(u8);

/// A number is no type of third-party software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no type of third-party software: there are 1, 2 and 3")]
pub struct ThirdPartyTypeError(u8);

impl TryFrom<u8> for ThirdPartyType {
    type Error = ThirdPartyTypeError;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if (1..=3).contains(&number) { Ok(Self(number)) } else { Err(ThirdPartyTypeError(number)) }
    }
}

impl From<ThirdPartyType> for u8 {
    fn from(of: ThirdPartyType) -> Self {
        of.0
    }
}

#[cfg(feature = "json-schema")]
impl schemars::JsonSchema for ThirdPartyType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ThirdPartyType".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 3 })
    }
}

/// Why a product document is refused, beyond the form of its fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductFault {
    /// Fields that this version does not know.
    #[error("unknown field `{field}`; remove it, or use a newer larder")]
    UnknownField {
        /// Its name.
        field: String,
    },
    /// A type of third-party software, of what is none.
    #[error("it is of the kind `{kind}`, and only `third-party` has a `third_party_type`")]
    NotThirdParty {
        /// The kind.
        kind: ProductKind,
    },
    /// Too many of something.
    #[error("it has more than {MAX_PRODUCT_ITEMS} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// A repository twice.
    #[error("it names the repository {repository} twice")]
    Twice {
        /// The repository.
        repository: Url,
    },
}

impl ProductDocument {
    /// A document that declares nothing but what the product is.
    pub fn bare(name: ProductName, kind: ProductKind) -> Self {
        Self {
            name,
            kind,
            owners: Vec::new(),
            scope: None,
            repositories: Vec::new(),
            support: None,
            third_party_type: None,
            membership: None,
            extra: Extra::new(),
        }
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<ProductFault> {
        if let Some(field) = self.extra.keys().next() {
            return Some(ProductFault::UnknownField { field: field.clone() });
        }
        if self.third_party_type.is_some() && self.kind != ProductKind::ThirdParty {
            return Some(ProductFault::NotThirdParty { kind: self.kind });
        }
        if self.owners.len() > MAX_PRODUCT_ITEMS {
            return Some(ProductFault::TooMany { what: "owners" });
        }
        if self.repositories.len() > MAX_PRODUCT_ITEMS {
            return Some(ProductFault::TooMany { what: "repositories" });
        }
        let mut seen = std::collections::HashSet::new();
        let twice = self.repositories.iter().find(|url| !seen.insert(repository_key(url)));
        twice.map(|repository| ProductFault::Twice { repository: repository.clone() })
    }

    /// The repositories that no other product may declare, as [`repository_key`] spells them.
    pub fn own_repositories(&self) -> Vec<String> {
        match self.kind {
            ProductKind::Software => self.repositories.iter().map(repository_key).collect(),
            ProductKind::ThirdParty | ProductKind::Metapackage | ProductKind::Data => Vec::new(),
        }
    }
}

/// What two addresses of one repository share: no scheme, no user, the host in lower case, no `.git`
/// and no `/` at the end.
pub fn repository_key(url: &Url) -> String {
    let text = url.as_str();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host).to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    format!("{host}/{}", path.strip_suffix(".git").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<ProductDocument, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_document_reads_back() {
        let value = json!({
            "name": "boost", "kind": "third-party", "owners": ["build team"], "scope": "C++",
            "repositories": ["https://example.org/boost"], "support": "best-effort",
            "third_party_type": 2, "membership": "external"
        });

        let document = read(value.clone()).unwrap();

        assert_eq!((document.fault(), serde_json::to_value(&document).unwrap()), (None, value));
        let bare = read(json!({"name": "afw"})).unwrap();
        assert_eq!(bare, ProductDocument::bare("afw".parse().unwrap(), ProductKind::Software));
    }

    #[test]
    fn what_cannot_be_declared_is_refused() {
        for value in [
            json!({"name": "a", "kind": "hardware"}),
            json!({"name": "a", "kind": "third-party", "third_party_type": 4}),
            json!({"name": "a", "support": "always"}),
            json!({"name": "a", "repositories": ["javascript:alert(1)"]}),
            json!({"kind": "data"}),
        ] {
            assert!(read(value.clone()).is_err(), "{value}");
        }
        for value in [
            json!({"name": "a", "third_party_type": 1}),
            json!({"name": "a", "colour": "red"}),
            json!({"name": "a", "owners": vec!["x"; MAX_PRODUCT_ITEMS + 1]}),
            json!({"name": "a", "repositories": ["https://a.org/x", "https://A.org/x.git/"]}),
        ] {
            assert!(read(value.clone()).unwrap().fault().is_some(), "{value}");
        }
    }

    #[test]
    fn one_repository_has_one_key() {
        let texts = [
            "https://Example.org/lsst/afw",
            "https://example.org/lsst/afw.git",
            "ssh://git@example.org/lsst/afw.git",
            "git+https://example.org/lsst/afw/",
        ];
        for text in texts {
            assert_eq!(repository_key(&text.parse().unwrap()), "example.org/lsst/afw", "{text}");
        }
        let other: Url = "https://example.org/lsst/Afw".parse().unwrap();
        assert_ne!(repository_key(&other), "example.org/lsst/afw");
    }
}
