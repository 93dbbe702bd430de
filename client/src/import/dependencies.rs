//! `Requires-Dist` lines as dependencies of a build.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use larder_schema::product::ParseProductNameError;
use larder_schema::{Dependency, DependencyKind, ProductName, Requirement};
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName, VerbatimUrl, VersionOrUrl};

use super::specifier::Admitted;

type Line = pep508_rs::Requirement<VerbatimUrl>;

/// What markers and extras are read for.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The host that the build is for.
    pub host: MarkerEnvironment,
    /// Other hosts that the build runs on as well.
    pub other_hosts: Vec<MarkerEnvironment>,
    /// The extras asked for.
    pub extras: Vec<ExtraName>,
}

/// What a wheel needs.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The dependencies, by product.
    pub dependencies: Vec<Dependency>,
    /// Those whose requirement admits more than the wheel's makers said.
    pub widened: Vec<Widened>,
    /// Products that are needed on other hosts that the build runs on, and not on this one.
    pub left_out: Vec<ProductName>,
    /// Extras of other products that are asked for.
    pub extras: Vec<(ProductName, ExtraName)>,
}

/// A requirement that admits more than its makers said, since `M.n.p` cannot say as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widened {
    /// Who needs it.
    pub needed_by: ProductName,
    /// What is needed.
    pub product: ProductName,
    /// As its makers said it.
    pub specifiers: String,
    /// As it is now.
    pub requirement: Requirement,
}

impl fmt::Display for Widened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed_by, product, specifiers, requirement } = self;
        write!(f, "`{needed_by}` needs `{product}` `{specifiers}`, recorded as `{requirement}`")
    }
}

/// A `Requires-Dist` line that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DependencyFault {
    /// It is not what PEP 508 allows.
    #[error("the requirement `{line}` cannot be read")]
    Malformed {
        /// The line.
        line: String,
        /// Why.
        #[source]
        source: Box<pep508_rs::Pep508ErrorSource<VerbatimUrl>>,
    },
    /// It names something that no product may be called.
    #[error("the requirement `{line}` names something that no product may be called")]
    Product {
        /// The line.
        line: String,
        /// Why.
        #[source]
        source: ParseProductNameError,
    },
}

/// The product that `name` is here: its PEP 503 name with `_` for `-`.
pub fn product_of(name: &PackageName) -> Result<ProductName, ParseProductNameError> {
    name.as_dist_info_name().parse()
}

/// What `lines` of `product` need in `circumstances`.
pub fn needed(
    product: &ProductName,
    lines: &[String],
    circumstances: &Circumstances,
) -> Result<Needed, DependencyFault> {
    let lines: Vec<(ProductName, Line)> =
        lines.iter().map(|line| read(line)).collect::<Result<_, _>>()?;
    let extras = with_own_extras(product, &lines, circumstances);
    let mut gathered: BTreeMap<ProductName, (Admitted, Vec<String>)> = BTreeMap::new();
    let mut needed = Needed::default();
    for (name, line) in lines.iter().filter(|(name, _)| name != product) {
        if line.marker.evaluate(&circumstances.host, &extras) {
            let (admitted, texts) = gathered.entry(name.clone()).or_default();
            gather(line, admitted, texts);
            needed.extras.extend(line.extras.iter().map(|extra| (name.clone(), extra.clone())));
        } else if circumstances.other_hosts.iter().any(|host| line.marker.evaluate(host, &extras)) {
            needed.left_out.push(name.clone());
        }
    }
    needed.left_out.retain(|name| !gathered.contains_key(name));
    for (name, (admitted, texts)) in gathered {
        needed.take(product, name, &admitted, &texts);
    }
    Ok(needed)
}

impl Needed {
    fn take(
        &mut self,
        needed_by: &ProductName,
        product: ProductName,
        admitted: &Admitted,
        texts: &[String],
    ) {
        let translated = admitted.to_translated();
        if translated.widened {
            self.widened.push(Widened {
                needed_by: needed_by.clone(),
                product: product.clone(),
                specifiers: texts.join(", "),
                requirement: translated.requirement.clone(),
            });
        }
        self.dependencies.push(Dependency {
            product,
            requirement: translated.requirement,
            kind: DependencyKind::Run,
            built_against: None,
            extra: larder_schema::record::Extra::new(),
        });
    }
}

fn gather(line: &Line, admitted: &mut Admitted, texts: &mut Vec<String>) {
    match &line.version_or_url {
        None => {}
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            admitted.narrow(specifiers.iter());
            texts.extend(specifiers.iter().map(ToString::to_string));
        }
        // An address names a file and no versions.
        Some(VersionOrUrl::Url(url)) => {
            admitted.widen();
            texts.push(super::shown(&format!("@ {url}")));
        }
    }
}

/// The extras asked for and those that they ask for: `all = ["a[http,cli]"]` in `a` itself.
fn with_own_extras(
    product: &ProductName,
    lines: &[(ProductName, Line)],
    circumstances: &Circumstances,
) -> Vec<ExtraName> {
    let mut extras = circumstances.extras.clone();
    loop {
        let more: Vec<ExtraName> = lines
            .iter()
            .filter(|(name, line)| {
                name == product && line.marker.evaluate(&circumstances.host, &extras)
            })
            .flat_map(|(_, line)| line.extras.iter().cloned())
            .filter(|extra| !extras.contains(extra))
            .collect();
        if more.is_empty() {
            return extras;
        }
        extras.extend(more);
    }
}

fn read(line: &str) -> Result<(ProductName, Line), DependencyFault> {
    // The error's own sentence spans three lines and quotes what it was given.
    let read = Line::from_str(line).map_err(|error| DependencyFault::Malformed {
        line: super::shown(line),
        source: Box::new(error.message),
    })?;
    let product = product_of(&read.name)
        .map_err(|source| DependencyFault::Product { line: super::shown(line), source })?;
    Ok((product, read))
}

#[cfg(test)]
mod tests {
    use super::super::markers::host;
    use super::super::python::DEFAULT;
    use super::*;

    fn circumstances(extras: &[&str]) -> Circumstances {
        let on = |platform: &str| host(&platform.parse().unwrap(), DEFAULT);
        Circumstances {
            host: on("linux-x86_64"),
            other_hosts: vec![on("windows-x86_64"), on("macos-aarch64")],
            extras: extras.iter().map(|extra| extra.parse().unwrap()).collect(),
        }
    }

    fn read_all(lines: &[&str], extras: &[&str]) -> Needed {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        needed(&"me".parse().unwrap(), &lines, &circumstances(extras)).unwrap()
    }

    fn listed(needed: &Needed) -> Vec<String> {
        needed.dependencies.iter().map(|d| format!("{} {}", d.product, d.requirement)).collect()
    }

    #[test]
    fn lines_become_dependencies_by_product() {
        let needed = read_all(
            &[
                "PyYAML (>=6.0.0)",
                "astropy-iers-data>=0.2026.9.28",
                "numpy>=1.21",
                "numpy<3; python_version>='3.9'",
            ],
            &[],
        );

        assert_eq!(
            listed(&needed),
            ["astropy_iers_data >=0.2026.9", "numpy >=1.21.0, <3.0.0", "pyyaml >=6.0.0"]
        );
        assert_eq!(
            needed.widened[0].to_string(),
            "`me` needs `astropy_iers_data` `>=0.2026.9.28`, recorded as `>=0.2026.9`"
        );
    }

    #[test]
    fn markers_are_read_and_what_others_need_is_named() {
        let needed = read_all(
            &[
                "colorama; platform_system == 'Windows'",
                "six; python_version < '3'",
                "a; sys_platform == 'linux'",
            ],
            &[],
        );
        assert_eq!(listed(&needed), ["a *"]);
        assert_eq!(needed.left_out, ["colorama".parse().unwrap()]);
    }

    #[test]
    fn extras_are_off_unless_asked_and_may_ask_for_each_other() {
        let lines = [
            "h2; extra == 'http'",
            "rich>=1; extra == 'cli'",
            "me[http,cli]; extra == 'all'",
            "other[fast]",
        ];
        assert_eq!(listed(&read_all(&lines, &[])), ["other *"]);
        assert_eq!(listed(&read_all(&lines, &["all"])), ["h2 *", "other *", "rich >=1.0.0"]);
        let (product, extra) = &read_all(&lines, &[]).extras[0];
        assert_eq!((product.as_str(), extra.to_string().as_str()), ("other", "fast"));
    }

    #[test]
    fn an_address_is_any_version_and_is_told() {
        let needed = read_all(&["a @ https://example.org/a-1.0-py3-none-any.whl"], &[]);
        assert_eq!(listed(&needed), ["a *"]);
        assert_eq!(needed.widened.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let lines = ["numpy >=1.*".to_owned()];
        let refusal =
            super::needed(&"me".parse().unwrap(), &lines, &circumstances(&[])).unwrap_err();
        assert!(refusal.to_string().contains("`numpy >=1.*`"), "{refusal}");
        let device = ["nul".to_owned()];
        assert!(super::needed(&"me".parse().unwrap(), &device, &circumstances(&[])).is_err());
    }
}
