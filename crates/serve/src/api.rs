//! For machines: health, keys, and what is known about a package.

use crate::access::problem;
use crate::app::App;
use crate::asked;
use crate::respond::{plain, set, unavailable};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use trustmill_core::port::Coded;
use trustmill_core::port::registry::{Method, Takes};
use trustmill_core::{Purl, Sha256};

/// Longest body of a request to the API, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The process is alive.
pub(crate) async fn healthz() -> Response {
    plain(StatusCode::OK, "ok")
}

/// The stores can be read.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    if let Err(error) = app.blobs.size(&Sha256::of(b"")).await {
        return unavailable(format!("{}: {error}", error.code()), None);
    }
    if let Some(records) = &app.options.records
        && let Err(error) = records.locked("", "readyz").await
    {
        return unavailable(format!("{}: {error}", error.code()), None);
    }
    plain(StatusCode::OK, "ready")
}

/// The public keys, as JSON.
pub(crate) async fn keys(State(app): State<Arc<App>>) -> Response {
    json(StatusCode::OK, &serde_json::json!({ "keys": app.options.keys }))
}

/// The public keys, as PEM, one after the other.
pub(crate) async fn keys_pem(State(app): State<Arc<App>>) -> Response {
    let pems: Vec<&str> = app.options.keys.iter().map(|key| key.pem.trim_end()).collect();
    let mut response = plain(StatusCode::OK, pems.join("\n"));
    set(&mut response, header::CONTENT_TYPE, "application/x-pem-file");
    response
}

/// What this API is, for programs (<https://spec.openapis.org/oas/v3.1.0>).
const DESCRIPTION: &str = include_str!("../../../schemas/openapi.json");

/// The description of this API.
pub(crate) async fn description() -> Response {
    let mut response = plain(StatusCode::OK, "");
    set(&mut response, header::CONTENT_TYPE, "application/json");
    set(&mut response, header::CONTENT_LENGTH, &DESCRIPTION.len().to_string());
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    *response.body_mut() = Body::from(DESCRIPTION);
    response
}

/// The facts about a release, or about a project and all its releases.
pub(crate) async fn package(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let Some(records) = &app.options.records else {
        return plain(StatusCode::NOT_FOUND, "this server keeps no records");
    };
    let purl = match purl(uri.path(), "/api/v1/packages/") {
        Ok(purl) => purl,
        Err(response) => return *response,
    };
    match records.facts(&purl, None).await {
        Ok(facts) if facts.is_empty() => {
            plain(StatusCode::NOT_FOUND, format!("nothing is known about {purl}"))
        }
        Ok(facts) => json(StatusCode::OK, &serde_json::json!({ "format": 1, "purl": purl, "facts": facts })),
        Err(error) => unavailable(format!("{}: {error}", error.code()), None),
    }
}

/// The package URL at the end of a path: `pkg:pypi/a@1%2B2` as it is, or percent-encoded once more as a whole.
pub(crate) fn purl(path: &str, prefix: &str) -> Result<Purl, Box<Response>> {
    let raw = path.strip_prefix(prefix).unwrap_or_default();
    let text = if raw.starts_with("pkg:") { raw.into() } else { percent_decode_str(raw).decode_utf8_lossy() };
    text.parse().map_err(|why| {
        let help = "write a package URL, such as pkg:pypi/requests@2.32.5";
        Box::new(problem(StatusCode::BAD_REQUEST, "TM0727", &format!("{why}"), help))
    })
}

/// A small body of JSON.
pub(crate) async fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Box<Response>> {
    let bytes = asked::body(Method::Post, headers, body, Takes::Body(MAX_BODY)).await?;
    serde_json::from_slice(&bytes).map_err(|why| {
        let what = format!("the body is not what is taken here: {why}");
        Box::new(problem(
            StatusCode::BAD_REQUEST,
            "TM0727",
            &what,
            "/api/v1/openapi.json and docs/api.md have the shapes",
        ))
    })
}

/// JSON that no cache keeps unasked.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let body = value.to_string();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "application/json");
    set(&mut response, header::CONTENT_LENGTH, &body.len().to_string());
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    *response.body_mut() = Body::from(body);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// Every route with its methods stands in the description, and nothing else does.
    #[test]
    fn the_description_has_every_route() {
        let described: Value = serde_json::from_str(super::DESCRIPTION).unwrap();
        assert_eq!(described["info"]["version"], env!("CARGO_PKG_VERSION"));
        let paths = described["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone()))
            })
            .collect();
        let routes = include_str!("app.rs").lines().filter_map(|line| line.trim().strip_prefix(".route(\""));
        let routes = routes.flat_map(|line| {
            let (path, handlers) = line.split_once("\", ").unwrap();
            let methods = ["get", "post", "delete"]
                .into_iter()
                .filter(|method| handlers.contains(&format!("{method}(")));
            let path = path.replace("{*", "{");
            methods.map(|method| (path.clone(), method.to_owned())).collect::<Vec<_>>()
        });
        // The page at the root is for people.
        let routes: BTreeSet<_> = routes.filter(|(path, _)| path != "/").collect();
        assert_eq!(described, routes);
    }
}
