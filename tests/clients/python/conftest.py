"""The clinic that run.mjs opened; every resource that a walk receives is read by the models of fhir.resources."""

import json
import os
import random
import string

import pytest
import requests
from fhir.resources import construct_fhir_element
from fhirpy import AsyncFHIRClient, SyncFHIRClient

BASE = os.environ["CLINIC_BASE"]
ROOT = os.environ["CLINIC_ROOT"]
TOKEN = os.environ["CLINIC_TOKEN"]
STAFF = json.loads(os.environ["CLINIC_STAFF"])
PASSWORD = os.environ["CLINIC_PASSWORD"]
SYSTEM = "http://clients.example/number"

_letters = random.Random(20260304)


def word():
    """A word that no other test uses."""
    return "".join(_letters.choices(string.ascii_lowercase, k=12)).capitalize()


def parsed(body):
    """Reads a JSON resource (text, bytes or a dict) with the R4 models, which refuse what they do not know."""
    if not isinstance(body, dict):
        body = json.loads(body)
    return construct_fhir_element(body["resourceType"], body)


def patient(family, **more):
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": word()}],
        "name": [{"family": family, "given": ["Asha"]}],
        "gender": "female",
        "birthDate": "1984-02-29",
        **more,
    }


def resource(client, body):
    """The body as a resource of that fhirpy client."""
    return client.resource(body["resourceType"], **{key: value for key, value in body.items() if key != "resourceType"})


def potassium(subject, value, when="2026-03-04T09:30:00+05:30"):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "subject": {"reference": subject},
        "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    }


@pytest.fixture(autouse=True, scope="session")
def every_answer_is_read():
    """Both fhirpy clients hand each answer on through one method: look at it there."""
    sync_way, async_way = SyncFHIRClient._do_request, AsyncFHIRClient._do_request

    def look(answer):
        body = answer[0] if isinstance(answer, tuple) else answer
        if body:
            parsed(json.loads(json.dumps(body)))
        return answer

    def sync_looked(self, *args, **more):
        return look(sync_way(self, *args, **more))

    async def async_looked(self, *args, **more):
        return look(await async_way(self, *args, **more))

    SyncFHIRClient._do_request, AsyncFHIRClient._do_request = sync_looked, async_looked
    yield
    SyncFHIRClient._do_request, AsyncFHIRClient._do_request = sync_way, async_way


@pytest.fixture
def client():
    return SyncFHIRClient(BASE, authorization=f"Bearer {TOKEN}")


@pytest.fixture
def async_client():
    return AsyncFHIRClient(BASE, authorization=f"Bearer {TOKEN}")


@pytest.fixture(scope="session")
def session():
    """A plain session of `requests` with the token of the clients."""
    with requests.Session() as made:
        made.headers["Authorization"] = f"Bearer {TOKEN}"
        yield made
