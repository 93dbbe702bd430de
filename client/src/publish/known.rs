//! What the server holds already: builds of an archive that is about to be published.

use std::collections::BTreeMap;

use larder_schema::api::{
    Holder, HolderKind, IdentifyAnswer, IdentifyRequest, MAX_IDENTIFY, paths,
};
use larder_schema::{Build, BuildKey, Checksum, Sha256};

use crate::remote::{self, Remote};

/// The builds that the server holds of these archives, by archive; withdrawn ones are none.
pub async fn holders(
    remote: &Remote,
    sums: &[Sha256],
) -> Result<BTreeMap<Sha256, Vec<Holder>>, remote::Error> {
    let mut holders: BTreeMap<Sha256, Vec<Holder>> = BTreeMap::new();
    for sums in sums.chunks(MAX_IDENTIFY) {
        let checksums = sums.iter().map(|sum| Checksum::Sha256(*sum)).collect();
        let request = IdentifyRequest { checksums };
        let answer: IdentifyAnswer = remote.post(&paths::identify(), &request).await?;
        for holder in answer.found {
            if let Checksum::Sha256(sum) = holder.checksum
                && holder.kind == HolderKind::Archive
                && !holder.withdrawn
            {
                holders.entry(sum).or_default().push(holder);
            }
        }
    }
    Ok(holders)
}

/// The build among `holders` that is what `build` would be, but for its bID; of several the one
/// with the same bID, else the newest.
pub fn same_but_for_build_id(build: &Build, holders: &[Holder]) -> Option<BuildKey> {
    let newer = |one: &&Holder, two: &&Holder| {
        let (one, two) = (&one.build.build, &two.build.build);
        one.count(two).unwrap_or_else(|| one.cmp(two))
    };
    let alike = || {
        holders.iter().filter(|holder| {
            holder.product == build.product
                && holder.platform == build.platform
                && holder.build.version == build.version
        })
    };
    let found = alike()
        .find(|holder| holder.build.build == build.build)
        .or_else(|| alike().max_by(newer))?;
    Some(BuildKey {
        product: found.product.clone(),
        build: found.build.clone(),
        platform: found.platform.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> Build {
        serde_json::from_value(serde_json::json!({
            "product": "a", "version": "1.0.0", "build": "b2", "platform": "any",
            "archive": {"sha256": Sha256::of(b"x"), "name": "a.whl"}
        }))
        .unwrap()
    }

    fn holder(product: &str, name: &str, platform: &str) -> Holder {
        Holder {
            checksum: Checksum::Sha256(Sha256::of(b"x")),
            kind: HolderKind::Archive,
            product: product.parse().unwrap(),
            build: name.parse().unwrap(),
            platform: platform.parse().unwrap(),
            path: None,
            distributions: Vec::new(),
            withdrawn: false,
        }
    }

    #[test]
    fn a_build_of_the_same_archive_is_found() {
        let found = |holders: &[Holder]| {
            same_but_for_build_id(&build(), holders).map(|key| key.build.to_string())
        };
        let (b1, b9, b10) = (
            holder("a", "1.0.0-b1", "any"),
            holder("a", "1.0.0-b9", "any"),
            holder("a", "1.0.0-b10", "any"),
        );
        assert_eq!(found(&[b1.clone(), b10.clone(), b9]).as_deref(), Some("1.0.0-b10"));
        let same = holder("a", "1.0.0-b2", "any");
        assert_eq!(found(&[b10, same, b1]).as_deref(), Some("1.0.0-b2"));
        let others = [
            holder("b", "1.0.0-b1", "any"),
            holder("a", "1.0.1-b1", "any"),
            holder("a", "1.0.0-b1", "linux-x86_64"),
        ];
        assert_eq!(found(&others), None);
    }
}
