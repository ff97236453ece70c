//! TXA with its OBX to DocumentReference.

use crate::hl7::Segment;
use crate::hl7::structure::{Class, Event, Layout};
use crate::json::{Object, Value};

use super::apply::Around;
use super::draft::{Draft, Drafts};
use super::meaning::{Label, Row};
use super::observation;
use super::value;

/// Adds the document of a medical document message; its OBX are the content, or text of it.
pub(super) fn document<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    about: &[Segment<'a>],
    layout: &Layout,
    event: Event,
    rows: &mut Vec<Row>,
) {
    let book = around.book;
    if event.class() != Class::Document {
        return;
    }
    let Some(txa) = about.iter().copied().find(|s| s.is("TXA")) else { return };
    let Some(mut draft) = around.resource(drafts, txa) else { return };
    if event.trigger() == "T11" {
        draft.put("status", "entered-in-error");
    }
    let mut contents: Vec<Value> = Vec::new();
    let mut text: Vec<String> = Vec::new();
    for obx in layout.observations.iter().filter_map(|i| book.segment(*i)) {
        let f = |n| book.field(obx, n);
        book.structural(obx, &[1]);
        match value::content(f(2), f(5)) {
            value::Content::Attached(attached) => {
                let mut json = attached.json;
                let title = f(3).c(2).take().or_else(|| f(3).c(1).peek()).inspect(|_| f(3).c(1).mark());
                if let (Some(object), Some(title)) = (json.as_object_mut(), title)
                    && !object.contains_key("title")
                {
                    object.insert("title", title);
                }
                contents.push(json);
            }
            value::Content::Text(line) => text.push(line),
            value::Content::Nothing => {}
        }
        for note in layout.notes_of(obx.index()).filter_map(|i| book.segment(i)) {
            text.extend(observation::note_text(book, note));
        }
    }
    if !text.is_empty() {
        let data = value::base64(text.join("\n").as_bytes());
        contents.insert(0, Object::new().with("contentType", "text/plain").with("data", data).into());
    }
    finish(around, drafts, draft, contents, txa, rows);
}

/// Adds the documents that a message about something else announces (TXA of a result): what they are and where they are filed.
/// Their content are the results around them.
pub(super) fn beside(around: &Around<'_, '_>, drafts: &mut Drafts, event: Event, rows: &mut Vec<Row>) {
    if event.class() == Class::Document {
        return;
    }
    for txa in around.book.message.all("TXA") {
        if let Some(draft) = around.resource(drafts, txa) {
            finish(around, drafts, draft, Vec::new(), txa, rows);
        }
    }
}

/// Completes a document by its content, or by what is known of it where none was sent (TXA-3).
fn finish<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    mut draft: Draft,
    mut contents: Vec<Value>,
    txa: Segment<'a>,
    rows: &mut Vec<Row>,
) {
    let book = around.book;
    book.structural(txa, &[1]);
    let stated = book.field(txa, 3).c(1);
    let kind = stated.peek().and_then(|k| book.maps.find("mime", &k)).inspect(|_| stated.mark());
    if contents.is_empty() {
        let shown = kind.map(|k| if k.code == "text" { "text/plain" } else { "application/octet-stream" });
        let title = draft.body.get("type").map(value::shown_concept).filter(|t| !t.is_empty());
        let title = title.unwrap_or_else(|| "(the content was not sent)".to_owned());
        contents.push(Object::new().with_some("contentType", shown).with("title", title).into());
    }
    for attachment in contents {
        draft.append("content", Object::new().with("attachment", attachment));
    }
    if let Some(encounter) = around.refs.get("encounter") {
        let context = draft.body.get("context").and_then(Value::as_object).cloned().unwrap_or_default();
        draft.put("context", context.with("encounter", vec![encounter.clone()]));
    }
    let title = draft.body.get("type").map(value::shown_concept).unwrap_or_default();
    rows.push(Row::plain(Label::Key("document"), title, txa.index()));
    drafts.add(draft);
}
