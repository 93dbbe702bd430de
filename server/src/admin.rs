//! The first start makes the first token: whoever owns the data folder is the admin.

use std::io;
use std::path::{Path, PathBuf};

use larder_schema::api::TokenRequest;

use crate::StartError;
use crate::access;
use crate::folder::write_secret;
use crate::registry::Registry;

/// Makes the token and the file with it, if there is no token yet; the file first, so that no
/// token is there that nobody can read. Returns the file when it was made.
pub(crate) async fn make_first_token(
    registry: &Registry,
    file: &Path,
) -> Result<Option<PathBuf>, StartError> {
    if !registry.tokens(&registry.owner()).await?.is_empty() {
        return Ok(None);
    }
    let failed = |source| StartError::Secret { path: file.to_owned(), source };
    let kept = read(file).map_err(failed)?;
    let (text, is_new) = match kept {
        Some(text) => (text, false),
        None => (access::new_token().map_err(StartError::Random)?, true),
    };
    if is_new {
        write_secret(file, &format!("{text}\n")).map_err(failed)?;
    }
    let request = TokenRequest {
        name: "admin".parse().expect("it is a name"),
        scopes: vec!["admin".to_owned()],
        expires_in: None,
        test: false,
    };
    registry.keep_token(&text, &request).await?;
    Ok(is_new.then(|| file.to_owned()))
}

/// The token in a file that a start left which did not come to its end, or that outlived its
/// catalog.
fn read(file: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| text.starts_with("larder_"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
