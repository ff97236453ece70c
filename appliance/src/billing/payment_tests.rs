//! Random histories of payments against a small model that knows only ranks and sums.

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

const AMOUNT: u64 = 50_000;

fn new() -> Payment {
    Payment::new("p1".to_owned(), ("c1", "patient"), AMOUNT, true, at(0))
}

fn next(payment: &Payment, event: Event) -> Result<(Payment, Option<Effect>), Refused> {
    Ok(match payment.apply(event, at(1))? {
        Moved::Same => (payment.clone(), None),
        Moved::Next(next, effect) => (*next, effect),
    })
}

fn succeeded(reference: &str, amount: u64) -> Event {
    Event::Succeeded {
        proof: Proof::Webhook,
        order: "order_1".to_owned(),
        reference: reference.to_owned(),
        amount,
        currency: CURRENCY.to_owned(),
    }
}

fn ordered() -> Payment {
    next(&new(), Event::Ordered { order: "order_1".to_owned() }).unwrap().0
}

#[test]
fn a_claim_is_not_a_payment_until_somebody_confirms() {
    let shown = next(&new(), Event::Shown).unwrap().0;
    assert_eq!(next(&shown, Event::Claimed { reference: "12345".to_owned() }), Err(Refused::Reference));
    let (claimed, effect) = next(&shown, Event::Claimed { reference: "123456789012".to_owned() }).unwrap();
    assert_eq!((claimed.state, effect), (State::Claimed, None));
    let confirm =
        |amount| Event::Confirmed { by: "p-1".to_owned(), method: Method::Upi, amount, reference: None };
    assert_eq!(next(&claimed, confirm(1)), Err(Refused::Mismatch("amount")));
    let (paid, effect) = next(&claimed, confirm(AMOUNT)).unwrap();
    assert_eq!((paid.state, effect), (State::Paid, Some(Effect::Verified)));
    assert_eq!(paid.reference.as_deref(), Some("123456789012"));
}

#[test]
fn a_proof_about_something_else_changes_nothing() {
    let payment = ordered();
    assert_eq!(next(&payment, succeeded("pay_1", AMOUNT - 1)), Err(Refused::Mismatch("amount")));
    let other = |order: &str, currency: &str| Event::Succeeded {
        proof: Proof::Callback,
        order: order.to_owned(),
        reference: "pay_1".to_owned(),
        amount: AMOUNT,
        currency: currency.to_owned(),
    };
    assert_eq!(next(&payment, other("order_2", CURRENCY)), Err(Refused::Mismatch("order")));
    assert_eq!(next(&payment, other("order_1", "USD")), Err(Refused::Mismatch("currency")));
    assert_eq!(next(&new(), succeeded("pay_1", AMOUNT)), Err(Refused::Mismatch("order")));
}

#[test]
fn a_late_success_is_a_credit_once_and_a_late_failure_is_nothing() {
    let expired = next(&ordered(), Event::Expire).unwrap().0;
    let (late, effect) = next(&expired, succeeded("pay_1", AMOUNT)).unwrap();
    assert_eq!((late.state, effect, late.open_credit()), (State::Expired, Some(Effect::Credit), AMOUNT));
    assert_eq!(late.apply(succeeded("pay_1", AMOUNT), at(2)), Ok(Moved::Same));
    let settle = Event::SettleCredit { by: "p-1".to_owned(), how: "returned in cash".to_owned() };
    let settled = next(&late, settle.clone()).unwrap().0;
    assert_eq!(settled.open_credit(), 0);
    assert_eq!(next(&settled, settle), Err(Refused::NoCredit));
    let paid = next(&ordered(), succeeded("pay_1", AMOUNT)).unwrap().0;
    let failed =
        Event::Failed { proof: Proof::Webhook, order: "order_1".to_owned(), reference: "pay_0".to_owned() };
    assert_eq!(paid.apply(failed, at(3)), Ok(Moved::Same));
}

#[test]
fn no_more_goes_back_than_came() {
    let paid = next(&ordered(), succeeded("pay_1", AMOUNT)).unwrap().0;
    let part = next(&paid, Event::Refund { paise: 20_000 }).unwrap().0;
    assert_eq!((part.state, part.refunded), (State::PartlyRefunded, 20_000));
    assert_eq!(next(&part, Event::Refund { paise: 30_001 }), Err(Refused::TooMuch(30_000)));
    let all = next(&part, Event::Refund { paise: 30_000 }).unwrap().0;
    assert_eq!(all.state, State::Refunded);
    assert!(next(&all, Event::Refund { paise: 1 }).is_err());
}

/// What the model knows of a state: how far it is. Nothing ever goes to a smaller number.
fn rank(state: State) -> u8 {
    match state {
        State::Created => 0,
        State::Pending => 1,
        State::Claimed => 2,
        State::Paid | State::Failed | State::Expired => 3,
        State::PartlyRefunded => 4,
        State::Refunded => 5,
    }
}

fn events() -> impl Strategy<Value = Event> {
    let order = prop_oneof![4 => Just("order_1"), 1 => Just("order_2")].prop_map(str::to_owned);
    let reference = prop_oneof![3 => Just("pay_1"), 1 => Just("pay_2")].prop_map(str::to_owned);
    let amount = prop_oneof![6 => Just(AMOUNT), 1 => Just(AMOUNT + 1), 1 => Just(0)];
    let currency = prop_oneof![6 => Just("INR"), 1 => Just("USD")].prop_map(str::to_owned);
    let proof = prop_oneof![Just(Proof::Callback), Just(Proof::Webhook), Just(Proof::Poll)];
    prop_oneof![
        Just(Event::Shown),
        order.clone().prop_map(|order| Event::Ordered { order }),
        Just(Event::Claimed { reference: "123456789012".to_owned() }),
        (amount.clone(), any::<bool>()).prop_map(|(amount, cash)| Event::Confirmed {
            by: "p-1".to_owned(),
            method: if cash { Method::Cash } else { Method::Upi },
            amount,
            reference: None,
        }),
        (proof.clone(), order.clone(), reference.clone(), amount, currency).prop_map(
            |(proof, order, reference, amount, currency)| Event::Succeeded {
                proof,
                order,
                reference,
                amount,
                currency
            }
        ),
        (proof, order, reference).prop_map(|(proof, order, reference)| Event::Failed {
            proof,
            order,
            reference
        }),
        Just(Event::Expire),
        Just(Event::Ungate),
        (0..60_000u64).prop_map(|paise| Event::WantRefund { paise }),
        (0..60_000u64).prop_map(|paise| Event::Refund { paise }),
        Just(Event::SettleCredit { by: "p-1".to_owned(), how: "returned".to_owned() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_money_moves_forward_and_every_paisa_is_known(
        history in proptest::collection::vec(events(), 0..40)
    ) {
        let mut payment = new();
        // The model: the gateway's payments that truly came for this order, each once, and whether the desk took money.
        let mut came: Vec<String> = Vec::new();
        let mut desk = false;
        let mut verified = 0;
        for (second, event) in history.into_iter().enumerate() {
            let before = payment.clone();
            let now = at(i64::try_from(second).unwrap());
            let truly = match &event {
                Event::Succeeded { order, reference, amount, currency, .. } => (before.order.as_deref()
                    == Some(order.as_str())
                    && *amount == AMOUNT
                    && currency == CURRENCY)
                    .then(|| reference.clone()),
                _ => None,
            };
            match payment.apply(event.clone(), now) {
                Err(_) => prop_assert!(truly.is_none(), "true money was refused: {:?}", before),
                Ok(Moved::Same) => {
                    if let Some(reference) = truly {
                        prop_assert!(came.contains(&reference), "true money was dropped");
                    }
                }
                Ok(Moved::Next(next, effect)) => {
                    payment = *next;
                    prop_assert!(rank(payment.state) >= rank(before.state), "{:?} after {:?}", payment.state, before.state);
                    if rank(before.state) == 3 && rank(payment.state) == 3 {
                        prop_assert_eq!(before.state, payment.state);
                    }
                    if let Some(reference) = truly {
                        prop_assert!(!came.contains(&reference), "money counted twice");
                        came.push(reference);
                    }
                    if matches!(event, Event::Confirmed { .. }) {
                        desk = true;
                    }
                    if effect == Some(Effect::Verified) {
                        verified += 1;
                        prop_assert_eq!(payment.state, State::Paid);
                        prop_assert!(before.state.is_open());
                    }
                }
            }
            let counted = u64::from(payment.state.is_paid()) * AMOUNT
                + payment.credits.iter().map(|credit| credit.paise).sum::<u64>();
            let truth = (came.len() as u64 + u64::from(desk)) * AMOUNT;
            prop_assert_eq!(counted, truth);
            prop_assert!(payment.refunded <= AMOUNT && payment.refund_wanted + payment.refunded <= AMOUNT);
            prop_assert!(verified <= 1);
        }
    }
}
