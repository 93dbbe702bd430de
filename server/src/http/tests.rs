//! All addresses, asked in each role through a real server.

use larder_schema::api::{TokenAnswer, TokenRequest};
use reqwest::{Client, Method, Response};
use serde_json::Value;

use super::{Needs, routes};
use crate::config::{Config, Readers};
use crate::{Running, Server, StartError, folder};

struct House {
    _folder: tempfile::TempDir,
    running: Running,
    client: Client,
    admin: String,
}

async fn serve(read: Readers) -> House {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let running = Server::start(config(folder.path(), read)).await.unwrap();
    let admin = std::fs::read_to_string(running.first_token().unwrap()).unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    House { _folder: folder, running, client, admin: admin.trim().to_owned() }
}

fn config(folder: &std::path::Path, read: Readers) -> Config {
    let mut config =
        Config { listen: "127.0.0.1:0".to_owned(), data: folder.join("data"), ..Config::default() };
    config.access.read = read;
    config.http.workers = 1;
    config
}

impl House {
    async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Response {
        let url = format!("http://{}{path}", self.running.address());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, url).header("Tus-Resumable", "1.0.0");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn token(&self, scope: &str) -> String {
        let request = TokenRequest {
            name: scope.replace([':', '*'], "x").parse().unwrap(),
            scopes: vec![scope.to_owned()],
            expires_in: None,
            test: false,
        };
        let url = format!("http://{}/api/v1/tokens", self.running.address());
        let made = self.client.post(url).bearer_auth(&self.admin).json(&request).send().await;
        made.unwrap().json::<TokenAnswer>().await.unwrap().token
    }
}

/// An address of the route; the names in it are of nothing.
fn address(path: &str) -> String {
    let sum = "0".repeat(64);
    path.replace("{checksum}", &sum)
        .replace("{build}", "1.0.0-b1")
        .replace("{version}", "1.0.0")
        .replace("{tag}", "current")
        .replace(['{', '}'], "")
}

#[actix_web::test]
async fn nobody_gets_past_a_route_that_needs_a_token() {
    for read in [Readers::Public, Readers::Token] {
        let house = serve(read).await;
        for route in routes() {
            let answer = house.ask(route.method(), &address(route.path()), None).await;

            let closed = match route.what_it_needs() {
                Needs::Nothing => false,
                Needs::Reader => read == Readers::Token,
                Needs::Scope(_) | Needs::Admin => true,
            };
            let (method, path) = (route.method(), route.path());
            assert_eq!(answer.status() == 401, closed, "{method} {path}: {}", answer.status());
        }
        house.running.stop().await.unwrap();
    }
}

#[actix_web::test]
async fn a_dead_token_opens_nothing_even_where_none_is_needed() {
    let house = serve(Readers::Public).await;

    for route in routes().iter().filter(|route| route.what_it_needs() != Needs::Nothing) {
        let answer = house.ask(route.method(), &address(route.path()), Some("larder_dead")).await;

        assert_eq!(answer.status(), 401, "{} {}", route.method(), route.path());
    }
    house.running.stop().await.unwrap();
}

#[actix_web::test]
async fn a_narrow_token_is_no_admin() {
    let house = serve(Readers::Public).await;
    let narrow = house.token("read:*").await;

    for route in routes().iter().filter(|route| route.what_it_needs() == Needs::Admin) {
        let answer = house.ask(route.method(), &address(route.path()), Some(&narrow)).await;

        assert_eq!(answer.status(), 403, "{} {}", route.method(), route.path());
    }
    house.running.stop().await.unwrap();
}

#[actix_web::test]
async fn a_revoked_token_is_dead_from_the_next_request_on() {
    let house = serve(Readers::Token).await;
    let token = house.token("read:*").await;
    assert_eq!(house.ask("GET", "/api/v1/products", Some(&token)).await.status(), 200);

    let revoked = house.ask("DELETE", "/api/v1/tokens/readxx", Some(&house.admin)).await;

    assert_eq!(revoked.status(), 200);
    assert_eq!(house.ask("GET", "/api/v1/products", Some(&token)).await.status(), 401);
    house.running.stop().await.unwrap();
}

#[actix_web::test]
async fn no_and_wrong_addresses_are_problems_with_an_id() {
    let house = serve(Readers::Public).await;

    for (method, path, status) in
        [("GET", "/nothing", 404), ("PUT", "/healthz", 405), ("GET", "/api/v1/blobs/x", 400)]
    {
        let answer = house.ask(method, path, None).await;

        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.headers().contains_key("x-request-id"));
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status);
    }
    house.running.stop().await.unwrap();
}

#[actix_web::test]
async fn a_data_folder_is_served_once_and_makes_its_first_token_once() {
    let house = serve(Readers::Public).await;
    let config = house.running.registry().config().clone();

    let second = Server::start(config.clone()).await;
    house.running.stop().await.unwrap();
    let third = Server::start(config).await.unwrap();

    assert!(matches!(second, Err(StartError::Folder(folder::Error::InUse { .. }))));
    assert_eq!(third.first_token(), None);
    third.stop().await.unwrap();
}

#[test]
fn the_description_has_every_route_and_what_it_refers_to() {
    let document = super::openapi();
    let mut seen = std::collections::HashSet::new();

    for route in routes() {
        let address = (route.method().to_owned(), route.path().to_owned());
        assert!(seen.insert(address), "{} {} stands twice", route.method(), route.path());
        let operation = &document["paths"][route.path()][route.method().to_ascii_lowercase()];
        assert!(operation["summary"].is_string(), "{} {}", route.method(), route.path());
        assert!(operation["responses"].as_object().unwrap().len() > 1, "{}", route.path());
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
