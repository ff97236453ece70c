//! By which ways the clinic is paid. The secrets of the gateway lie in the vault and are never shown again: a view says only
//! that they are set.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::upi::is_vpa;

/// Where UPI payments go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpiWay)]
pub struct Upi {
    /// The clinic's UPI address, `name@bank`.
    pub vpa: String,
    /// Its name, as the payer's phone shows it.
    pub name: String,
    /// Merchant category, four digits, for merchants.
    pub category: Option<String>,
}

/// The gateway's keys, as kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Public half.
    pub id: String,
    /// Secret half: requests and the browser's proof.
    pub secret: Zeroizing<String>,
    /// Secret of the webhook's proof.
    pub webhook: Zeroizing<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ways {
    /// UPI.
    pub upi: Option<Upi>,
    /// The gateway.
    pub razorpay: Option<Keys>,
}

/// What the owner sends.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PaymentWaysChange)]
pub struct WaysChange {
    /// UPI; none takes it away.
    pub upi: Option<Upi>,
    /// The gateway; none takes it away.
    pub razorpay: Option<KeysChange>,
}

/// The gateway's keys as sent; a secret that is left out stays.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RazorpayKeysChange)]
pub struct KeysChange {
    /// Public half.
    pub key_id: String,
    /// Secret half.
    #[schema(value_type = Option<String>)]
    pub key_secret: Option<Zeroizing<String>>,
    /// Secret of the webhook.
    #[schema(value_type = Option<String>)]
    pub webhook_secret: Option<Zeroizing<String>>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaymentWays)]
pub struct WaysView {
    /// UPI.
    pub upi: Option<Upi>,
    /// The gateway.
    pub razorpay: Option<KeysView>,
}

/// The gateway as shown: no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RazorpayKeys)]
pub struct KeysView {
    /// Public half.
    pub key_id: String,
    /// Whether the secret half is set.
    pub key_secret: bool,
    /// Whether the secret of the webhook is set.
    pub webhook_secret: bool,
}

impl Ways {
    /// What is shown of it.
    pub fn view(&self) -> WaysView {
        WaysView {
            upi: self.upi.clone(),
            razorpay: self.razorpay.as_ref().map(|keys| KeysView {
                key_id: keys.id.clone(),
                key_secret: !keys.secret.is_empty(),
                webhook_secret: !keys.webhook.is_empty(),
            }),
        }
    }

    /// The same after a change.
    ///
    /// # Errors
    /// The field, and what to do.
    pub fn changed(&self, change: WaysChange) -> Result<Ways, (&'static str, &'static str)> {
        if let Some(upi) = &change.upi {
            let named =
                (1..=60).contains(&upi.name.chars().count()) && !upi.name.chars().any(char::is_control);
            let category = |text: &String| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
            if !is_vpa(&upi.vpa) {
                return Err(("upi.vpa", "A UPI address is a name at a bank, such as clinic@okbank."));
            }
            if !named {
                return Err(("upi.name", "Give the name that the payer's phone shows, at most 60 letters."));
            }
            if !upi.category.as_ref().is_none_or(category) {
                return Err(("upi.category", "A merchant category has four digits."));
            }
        }
        let razorpay = match change.razorpay {
            None => None,
            Some(sent) => {
                let fits = |text: &str| {
                    (6..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
                };
                let before = self.razorpay.as_ref().filter(|keys| keys.id == sent.key_id);
                let secret = sent.key_secret.or_else(|| before.map(|keys| keys.secret.clone()));
                let webhook = sent.webhook_secret.or_else(|| before.map(|keys| keys.webhook.clone()));
                if !fits(&sent.key_id) || sent.key_id.contains(':') {
                    return Err(("razorpay.keyId", "Give the key id, such as rzp_live_..."));
                }
                let (Some(secret), Some(webhook)) = (secret, webhook) else {
                    return Err(("razorpay.keySecret", "Give both secrets of a key that is new here."));
                };
                if !fits(&secret) || !fits(&webhook) {
                    return Err(("razorpay.keySecret", "A secret has 6 to 100 characters without spaces."));
                }
                Some(Keys { id: sent.key_id, secret, webhook })
            }
        };
        Ok(Ways { upi: change.upi, razorpay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: &str, secret: Option<&str>) -> WaysChange {
        let secret = secret.map(|text| Zeroizing::new(text.to_owned()));
        let keys = KeysChange { key_id: id.into(), key_secret: secret.clone(), webhook_secret: secret };
        WaysChange { upi: None, razorpay: Some(keys) }
    }

    #[test]
    fn a_secret_stays_with_its_key_and_is_never_shown() {
        let ways = Ways::default().changed(keys("rzp_test_1", Some("very-secret"))).unwrap();
        let shown = format!("{} {ways:?}", serde_json::to_string(&ways.view()).unwrap());
        assert!(!shown.contains("very-secret"), "{shown}");
        assert_eq!(ways.changed(keys("rzp_test_1", None)).unwrap(), ways);
        assert_eq!(ways.changed(keys("rzp_test_2", None)).unwrap_err().0, "razorpay.keySecret");
        assert_eq!(ways.changed(keys("rzp:test", Some("very-secret"))).unwrap_err().0, "razorpay.keyId");
        let none = WaysChange { upi: None, razorpay: None };
        assert_eq!(ways.changed(none).unwrap(), Ways::default());
    }
}
