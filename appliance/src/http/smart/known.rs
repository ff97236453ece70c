//! What programs find out: the configuration of SMART and OpenID, and the keys of id tokens.

use axum::extract::State;
use serde_json::{Value, json};

use super::super::error::HttpError;
use super::super::extract::Json;
use super::Origin;
use crate::app::App;

/// `/.well-known/smart-configuration` (SMART App Launch 2, section "Conformance").
pub async fn smart(origin: Origin) -> Json<Value> {
    Json(json!({
        "issuer": origin.base,
        "jwks_uri": origin.at("/oauth/jwks"),
        "authorization_endpoint": origin.at("/oauth/authorize"),
        "token_endpoint": origin.at("/oauth/token"),
        "introspection_endpoint": origin.at("/oauth/introspect"),
        "revocation_endpoint": origin.at("/oauth/revoke"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": [
            "openid", "launch/patient", "online_access", "offline_access",
            "patient/*.cruds", "user/*.cruds", "system/*.cruds"
        ],
        "capabilities": [
            "launch-standalone", "client-public", "client-confidential-symmetric",
            "client-confidential-asymmetric", "context-standalone-patient", "permission-patient",
            "permission-user", "permission-offline", "permission-online", "permission-v1", "permission-v2"
        ]
    }))
}

/// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 3).
pub async fn openid(origin: Origin) -> Json<Value> {
    Json(json!({
        "issuer": origin.base,
        "jwks_uri": origin.at("/oauth/jwks"),
        "authorization_endpoint": origin.at("/oauth/authorize"),
        "token_endpoint": origin.at("/oauth/token"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid"],
    }))
}

/// The keys of id tokens.
pub async fn keys(State(app): State<App>) -> Result<Json<Value>, HttpError> {
    Ok(Json(app.rooms()?.people.identity_keys().await?))
}
