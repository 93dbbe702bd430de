//! `/openapi.json`: the description of all addresses, made from the table that serves them.

use actix_web::HttpResponse;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::route::{Answer, Content, Needs, Route};
use super::{ApiError, body};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/openapi.json", "This description")
            .needs(Needs::Nothing)
            .gives_bytes(200, "OpenAPI 3.1", "application/json")
            .to(serve),
    ]
}

async fn serve() -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&super::openapi()))
}

/// The OpenAPI document of `routes`.
pub(super) fn describe(routes: &[Route]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method().to_ascii_lowercase()] = operation;
    }
    let problem = generator.subschema_for::<larder_schema::Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "larder",
            "description": "A content-addressed registry for binary packages.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": { "Problem": {
                "description": "What was wrong, with which value, and what to do (RFC 9457)",
                "content": { "application/problem+json": { "schema": problem } },
            } },
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for answer in &route.answers {
        responses.insert(answer.status.to_string(), response(answer, generator));
    }
    responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
    let mut operation = json!({
        "summary": route.about,
        "parameters": parameters(route),
        "responses": responses,
        "security": security(route.needs),
        "x-larder-scope": scope(route.needs),
    });
    if let Some(content) = route.takes {
        let required = matches!(content, Content::Json(_));
        let content = described(content, generator);
        operation["requestBody"] = json!({ "required": required, "content": content });
    }
    operation
}

fn response(answer: &Answer, generator: &mut SchemaGenerator) -> Value {
    let mut response = json!({ "description": answer.about });
    if let Some(content) = answer.content {
        response["content"] = described(content, generator);
    }
    response
}

fn described(content: Content, generator: &mut SchemaGenerator) -> Value {
    match content {
        Content::Json(describe) => json!({ "application/json": { "schema": describe(generator) } }),
        Content::Other(media_type) => json!({ media_type: {} }),
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        )
    });
    let in_query = route.query.iter().map(|(name, about)| {
        json!({
            "name": name, "in": "query", "required": false, "description": about,
            "schema": { "type": "string" },
        })
    });
    in_path.chain(in_query).collect()
}

/// An empty object among the alternatives says that one may come without a token.
fn security(needs: Needs) -> Value {
    match needs {
        Needs::Nothing => json!([]),
        Needs::Reader => json!([{}, { "token": [] }]),
        Needs::Scope(_) | Needs::Admin => json!([{ "token": [] }]),
    }
}

fn scope(needs: Needs) -> Value {
    match needs {
        Needs::Nothing => Value::Null,
        Needs::Reader => json!("read, where the server asks for tokens"),
        Needs::Scope(scope) => json!(scope),
        Needs::Admin => json!("admin"),
    }
}
