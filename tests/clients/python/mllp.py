"""What the walks over MLLP share: channels of the box, certificates, and records that come of a message."""

import hashlib
import json
import os
import re
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import requests
from conftest import BASE, PASSWORD, ROOT, STAFF, TOKEN

REPOSITORY = Path(__file__).parents[3]
BIN = os.environ.get("CLINICVAULT_BIN") or REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/clinicvault"
PEERS = Path(os.environ["CLINIC_PEERS"])
HOST, PORT = os.environ["CLINIC_MLLP"].split(":")[0], int(os.environ["CLINIC_MLLP"].split(":")[1])
WITHIN = 30

owner = requests.Session()
owner.headers.update({"X-ClinicVault": "1", "Sec-Fetch-Site": "same-origin"})


def until(what, ask):
    """Asks until there is an answer."""
    end = time.monotonic() + WITHIN
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < end, f"{what} in {WITHIN} s"
        time.sleep(0.05)


def fhir(method, path, body=None):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/fhir+json"}
    answer = requests.request(method, f"{BASE}/{path}", headers=headers, data=body and json.dumps(body))
    assert answer.ok, answer.text
    return answer.json()


def record(query):
    """The one record that a search finds, once it is there."""

    def ask():
        entries = fhir("GET", query).get("entry", [])
        found = [each["resource"] for each in entries if each["search"]["mode"] == "match"]
        assert len(found) <= 1, (query, found)
        return found

    return until(query, ask)[0]


def fingerprint(name):
    """SHA-256 of a certificate, as tools write it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert((PEERS / f"{name}.crt").read_text())).hexdigest().upper()
    return ":".join(re.findall("..", digest))


def secure(purpose, name, trusts):
    """TLS of a peer that shows its certificate and trusts the one of the other side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if purpose == "server" else ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(PEERS / f"{name}.crt", PEERS / f"{name}.key")
    context.load_verify_locations(trusts)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def channel(document):
    """A channel that runs; taken away at the end."""
    name = document["name"]
    if not owner.cookies:
        username = next(username for username, role in STAFF.items() if role == "owner")
        answer = owner.post(f"{ROOT}/api/login", json={"username": username, "password": PASSWORD})
        assert answer.json()["session"], answer.text
    written = owner.put(f"{ROOT}/api/channels/{name}", json=document)
    assert written.status_code == 201, written.text

    def line():
        return next(each for each in owner.get(f"{ROOT}/api/channels").json()["channels"] if each["name"] == name)

    try:
        yield until(f"{name} runs", lambda: line()["state"] == "running" and line())
    finally:
        gone = owner.delete(f"{ROOT}/api/channels/{name}", headers={"If-Match": 'W/"1"'})
        assert gone.ok, gone.text


def telling(name, port, tls):
    """A channel that tells a receiver of patients."""
    to = {"kind": "mllp", "host": "127.0.0.1", "port": port, "facility": "CITYHOSP", "timeoutSeconds": 10}
    if tls:
        to["tls"] = {"fingerprint": fingerprint("peer"), "name": "localhost", "certificate": "sender"}
    source = {"kind": "records", "messages": ["ADT^A04", "ADT^A08"]}
    return {"name": name, "source": source, "destinations": [{"name": "peer", "to": to}]}


def send(path, port, tls, *flags):
    """`clinicvault hl7 send`; answers what it printed."""
    more = ["--pin", fingerprint("peer"), "--name", "localhost", "--cert", PEERS / "sender.crt", "--key", PEERS / "sender.key"]
    command = [BIN, "hl7", "send", path, "--to", f"127.0.0.1:{port}", *flags, *(more if tls else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
