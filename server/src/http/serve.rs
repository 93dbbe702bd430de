//! The HTTP server itself: binds, serves the route table, stops.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, ResponseError as _, web};
use larder_schema::ProblemKind;
use tokio::task::JoinHandle;

use super::{ApiError, Route, guard, request};
use crate::registry::Registry;

/// How long a connection may take to close when its client does not.
const DISCONNECT: Duration = Duration::from_secs(5);

/// A server that serves.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl HttpServer {
    /// The address that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and ends when the requests in flight are done, or their time is up.
    pub async fn stop(mut self) -> io::Result<()> {
        self.handle.stop(true).await;
        self.ended().await
    }

    /// Returns when the server ended by itself, which it should not.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.task).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Who forgets to stop it stops it at once.
impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// Serves all routes at the configured address.
pub fn start(registry: Registry) -> io::Result<HttpServer> {
    let config = registry.config().clone();
    let limits = &config.limits;
    let workers = match config.http.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    };
    let registry = web::Data::new(registry);
    let server = actix_web::HttpServer::new(move || {
        App::new()
            .app_data(registry.clone())
            .configure(|app| add_routes(app, super::routes()))
            .default_service(web::to(no_such_address))
            .wrap(from_fn(request::watched))
    })
    .workers(workers)
    .max_connections(limits.connections.div_ceil(workers))
    // Who closes the connection is gone: what was asked is given up, such as a long resolution.
    .h1_allow_half_closed(false)
    .keep_alive(Duration::from_secs(limits.idle_seconds))
    .client_request_timeout(Duration::from_secs(limits.header_seconds))
    .client_disconnect_timeout(DISCONNECT)
    .shutdown_timeout(limits.stop_seconds)
    .disable_signals()
    .bind(&config.listen)?;
    let address = server.addrs().first().copied();
    let address = address.ok_or_else(|| io::Error::other("no address was bound"))?;
    let server = server.run();
    let handle = server.handle();
    Ok(HttpServer { address, handle, task: tokio::spawn(server) })
}

/// Gathers the methods of each path, so that any other is answered with those that there are.
fn add_routes(app: &mut web::ServiceConfig, routes: Vec<Route>) {
    let mut paths: Vec<&'static str> = Vec::new();
    let mut by_path: BTreeMap<&'static str, Vec<Route>> = BTreeMap::new();
    for route in routes {
        if !by_path.contains_key(route.path) {
            paths.push(route.path);
        }
        by_path.entry(route.path).or_default().push(route);
    }
    for path in paths {
        let routes = by_path.remove(path).unwrap_or_default();
        let allow = routes.iter().map(Route::method).collect::<Vec<_>>().join(", ");
        let resource = routes
            .iter()
            // What stands at `{path}` may have slashes in it.
            .fold(web::resource(path.replace("{path}", "{path:.*}")), |resource, route| {
                resource.route(guard::guarded(route))
            });
        app.service(resource.default_service(web::to(move |request: HttpRequest| {
            std::future::ready(no_such_method(&request, &allow))
        })));
    }
}

async fn no_such_address(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let detail = format!("there is nothing at `{}`: see /openapi.json", request.path());
    Err(ApiError::new(ProblemKind::Unknown, detail))
}

fn no_such_method(request: &HttpRequest, allow: &str) -> HttpResponse {
    let detail = format!("`{}` is no method of this address; these are: {allow}", request.method());
    let mut answer = ApiError::new(ProblemKind::MethodNotAllowed, detail).error_response();
    if let Ok(allow) = allow.parse() {
        answer.headers_mut().insert(actix_web::http::header::ALLOW, allow);
    }
    answer
}
