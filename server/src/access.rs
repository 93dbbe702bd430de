//! Who may do what: tokens, their scopes, and the question whether a caller may.
//!
//! Pure: looking a token up is in [`crate::registry`], the header it comes in is in
//! [`crate::http`]. A token's text is kept nowhere; the catalog has its SHA-256, and because only
//! hashes are compared, how long it takes tells nothing about the text.

use std::fmt;
use std::str::FromStr;

use larder_schema::{ProductName, Sha256, Text};

use crate::catalog::StoredToken;

/// What the text of every token begins with, so that a leaked one is found by those who scan.
const TOKEN_PREFIX: &str = "larder_";
/// The name that stands for whoever sends no token.
const NOBODY: &str = "anonymous";
/// The most characters that a scope may have.
const MAX_SCOPE: usize = 256;

/// Something that a caller wants to do.
#[derive(Clone, Copy, Debug)]
pub enum Permission<'a> {
    /// Publish builds of a product.
    Publish(&'a ProductName),
    /// Publish distributions of a name.
    Distribute(&'a ProductName),
    /// Move tags of a distribution.
    Tag(&'a ProductName),
    /// Say something about builds of a product, or about distributions of a name.
    Withdraw(&'a ProductName),
    /// Read of a product.
    Read(&'a ProductName),
    /// Read of a distribution.
    ReadDistribution(&'a ProductName),
    /// Make and revoke tokens, check everything.
    Admin,
}

/// Why a caller may not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token came, and one is needed.
    #[error("this needs a token: send it as `Authorization: Bearer larder_…`")]
    NoToken,
    /// A token came that is not known, was revoked or has expired.
    #[error("the token is not known here, was revoked or has expired: ask for a new one")]
    DeadToken,
    /// The token lives, but not for this.
    #[error("the token may not do this: it lacks the scope `{scope}`")]
    NotAllowed {
        /// The scope that is missing, such as `publish:afw`.
        scope: String,
    },
}

/// What a token may do: `publish:<glob>`, `distribute:<glob>`, `tag:<glob>`, `withdraw:<glob>`,
/// `read:<glob>` or `admin`.
///
/// In a glob `*` stands for any run of characters and `?` for one; all else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    verb: Verb,
    glob: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Publish,
    Distribute,
    Tag,
    Withdraw,
    Read,
    Admin,
}

const VERBS: [(&str, Verb); 5] = [
    ("publish", Verb::Publish),
    ("distribute", Verb::Distribute),
    ("tag", Verb::Tag),
    ("withdraw", Verb::Withdraw),
    ("read", Verb::Read),
];

/// A text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no scope: write `publish:`, `distribute:`, `tag:`, `withdraw:` or `read:` and a name \
     in which `*` and `?` may stand, or `admin`", .text.escape_debug()
)]
pub struct ParseScopeError {
    text: String,
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseScopeError { text: text.chars().take(MAX_SCOPE).collect() };
        if text == "admin" {
            return Ok(Self { verb: Verb::Admin, glob: String::new() });
        }
        let (word, glob) = text.split_once(':').ok_or_else(refused)?;
        let (_, verb) = VERBS.into_iter().find(|(name, _)| *name == word).ok_or_else(refused)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-*?".contains(&byte);
        if glob.is_empty() || text.len() > MAX_SCOPE || !glob.bytes().all(fits) {
            return Err(refused());
        }
        Ok(Self { verb, glob: glob.to_owned() })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match VERBS.into_iter().find(|(_, verb)| *verb == self.verb) {
            Some((word, _)) => write!(f, "{word}:{}", self.glob),
            None => f.write_str("admin"),
        }
    }
}

/// Whether `name` fits `glob`; steps are at most the product of both lengths.
fn fits(glob: &[u8], name: &[u8]) -> bool {
    let (mut at_glob, mut at_name) = (0, 0);
    // Where the last `*` stands, and how much of the name it swallows so far.
    let mut star: Option<(usize, usize)> = None;
    while at_name < name.len() {
        match glob.get(at_glob) {
            Some(b'*') => {
                star = Some((at_glob, at_name));
                at_glob += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[at_name] => {
                at_glob += 1;
                at_name += 1;
            }
            _ => {
                let Some((star_glob, swallowed)) = star else { return false };
                star = Some((star_glob, swallowed + 1));
                at_glob = star_glob + 1;
                at_name = swallowed + 1;
            }
        }
    }
    glob[at_glob..].iter().all(|byte| *byte == b'*')
}

impl Permission<'_> {
    fn parts(&self) -> (Verb, &str) {
        match self {
            Self::Publish(name) => (Verb::Publish, name.as_str()),
            Self::Distribute(name) => (Verb::Distribute, name.as_str()),
            Self::Tag(name) => (Verb::Tag, name.as_str()),
            Self::Withdraw(name) => (Verb::Withdraw, name.as_str()),
            Self::Read(name) | Self::ReadDistribution(name) => (Verb::Read, name.as_str()),
            Self::Admin => (Verb::Admin, ""),
        }
    }

    /// The scope that would allow this and no more.
    fn scope(&self) -> Scope {
        let (verb, name) = self.parts();
        Scope { verb, glob: name.to_owned() }
    }
}

impl Scope {
    /// Whether it allows this. Who may write products under a name may read products under it, and
    /// likewise with distributions.
    fn allows(&self, permission: &Permission<'_>) -> bool {
        let (verb, name) = permission.parts();
        if self.verb == Verb::Admin {
            return true;
        }
        let says = match permission {
            Permission::Read(_) => self.reads_products(),
            Permission::ReadDistribution(_) => {
                matches!(self.verb, Verb::Read | Verb::Distribute | Verb::Tag | Verb::Withdraw)
            }
            Permission::Publish(_)
            | Permission::Distribute(_)
            | Permission::Tag(_)
            | Permission::Withdraw(_)
            | Permission::Admin => self.verb == verb,
        };
        says && fits(self.glob.as_bytes(), name.as_bytes())
    }

    fn reads_products(&self) -> bool {
        matches!(self.verb, Verb::Read | Verb::Publish | Verb::Withdraw)
    }
}

/// Who asks: a live token, or nobody.
#[derive(Clone, Debug)]
pub struct Caller {
    token: Option<LiveToken>,
    /// Whether nobody in particular may read.
    open: bool,
}

#[derive(Clone, Debug)]
struct LiveToken {
    name: Text,
    hash: Sha256,
    scopes: Vec<Scope>,
    test: bool,
}

impl Caller {
    /// Whoever sends no token; `open`: reading needs none.
    pub fn nobody(open: bool) -> Self {
        Self { token: None, open }
    }

    /// The holder of a token that was found alive; a scope that this version cannot read allows
    /// nothing.
    pub fn holder(token: &StoredToken, open: bool) -> Self {
        let scopes = token.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        let (hash, test) = (token.hash, token.test);
        let token = LiveToken { name: to_text(token.name.as_str()), hash, scopes, test };
        Self { token: Some(token), open }
    }

    /// A subcommand that works through the running server.
    pub fn control(hash: Sha256) -> Self {
        let scopes = vec![Scope { verb: Verb::Admin, glob: String::new() }];
        let token = LiveToken { name: to_text("control"), hash, scopes, test: false };
        Self { token: Some(token), open: true }
    }

    /// Refuses what the caller may not do.
    pub fn demand(&self, permission: Permission<'_>) -> Result<(), Denied> {
        if self.may(permission) {
            return Ok(());
        }
        self.live()?;
        Err(Denied::NotAllowed { scope: permission.scope().to_string() })
    }

    /// Refuses whoever sends no token.
    pub fn demand_token(&self) -> Result<(), Denied> {
        self.live().map(|_| ())
    }

    /// Refuses whoever may read nothing at all.
    pub fn demand_reader(&self) -> Result<(), Denied> {
        if self.open { Ok(()) } else { self.demand_token() }
    }

    /// Refuses whoever may publish no product at all; what an upload is for is only known later.
    pub fn demand_publisher(&self) -> Result<(), Denied> {
        self.demand_some(Verb::Publish, "publish:<product>")
    }

    /// Refuses whoever may withdraw nothing at all; whose a digest is is only known later.
    pub fn demand_withdrawer(&self) -> Result<(), Denied> {
        self.demand_some(Verb::Withdraw, "withdraw:<product>")
    }

    fn demand_some(&self, verb: Verb, scope: &str) -> Result<(), Denied> {
        let may = |scope: &Scope| scope.verb == verb || scope.verb == Verb::Admin;
        if self.live()?.scopes.iter().any(may) {
            Ok(())
        } else {
            Err(Denied::NotAllowed { scope: scope.to_owned() })
        }
    }

    /// Whether the caller may do this.
    pub fn may(&self, permission: Permission<'_>) -> bool {
        let reads = matches!(permission, Permission::Read(_) | Permission::ReadDistribution(_));
        if self.open && reads {
            return true;
        }
        let scopes = self.token.as_ref().map(|token| token.scopes.as_slice()).unwrap_or_default();
        scopes.iter().any(|scope| scope.allows(&permission))
    }

    /// Whether there is no product that the caller may not read.
    pub fn reads_all(&self) -> bool {
        let all = |scope: &Scope| {
            let every = scope.glob.bytes().all(|byte| byte == b'*');
            scope.verb == Verb::Admin || (scope.reads_products() && every)
        };
        self.open || self.token.as_ref().is_some_and(|token| token.scopes.iter().any(all))
    }

    /// The token's name, which stands as `by` on what it does.
    pub fn name(&self) -> Text {
        self.token.as_ref().map_or_else(|| to_text(NOBODY), |token| token.name.clone())
    }

    /// The hash of the token.
    pub fn token(&self) -> Option<Sha256> {
        self.token.as_ref().map(|token| token.hash)
    }

    /// Whether all that the caller publishes is a test build.
    pub fn is_test(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.test)
    }

    fn live(&self) -> Result<&LiveToken, Denied> {
        self.token.as_ref().ok_or(Denied::NoToken)
    }
}

fn to_text(name: &str) -> Text {
    name.parse().expect("a name is a line of text")
}

/// The text of a new token: 256 random bits.
pub fn new_token() -> Result<String, getrandom::Error> {
    use base64::Engine as _;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    Ok(format!("{TOKEN_PREFIX}{text}"))
}

/// What is kept of a token's text.
pub fn hash_of(token: &str) -> Sha256 {
    Sha256::of(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(scopes: &[&str]) -> Caller {
        let token = StoredToken {
            name: "ci".parse().unwrap(),
            hash: hash_of("x"),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            test: false,
            created: "2026-11-23T06:00:00Z".parse().unwrap(),
            expires: None,
            revoked: None,
            last_used: None,
        };
        Caller::holder(&token, false)
    }

    #[test]
    fn scopes_read_back_as_they_are_written() {
        for text in ["publish:*", "distribute:lsst_*", "tag:a", "withdraw:a?b", "read:x.y", "admin"]
        {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in
            ["", "publish", "publish:", "write:*", "admin:*", "read:a b", "read:[ab]", "tag:é"]
        {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_glob_fits_whole_names() {
        for (glob, name) in [
            ("*", ""),
            ("afw", "afw"),
            ("lsst_*", "lsst_x"),
            ("*_data", "a_data"),
            ("a*b*c", "aXbYbc"),
            ("?b", "ab"),
        ] {
            assert!(fits(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
        for (glob, name) in [
            ("afw", "afwx"),
            ("afw", "xafw"),
            ("lsst_*", "lsst"),
            ("?", ""),
            ("a*b", "abc"),
            ("A", "a"),
        ] {
            assert!(!fits(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
    }

    #[test]
    fn a_scope_allows_its_verb_and_reading() {
        let afw = "afw".parse().unwrap();
        let log = "log".parse().unwrap();
        let caller = holder(&["publish:afw"]);

        assert!(caller.may(Permission::Publish(&afw)));
        assert!(caller.may(Permission::Read(&afw)));
        for permission in [
            Permission::Publish(&log),
            Permission::Tag(&afw),
            Permission::Read(&log),
            Permission::Admin,
        ] {
            assert!(!caller.may(permission), "{permission:?}");
        }
        assert_eq!(
            caller.demand(Permission::Tag(&afw)),
            Err(Denied::NotAllowed { scope: "tag:afw".to_owned() })
        );
    }

    #[test]
    fn an_admin_may_all_and_nobody_only_reads_where_that_is_open() {
        let afw = "afw".parse().unwrap();

        assert!(holder(&["admin"]).may(Permission::Publish(&afw)));
        assert!(Caller::nobody(true).may(Permission::Read(&afw)));
        assert_eq!(Caller::nobody(false).demand(Permission::Read(&afw)), Err(Denied::NoToken));
        assert_eq!(Caller::nobody(true).demand(Permission::Publish(&afw)), Err(Denied::NoToken));
        assert_eq!(Caller::nobody(true).name().as_str(), "anonymous");
    }

    #[test]
    fn a_scope_of_a_later_version_allows_nothing() {
        let caller = holder(&["purge:*"]);

        assert!(!caller.reads_all());
        assert!(caller.demand_publisher().is_err());
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());

        assert!(one.starts_with("larder_") && one.len() == 50);
        assert_ne!(one, two);
    }
}
