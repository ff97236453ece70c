//! What stands before the vault and outlives its being sealed: the throttle and the one-time setup code.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::AdminError;
use super::throttle::Throttle;

/// Letters of the setup code, without look-alikes.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// See the head of the module.
#[derive(Default)]
pub struct Gate {
    throttle: Mutex<Throttle>,
    setup_code: Mutex<Option<Zeroizing<String>>>,
}

impl Gate {
    /// Asks for one attempt on an account (or another thing that is guessed at) from an address.
    pub fn attempt(&self, account: &str, from: IpAddr, now: Timestamp) -> Result<(), AdminError> {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(throttle.attempt(account, from.to_canonical(), now)?)
    }

    /// The attempt was right.
    pub fn passed(&self, account: &str, from: IpAddr) {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).passed(account, from.to_canonical());
    }

    /// The one-time code that whoever sets the box up must know, `XXXX-XXXX`; the same until it is used. `serve` prints it.
    pub fn setup_code(&self) -> Result<Zeroizing<String>, AdminError> {
        let mut kept = self.setup_code.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = &*kept {
            return Ok(code.clone());
        }
        let mut random = Zeroizing::new([0u8; 8]);
        getrandom::fill(random.as_mut_slice())?;
        let mut code = Zeroizing::new(String::with_capacity(9));
        for (at, byte) in random.iter().enumerate() {
            if at == 4 {
                code.push('-');
            }
            code.push(char::from(ALPHABET[usize::from(byte & 31)]));
        }
        Ok(kept.insert(code).clone())
    }

    /// Checks a typed setup code, in the same time however wrong it is, and slowly after a few wrong ones. Guessing
    /// over the network does not make the person at the box wait.
    pub fn check_setup_code(&self, given: &str, from: IpAddr, now: Timestamp) -> Result<(), AdminError> {
        let counter =
            if from.to_canonical().is_loopback() { "setup code, here" } else { "setup code, network" };
        self.attempt(counter, from, now)?;
        let given: Zeroizing<String> = Zeroizing::new(given.chars().filter_map(letter).collect());
        let kept = self.setup_code()?;
        let wanted: Zeroizing<String> = Zeroizing::new(kept.chars().filter_map(letter).collect());
        if bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
            self.passed(counter, from);
            Ok(())
        } else {
            Err(AdminError::WrongSetupCode)
        }
    }

    /// The box is set up: the code is worth nothing any more.
    pub fn spend_setup_code(&self) {
        *self.setup_code.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What was meant by a typed letter; gaps and hyphens mean nothing.
fn letter(c: char) -> Option<char> {
    match c.to_ascii_uppercase() {
        ' ' | '-' => None,
        'O' => Some('0'),
        'I' | 'L' => Some('1'),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const LAN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 5));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn the_setup_code_is_taken_however_it_is_typed_and_only_until_used() {
        let gate = Gate::default();
        let code = gate.setup_code().unwrap();
        assert_eq!(code.len(), 9);
        assert_eq!(*gate.setup_code().unwrap(), *code);
        assert!(gate.check_setup_code(&code.to_lowercase().replace('-', " "), HERE, at(0)).is_ok());
        assert!(matches!(gate.check_setup_code("", HERE, at(0)), Err(AdminError::WrongSetupCode)));
        gate.spend_setup_code();
        assert!(gate.check_setup_code(&code, HERE, at(1)).is_err());
    }

    #[test]
    fn guessing_over_the_network_is_slowed_and_does_not_lock_out_the_person_at_the_box() {
        let gate = Gate::default();
        let code = gate.setup_code().unwrap();
        for _ in 0..5 {
            assert!(matches!(
                gate.check_setup_code("AAAA-AAAA", LAN, at(0)),
                Err(AdminError::WrongSetupCode)
            ));
        }
        assert!(matches!(gate.check_setup_code(&code, LAN, at(0)), Err(AdminError::Throttled(_))));
        assert!(gate.check_setup_code(&code, HERE, at(0)).is_ok());
    }
}
