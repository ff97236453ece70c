//! `Observation/$lastn`: the newest few of each kind of observation (R4, Observation/$lastn).

use std::collections::BTreeMap;

use crate::json::Value;

/// Places of the newest `most` observations of each group, group by group; `observations` come newest first.
///
/// Two observations are of one kind when a coding of their codes is the same; those without codings when their texts
/// are.
pub fn newest_of_each(observations: &[Value], most: usize) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (at, observation) in observations.iter().enumerate() {
        let names = names(observation);
        let mut found: Vec<usize> = names.iter().filter_map(|name| known.get(name).copied()).collect();
        found.sort_unstable();
        found.dedup();
        let group = found.first().copied().unwrap_or(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        // An observation with two codings shows that what looked like two kinds is one.
        for other in found.into_iter().skip(1) {
            let moved = groups.get_mut(other).map(std::mem::take).unwrap_or_default();
            if let Some(group) = groups.get_mut(group) {
                group.extend(moved);
            }
            known.values_mut().filter(|place| **place == other).for_each(|place| *place = group);
        }
        if let Some(members) = groups.get_mut(group) {
            members.push(at);
        }
        known.extend(names.into_iter().map(|name| (name, group)));
    }
    let mut out = Vec::new();
    for mut group in groups {
        group.sort_unstable();
        out.extend(group.into_iter().take(most));
    }
    out
}

fn names(observation: &Value) -> Vec<(String, String)> {
    let Some(code) = observation.get("code") else { return Vec::new() };
    let coding =
        |c: &Value| Some((c.str("system").unwrap_or_default().to_owned(), c.str("code")?.to_owned()));
    let codings: Vec<_> = code.items("coding").iter().filter_map(coding).collect();
    if codings.is_empty() {
        return code.str("text").map(|text| ("text".to_owned(), text.to_lowercase())).into_iter().collect();
    }
    codings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn the_newest_of_each_kind_come_group_by_group() {
        let check = |codes: &[&str], most: usize, expected: &[usize]| {
            let of = |code: &&str| {
                let codings: Vec<String> = code
                    .split('=')
                    .filter(|c| !c.is_empty() && !c.starts_with('~'))
                    .map(|c| format!(r#"{{"system":"s","code":"{c}"}}"#))
                    .collect();
                let text = code.strip_prefix('~').unwrap_or("t");
                let codings = if codings.is_empty() {
                    String::new()
                } else {
                    format!(r#","coding":[{}]"#, codings.join(","))
                };
                parse(format!(r#"{{"code":{{"text":"{text}"{codings}}}}}"#).as_bytes(), &Limits::default())
                    .unwrap()
            };
            let observations: Vec<Value> = codes.iter().map(of).collect();
            assert_eq!(newest_of_each(&observations, most), expected, "{codes:?}");
        };
        check(&[], 1, &[]);
        check(&["a", "b", "a", "b"], 1, &[0, 1]);
        check(&["a", "b", "a", "b"], 5, &[0, 2, 1, 3]);
        check(&["a", "b", "a=b", "b"], 5, &[0, 1, 2, 3]);
        check(&["a", "b", "c", "a=b"], 1, &[0, 2]);
        check(&["~Pulse", "~pulse", "~Temp"], 1, &[0, 2]);
    }
}
