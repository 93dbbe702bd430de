//! Package roots of EUPS under `/eups/<platform>/`, and under `/eups/<platform>/<tag>/` with one tag alone.
//!
//! Its client asks with plain `GET`s, checks nothing, runs a file called `distribInstallPostHook.py` where
//! there is one, and takes each error for "not found": what is not there is a 404 without a page.

mod address;

use actix_web::http::{Version, header};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt as _, stream};
use larder_schema::ProblemKind;
use larder_schema::eups::{CONFIG, Manifest, ManifestLine};

use self::address::{Address, Document, File, Form};
use super::blobs::{self, Terms};
use super::body::{Path, Shared};
use super::{ApiError, Needs, Route};
use crate::access::Caller;
use crate::catalog::root::Held;
use crate::registry::eups::{Line, Named, Root, RootError};
use crate::registry::fetch::Found;

const TEXT: &str = "text/plain; charset=utf-8";
/// Roots change with each publish, and a client asks for each list once.
const FRESH: &str = "no-cache";

pub(super) fn routes() -> Vec<Route> {
    let (root, file) = ("/eups/{platform}", "/eups/{platform}/{path}");
    let nothing = "There is no such file";
    let get = |path, about: &'static str| {
        Route::get(path, about)
            .needs(Needs::Reader)
            .gives_bytes(200, "It", TEXT)
            .gives_bytes(404, nothing, TEXT)
            .long()
    };
    let head = |path, about: &'static str| {
        Route::head(path, about)
            .needs(Needs::Reader)
            .gives_nothing(200, "It is")
            .gives_nothing(404, nothing)
            .long()
    };
    vec![
        get(root, "The names of the tag lists of an EUPS package root, as links").to(page),
        head(root, "Whether there is an EUPS package root").to(page),
        get(file, "A file of an EUPS package root, of a platform or of a tag of it").to(answer),
        head(file, "Whether an EUPS package root has a file").to(answer),
    ]
}

async fn page(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path(platform): Path<String>,
) -> Result<HttpResponse, ApiError> {
    served(&registry, &caller, &request, Address::read(&platform, "")).await
}

async fn answer(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path((platform, path)): Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    served(&registry, &caller, &request, Address::read(&platform, &path)).await
}

async fn served(
    registry: &Shared,
    caller: &Caller,
    request: &HttpRequest,
    address: Option<Address>,
) -> Result<HttpResponse, ApiError> {
    let Some(Address { root, flavor, file }) = address else {
        return Ok(not_found("no package root has such a file"));
    };
    let answered = match file {
        File::Document(document) => {
            // Before HTTP/1.1 nothing comes in chunks.
            let asked = (flavor, document, request.version() < Version::HTTP_11);
            document_of(registry, caller, &root, asked).await.map(Served::Document)
        }
        File::Tarball(named) => tarball(registry, caller, &root, named).await.map(Served::Tarball),
    };
    match answered {
        Ok(Served::Document(answer)) => Ok(answer),
        Ok(Served::Tarball(found)) => blobs::served(registry, request, found, Terms::Whole).await,
        Err(error) if error.is_absence() => Ok(not_found(&error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// What is answered.
enum Served {
    Document(HttpResponse),
    Tarball(Found),
}

async fn tarball(
    registry: &Shared,
    caller: &Caller,
    root: &Root,
    named: Named,
) -> Result<Found, RootError> {
    let build = registry.root_build(caller, root, named).await?;
    registry.root_tarball(build).await
}

async fn document_of(
    registry: &Shared,
    caller: &Caller,
    root: &Root,
    (flavor, document, must_be_whole): (&'static str, Document, bool),
) -> Result<HttpResponse, RootError> {
    Ok(match document {
        Document::Config => text(CONFIG.to_owned()),
        Document::Index(form) => {
            let tags = registry.root_tags(caller, root).await?;
            let lists = tags.into_iter().map(|tag| format!("{tag}.list"));
            names(form, std::iter::once("config.txt".to_owned()).chain(lists).collect())
        }
        Document::Manifests(form) => {
            let products = registry.root_products(caller, root).await?;
            let name = |it: Named| format!("{}-{}@{flavor}.manifest", it.product, it.version);
            names(form, products.into_iter().map(name).collect())
        }
        Document::List(tag) => text(registry.root_list(caller, root, tag).await?.to_string()),
        Document::Environment(tag) => text(registry.root_environment(caller, root, tag).await?),
        Document::Manifest(named) => {
            let lines = registry.root_closure(caller, root, named.clone()).await?;
            manifest(registry, flavor, &named, lines, must_be_whole).await?
        }
        Document::Table(named) => {
            let build = registry.root_build(caller, root, named).await?;
            text(registry.root_table(build).await?)
        }
    })
}

/// A manifest. Where a tarball was never asked for, it comes line by line: each is made when its line is
/// written, and who stands in between sees that something comes.
async fn manifest(
    registry: &Shared,
    flavor: &'static str,
    named: &Named,
    lines: Vec<Line>,
    must_be_whole: bool,
) -> Result<HttpResponse, RootError> {
    let version = lines.last().map_or(&named.version, |line| &line.build.version);
    let heading = Manifest::heading(named.product.as_str(), version.as_str());
    if must_be_whole || lines.iter().all(|line| line.sha256.is_some()) {
        let mut whole = heading;
        for line in lines {
            whole.push_str(&written(registry, flavor, line).await?);
        }
        return Ok(text(whole));
    }
    let registry = registry.clone();
    let lines = stream::iter(lines).then(move |line| {
        let registry = registry.clone();
        async move {
            let line = written(&registry, flavor, line).await.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "cut a manifest");
                actix_web::Error::from(std::io::Error::other(error))
            })?;
            Ok(web::Bytes::from(line))
        }
    });
    let heading = stream::iter([Ok::<_, actix_web::Error>(web::Bytes::from(heading))]);
    Ok(plain().streaming(heading.chain(lines)))
}

async fn written(registry: &Shared, flavor: &str, line: Line) -> Result<String, RootError> {
    let sha256 = match line.sha256 {
        Some(sha256) => sha256,
        None => registry.root_tarball(line.build.clone()).await?.sums.sha256,
    };
    Ok(self::line(&line.build, flavor, sha256))
}

fn line(build: &Held, flavor: &str, sha256: larder_schema::Sha256) -> String {
    let (product, version) = (&build.product, &build.version);
    let line = ManifestLine {
        product: product.to_string(),
        flavor: flavor.to_owned(),
        version: version.to_string(),
        table: Some(format!("{product}-{version}.table")),
        folder: Some(format!("{product}/{version}")),
        distribution_id: Some(format!("{product}-{version}@{flavor}.tar.gz")),
        is_optional: false,
        sha256: Some(sha256),
    };
    format!("{line}\n")
}

fn names(form: Form, names: Vec<String>) -> HttpResponse {
    match form {
        Form::Json => HttpResponse::Ok().insert_header((header::CACHE_CONTROL, FRESH)).json(names),
        Form::Page => {
            let links =
                names.iter().map(|name| format!("<li><a href=\"{name}\">{name}</a></li>\n"));
            let page = format!("<!DOCTYPE html>\n<ul>\n{}</ul>\n", links.collect::<String>());
            HttpResponse::Ok()
                .content_type("text/html; charset=utf-8")
                .insert_header((header::CACHE_CONTROL, FRESH))
                .body(page)
        }
    }
}

fn text(text: String) -> HttpResponse {
    plain().body(text)
}

fn plain() -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(TEXT)
        .insert_header((header::CACHE_CONTROL, FRESH))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    answer
}

fn not_found(why: &str) -> HttpResponse {
    HttpResponse::NotFound()
        .content_type(TEXT)
        .insert_header((header::CACHE_CONTROL, FRESH))
        .body(format!("not found: {why}\n"))
}

impl From<RootError> for ApiError {
    fn from(error: RootError) -> Self {
        match error {
            RootError::Denied(denied) => denied.into(),
            RootError::Catalog(error) => error.into(),
            RootError::Blobs(error) => error.into(),
            RootError::Staging(error) => error.into(),
            RootError::Fetch(error) => error.into(),
            RootError::Resolve(error) => (*error).into(),
            RootError::Waiting(_) => Self::told(ProblemKind::Unavailable, &error),
            RootError::Spoiled(_) | RootError::Read(_) => Self::ours(ProblemKind::Internal, &error),
            RootError::NoTag { .. }
            | RootError::NoEnvironment { .. }
            | RootError::NotThere { .. }
            | RootError::Lacks { .. }
            | RootError::Another { .. }
            | RootError::NoClosure { .. }
            | RootError::NotPacked { .. } => Self::told(ProblemKind::Unknown, &error),
        }
    }
}
