//! Finds what is wished: a wish and what is installed to a lock, with the server's help.

use larder_schema::resolution::{DistributionChoice, Preferred};
use larder_schema::{Build, BuildKey, ResolveRequest};

use crate::combine::{self, Conflict, Parts};
use crate::lock::{Lock, LockedDistribution, Purpose, listed};
use crate::lookup::{self, Found, WithdrawnDistribution};
use crate::progress::Progress;
use crate::remote::Remote;
use crate::resolve::{self, host_of};
use crate::target::{Asked, Requested};
use crate::wish::{self, Given, Refusal, Search, Wish};

/// Finds what is wished.
pub struct Finder<'a> {
    /// The server; none: it must not be asked.
    pub remote: Option<&'a Remote>,
    /// Where it is told what cannot be asked.
    pub progress: Progress,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Wished {
    /// All that the environment shall be made from.
    pub lock: Lock,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What a person may want to know.
    pub notes: Vec<String>,
}

/// What is wished cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A distribution was not found.
    #[error(transparent)]
    Lookup(#[from] lookup::Error),
    /// No closure was found.
    #[error(transparent)]
    Resolve(#[from] resolve::Error),
    /// It does not fit together.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// It makes no sense for what is installed.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The server would have to be asked.
    #[error("the server must not be asked, and only it knows {}", .what.join(", "))]
    Offline {
        /// About what.
        what: Vec<String>,
    },
    /// There is nothing to change yet.
    #[error("nothing is installed")]
    Nothing,
}

impl Finder<'_> {
    /// Finds the lock that makes `wish` come true, given what is `installed`.
    pub async fn find(
        &self,
        wish: &Wish,
        given: &Given,
        installed: Option<&Lock>,
    ) -> Result<Wished, Error> {
        let quiet = |lock| Wished { lock, warnings: Vec::new(), notes: Vec::new() };
        match wish {
            Wish::Exactly(lock) => {
                let mut lock = Lock::clone(lock);
                // What an environment is for, it stays for.
                let before = installed.and_then(|lock| lock.purpose.context);
                lock.purpose.context = given.context.or(before).or(lock.purpose.context);
                combine::check_context(&lock)?;
                let warnings = self.withdrawn(&lock).await;
                Ok(Wished { warnings, ..quiet(lock) })
            }
            Wish::Remove(names) => {
                let installed = installed.ok_or(Error::Nothing)?;
                Ok(quiet(combine::combine(wish::remove(installed, names)?)?))
            }
            Wish::Update(names) => {
                let installed = installed.ok_or(Error::Nothing)?;
                match wish::update(installed, names)? {
                    (None, notes) => Ok(Wished { notes, ..quiet(installed.clone()) }),
                    (Some(search), _) => {
                        let purpose = given.over(Some(&installed.purpose));
                        self.search(search, purpose, Some(installed)).await
                    }
                }
            }
            Wish::Add(requested) => {
                let remote = self.remote(|| requested.iter().map(ToString::to_string).collect())?;
                let mut asked = Vec::new();
                for one in requested {
                    asked.push(match one {
                        Requested::Known(asked) => asked.clone(),
                        Requested::Either(name) => lookup::either(remote, name).await?,
                    });
                }
                let purpose = given.over(installed.map(|lock| &lock.purpose));
                self.search(wish::add(installed, asked), purpose, installed).await
            }
        }
    }

    fn remote(&self, what: impl FnOnce() -> Vec<String>) -> Result<&Remote, Error> {
        let quoted = || what().iter().map(|what| format!("`{what}`")).collect();
        self.remote.ok_or_else(|| Error::Offline { what: quoted() })
    }

    async fn search(
        &self,
        search: Search,
        purpose: Purpose,
        installed: Option<&Lock>,
    ) -> Result<Wished, Error> {
        let what = || search.targets.iter().map(Asked::to_string).collect();
        let remote = self.remote(what)?;
        let mut found = Vec::new();
        for target in &search.look_up {
            found.push(lookup::distribution(remote, target, &purpose.platform).await?);
        }
        let mut warnings: Vec<String> = found.iter().flat_map(withdrawn_of).collect();
        let kept_records = installed.map(|lock| records_of(lock, &search.kept)).unwrap_or_default();
        let (documents, records): (Vec<_>, Vec<_>) =
            found.into_iter().map(|found| (found.distribution, found.records)).unzip();
        let distributions: Vec<LockedDistribution> =
            search.kept.iter().cloned().chain(documents).collect();
        let mut records: Vec<Build> =
            kept_records.into_iter().chain(records.into_iter().flatten()).collect();
        if let Some(request) = request(&search, &purpose, &distributions) {
            let resolved = resolve::resolve(remote, &request, listed(&distributions)).await?;
            lookup::not_gone(remote, &went_back(installed, &resolved.records)).await?;
            let withdrawn = &resolved.answer.withdrawn;
            warnings.extend(withdrawn.iter().map(|one| one.to_string()));
            records.extend(resolved.records);
        }
        warnings.sort();
        warnings.dedup();
        let (server, targets) = (remote.origin().clone(), search.targets);
        let parts = Parts { server, purpose, targets, distributions, records };
        Ok(Wished { lock: combine::combine(parts)?, warnings, notes: search.notes })
    }

    /// What of `lock` was withdrawn; without a server nobody knows.
    async fn withdrawn(&self, lock: &Lock) -> Vec<String> {
        let Some(remote) = self.remote else { return Vec::new() };
        match lookup::withdrawn(remote, lock).await {
            Ok(since) => since.sentences(),
            Err(error) => {
                self.progress.note(format!("{error}: nobody knows what was withdrawn"));
                Vec::new()
            }
        }
    }
}

/// What the server is asked for the products; nothing where there are none.
fn request(
    search: &Search,
    purpose: &Purpose,
    distributions: &[LockedDistribution],
) -> Option<ResolveRequest> {
    let requirements = search.wanted();
    if requirements.is_empty() {
        return None;
    }
    let with = distributions.iter().map(|one| DistributionChoice {
        name: one.document.name.clone(),
        version: None,
        digest: Some(one.digest),
    });
    Some(ResolveRequest {
        requirements,
        platform: purpose.platform.clone(),
        host: host_of(&purpose.platform),
        context: purpose.context,
        stage: None,
        distribution: None,
        with: with.collect(),
        prefer: search.prefer.iter().cloned().map(Preferred::Build).collect(),
        test: purpose.test,
        records: true,
    })
}

fn withdrawn_of(found: &Found) -> Vec<String> {
    let builds = found.answer.about.withdrawn.iter().map(ToString::to_string);
    let itself = WithdrawnDistribution::of(&found.answer);
    itself.iter().map(ToString::to_string).chain(builds).collect()
}

fn is_older(one: &Build, other: &Build) -> bool {
    let seq = |build: &Build| build.published.as_ref().map_or(0, |published| published.seq);
    one.name().age(seq(one), &other.name(), seq(other)).is_lt()
}

/// What is installed and newer than what was found: the server may have lost it.
fn went_back(installed: Option<&Lock>, found: &[Build]) -> Vec<BuildKey> {
    let installed = installed.into_iter().flat_map(|lock| &lock.records);
    let newer = installed.filter(|before| {
        found.iter().any(|now| now.product == before.product && is_older(now, before))
    });
    newer.map(Build::key).collect()
}

fn records_of(installed: &Lock, kept: &[LockedDistribution]) -> Vec<Build> {
    let products: std::collections::HashSet<_> = listed(kept).map(|one| &one.product).collect();
    let records = installed.records.iter().filter(|record| products.contains(&record.product));
    records.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::{build, lock};

    #[test]
    fn what_went_back_is_told_by_numbers_and_not_by_letters() {
        let went = |from: &str, to: &str| {
            let installed = lock(&[build("afw", from, &[])]);
            went_back(Some(&installed), &[build("afw", to, &[])]).len()
        };
        assert_eq!(went("1.0.0-b10", "1.0.0-b9"), 1);
        assert_eq!(went("1.10.0-b1", "1.9.0-b1"), 1);
        assert_eq!(went("1.0.0-b9", "1.0.0-b10"), 0);
        assert_eq!(went("1.0.0-b9", "1.0.0-b9"), 0);
    }
}
