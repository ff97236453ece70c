"""Every resource of the invented clinic, in each way the box hands it out, is valid to the R4 models of fhir.resources."""

import json

import pytest
from conftest import BASE, parsed
from fhir.resources import get_fhir_model_class


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


def test_xml_says_what_json_says(session):
    """Another reader of XML (lxml and the models) finds the same in both forms."""
    seen = set()
    for kind in ["Patient", "Encounter", "Observation", "Condition", "DiagnosticReport", "MedicationRequest",
                 "ClinicalImpression", "AllergyIntolerance", "Immunization", "DocumentReference", "Organization"]:
        forms = {}
        for form in ["json", "xml"]:
            answer = session.get(f"{BASE}/{kind}?_count=30&_sort=_id", headers={"Accept": f"application/fhir+{form}"})
            assert answer.headers["Content-Type"] == f"application/fhir+{form}; charset=utf-8"
            bundle = get_fhir_model_class("Bundle").parse_raw(answer.content, content_type=f"application/{form}")
            forms[form] = [json.loads(entry.resource.json()) for entry in bundle.entry]
        assert forms["json"] == forms["xml"], kind
        seen.update(each["id"] for each in forms["json"])
    assert len(seen) > 200


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
