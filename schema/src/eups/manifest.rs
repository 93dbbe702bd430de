//! Manifests: a product with all that it needs, in the order of installing.

use std::fmt;

use super::MAX_LINES;
use crate::Sha256;

/// A manifest.
///
/// ```
/// use larder_schema::eups::Manifest;
///
/// let text = "EUPS distribution manifest for lz_math (2.0.0+b102). Version 1.0\n\
///             ## pkg flavor version tablefile installation_directory installID\n\
///             lz_base Linux64 1.4.2+b101 none lz_base/1.4.2+b101 lz_base-1.4.2+b101@Linux64.tar.gz\n\
///             lz_math Linux64 2.0.0+b102 none lz_math/2.0.0+b102 lz_math-2.0.0+b102@Linux64.tar.gz\n";
/// let manifest = Manifest::read(text).unwrap();
/// assert_eq!(manifest.lines[0].version, "1.4.2+b101");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The product.
    pub product: String,
    /// Its version.
    pub version: String,
    /// All that is installed, the product itself among it.
    pub lines: Vec<ManifestLine>,
}

/// One product of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestLine {
    /// The product.
    pub product: String,
    /// Its flavor.
    pub flavor: String,
    /// Its version.
    pub version: String,
    /// The name of its table file, if it has one.
    pub table: Option<String>,
    /// Where it is installed, below the stack's folder of its flavor.
    pub folder: Option<String>,
    /// What it is fetched by; none where it is looked for.
    pub distribution_id: Option<String>,
    /// Whether it may lack.
    pub is_optional: bool,
    /// The checksum of what is fetched: a column that EUPS keeps and does not read.
    pub sha256: Option<Sha256>,
}

/// A text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// The first line is another.
    #[error(
        "it does not begin with `EUPS distribution manifest for PRODUCT (VERSION). Version 1.0`, \
         but with `{line}`"
    )]
    Header {
        /// The first line.
        line: String,
    },
    /// A line has too little in it.
    #[error("line {number}, `{line}`, has fewer than five columns")]
    Line {
        /// Which line, from 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// It has too many lines.
    #[error("it has more than {MAX_LINES} lines")]
    TooLong,
}

impl Manifest {
    /// The first two lines, for whoever writes the others one by one.
    pub fn heading(product: &str, version: &str) -> String {
        format!(
            "EUPS distribution manifest for {product} ({version}). Version 1.0\n\
             # pkg flavor version tablefile installation_directory installID\n"
        )
    }

    /// Reads a manifest.
    pub fn read(text: &str) -> Result<Self, ManifestFault> {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let header = || ManifestFault::Header { line: crate::shown(first) };
        let (product, version) = subject(first).ok_or_else(header)?;
        let mut manifest =
            Self { product: product.to_owned(), version: version.to_owned(), lines: Vec::new() };
        for (index, line) in lines.enumerate() {
            if index >= MAX_LINES {
                return Err(ManifestFault::TooLong);
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = line.split_whitespace().collect();
            let line = ManifestLine::of(&columns).ok_or_else(|| ManifestFault::Line {
                number: index + 2,
                line: crate::shown(line),
            })?;
            manifest.lines.push(line);
        }
        Ok(manifest)
    }
}

/// `lz_math` and `2.0.0+b102` of the first line.
fn subject(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim().strip_prefix("EUPS distribution manifest for ")?;
    let (rest, _) = rest.rsplit_once("). Version ")?;
    let (product, version) = rest.split_once(" (")?;
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    (is_word(product) && is_word(version)).then_some((product, version))
}

impl ManifestLine {
    fn of(columns: &[&str]) -> Option<Self> {
        let &[product, flavor, version, table, folder, ref rest @ ..] = columns else {
            return None;
        };
        let named = |text: &str| Some(text.to_owned()).filter(|text| text != "none");
        let distribution_id = rest.first().filter(|id| !["search", "None", "none"].contains(id));
        Some(Self {
            product: product.to_owned(),
            flavor: flavor.to_owned(),
            version: version.to_owned(),
            table: named(table),
            folder: named(folder),
            distribution_id: distribution_id.map(|id| (*id).to_owned()),
            is_optional: rest.get(1).is_some_and(|word| word.eq_ignore_ascii_case("optional")),
            sha256: rest.iter().skip(3).find_map(|word| word.strip_prefix("sha256:")?.parse().ok()),
        })
    }
}

impl fmt::Display for ManifestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let Self { product, flavor, version, .. } = self;
        let (table, folder) = (named(&self.table), named(&self.folder));
        let id = self.distribution_id.as_deref().unwrap_or("search");
        write!(f, "{product} {flavor} {version} {table} {folder} {id}")?;
        if self.is_optional || self.sha256.is_some() {
            f.write_str(if self.is_optional { " OPTIONAL FALSE" } else { " REQUIRED FALSE" })?;
        }
        match self.sha256 {
            Some(sum) => write!(f, " sha256:{sum}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::heading(&self.product, &self.version))?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "EUPS distribution manifest for a (1.0). Version 1.0\n";

    #[test]
    fn what_is_written_reads_back() {
        let line = ManifestLine {
            product: "a".into(),
            flavor: "Linux64".into(),
            version: "1.0.0+b1".into(),
            table: Some("a.table".into()),
            folder: Some("a/1.0.0+b1".into()),
            distribution_id: Some("a-1.0.0+b1@Linux64.tar.gz".into()),
            is_optional: false,
            sha256: Some(Sha256::of(b"a")),
        };
        let manifest =
            Manifest { product: "a".into(), version: "1.0.0+b1".into(), lines: vec![line] };

        assert_eq!(Manifest::read(&manifest.to_string()), Ok(manifest));
    }

    #[test]
    fn what_lacks_is_none() {
        let text = format!("{FIRST}b Linux64 2 none none\nc generic 3 none none search OPTIONAL\n");

        let manifest = Manifest::read(&text).unwrap();

        let ids: Vec<_> = manifest.lines.iter().map(|line| &line.distribution_id).collect();
        assert_eq!(ids, [&None, &None]);
        assert!(manifest.lines[1].is_optional);
        assert_eq!(manifest.lines[0].folder, None);
    }

    #[test]
    fn what_is_no_manifest_is_told_with_its_line() {
        assert!(Manifest::read("<html>").unwrap_err().to_string().contains("<html>"));
        let short = Manifest::read(&format!("{FIRST}a Linux64 1\n")).unwrap_err();
        assert_eq!(short, ManifestFault::Line { number: 2, line: "a Linux64 1".into() });
    }
}
