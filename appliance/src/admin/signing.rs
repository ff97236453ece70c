//! The PIN with which somebody signs: a second look at who holds the pen, not a way to sign in.
//!
//! It is chosen with the password and counts only inside the person's own open session. Wrong ones are counted, slowed and
//! written down as wrong passwords are (`throttle`); whoever has none signs with the password.

use clinicvault_vault::Action;

use super::error::AdminError;
use super::people::People;
use super::sign_in::Origin;
use crate::records::access::Actor;

/// Digits of a PIN.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=12;

/// What somebody signs with.
#[derive(Clone, Copy)]
pub enum Pen<'a> {
    /// The PIN.
    Pin(&'a str),
    /// The password.
    Password(&'a str),
}

impl People {
    /// Chooses the PIN of the one who asks.
    ///
    /// # Errors
    /// [`AdminError::WrongPassword`], [`AdminError::Throttled`], [`AdminError::Invalid`] for a PIN that is guessed first.
    pub async fn choose_pin(
        &self,
        who: &Actor,
        password: &str,
        pin: &str,
        from: &Origin,
    ) -> Result<(), AdminError> {
        self.prove(who, password, from).await?;
        acceptable(pin)?;
        let hash = self.hashed(pin).await?;
        let _turn = self.turn().await;
        let mut account = self.account(&who.id)?;
        account.pin = Some(hash);
        self.commit_account(who, &account, Action::UserChange, "PIN for signing chosen").await
    }

    /// Makes sure that it is the person of the session who signs.
    ///
    /// # Errors
    /// [`AdminError::WrongPin`], [`AdminError::WrongPassword`], [`AdminError::Throttled`], [`AdminError::SignedOut`],
    /// [`AdminError::Invalid`] without a PIN.
    pub async fn holds_pen(&self, who: &Actor, pen: Pen<'_>, from: &Origin) -> Result<(), AdminError> {
        let pin = match pen {
            Pen::Password(password) => return self.prove(who, password, from).await,
            Pen::Pin(pin) => pin,
        };
        who.session.ok_or(AdminError::SignedOut)?;
        let account = self.account(&who.id)?;
        let Some(hash) = account.pin.clone() else {
            return Err(AdminError::Invalid(
                "pin",
                "You have no PIN yet: choose one, or sign with your password.",
            ));
        };
        let counter = format!("sign {}", who.id);
        self.gate().attempt(&counter, from.address, self.now())?;
        if !self.fits(pin, Some(hash)).await? {
            self.note_failure(Some(&account), from, "PIN for signing").await?;
            return Err(AdminError::WrongPin);
        }
        self.gate().passed(&counter, from.address);
        Ok(())
    }
}

fn acceptable(pin: &str) -> Result<(), AdminError> {
    let digits = pin.as_bytes();
    let steps = |step: i16| {
        digits.windows(2).all(|pair| match pair {
            [one, other] => i16::from(*other) - i16::from(*one) == step,
            _ => true,
        })
    };
    if !DIGITS.contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(AdminError::Invalid("pin", "A PIN has 6 to 12 digits."));
    }
    if steps(0) || steps(1) || steps(-1) {
        return Err(AdminError::Invalid(
            "pin",
            "Choose a PIN that is no row of digits such as 111111 or 123456.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_not_what_everybody_tries_first() {
        for (pin, fits) in [
            ("482913", true),
            ("1234567890123", false),
            ("12345", false),
            ("123456", false),
            ("654321", false),
            ("000000", false),
            ("48291a", false),
            ("४८२९१३", false),
            ("112233", true),
        ] {
            assert_eq!(acceptable(pin).is_ok(), fits, "{pin}");
        }
    }
}
