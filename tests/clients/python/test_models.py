"""Every resource of the invented clinic, in each way the box hands it out, is valid to the R4 models of fhir.resources."""

import pytest
from conftest import BASE, parsed


def pages(session, address):
    while address:
        answer = session.get(address, headers={"Accept": "application/fhir+json"})
        assert answer.status_code == 200, answer.text
        yield answer.json()
        address = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), None)


def test_the_capability_statement(session):
    parsed(session.get(f"{BASE}/metadata").content)


def test_everything_that_the_invented_clinic_holds(session):
    kinds = [each["type"] for each in session.get(f"{BASE}/metadata").json()["rest"][0]["resource"]]
    counts = {}
    for kind in kinds:
        first = session.get(f"{BASE}/{kind}?_summary=count").json()
        parsed(first)
        if not first["total"]:
            continue
        for page in pages(session, f"{BASE}/{kind}?_count=200"):
            parsed(page)
            counts[kind] = counts.get(kind, 0) + len(page.get("entry", []))
        assert counts[kind] >= first["total"], kind
    print(counts)
    assert {"Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition"} <= counts.keys()
    assert sum(counts.values()) > 1000, counts


def test_the_history_of_everything(session):
    seen = 0
    for page in pages(session, f"{BASE}/_history?_count=500"):
        parsed(page)
        seen += len(page["entry"])
    assert seen > 1000


@pytest.mark.parametrize("address", ["Patient/nobody", "Nothing", "Patient?birthdate=soon", "Patient/1/_history/x", "Patient/a b"])
def test_refusals_are_outcomes(session, address):
    answer = session.get(f"{BASE}/{address}")
    assert 400 <= answer.status_code < 500
    assert parsed(answer.content).resource_type == "OperationOutcome"


@pytest.mark.parametrize("reduced", ["_summary=true", "_summary=text", "_summary=data", "_elements=identifier"])
def test_reduced_records_are_still_valid(session, reduced):
    for kind in ["Patient", "Encounter", "Observation", "Condition", "DiagnosticReport", "MedicationRequest"]:
        page = session.get(f"{BASE}/{kind}?_count=20&{reduced}").json()
        parsed(page)
        assert page["entry"], kind
