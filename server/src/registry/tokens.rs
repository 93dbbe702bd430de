//! Tokens: who asks, and making, listing and revoking tokens.

use jiff::Timestamp as Instant;
use larder_schema::ProductName;
use larder_schema::api::{TokenAnswer, TokenRequest, TokenState};
use tracing::{info, warn};

use super::Registry;
use crate::access::{self, Caller, Denied, ParseScopeError, Permission, Scope};
use crate::catalog::{self, StoredToken};
use crate::clock;

/// The most scopes of one token.
const MAX_SCOPES: usize = 100;
/// How exactly the last use is known; more would be a write for every request.
const USE_SECONDS: i64 = 60;

/// Why something with tokens was not done.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A scope cannot be read.
    #[error(transparent)]
    Scope(#[from] ParseScopeError),
    /// No scope, or more than anybody needs.
    #[error("a token has 1 to {MAX_SCOPES} scopes, not {0}")]
    Scopes(usize),
    /// A token would be dead when it is made.
    #[error("a token that expires at once is of no use: leave `expires_in` out, or let it be more")]
    NoTime,
    /// The name is taken, maybe by a token that was revoked.
    #[error("there is a token `{0}` already, maybe a revoked one: take another name")]
    Taken(ProductName),
    /// There is none of this name.
    #[error("there is no token `{0}`")]
    Unknown(ProductName),
    /// No randomness for a token.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The catalog failed.
    #[error("could not look the token up")]
    Catalog(#[from] catalog::Error),
}

impl Registry {
    /// Who asks with this token. A dead token is refused even where none is needed.
    pub async fn caller(&self, token: Option<&str>) -> Result<Caller, TokenError> {
        let open = self.inner.config.reads_are_open();
        let Some(token) = token else { return Ok(Caller::nobody(open)) };
        let hash = access::hash_of(token);
        if hash == access::hash_of(&self.inner.control) {
            return Ok(Caller::control(hash));
        }
        let now = self.inner.clock.now();
        match self.inner.catalog.token(&hash).await? {
            Some(stored) if is_alive(&stored, now) => {
                self.note_use(&stored, now).await;
                Ok(Caller::holder(&stored, open))
            }
            _ => Err(Denied::DeadToken.into()),
        }
    }

    /// Notes that a token was used, at most once a minute. Reads go on when that fails.
    async fn note_use(&self, token: &StoredToken, now: Instant) {
        let noted = token.last_used.as_ref().and_then(to_instant);
        if noted.is_some_and(|noted| now.as_second() - noted.as_second() < USE_SECONDS) {
            return;
        }
        let at = clock::to_timestamp(now);
        if let Err(error) = self.inner.catalog.note_token_use(&token.hash, &at).await {
            warn!(error = &error as &dyn std::error::Error, "could not note a token's use");
        }
    }

    /// Makes a token; its text is in the answer and nowhere else.
    pub async fn create_token(
        &self,
        caller: &Caller,
        request: &TokenRequest,
    ) -> Result<TokenAnswer, TokenError> {
        caller.demand(Permission::Admin)?;
        let text = access::new_token().map_err(TokenError::Random)?;
        let state = self.keep_token(&text, request).await?;
        info!(token = %state.name, "made the token `{}`", state.name);
        Ok(TokenAnswer { token: text, state })
    }

    /// Keeps a token whose text is known already.
    pub(crate) async fn keep_token(
        &self,
        text: &str,
        request: &TokenRequest,
    ) -> Result<TokenState, TokenError> {
        let stored = to_stored(text, request, self.inner.clock.now())?;
        if self.inner.catalog.create_token(&stored).await? {
            Ok(to_state(stored))
        } else {
            Err(TokenError::Taken(stored.name))
        }
    }

    /// All tokens, dead ones too, by name.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenState>, TokenError> {
        caller.demand(Permission::Admin)?;
        let tokens = self.inner.catalog.tokens().await?;
        Ok(tokens.into_iter().map(to_state).collect())
    }

    /// Kills a token, from the next request on.
    pub async fn revoke_token(
        &self,
        caller: &Caller,
        name: &ProductName,
    ) -> Result<TokenState, TokenError> {
        caller.demand(Permission::Admin)?;
        let at = clock::to_timestamp(self.inner.clock.now());
        let revoked = self.inner.catalog.revoke_token(name, &at).await?;
        let revoked = revoked.ok_or_else(|| TokenError::Unknown(name.clone()))?;
        info!(token = %name, "revoked the token `{name}`");
        Ok(to_state(revoked))
    }
}

fn to_stored(text: &str, request: &TokenRequest, now: Instant) -> Result<StoredToken, TokenError> {
    if request.scopes.is_empty() || request.scopes.len() > MAX_SCOPES {
        return Err(TokenError::Scopes(request.scopes.len()));
    }
    let scopes: Result<Vec<Scope>, _> = request.scopes.iter().map(|scope| scope.parse()).collect();
    if request.expires_in == Some(0) {
        return Err(TokenError::NoTime);
    }
    let expires = request.expires_in.map(|seconds| {
        clock::to_timestamp(clock::later(now, std::time::Duration::from_secs(seconds)))
    });
    Ok(StoredToken {
        name: request.name.clone(),
        hash: access::hash_of(text),
        scopes: scopes?.iter().map(Scope::to_string).collect(),
        test: request.test,
        created: clock::to_timestamp(now),
        expires,
        revoked: None,
        last_used: None,
    })
}

fn to_state(token: StoredToken) -> TokenState {
    let StoredToken { name, hash: _, scopes, test, created, expires, revoked, last_used } = token;
    TokenState { name, scopes, created, expires, revoked, last_used, test }
}

fn to_instant(timestamp: &larder_schema::Timestamp) -> Option<Instant> {
    timestamp.as_str().parse().ok()
}

/// Whether a token lives at `now`; one whose end cannot be read is dead.
fn is_alive(token: &StoredToken, now: Instant) -> bool {
    let is_over = |expires| to_instant(expires).is_none_or(|expires| expires <= now);
    token.revoked.is_none() && !token.expires.as_ref().is_some_and(is_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(scopes: &[&str], expires_in: Option<u64>) -> TokenRequest {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        TokenRequest { name: "ci".parse().unwrap(), scopes, expires_in, test: false }
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_dies_when_it_expires() {
        let now = at("2026-11-23T06:00:00Z");

        let token = to_stored("larder_x", &request(&["admin"], Some(60)), now).unwrap();

        assert!(is_alive(&token, at("2026-11-23T06:00:59Z")));
        assert!(!is_alive(&token, at("2026-11-23T06:01:00Z")));
    }

    #[test]
    fn a_revoked_token_is_dead() {
        let now = at("2026-11-23T06:00:00Z");
        let mut token = to_stored("larder_x", &request(&["admin"], None), now).unwrap();
        assert!(is_alive(&token, now));

        token.revoked = Some("2026-11-23T05:00:00Z".parse().unwrap());

        assert!(!is_alive(&token, now));
    }

    #[test]
    fn scopes_must_be_some_and_readable() {
        let now = at("2026-11-23T06:00:00Z");

        assert!(matches!(to_stored("x", &request(&[], None), now), Err(TokenError::Scopes(0))));
        let unknown = to_stored("x", &request(&["fly:*"], None), now);
        assert!(matches!(unknown, Err(TokenError::Scope(_))));
        let dead = to_stored("x", &request(&["admin"], Some(0)), now);
        assert!(matches!(dead, Err(TokenError::NoTime)));
    }
}
