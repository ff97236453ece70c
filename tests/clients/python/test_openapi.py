"""Schemathesis: the interface of the screens, as its own OpenAPI document describes it, asked by everybody."""

import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import requests
import schemathesis
from conftest import BASE, PASSWORD, ROOT, STAFF, TOKEN
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

REPOSITORY = Path(__file__).parents[3]
BIN = os.environ.get("CLINICVAULT_BIN") or REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/clinicvault"
OWN_PAGE = {"X-ClinicVault": "1", "Sec-Fetch-Site": "same-origin"}

document = json.loads(subprocess.run([BIN, "openapi"], check=True, capture_output=True).stdout)
schema = schemathesis.openapi.from_dict(document)
# It ends the session that the next request would go with.
schema = schema.exclude(path="/api/logout")


def octets(value):
    """What was made up, as the bytes that are sent: text, bytes, or a list of numbers."""
    if isinstance(value, list):
        return bytes(byte % 256 if isinstance(byte, int) else 0 for byte in value)
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.serializer("application/hl7-v2", "audio/wav")
def as_it_is(context, value):
    """A message or a recording is sent as it was made up."""
    return octets(value)


class Caller:
    """Somebody who asks: signed in as a role, a machine with a token, or nobody."""

    def __init__(self, name, username=None, token=None):
        self.name, self.username = name, username
        self.http = requests.Session()
        self.http.headers.update({"Authorization": f"Bearer {token}"} if token else OWN_PAGE)

    def sign_in(self):
        self.http.cookies.clear()
        answer = self.http.post(f"{ROOT}/api/login", json={"username": self.username, "password": PASSWORD})
        if answer.json().get("next") == "password":
            answer = self.http.post(f"{ROOT}/api/login/password", json={"password": PASSWORD + "!"})
        assert answer.status_code == 200 and answer.json()["session"], (self.name, answer.text)

    def ask(self, case):
        return case.call(base_url=ROOT, session=self.http)


callers = [Caller(role, username=username) for username, role in STAFF.items()]
callers += [Caller("machine", token=TOKEN), Caller("stranger", token="made-up"), Caller("nobody")]
answers = {caller.name: Counter() for caller in callers}

found = requests.get(f"{BASE}/Patient?_count=20&_elements=id", headers={"Authorization": f"Bearer {TOKEN}"})
patients = [entry["resource"]["id"] for entry in found.json()["entry"]]


@pytest.fixture(scope="module", autouse=True)
def everybody_signs_in():
    """Not before: whoever signs in somewhere else ends the session that was begun here."""
    for caller in callers:
        if caller.username:
            caller.sign_in()


@schema.hook
def map_path_parameters(context, path_parameters):
    """Most made-up ids name nobody: every other patient's id is a real one."""
    if path_parameters and "id" in path_parameters and "/patients/" in context.operation.path:
        chance = random.Random(json.dumps(path_parameters, sort_keys=True, default=str))
        if chance.random() < 0.5:
            path_parameters = {**path_parameters, "id": chance.choice(patients)}
    return path_parameters


@schema.parametrize()
@settings(max_examples=4, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_no_request_breaks_the_box(case):
    """Schemathesis makes some dozens of requests for each address; four in turn ask each of them."""
    parts = (case.operation.label, case.path_parameters, case.query, case.body)
    for caller in random.Random(repr(parts)).sample(callers, 4):
        response = caller.ask(case)
        answers[caller.name][response.status_code] += 1
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])


def test_the_requests_meant_something():
    """They got through to handlers, as who they say, to the end; nobody got anywhere without being somebody."""
    print(dict(answers))
    for caller in callers:
        seen = answers[caller.name]
        if caller.username:
            assert seen[200] > 5 and seen[404] + seen[422] + seen[400] > 10, (caller.name, seen)
        else:
            assert seen[401] + seen[403] > 50, (caller.name, seen)


def test_everybody_is_still_signed_in():
    """The requests above went as who they say, to the end."""
    for caller in callers:
        answer = caller.http.get(f"{ROOT}/api/session")
        wanted = 200 if caller.username else 403 if caller.name == "machine" else 401
        assert answer.status_code == wanted, (caller.name, answer.text)
