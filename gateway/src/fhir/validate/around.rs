//! The resource at hand and what is around it: its container, the bundle it stands in.

use crate::json::Value;

/// What references within a resource may lead to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// The resource at hand.
    pub resource: Option<&'a Value>,
    /// The resource that contains it, or itself.
    pub container: Option<&'a Value>,
    /// The bundle around it.
    pub bundle: Option<&'a Value>,
    /// Its full address in that bundle.
    pub full_url: Option<&'a str>,
}

impl<'a> Surroundings<'a> {
    /// A resource alone.
    pub fn of(resource: &'a Value) -> Self {
        let bundle = (resource.str("resourceType") == Some("Bundle")).then_some(resource);
        Self { resource: Some(resource), container: Some(resource), bundle, full_url: None }
    }

    /// A resource within the one at hand: contained, or an entry.
    pub fn within(self, resource: &'a Value) -> Self {
        let outer = self.container.or(self.resource);
        let contained = outer.is_some_and(|o| o.items("contained").iter().any(|c| std::ptr::eq(c, resource)));
        if contained {
            return Self { resource: Some(resource), ..self };
        }
        let entry = self.bundle.map(|b| b.items("entry")).unwrap_or_default();
        let entry = entry.iter().find(|e| e.get("resource").is_some_and(|r| std::ptr::eq(r, resource)));
        let inner = resource.str("resourceType") == Some("Bundle");
        Self {
            resource: Some(resource),
            container: Some(resource),
            bundle: if inner { Some(resource) } else { self.bundle },
            full_url: entry.and_then(|e| e.str("fullUrl")),
        }
    }

    /// The resource that a reference leads to, when it is contained or stands in the same bundle.
    pub fn resolve(&self, reference: &str) -> Option<&'a Value> {
        if let Some(id) = reference.strip_prefix('#') {
            let container = self.container?;
            if id.is_empty() {
                return Some(container);
            }
            return container.items("contained").iter().find(|c| c.str("id") == Some(id));
        }
        self.in_bundle(reference).next()
    }

    /// Entries of the bundle that a reference means, by the rules of R4 Bundle, "Resolving references in Bundles".
    pub fn in_bundle(&self, reference: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        let plain = plain.split('#').next().unwrap_or(plain).to_owned();
        let target = self.absolute(&plain);
        let entries = self.bundle.map(|b| b.items("entry")).unwrap_or_default();
        let relative = !plain.contains(':');
        entries.iter().filter_map(move |entry| {
            let resource = entry.get("resource")?;
            let hit = match (entry.str("fullUrl"), &target) {
                (Some(url), Some(target)) => url == target,
                (Some(url), None) => !relative && url == plain || relative && ends_with(url, &plain),
                (None, _) => relative && is_named(resource, &plain),
            };
            hit.then_some(resource)
        })
    }

    /// The full address of a relative reference, by the base of the entry it stands in.
    fn absolute(&self, reference: &str) -> Option<String> {
        if reference.contains(':') {
            return Some(reference.to_owned());
        }
        let resource = self.container?;
        let (kind, id) = (resource.str("resourceType")?, resource.str("id")?);
        let base = self.full_url?.strip_suffix(&format!("{kind}/{id}"))?;
        (!base.is_empty()).then(|| format!("{base}{reference}"))
    }
}

fn ends_with(url: &str, relative: &str) -> bool {
    url.strip_suffix(relative).is_some_and(|base| base.is_empty() || base.ends_with('/'))
}

fn is_named(resource: &Value, relative: &str) -> bool {
    let named = || Some(format!("{}/{}", resource.str("resourceType")?, resource.str("id")?));
    named().as_deref() == Some(relative)
}
