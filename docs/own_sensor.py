"""A sensor of your own: enrols, sends one signed reading, waits for the receipt. Published libraries only.

    python docs/own_sensor.py NODE PARTY BATCH [TEMPERATURE] [BROKER]
"""
import base64, hashlib, hmac, json, queue, subprocess, sys, time  # noqa: E401
import cbor2, paho.mqtt.client as mqtt  # noqa: E401
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

node, party, batch, temperature, broker = [*sys.argv[1:], *["4.5", "127.0.0.1:1883"][len(sys.argv) - 4 :]]
b64 = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()  # noqa: E731
text = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")).encode()  # noqa: E731
tool = lambda *words: json.loads(subprocess.check_output(["traceability", *words, "--json"]))  # noqa: E731, S603, S607
key = Ed25519PrivateKey.generate()
public = key.public_key().public_bytes_raw()
kid = hashlib.sha256(public).digest()[:16]
uri, now = f"https://{node}/device/{kid.hex()}", int(time.time())

# 1. The device asks to be enrolled: its key statement, signed by itself (JWS, RFC 7515 7.2.1).
jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(public)}
claims = {"act": "enrol", "device": uri, "iat": now, "jwk": jwk, "model": "own_sensor.py", "owner": party}
payload = b64(text(claims | {"sub": f"https://{node}/stream/keys/device/{kid.hex()}"}))
header = b64(text({"alg": "Ed25519", "kid": b64(kid), "typ": "vnd.food-traceability.key+jws"}))
signature = b64(key.sign(f"{header}.{payload}".encode()))
request = text({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})
open("request.json", "wb").write(request)  # noqa: SIM115, PTH123

# 2. Its owner countersigns, and says what it measures.
enrolled = tool("enrol", "device", "request.json")
tool("install", "--device", kid.hex(), "--on", batch, "--at", time.strftime("%FT%TZ", time.gmtime(now - 60)))

# 3. One reading: a SenML pack (RFC 8428) in a COSE_Sign1 (RFC 9052).
pack = cbor2.dumps([{0: "product", 1: "Cel", 2: float(temperature), -2: uri + "/", -3: now}], canonical=True)
claim = {1: uri, 2: batch, 6: now}
own = {-65537: 0, -65538: 1, -65539: bytes(32), -65540: 60, -65541: 2}  # counter, boot, prev, uptime, clock
typ = "application/vnd.food-traceability.frame+cose"
protected = cbor2.dumps({1: -19, 3: "application/senml+cbor", 4: kid, 15: claim, 16: typ} | own, canonical=True)
signed = key.sign(cbor2.dumps(["Signature1", protected, b"", pack]))
frame = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, pack, signed]))

# 4. Send it, and wait for the receipt (COSE_Mac0), which only the node can have made.
receipts: "queue.Queue[bytes]" = queue.Queue()
client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=kid.hex())
client.on_message = lambda _client, _data, message: receipts.put(message.payload)
client.connect(*[f(x) for f, x in zip((str, int), broker.split(":"), strict=True)])
client.subscribe(enrolled["topic"].replace("/frame", "/receipt"), qos=1)
client.publish(enrolled["topic"], frame, qos=1)
client.loop_start()
head, _, body, tag = cbor2.loads(receipts.get(timeout=30)).value
structure = cbor2.dumps(["MAC0", head, b"", body])
assert hmac.digest(bytes.fromhex(enrolled["receipt_key"]), structure, "sha256") == tag, "a forged receipt"
assert cbor2.loads(body)[4] == hashlib.sha256(frame).digest(), "a receipt for something else"
print(f"{temperature} degrees from device {kid.hex()}: stored for good; refused: {cbor2.loads(body)[5]}")
