//! The addresses, all below [`ROOT`].

use crate::build::BuildName;
use crate::checksum::{Checksum, Digest};
use crate::product::{Label, ProductName};
use crate::version::DistributionVersion;

/// What all addresses of this interface begin with.
pub const ROOT: &str = "/api/v1";

/// `POST`: begin an upload (tus, creation).
pub fn uploads() -> String {
    format!("{ROOT}/uploads")
}

/// `HEAD`/`GET`: the bytes of an archive.
pub fn blob(checksum: &Checksum) -> String {
    format!("{ROOT}/blobs/{checksum}")
}

/// `POST`: which archives does the server hold?
pub fn have() -> String {
    format!("{ROOT}/have")
}

/// `POST`: publish; `GET`: list.
pub fn builds() -> String {
    format!("{ROOT}/builds")
}

/// `GET`: one build.
pub fn build(product: &ProductName, build: &BuildName) -> String {
    format!("{ROOT}/builds/{}/{build}", escaped(product))
}

/// `GET`: what a build's archive unpacks to.
pub fn contents(product: &ProductName, build: &BuildName) -> String {
    format!("{}/contents", self::build(product, build))
}

/// `GET`: which builds depend on a build.
pub fn dependants(product: &ProductName, build: &BuildName) -> String {
    format!("{}/dependants", self::build(product, build))
}

/// `POST`: which builds meet these requirements?
pub fn resolve() -> String {
    format!("{ROOT}/resolve")
}

/// `POST`: which of these sources must be built?
pub fn plan() -> String {
    format!("{ROOT}/plan")
}

/// `POST`: build ids that nobody had.
pub fn build_ids() -> String {
    format!("{ROOT}/build-ids")
}

/// `POST`: say something about a digest; `GET`: what was said.
pub fn statements() -> String {
    format!("{ROOT}/statements")
}

/// `GET`: list of products.
pub fn products() -> String {
    format!("{ROOT}/products")
}

/// `GET`: one product; `PUT`: its document.
pub fn product(product: &ProductName) -> String {
    format!("{ROOT}/products/{}", escaped(product))
}

/// `POST`: what are these?
pub fn identify() -> String {
    format!("{ROOT}/identify")
}

/// `GET`: what is this?
pub fn identify_one(checksum: &Checksum) -> String {
    format!("{ROOT}/identify/{checksum}")
}

/// `POST`: publish; `GET`: list.
pub fn distributions() -> String {
    format!("{ROOT}/distributions")
}

/// `GET`: all versions of one distribution.
pub fn distribution_versions(name: &ProductName) -> String {
    format!("{ROOT}/distributions/{}", escaped(name))
}

/// `GET`: one distribution, by version or tag.
pub fn distribution(name: &ProductName, version: &DistributionVersion) -> String {
    format!("{ROOT}/distributions/{}/{version}", escaped(name))
}

/// `GET`: one distribution, by digest.
pub fn distribution_by_digest(name: &ProductName, digest: &Digest) -> String {
    format!("{ROOT}/distributions/{}/{digest}", escaped(name))
}

/// `GET`: what differs between two distributions of one name, each by version, tag or digest.
pub fn difference(name: &ProductName, old: &str, new: &str) -> String {
    format!("{ROOT}/distributions/{}/{old}/diff/{new}", escaped(name))
}

/// `GET`: all tags of a distribution.
pub fn tags(name: &ProductName) -> String {
    format!("{ROOT}/tags/{}", escaped(name))
}

/// `PUT`: move one tag.
pub fn tag(name: &ProductName, tag: &Label) -> String {
    format!("{ROOT}/tags/{}/{tag}", escaped(name))
}

/// `POST`: create; `GET`: list.
pub fn tokens() -> String {
    format!("{ROOT}/tokens")
}

/// `DELETE`: revoke.
pub fn token(name: &str) -> String {
    format!("{ROOT}/tokens/{name}")
}

/// `POST`: compute everything again from bytes.
pub fn check() -> String {
    format!("{ROOT}/check")
}

/// A `+` is read as a space by some, so it is the one character of names that is escaped.
fn escaped(name: &ProductName) -> String {
    name.as_str().replace('+', "%2B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_in_a_name_is_escaped() {
        let name = "boost+x".parse().unwrap();
        assert_eq!(product(&name), "/api/v1/products/boost%2Bx");
    }
}
