//! Searches against a naive matcher: small worlds and queries made from a seed, every record looked at in memory, every
//! reference followed in memory. It shares no code with the planner, the index or the query parser.

use std::collections::{BTreeMap, BTreeSet};

use clinicvault_gateway::fhir::id::LogicalId;
use proptest::prelude::*;

use super::super::access::{Actor, Role};
use super::super::testing::{Room, person};
use super::super::write::Draft;
use super::*;

/// A source of choices that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

/// A record as facts by search parameter. References are `Type/id`.
#[derive(Debug, Clone)]
struct Thing {
    kind: &'static str,
    id: String,
    facts: BTreeMap<&'static str, Vec<String>>,
}

impl Thing {
    fn name(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    fn values(&self, param: &str) -> &[String] {
        self.facts.get(param).map_or(&[], Vec::as_slice)
    }

    fn json(&self) -> String {
        let one = |param: &str| self.values(param).first();
        let mut members = vec![format!(r#""resourceType":"{}","id":"{}""#, self.kind, self.id)];
        let mut put = |text: Option<String>| members.extend(text);
        let reference =
            |key: &str, param: &str| one(param).map(|to| format!(r#""{key}":{{"reference":"{to}"}}"#));
        match self.kind {
            "Organization" => {
                put(one("name").map(|name| format!(r#""name":"{name}""#)));
                put(reference("partOf", "partof"));
            }
            "Patient" => {
                let names: Vec<_> =
                    self.values("family").iter().map(|n| format!(r#"{{"family":"{n}"}}"#)).collect();
                put((!names.is_empty()).then(|| format!(r#""name":[{}]"#, names.join(","))));
                put(one("gender").map(|code| format!(r#""gender":"{code}""#)));
                put(one("birthdate").map(|date| format!(r#""birthDate":"{date}""#)));
                put(reference("managingOrganization", "organization"));
            }
            "Encounter" => {
                put(Some(r#""class":{"code":"AMB"}"#.to_owned()));
                put(one("status").map(|code| format!(r#""status":"{code}""#)));
                put(reference("subject", "subject"));
                put(reference("serviceProvider", "service-provider"));
            }
            _ => {
                put(one("status").map(|code| format!(r#""status":"{code}""#)));
                put(one("code").map(|code| format!(r#""code":{{"coding":[{{"code":"{code}"}}]}}"#)));
                put(one("category").map(|code| format!(r#""category":[{{"coding":[{{"code":"{code}"}}]}}]"#)));
                put(one("date").map(|date| format!(r#""effectiveDateTime":"{date}""#)));
                put(reference("subject", "subject"));
                put(reference("encounter", "encounter"));
                let parts = self.values("has-member");
                if !parts.is_empty() {
                    let parts = parts.iter().map(|to| format!(r#"{{"reference":"{to}"}}"#));
                    put(Some(format!(r#""hasMember":[{}]"#, parts.collect::<Vec<_>>().join(","))));
                }
            }
        }
        format!("{{{}}}", members.join(","))
    }
}

/// Token and string parameters of a type with the values that are given out.
const PLAIN: [(&str, &str, &[&str]); 7] = [
    ("Organization", "name", &["north", "south"]),
    ("Patient", "family", &["rao", "iyer", "khan"]),
    ("Patient", "gender", &["male", "female"]),
    ("Encounter", "status", &["planned", "finished"]),
    ("Observation", "code", &["a", "b", "c"]),
    ("Observation", "status", &["final", "preliminary"]),
    ("Observation", "category", &["vital-signs", "laboratory"]),
];
/// Reference parameters with the type that they lead to.
const LINKS: [(&str, &str, &str); 7] = [
    ("Organization", "partof", "Organization"),
    ("Patient", "organization", "Organization"),
    ("Encounter", "subject", "Patient"),
    ("Encounter", "service-provider", "Organization"),
    ("Observation", "subject", "Patient"),
    ("Observation", "encounter", "Encounter"),
    ("Observation", "has-member", "Observation"),
];
const KINDS: [&str; 4] = ["Organization", "Patient", "Encounter", "Observation"];
const SORTS: [(&str, &[&str]); 4] = [
    ("Organization", &["name", "_id"]),
    ("Patient", &["birthdate", "gender", "family", "_id"]),
    ("Encounter", &["status", "_id"]),
    ("Observation", &["date", "code", "status", "_id"]),
];

fn world(dice: &mut Dice) -> Vec<Thing> {
    let mut world: Vec<Thing> = Vec::new();
    for (kind, most) in [("Organization", 4), ("Patient", 7), ("Encounter", 8), ("Observation", 22)] {
        for number in 0..1 + dice.roll(most) {
            let mut facts: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
            for (of, param, values) in PLAIN.iter().filter(|(of, ..)| *of == kind) {
                // What a type must have, and what it may lack.
                let needed = matches!((*of, *param), ("Encounter" | "Observation", "status" | "code"));
                if needed || dice.roll(4) > 0 {
                    let mut all = vec![dice.pick(values).to_owned()];
                    if *param == "family" && dice.roll(3) == 0 {
                        all.push(dice.pick(values).to_owned());
                    }
                    facts.insert(param, all);
                }
            }
            if kind == "Organization" {
                facts.entry("name").or_insert_with(|| vec!["east".to_owned()]);
            }
            for param in ["birthdate", "date"] {
                let has = matches!((kind, param), ("Patient", "birthdate") | ("Observation", "date"));
                if has && dice.roll(3) > 0 {
                    facts.insert(param, vec![format!("2020-01-{:02}", 1 + dice.roll(9))]);
                }
            }
            for (_, param, target) in LINKS.iter().filter(|(of, ..)| *of == kind) {
                let there: Vec<String> =
                    world.iter().filter(|t| t.kind == *target).map(Thing::name).collect();
                if !there.is_empty() && dice.roll(4) > 0 {
                    let mut all = vec![there[dice.roll(there.len())].clone()];
                    if *param == "has-member" {
                        all.push(there[dice.roll(there.len())].clone());
                    }
                    facts.insert(param, all);
                }
            }
            world.push(Thing { kind, id: format!("{}{number}", kind.to_lowercase()), facts });
        }
    }
    world
}

#[derive(Debug, Clone)]
enum Ask {
    Is(&'static str, String),
    Not(&'static str, String),
    Missing(&'static str, bool),
    Chain(&'static str, Option<&'static str>, Box<Ask>),
    Has(&'static str, &'static str, Box<Ask>),
}

fn ask(dice: &mut Dice, kind: &'static str, depth: usize) -> Ask {
    let links: Vec<_> = LINKS.iter().filter(|(of, ..)| *of == kind).collect();
    let back: Vec<_> = LINKS.iter().filter(|(.., to)| *to == kind).collect();
    match dice.roll(6) {
        0 | 1 if depth > 0 && !links.is_empty() => {
            let (_, param, to) = links[dice.roll(links.len())];
            Ask::Chain(param, (dice.roll(2) == 0).then_some(*to), Box::new(ask(dice, to, depth - 1)))
        }
        2 if depth > 0 && !back.is_empty() => {
            let (from, param, _) = back[dice.roll(back.len())];
            Ask::Has(from, param, Box::new(ask(dice, from, depth - 1)))
        }
        roll => {
            let own: Vec<_> = PLAIN.iter().filter(|(of, ..)| *of == kind).collect();
            let (_, param, values) = own[dice.roll(own.len())];
            match roll {
                3 => Ask::Missing(param, dice.roll(2) == 0),
                4 if !matches!(*param, "name" | "family") => Ask::Not(param, dice.pick(values).to_owned()),
                _ => Ask::Is(param, dice.pick(values).to_owned()),
            }
        }
    }
}

impl Ask {
    fn name(&self) -> String {
        match self {
            Self::Is(param, _) => (*param).to_owned(),
            Self::Not(param, _) => format!("{param}:not"),
            Self::Missing(param, _) => format!("{param}:missing"),
            Self::Chain(param, Some(kind), rest) => format!("{param}:{kind}.{}", rest.name()),
            Self::Chain(param, None, rest) => format!("{param}.{}", rest.name()),
            Self::Has(kind, param, rest) => format!("_has:{kind}:{param}:{}", rest.name()),
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Is(_, value) | Self::Not(_, value) => value.clone(),
            Self::Missing(_, yes) => yes.to_string(),
            Self::Chain(.., rest) | Self::Has(.., rest) => rest.value(),
        }
    }

    /// By the sentences of the standard, one record at a time.
    fn holds(&self, world: &[Thing], sees: &dyn Fn(&Thing) -> bool, thing: &Thing) -> bool {
        match self {
            Self::Is(param, value) => thing.values(param).contains(value),
            Self::Not(param, value) => !thing.values(param).contains(value),
            Self::Missing(param, yes) => thing.values(param).is_empty() == *yes,
            Self::Chain(param, kind, rest) => thing.values(param).iter().any(|to| {
                world.iter().any(|other| {
                    other.name() == *to
                        && kind.is_none_or(|kind| other.kind == kind)
                        && sees(other)
                        && rest.holds(world, sees, other)
                })
            }),
            Self::Has(kind, param, rest) => world.iter().any(|other| {
                other.kind == *kind
                    && other.values(param).contains(&thing.name())
                    && sees(other)
                    && rest.holds(world, sees, other)
            }),
        }
    }
}

/// What a member of the laboratory sees: no visits, and of observations those that are no vital signs.
fn lab_sees(thing: &Thing) -> bool {
    match thing.kind {
        "Encounter" => false,
        "Observation" => !thing.values("category").contains(&"vital-signs".to_owned()),
        _ => true,
    }
}

type Sorting = Vec<(&'static str, bool)>;

/// The order of the standard: by each key, without a value last; then in the order in which they were made.
fn expected(
    world: &[Thing],
    kind: &str,
    asks: &[Ask],
    sees: &dyn Fn(&Thing) -> bool,
    sorting: &Sorting,
) -> Vec<String> {
    let mut found: Vec<(usize, &Thing)> = world
        .iter()
        .enumerate()
        .filter(|(_, t)| t.kind == kind && sees(t) && asks.iter().all(|ask| ask.holds(world, sees, t)))
        .collect();
    let value = |thing: &Thing, key: &str, down: bool| {
        let own = [thing.id.clone()];
        let all = if key == "_id" { &own[..] } else { thing.values(key) };
        let chosen = if down { all.iter().max() } else { all.iter().min() };
        chosen.cloned()
    };
    found.sort_by(|(a_at, a), (b_at, b)| {
        for (key, down) in sorting {
            let order = match (value(a, key, *down), value(b, key, *down)) {
                (Some(a), Some(b)) if *down => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            if order.is_ne() {
                return order;
            }
        }
        let turned =
            sorting.iter().find(|(key, down)| value(a, key, *down).is_some()).is_some_and(|(_, down)| *down);
        if turned { b_at.cmp(a_at) } else { a_at.cmp(b_at) }
    });
    found.into_iter().map(|(_, thing)| thing.name()).collect()
}

fn names(rows: &[Stored]) -> Vec<String> {
    rows.iter().map(|row| format!("{}/{}", row.kind().unwrap(), row.head.id)).collect()
}

async fn put(records: &Records, thing: &Thing) {
    let operator = Caller::of(Actor::operator("test"));
    let json = clinicvault_gateway::json::parse(thing.json().as_bytes(), &Default::default()).unwrap();
    let id = LogicalId::parse(&thing.id).unwrap();
    records
        .update(&operator, &id, Draft::of(json).unwrap(), None)
        .await
        .unwrap_or_else(|e| panic!("{}: {e}", thing.json()));
}

/// What comes along by `_include` of a parameter, or `_revinclude` of it.
fn along(
    world: &[Thing],
    shown: &[String],
    sees: &dyn Fn(&Thing) -> bool,
    link: (&str, &str),
    reverse: bool,
) -> BTreeSet<String> {
    let (of, param) = link;
    let mut out = BTreeSet::new();
    for thing in world.iter().filter(|t| t.kind == of) {
        for to in thing.values(param) {
            if reverse && shown.contains(to) && sees(thing) {
                out.insert(thing.name());
            }
            let target = world.iter().find(|t| t.name() == *to);
            if !reverse && shown.contains(&thing.name()) && target.is_some_and(sees) {
                out.insert(to.clone());
            }
        }
    }
    out.retain(|name| !shown.contains(name));
    out
}

async fn check(seed: u64) {
    let mut dice = Dice(seed);
    let mut now = world(&mut dice);
    let room = Room::empty();
    let few = [1, 2, 4_096][dice.roll(3)];
    let brief = [0, 30, 4_000][dice.roll(3)];
    // A tight page ends early and often; it must still lead on to every row.
    let search_rows = [200_000, 200_000, 400][dice.roll(3)];
    room.records.bound_searches(Bounds { few, brief, search_rows, ..Bounds::default() });
    for thing in &now {
        put(&room.records, thing).await;
    }
    for _ in 0..24 {
        let kind = KINDS[dice.roll(KINDS.len())];
        let asks: Vec<Ask> = (0..dice.roll(4)).map(|_| ask(&mut dice, kind, 3)).collect();
        let (_, sortable) = SORTS.iter().find(|(of, _)| *of == kind).unwrap();
        let sorting: Sorting = (0..dice.roll(3)).map(|_| (dice.pick(sortable), dice.roll(2) == 0)).collect();
        let lab = dice.roll(2) == 0 && kind != "Encounter";
        let sees = |thing: &Thing| !lab || lab_sees(thing);
        let from = if lab { person(Role::Lab) } else { Caller::of(Actor::operator("test")) };
        let mut parameters: Vec<(String, String)> =
            asks.iter().map(|ask| (ask.name(), ask.value())).collect();
        if !sorting.is_empty() {
            let keys = sorting.iter().map(|(key, down)| format!("{}{key}", if *down { "-" } else { "" }));
            parameters.push(("_sort".to_owned(), keys.collect::<Vec<_>>().join(",")));
        }
        let count = 1 + dice.roll(4);
        parameters.push(("_count".to_owned(), count.to_string()));
        let link = LINKS[dice.roll(LINKS.len())];
        let reverse = link.2 == kind;
        if reverse || link.0 == kind {
            let name = if reverse { "_revinclude" } else { "_include" };
            parameters.push((name.to_owned(), format!("{}:{}", link.0, link.1)));
        }
        let accurate = dice.roll(2) == 0;
        if accurate {
            parameters.push(("_total".to_owned(), "accurate".to_owned()));
        }
        let field = Field::Type(ResourceType::parse(kind).unwrap());
        let what = format!(
            "seed {seed}, few {few}, brief {brief}, rows {search_rows}, lab {lab}: {kind}?{parameters:?}"
        );
        let wanted = expected(&now, kind, &asks, &sees, &sorting);
        let then = now.clone();
        let first = room.records.search_in(&from, &field, &parameters, Handling::Strict, 1_000);
        let mut page = match first {
            Ok(page) => page,
            Err(error) if search_rows < 1_000 && error.to_string().contains("limits.search_rows") => continue,
            Err(error) => panic!("{what}: {error}"),
        };
        if accurate {
            assert_eq!(page.total, Some(wanted.len() as u64), "{what}");
        } else if let Some(total) = page.total {
            assert_eq!(total, wanted.len() as u64, "{what}");
        }
        let mut got: Vec<String> = Vec::new();
        let mut pages = 0;
        loop {
            pages += 1;
            assert!(pages < 200, "no end: {what}");
            let shown = names(&page.rows);
            assert!(shown.len() <= count, "{what}");
            if reverse || link.0 == kind {
                let included: BTreeSet<String> = names(&page.included).into_iter().collect();
                assert_eq!(included.len(), page.included.len(), "{what}");
                let all = along(&then, &shown, &sees, (link.0, link.1), reverse);
                let cut = page.search.warnings.iter().any(|w| w.diagnostics.contains("limits.included"));
                assert!(included == all || (cut && included.is_subset(&all)), "{what}: {included:?} {all:?}");
            }
            got.extend(shown);
            let Some(cursor) = page.next.take() else { break };
            // Others write and delete between two pages.
            if dice.roll(3) == 0 {
                disturb(&mut dice, &room.records, &mut now).await;
            }
            page = match room.records.next_in(&from, &field, &cursor, 1_000) {
                Ok(page) => page,
                Err(error) if search_rows < 1_000 && error.to_string().contains("limits.search_rows") => {
                    break;
                }
                Err(error) => panic!("{what}: {error}"),
            };
        }
        if !sorting.is_empty() {
            let begun = wanted.get(..got.len()).unwrap_or_default();
            assert!(begun == got.as_slice(), "{what}\n got {got:?}\nwant {wanted:?}");
        }
        if search_rows > 1_000 {
            let all: BTreeSet<_> = got.iter().collect();
            assert_eq!(all.len(), got.len(), "twice: {what} {got:?}");
            assert_eq!(all, wanted.iter().collect(), "{what}");
        }
    }
}

/// Changes or deletes a record that nothing refers to, or makes a new one.
async fn disturb(dice: &mut Dice, records: &Records, world: &mut Vec<Thing>) {
    let leaves: Vec<usize> = (0..world.len()).filter(|at| world[*at].kind == "Observation").collect();
    let at = leaves[dice.roll(leaves.len())];
    let name = world[at].name();
    let free = !world.iter().any(|t| t.facts.values().flatten().any(|to| *to == name));
    if dice.roll(3) == 0 && free && leaves.len() > 2 {
        let gone = world.remove(at);
        let (operator, id) = (Caller::of(Actor::operator("test")), LogicalId::parse(&gone.id).unwrap());
        records.delete(&operator, ResourceType::OBSERVATION, &id, None).await.unwrap();
        return;
    }
    world[at].facts.insert("code", vec![dice.pick(&["a", "b", "c"]).to_owned()]);
    world[at].facts.insert("date", vec![format!("2020-01-{:02}", 1 + dice.roll(9))]);
    if dice.roll(2) == 0 {
        world[at].facts.remove("subject");
    }
    let changed = world[at].clone();
    put(records, &changed).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn the_executor_finds_what_a_naive_matcher_finds(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(seed));
    }
}
