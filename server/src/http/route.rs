//! One address as data: what it is called, who may call it, what goes in and out.
//!
//! ```
//! use actix_web::HttpResponse;
//! use larder_schema::api::{HaveAnswer, HaveRequest};
//! use larder_server::access::Caller;
//! use larder_server::http::body::{self, Json};
//! use larder_server::http::{ApiError, Needs, Route};
//!
//! async fn have(caller: Caller, asked: Json<HaveRequest>) -> Result<HttpResponse, ApiError> {
//!     # let _ = (caller, asked);
//!     Ok(body::answer(&HaveAnswer { held: Vec::new(), missing: Vec::new() }))
//! }
//!
//! let route = Route::post("/api/v1/have", "Which archives does the server hold?")
//!     .needs(Needs::Reader)
//!     .takes::<HaveRequest>()
//!     .gives::<HaveAnswer>(200, "Which are there and which are not")
//!     .to(have);
//! assert_eq!(route.method(), "POST");
//! ```

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, web};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// What a caller must bring. The guard sees to it before anything of the body is read; which names
/// a token may write is asked again, name by name, by the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing, wherever the server stands.
    Nothing,
    /// Nothing where reading is open, else a token.
    Reader,
    /// A token with this scope for the name concerned: `publish`, `distribute`, `tag`, `withdraw`.
    Scope(&'static str),
    /// A token with the scope `admin`.
    Admin,
}

type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What goes in or out.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// A JSON document.
    Json(Describe),
    /// Something of another media type.
    Other(&'static str),
}

/// One way to answer.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) content: Option<Content>,
}

/// One address with one method.
#[derive(Clone)]
pub struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) needs: Needs,
    pub(super) takes: Option<Content>,
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) answers: Vec<Answer>,
    /// Whether it moves bytes or takes its time: then there is no deadline and no compression.
    pub(super) is_long: bool,
    serve: Arc<dyn Fn() -> actix_web::Route + Send + Sync>,
}

impl Route {
    fn new(method: Method, path: &'static str, about: &'static str) -> Self {
        Self {
            method,
            path,
            about,
            needs: Needs::Admin,
            takes: None,
            query: &[],
            answers: Vec::new(),
            is_long: false,
            serve: Arc::new(actix_web::Route::new),
        }
    }

    /// A `GET` of `path`, in which `{name}` stands for one segment.
    pub fn get(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::GET, path, about)
    }

    /// A `HEAD`.
    pub fn head(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::HEAD, path, about)
    }

    /// A `POST`.
    pub fn post(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::POST, path, about)
    }

    /// A `PUT`.
    pub fn put(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::PUT, path, about)
    }

    /// A `PATCH`.
    pub fn patch(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::PATCH, path, about)
    }

    /// A `DELETE`.
    pub fn delete(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::DELETE, path, about)
    }

    /// An `OPTIONS`.
    pub fn options(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::OPTIONS, path, about)
    }

    /// What the caller must bring; an admin's token where nothing else is said.
    #[must_use]
    pub fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// The document that comes in.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(Content::Json(SchemaGenerator::subschema_for::<T>));
        self
    }

    /// The bytes that come in.
    #[must_use]
    pub fn takes_bytes(mut self, media_type: &'static str) -> Self {
        self.takes = Some(Content::Other(media_type));
        self
    }

    /// The names that may stand behind the `?`, each with what it means.
    #[must_use]
    pub fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// An answer with a document.
    #[must_use]
    pub fn gives<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.gives_content(status, about, Some(Content::Json(SchemaGenerator::subschema_for::<T>)))
    }

    /// An answer with something of another media type.
    #[must_use]
    pub fn gives_bytes(self, status: u16, about: &'static str, media_type: &'static str) -> Self {
        self.gives_content(status, about, Some(Content::Other(media_type)))
    }

    /// An answer without a body.
    #[must_use]
    pub fn gives_nothing(self, status: u16, about: &'static str) -> Self {
        self.gives_content(status, about, None)
    }

    fn gives_content(mut self, status: u16, about: &'static str, content: Option<Content>) -> Self {
        self.answers.push(Answer { status, about, content });
        self
    }

    /// Has no deadline and is never compressed: it moves bytes or takes its time.
    #[must_use]
    pub fn long(mut self) -> Self {
        self.is_long = true;
        self
    }

    /// Who serves it.
    #[must_use]
    pub fn to<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.serve = Arc::new(move || web::to(handler.clone()));
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path; `{name}` stands for one segment.
    pub fn path(&self) -> &str {
        self.path
    }

    /// What the caller must bring.
    pub fn what_it_needs(&self) -> Needs {
        self.needs
    }

    pub(super) fn serve(&self) -> actix_web::Route {
        (self.serve)().method(self.method.clone())
    }
}
