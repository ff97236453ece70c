"""fhirpy: the synchronous and the asynchronous client, walk for walk."""

import asyncio

import pytest
from conftest import BASE, SYSTEM, TOKEN, parsed, patient, potassium, resource, word
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound


def test_a_record_is_saved_changed_read_and_deleted(client):
    made = resource(client, patient(word()))
    made.save()
    assert made.id and made["meta"]["versionId"] == "1"
    made["active"] = True
    made.save()
    assert made["meta"]["versionId"] == "2"
    again = client.reference("Patient", made.id).to_resource()
    assert again["active"] is True and again.serialize() == made.serialize()
    made["active"] = False
    made.refresh()
    assert made["active"] is True
    made.delete()
    with pytest.raises(ResourceNotFound, match="deleted"):
        client.get("Patient", made.id)
    with pytest.raises(ResourceNotFound, match="does not exist"):
        client.get("Patient", "nobody")


def test_searches_count_sort_page_and_narrow(client):
    family = word()
    made = [resource(client, patient(family, birthDate=f"198{n}-01-01")) for n in range(5)]
    for each in made:
        each.save()
    found = client.resources("Patient").search(family=family)
    assert found.count() == 5
    ordered = found.sort("-birthdate").limit(2)
    assert [each.id for each in ordered.fetch()] == [each.id for each in reversed(made[3:])]
    assert [each.id for each in ordered.fetch_all()] == [each.id for each in reversed(made)]
    assert [each.id for each in ordered] == [each.id for each in reversed(made)]
    assert found.search(birthdate__ge="1983").count() == 2
    assert found.search(birthdate__lt="1983", gender="female").count() == 3
    assert found.search(gender__not="female").count() == 0
    assert found.search(given__exact="Asha").count() == 5
    assert found.search(given__contains="sh").count() == 5
    assert found.search(_id=[made[0].id]).get().id == made[0].id
    assert found.search(birthdate="1983-01-01").first().id == made[3].id
    with pytest.raises(MultipleResourcesFound):
        found.get()
    narrow = found.elements("birthDate").first()
    assert "name" not in narrow and narrow["birthDate"]
    raw = found.limit(2).fetch_raw()
    assert raw["type"] == "searchset" and len(raw["entry"]) == 2


def test_a_record_is_made_once_and_changed_by_query(client):
    body = patient(word())
    query = f"identifier={SYSTEM}|{body['identifier'][0]['value']}"
    once = SyncFHIRClient(BASE, authorization=f"Bearer {TOKEN}", extra_headers={"If-None-Exist": query})
    made, again = resource(once, body), resource(once, body)
    made.save()
    again.save()
    assert again.id == made.id
    by = client.resources("Patient").search(identifier=query.removeprefix("identifier="))
    changed, fresh = by.update(resource(client, {**body, "active": True}))
    assert (fresh, changed.id, changed["active"]) == (False, made.id, True)


def test_a_condition_in_the_address_of_a_create_is_refused_and_not_dropped(client):
    """`get_or_create` of fhirpy sends its query there, which R4 has no meaning for."""
    body = patient(word())
    by = client.resources("Patient").search(identifier=f"{SYSTEM}|{body['identifier'][0]['value']}")
    with pytest.raises(OperationOutcome, match="If-None-Exist"):
        by.get_or_create(resource(client, body))
    assert by.count() == 0


def test_a_fhirpath_patch_changes_the_record(client):
    made = resource(client, patient(word()))
    made.save()
    operation = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "other"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    changed = client.execute(f"Patient/{made.id}", method="patch", data=parameters)
    assert changed["gender"] == "other" and changed["meta"]["versionId"] == "2"


def test_a_patch_that_r4_does_not_have_is_refused_with_a_reason(client):
    """`patch` of fhirpy sends the changed elements alone, which is no patch of R4: it must not be taken for one."""
    made = resource(client, patient(word()))
    made.save()
    with pytest.raises(OperationOutcome) as refusal:
        made.patch(gender="other")
    parsed(refusal.value.resource)
    assert client.get("Patient", made.id)["meta"]["versionId"] == "1"


def test_references_lead_to_records(client):
    who = resource(client, patient(word()))
    who.save()
    what = resource(client, potassium(f"Patient/{who.id}", 4.2))
    what.save()
    assert what["subject"].is_local
    assert what["subject"].to_resource().id == who.id
    assert client.resources("Observation").search(subject=who.to_reference()).get().id == what.id


def test_what_breaks_a_rule_is_refused_with_the_place(client):
    with pytest.raises(OperationOutcome) as refusal:
        client.resource("Patient", gender="blue").save()
    outcome = refusal.value.resource
    parsed(outcome)
    assert outcome["issue"][0]["expression"][0].startswith("Patient.gender")


def test_a_transaction_is_carried_out(client):
    family = word()
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": patient(family),
             "request": {"method": "POST", "url": "Patient"}},
            {"resource": potassium("urn:uuid:00000000-0000-4000-8000-000000000001", 4.2),
             "request": {"method": "POST", "url": "Observation"}},
        ],
    }
    done = client.execute("", data=bundle)
    assert [entry["response"]["status"][:3] for entry in done["entry"]] == ["201", "201"]


def test_capabilities_and_history_are_read(client):
    assert client.execute("metadata", method="get")["fhirVersion"] == "4.0.1"
    made = resource(client, patient(word()))
    made.save()
    history = client.execute(f"Patient/{made.id}/_history", method="get")
    assert history["type"] == "history" and history["total"] == 1


def test_the_asynchronous_client_does_the_same_at_once(async_client):
    async def walk():
        family = word()
        made = [resource(async_client, patient(family, birthDate=f"198{n}-01-01")) for n in range(8)]
        await asyncio.gather(*(each.save() for each in made))
        found = async_client.resources("Patient").search(family=family)
        assert await found.count() == 8
        ordered = found.sort("birthdate").limit(3)
        assert [each.id async for each in ordered] == [each.id for each in made]
        results = [resource(async_client, potassium(f"Patient/{each.id}", n)) for n, each in enumerate(made)]
        await asyncio.gather(*(each.save() for each in results))
        subjects = await asyncio.gather(*(each["subject"].to_resource() for each in results))
        assert [each.id for each in subjects] == [each.id for each in made]
        made[0]["active"] = True
        await made[0].save()
        assert made[0]["meta"]["versionId"] == "2"
        body = patient(word())
        by = async_client.resources("Patient").search(identifier=f"{SYSTEM}|{body['identifier'][0]['value']}")
        raced = await asyncio.gather(*(by.update(resource(async_client, body)) for _ in range(4)))
        assert len({one.id for one, _ in raced}) == 1 and sum(fresh for _, fresh in raced) == 1
        await made[0].delete()
        with pytest.raises(ResourceNotFound):
            await async_client.get("Patient", made[0].id)

    asyncio.run(walk())


def test_chains_reverse_chains_and_includes(client):
    offered = client.execute("metadata", method="get")["rest"][0]["interaction"]
    if all(each["code"] != "search-system" for each in offered):
        pytest.skip("the box does not offer search-system")
    family = word()
    who = resource(client, patient(family))
    who.save()
    what = resource(client, potassium(f"Patient/{who.id}", 4.2))
    what.save()
    observations, patients = client.resources("Observation"), client.resources("Patient")
    assert observations.search(subject__Patient__family=family).get().id == what.id
    assert observations.search(patient__family=family).get().id == what.id
    assert patients.search(family=family).has("Observation", "patient", code="http://loinc.org|2823-3").get().id == who.id
    assert patients.search(family=family).has("Observation", "patient", code="none").count() == 0
    bundle = observations.search(_id=[what.id]).include("Observation", "subject").fetch_raw()
    assert [(entry["resource"].id, entry["search"]["mode"]) for entry in bundle["entry"]] == [(what.id, "match"), (who.id, "include")]
    bundle = patients.search(_id=[who.id]).revinclude("Observation", "subject").fetch_raw()
    assert [entry["resource"].id for entry in bundle["entry"]] == [who.id, what.id]
    assert [each.id for each in patients.search(_id=[who.id]).revinclude("Observation", "subject").fetch()] == [who.id]
