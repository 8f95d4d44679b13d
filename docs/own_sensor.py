"""A sensor of your own: enrols, sends one signed reading, checks the receipt. Published libraries only.

python docs/own_sensor.py PARTY BATCH TEMPERATURE

PARTY and BATCH are URIs, as `traceability enrol party --only party` and `traceability batch new --only uri`
print them; TEMPERATURE is in degrees Celsius. FT_DATA and FT_MQTT_URL are those of the node.
"""

import base64
import hashlib
import hmac
import json
import os
import queue
import socket
import subprocess
import sys
import time
import urllib.parse

import cbor2
import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(value):  # RFC 8785 for what we write here
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def traceability(*words, stdin=None):
    try:
        done = subprocess.run(
            ["traceability", *words, "--json"], input=stdin, stdout=subprocess.PIPE, check=False
        )
    except FileNotFoundError:
        sys.exit("there is no command `traceability`: activate the environment that it is installed in")
    if done.returncode:  # it has said why
        sys.exit(f"stopped: `traceability {' '.join(words)}` was refused")
    return json.loads(done.stdout)


try:
    party, batch, temperature = sys.argv[1], sys.argv[2], float(sys.argv[3])
except (IndexError, ValueError):
    sys.exit(__doc__)
if not party.startswith("https://") or not batch.startswith("https://"):
    sys.exit(__doc__)
broker = urllib.parse.urlsplit(os.environ.get("FT_MQTT_URL") or "mqtt://127.0.0.1:1883")
address = broker.hostname, broker.port or 1883
try:
    socket.create_connection(address, timeout=5).close()
except OSError as error:
    sys.exit(f"no broker at {broker.netloc}: {error}. Start the node, or set FT_MQTT_URL to its broker.")
node, now = traceability("init")["node"], int(time.time())
key = Ed25519PrivateKey.generate()
public = key.public_key().public_bytes_raw()
kid = hashlib.sha256(public).digest()[:16]
device = f"https://{node}/device/{kid.hex()}"

# 1. The device asks to be enrolled: its key statement, signed by itself (JWS, RFC 7515 7.2.1).
jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(public)}
claims = {"act": "enrol", "device": device, "iat": now, "jwk": jwk, "model": "own_sensor.py", "owner": party}
payload = b64(text(claims | {"sub": f"https://{node}/stream/keys/device/{kid.hex()}"}))
header = b64(text({"alg": "Ed25519", "kid": b64(kid), "typ": "vnd.food-traceability.key+jws"}))
signed = [{"protected": header, "signature": b64(key.sign(f"{header}.{payload}".encode()))}]
request = text({"payload": payload, "signatures": signed})

# 2. Its owner countersigns, and says what it measures.
since = time.strftime("%FT%TZ", time.gmtime(now))
enrolled = traceability("enrol", "device", "-", stdin=request)
traceability("install", "--device", kid.hex(), "--on", batch, "--at", since)

# 3. One reading: a SenML pack (RFC 8428) in a COSE_Sign1 (RFC 9052).
pack = cbor2.dumps([{0: "product", 1: "Cel", 2: temperature, -2: device + "/", -3: now}], canonical=True)
own = {-65537: 0, -65538: 1, -65539: bytes(32), -65540: 60, -65541: 2}  # counter, boot, prev, uptime, clock
typ = {3: "application/senml+cbor", 16: "application/vnd.food-traceability.frame+cose"}
protected = cbor2.dumps({1: -19, 4: kid, 15: {1: device, 2: batch, 6: now}} | typ | own, canonical=True)
signature = key.sign(cbor2.dumps(["Signature1", protected, b"", pack]))
frame = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, pack, signature]))

# 4. Send it, as whom the broker knows, and check the receipt (COSE_Mac0): only the node can have made it.
receipts = queue.Queue()
client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=kid.hex())
client.username_pw_set(enrolled["username"], enrolled["password"])
client.connect(*address)
client.on_message = lambda _client, _data, message: receipts.put(message.payload)
client.subscribe(enrolled["topic"].replace("/frame", "/receipt"), qos=1)
client.publish(enrolled["topic"], frame, qos=1)
client.loop_start()
try:
    head, _, body, tag = cbor2.loads(receipts.get(timeout=30)).value
except queue.Empty:
    sys.exit("no receipt within 30 s: does `traceability run` run, with this FT_DATA and FT_MQTT_URL?")
expected = hmac.digest(
    bytes.fromhex(enrolled["receipt_key"]), cbor2.dumps(["MAC0", head, b"", body]), "sha256"
)
if tag != expected or cbor2.loads(body)[4] != hashlib.sha256(frame).digest():
    sys.exit("this receipt is not the node's, or not for this frame")
refused = cbor2.loads(body)[5]
print(
    f"{temperature} degrees from device {kid.hex()}:", f"refused: {refused}" if refused else "stored for good"
)
