"""HL7 v2 over MLLP: the packages `hl7` and `hl7apy` as senders to the box and as receivers of what it sends."""

import asyncio
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import hl7
import pytest
from conftest import SYSTEM, word
from hl7.client import MLLPClient
from hl7.mllp import open_hl7_connection, start_hl7_server
from hl7apy.core import Message
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message
from mllp import HOST, PEERS, PORT, channel, fhir, fingerprint, record, secure, send, telling, until

_digits = random.Random(20260205)
both_ways = pytest.mark.parametrize("tls", [False, True], ids=["plain", "mutual TLS"])


class Somebody:
    def __init__(self):
        self.family, self.number = word(), word()
        self.phone = f"97{_digits.randrange(10**8):08}"
        self.ids = [word(), word()]

    def registration(self):
        return "\r".join([
            f"MSH|^~\\&|PYHIS|CITYHOSP|CLINICVAULT|CLINIC|20260203090000+0530||ADT^A04^ADT_A01|{self.ids[0]}|P|2.5.1|||||IND|UNICODE UTF-8",
            "EVN||20260203090000+0530",
            f"PID|1||{self.number}^^^CITYHOSP^MR||{self.family}^Zoë \\T\\ Uma||19840307|F|||14 Lane\\F\\2^^Pune^MH^411028^IN||{self.phone}",
            "PV1|1|O",
        ]) + "\r"

    def result(self):
        return "\r".join([
            f"MSH|^~\\&|PYHIS|CITYHOSP|CLINICVAULT|CLINIC|20260203090000+0530||ORU^R01^ORU_R01|{self.ids[1]}|P|2.5.1|||||IND|UNICODE UTF-8",
            f"PID|1||{self.number}^^^CITYHOSP^MR||{self.family}^Zoë \\T\\ Uma||19840307|F",
            f"OBR|1|P{self.ids[1]}|F{self.ids[1]}|24323-8^Panel^LN|||20260203083000+0530||||||||||||||||||F",
            "OBX|1|NM|2823-3^Potassium^LN||5.9|mmol/L|3.5-5.1|H|||F|||20260203083000+0530",
        ]) + "\r"

    def is_stored(self, given="Zoë & Uma", street="14 Lane|2"):
        """Looks the person and the result up over FHIR, field by field."""
        who = record(f"Patient?identifier={self.number}")
        assert who["name"][0]["family"] == self.family and who["name"][0]["given"] == [given]
        assert (who["birthDate"], who["gender"]) == ("1984-03-07", "female")
        assert (who["address"][0]["line"][0], who["address"][0]["city"]) == (street, "Pune")
        assert any(each["value"].endswith(self.phone) for each in who["telecom"]), who["telecom"]
        report = record(f"DiagnosticReport?patient={who['id']}")
        assert f"F{self.ids[1]}" in [each["value"] for each in report["identifier"]]
        found = record(f"Observation?patient={who['id']}&code=http://loinc.org|2823-3")
        assert (found["valueQuantity"]["value"], found["valueQuantity"]["unit"]) == (5.9, "mmol/L")
        assert (found["status"], found["effectiveDateTime"]) == ("final", "2026-02-03T08:30:00+05:30")
        assert found["interpretation"][0]["coding"][0]["code"] == "H"

    def body(self, **more):
        """The same person as a record of the box."""
        return {
            "resourceType": "Patient", "id": self.number.lower(), "identifier": [{"system": SYSTEM, "value": self.number}],
            "name": [{"family": self.family, "given": ["Zoë & Uma"]}], "gender": "female", "birthDate": "1984-03-07",
            "address": [{"line": ["14 Lane|2"], "city": "Pune", "postalCode": "411028", "country": "IN"}],
            "telecom": [{"system": "phone", "value": self.phone}], **more,
        }


def acknowledged(answer, control_id):
    """An answer as `hl7` reads it, framed or not."""
    if isinstance(answer, bytes):
        assert answer.startswith(b"\x0b") and answer.endswith(b"\x1c\r"), answer
        answer = hl7.parse(answer[1:-2].decode())
    assert (str(answer["MSA.F1"]), str(answer["MSA.F2"])) == ("AA", control_id), str(answer)
    return answer


def test_the_blocking_client_of_hl7_sends_a_registration_and_a_result():
    who = Somebody()
    with MLLPClient(HOST, PORT) as client:
        answer = acknowledged(client.send_message(hl7.parse(who.registration())), who.ids[0])
        assert str(answer["MSH.F5"]) == "PYHIS" and str(answer["MSH.F6"]) == "CITYHOSP"
        first = client.send_message(who.result().encode())
        acknowledged(first, who.ids[1])
        assert client.send_message(who.result()) == first, "a repetition has the same answer"
    who.is_stored()


def test_mllp_send_of_hl7_sends_a_file(tmp_path):
    """`mllp_send --loose` takes messages that are not framed, one after the other."""
    who = Somebody()
    path = tmp_path / "two.hl7"
    path.write_text(who.registration() + who.result(), encoding="utf-8", newline="")
    tool = Path(sys.executable).with_name("mllp_send")
    done = subprocess.run([tool, "--loose", "--file", path, "--port", str(PORT), HOST], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [f"MSA|AA|{each}".encode() in done.stdout for each in who.ids] == [True, True], done.stdout
    who.is_stored()


def test_the_asynchronous_client_of_hl7_sends_over_tls_and_a_stranger_is_turned_away():
    async def exchanged(who, port, name):
        tls = secure("client", name, os.environ["CLINIC_CA"])
        reader, writer = await open_hl7_connection("localhost", port, ssl=tls, encoding="utf-8")
        for message, control_id in zip([who.registration(), who.result()], who.ids):
            writer.writemessage(hl7.parse(message))
            await writer.drain()
            acknowledged(await reader.readmessage(), control_id)
        writer.close()

    pins = {"peers": [{"name": "python", "fingerprint": fingerprint("peer")}]}
    document = {"name": "py-tls", "source": {"kind": "mllp", "address": "127.0.0.1:0", "tls": pins}}
    who, stranger = Somebody(), Somebody()
    with channel(document) as line:
        port = int(line["address"].rsplit(":", 1)[1])
        asyncio.run(exchanged(who, port, "peer"))
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            asyncio.run(exchanged(stranger, port, "stranger"))
    who.is_stored()
    assert fhir("GET", f"Patient?identifier={stranger.number}&_summary=count")["total"] == 0


def test_messages_that_hl7apy_builds_and_finds_valid_are_taken():
    who = Somebody()
    made = Message("ADT_A01", version="2.5.1")
    made.msh.msh_3, made.msh.msh_4 = "APYHIS", "CITYHOSP"
    made.msh.msh_9, made.msh.msh_10, made.msh.msh_11 = "ADT^A04^ADT_A01", who.ids[0], "P"
    made.msh.msh_18 = "UNICODE UTF-8"
    made.evn.evn_2 = "20260203090000+0530"
    made.pid.pid_3, made.pid.pid_5 = f"{who.number}^^^CITYHOSP^MR", f"{who.family}^Zoë"
    made.pid.pid_7, made.pid.pid_8, made.pid.pid_13 = "19840307", "F", who.phone
    made.pid.pid_11 = "14 Lane^^Pune^MH^411028^IN"
    made.pv1.pv1_2 = "O"
    order = Message("ORU_R01", version="2.5.1")
    order.msh.msh_3, order.msh.msh_4 = "APYHIS", "CITYHOSP"
    order.msh.msh_9, order.msh.msh_10, order.msh.msh_11 = "ORU^R01^ORU_R01", who.ids[1], "P"
    group = order.add_group("ORU_R01_PATIENT_RESULT")
    person = group.add_group("ORU_R01_PATIENT")
    person.pid.pid_3, person.pid.pid_5 = f"{who.number}^^^CITYHOSP^MR", f"{who.family}^Zoë"
    results = group.add_group("ORU_R01_ORDER_OBSERVATION")
    results.obr.obr_1, results.obr.obr_3, results.obr.obr_4 = "1", f"F{who.ids[1]}", "24323-8^Panel^LN"
    results.obr.obr_7, results.obr.obr_25 = "20260203083000+0530", "F"
    obx = results.add_group("ORU_R01_OBSERVATION").obx
    obx.obx_1, obx.obx_2, obx.obx_3, obx.obx_5 = "1", "NM", "2823-3^Potassium^LN", "5.9"
    obx.obx_6, obx.obx_8, obx.obx_11, obx.obx_14 = "mmol/L", "H", "F", "20260203083000+0530"
    for message, control_id in [(made, who.ids[0]), (order, who.ids[1])]:
        assert message.validate()
        with socket.create_connection((HOST, PORT)) as line:
            line.sendall(message.to_mllp().encode())
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += line.recv(4096) or pytest.fail("the line was closed")
        read = parse_message(answer[1:-2].decode())
        assert read.validate() and read.msh.msh_9.value.startswith("ACK^")
        assert (read.msa.msa_1.value, read.msa.msa_2.value) == ("AA", control_id)
    who.is_stored("Zoë", "14 Lane")


@contextmanager
def asynchronous(tls, got):
    """`start_hl7_server` of hl7, which acknowledges by the library's own answer; yields its port."""
    loop = asyncio.new_event_loop()

    async def talk(reader, writer):
        try:
            while True:
                message = await reader.readmessage()
                got.append(str(message))
                writer.writemessage(message.create_ack())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    context = secure("server", "peer", PEERS / "sender.crt") if tls else None
    server = loop.run_until_complete(start_hl7_server(talk, "127.0.0.1", 0, ssl=context, encoding="utf-8"))
    running = threading.Thread(target=loop.run_forever)
    running.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        running.join()


class Taking(AbstractHandler):
    def __init__(self, message, got):
        super().__init__(message)
        self.got = got

    def reply(self):
        self.got.append(self.incoming_message)
        about = parse_message(self.incoming_message, find_groups=False)
        answer = Message("ACK", version="2.5.1")
        answer.msh.msh_9, answer.msh.msh_10, answer.msh.msh_11 = "ACK", f"A{len(self.got)}", "P"
        answer.msa.msa_1, answer.msa.msa_2 = "AA", about.msh.msh_10.value
        return answer.to_mllp()


@contextmanager
def one_by_one(tls, got):
    """`MLLPServer` of hl7apy, which closes the line after each answer; yields its port."""
    taking = (Taking, got)
    kinds = {kind: taking for kind in ["ADT^A04^ADT_A01", "ADT^A08^ADT_A01", "ORU^R01^ORU_R01"]}
    server = MLLPServer("127.0.0.1", 0, kinds)
    server.daemon_threads = True
    if tls:
        server.socket = secure("server", "peer", PEERS / "sender.crt").wrap_socket(server.socket, server_side=True)
        # A peer that does not finish its handshake is not this server's end.
        server.handle_error = lambda *_: None
    running = threading.Thread(target=server.serve_forever)
    running.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        running.join()


receivers = pytest.mark.parametrize("receiver", [asynchronous, one_by_one], ids=["hl7", "hl7apy"])


@receivers
@both_ways
def test_a_receiver_takes_what_clinicvault_hl7_send_sends(receiver, tls, tmp_path):
    who, got = Somebody(), []
    path = tmp_path / "two.hl7"
    path.write_text(who.registration() + who.result(), encoding="utf-8", newline="")
    with receiver(tls, got) as port:
        said = send(path, port, tls, *(["--one-each"] if receiver is one_by_one else []))
    assert [f"{each}: AA" in said for each in who.ids] == [True, True], said
    assert [each.rstrip("\r") for each in got] == [who.registration().rstrip("\r"), who.result().rstrip("\r")]


@receivers
@both_ways
def test_a_receiver_is_told_of_a_registration_and_of_its_change(receiver, tls):
    who, got = Somebody(), []
    own = lambda event: next((each for each in got if f"|ADT^{event}^" in each and who.family in each), None)  # noqa: E731
    with receiver(tls, got) as port, channel(telling(f"py-{receiver.__name__[0]}{int(tls)}", port, tls)):
        fhir("PUT", f"Patient/{who.number.lower()}", who.body())
        until("the registration", lambda: own("A04"))
        fhir("PUT", f"Patient/{who.number.lower()}", who.body(gender="other"))
        until("the change", lambda: own("A08"))
    told, changed = hl7.parse(own("A04")), hl7.parse(own("A08"))
    read = lambda message, *places: [message.unescape(message[place]) for place in places]  # noqa: E731
    assert read(told, "MSH.F6", "MSH.F12") == ["CITYHOSP", "2.5.1"]
    assert read(told, "PID.F3.R1.C1", "PID.F5.R1.C1", "PID.F5.R1.C2") == [who.number, who.family, "Zoë & Uma"]
    assert read(told, "PID.F7", "PID.F8", "PID.F13.R1.C1") == ["19840307", "F", who.phone]
    assert read(told, "PID.F11.R1.C1", "PID.F11.R1.C3", "PID.F11.R1.C5") == ["14 Lane|2", "Pune", "411028"]
    assert read(changed, "PID.F3.R1.C1", "PID.F8") == [who.number, "O"]
    # hl7apy holds it against the tables of the standard.
    for message in (own("A04"), own("A08")):
        assert parse_message(message).validate()
