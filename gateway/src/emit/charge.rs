//! ChargeItem to FT1.

use crate::json::Value;

use super::rules::fill_but;
use super::segment::Segment;
use super::types::{Scope, about};

/// FT1 for each charge of a patient.
pub(super) fn charges(scope: &Scope<'_>, who: &Value, out: &mut Vec<Segment>) {
    for (n, item) in about(scope, who, "ChargeItem").enumerate() {
        let mut ft1 = Segment::numbered("FT1", n);
        // What is coded has its words with it.
        let coded = item.get("code").is_some_and(|c| !c.items("coding").is_empty());
        fill_but(scope, &mut ft1, "FT1", item, if coded { &[8] } else { &[] });
        out.push(ft1);
    }
}
